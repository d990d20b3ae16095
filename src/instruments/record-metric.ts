import type { Definition, Kind } from './definition.ts'
import type { domains } from './domains/index.ts'
import type { AttributesOf } from './instrument.ts'
import { recorder } from './instruments.ts'
import type { AttributeValue } from './series.ts'

type Domains = typeof domains
type Known = { [D in keyof Domains]: Domains[D][keyof Domains[D]] }[keyof Domains]

/** The names of all instruments in `instruments`. */
export type MetricName = Known['name']
type AttributesFor<N extends MetricName> = Extract<Known, { name: N }> extends Definition<Kind, infer A> ? AttributesOf<A> : never

/**
 * One update by name: a counter and an up-down counter are added to, a gauge is set, a histogram records. Where updates are many,
 * a bound handle of `instruments` costs a hundredth.
 *
 *     recordMetric('neural.signal.samples.lost', 3, { 'stream.id': 'eeg-1' })
 */
export function recordMetric<N extends MetricName>(name: N, value: number, attributes?: AttributesFor<N>): void {
  const handle = recorder.get(name)?.with(attributes as { readonly [name: string]: AttributeValue })
  if (handle === undefined) return
  if ('record' in handle) handle.record(value)
  else if ('set' in handle) handle.set(value)
  else handle.add(value)
}
