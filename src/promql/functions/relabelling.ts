import { Re2, RegexError } from '../../lib/re2.ts'
import { expand } from '../../lib/re2-expand.ts'
import type { WholeFunction } from '../kernel.ts'
import { QueryError } from '../query-error.ts'
import type { Row } from '../value.ts'

/** label_replace and label_join: the same samples under other labels. A name that is set anew stays. */
export const labelReplace: WholeFunction = {
  kind: 'whole',
  run([vector], { strings }) {
    const [target, template, source, pattern] = strings as [string, string, string, string]
    const regex = compile(pattern)
    checkName(target, 'destination label name in label_replace()')
    return rowsOf(vector).map(row => {
      const text = row.labels.get(source)
      const match = regex.find(text)
      return match === undefined ? row : relabelled(row, target, expand(template, regex, text, match))
    })
  },
}

export const labelJoin: WholeFunction = {
  kind: 'whole',
  run([vector], { strings }) {
    const [target, separator, ...sources] = strings as [string, string, ...string[]]
    for (const source of sources) checkName(source, 'source label name in label_join()')
    checkName(target, 'destination label name in label_join()')
    return rowsOf(vector).map(row => relabelled(row, target, sources.map(source => row.labels.get(source)).join(separator)))
  },
}

const rowsOf = (vector: Parameters<WholeFunction['run']>[0][number] | undefined): readonly Row[] =>
  vector?.type === 'vector' ? vector.rows : []

const relabelled = (row: Row, target: string, value: string): Row => ({
  ...row,
  labels: row.labels.with(target, value),
  dropName: target === '__name__' ? false : row.dropName,
})

function compile(pattern: string): Re2 {
  try {
    return new Re2(`^(?s:${pattern})$`)
  } catch (cause) {
    if (!(cause instanceof RegexError)) throw cause
    throw new QueryError('execution', `invalid regular expression in label_replace(): ${pattern}`, { cause })
  }
}

/** Any text that UTF-8 can hold is the name of a label. */
function checkName(name: string, what: string): void {
  if (name === '' || !name.isWellFormed()) throw new QueryError('execution', `invalid ${what}: ${name}`)
}
