import { Re2, RegexError } from '../../lib/re2.ts'
import { expand } from '../../lib/re2-expand.ts'
import type { FunctionContext, WholeFunction } from '../kernel.ts'
import { QueryError } from '../query-error.ts'
import type { Row } from '../value.ts'

/**
 * [characters] that these functions read or write as one value at the most. A few of them, one in the other, could make a text that fills the memory, and
 * where a match is is found at a microsecond or so for each character.
 */
const maxValue = 65_536
/** [steps] of looking for one match at the most: instructions times characters. A step takes ten nanoseconds or so, and nobody else has a turn meanwhile. */
const maxSteps = 2 ** 26
/** [characters] that an expansion may come to before it is known how long it is */
const maxExpansion = 2 ** 24

/** label_replace and label_join: the same samples under other labels. A name that is set anew stays. */
export const labelReplace: WholeFunction = {
  kind: 'whole',
  run([vector], cx) {
    const [target, template, source, pattern] = cx.strings as [string, string, string, string]
    const regex = compile(pattern)
    checkName(target, 'destination label name in label_replace()')
    // Series share values, and each is looked at once.
    const known = new Map<string, string | undefined>()
    return eachRow(vector, cx, row => {
      const text = row.labels.get(source)
      if (!known.has(text)) known.set(text, replaced(text, template, regex))
      const value = known.get(text)
      return value === undefined ? row : relabelled(row, target, value)
    })
  },
}

export const labelJoin: WholeFunction = {
  kind: 'whole',
  run([vector], cx) {
    const [target, separator, ...sources] = cx.strings as [string, string, ...string[]]
    for (const source of sources) checkName(source, 'source label name in label_join()')
    checkName(target, 'destination label name in label_join()')
    return eachRow(vector, cx, row => {
      const values = sources.map(source => row.labels.get(source))
      checkLength('label_join', values.reduce((sum, { length }) => sum + length + separator.length, 0) - separator.length)
      return relabelled(row, target, values.join(separator))
    })
  },
}

async function eachRow(
  vector: Parameters<WholeFunction['run']>[0][number] | undefined,
  cx: FunctionContext,
  make: (row: Row) => Row,
): Promise<Row[]> {
  const rows: Row[] = []
  for (const row of rowsOf(vector)) {
    rows.push(make(row))
    const turn = cx.breathe()
    if (turn !== undefined) await turn
  }
  return rows
}

/** Undefined where the pattern does not match. */
function replaced(text: string, template: string, regex: Re2): string | undefined {
  checkLength('label_replace', text.length, Math.min(maxValue, Math.floor(maxSteps / regex.instructions)))
  const match = regex.pattern === takesAll ? Int32Array.of(0, text.length, 0, text.length) : regex.find(text)
  if (match === undefined) return undefined
  checkLength('label_replace', template.length + (template.split('$').length - 1) * text.length, maxExpansion)
  const value = expand(template, regex, text, match)
  checkLength('label_replace', value.length)
  return value
}

function checkLength(name: string, length: number, most = maxValue): void {
  if (length <= most) return
  throw new QueryError('execution', `${name}() would need a label value of ${length} characters, of which ${most} are allowed`)
}

const rowsOf = (vector: Parameters<WholeFunction['run']>[0][number] | undefined): readonly Row[] =>
  vector?.type === 'vector' ? vector.rows : []

const relabelled = (row: Row, target: string, value: string): Row => ({
  ...row,
  labels: row.labels.with(target, value),
  dropName: target === '__name__' ? false : row.dropName,
})

/** as it is compiled: most ask for it */
const takesAll = '^(?s:(.*))$'

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
