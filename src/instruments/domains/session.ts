/** Sessions of a person at a brain-computer interface. */
import { session as bounds } from '../bounds.ts'
import { counter, histogram, upDownCounter } from '../definition.ts'

export const session = {
  duration: histogram('neural.session.duration', 's', 'One session, from beginning to end.', bounds, ['paradigm', 'outcome']),
  active: upDownCounter('neural.session.active', '{session}', 'Sessions under way.', ['paradigm']),
  results: counter('neural.session.results', '{result}', 'What sessions came to.', ['paradigm', 'outcome']),
}
