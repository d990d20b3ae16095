import { quote } from '../lib/go-text.ts'
import type { VectorMatching } from './ast.ts'
import type { Cursor, Place } from './cursor.ts'
import { unquote } from './literals.ts'
import { signedNumber } from './parse-duration.ts'
import { isFirst, isLabelName, type Kind } from './tokens.ts'

const openLabels: Place = { inside: 'grouping opts', expected: '"("' }
const aLabel: Place = { inside: 'grouping opts', expected: 'label' }
const moreLabels: Place = { inside: 'grouping opts', expected: '"," or ")"' }

/** `(label, "another", …)` */
export function labelNames(cursor: Cursor): { labels: readonly string[]; end: number } {
  if (cursor.peek() !== '(') cursor.unexpected(openLabels)
  cursor.take()
  const labels: string[] = []
  for (;;) {
    if (cursor.peek() === ')') break
    labels.push(labelName(cursor))
    if (cursor.accept(',') === undefined) break
  }
  return { labels, end: cursor.peek() === ')' ? cursor.take().end : cursor.unexpected(moreLabels) }
}

function labelName(cursor: Cursor): string {
  const quoted = cursor.peek() === 'string'
  if (!quoted && !isLabelName(cursor.peek())) cursor.unexpected(aLabel)
  const token = cursor.take()
  const name = quoted ? unquote(cursor.textOf(token)) : cursor.textOf(token)
  if (name === '' || !name.isWellFormed()) cursor.problem(token, `invalid label name for grouping: ${quote(name)}`)
  return name
}

/** What may stand behind an operator, `bool` apart. */
export function matchingOf(cursor: Cursor): VectorMatching {
  const kind = cursor.peek()
  let cardinality: VectorMatching['cardinality'] = 'one-to-one'
  let labels: readonly string[] = []
  let include: readonly string[] = []
  if (kind === 'on' || kind === 'ignoring') {
    cursor.take()
    labels = labelNames(cursor).labels
    const group = cursor.peek()
    if (group === 'group_left' || group === 'group_right') {
      cursor.take()
      cardinality = group === 'group_left' ? 'many-to-one' : 'one-to-many'
      if (cursor.peek() === '(' || !isOperandOrFill(cursor.peek())) include = labelNames(cursor).labels
    }
  }
  return { cardinality, on: kind === 'on', labels, include, ...fills(cursor) }
}

const isOperandOrFill = (kind: Kind): boolean => isFirst(kind) || kind === 'fill' || kind === 'fill_left' || kind === 'fill_right'

function fills(cursor: Cursor): { fillLeft: number | undefined; fillRight: number | undefined } {
  if (cursor.accept('fill') !== undefined) {
    const value = fillValue(cursor)
    return { fillLeft: value, fillRight: value }
  }
  const kind = cursor.peek()
  if (kind !== 'fill_left' && kind !== 'fill_right') return { fillLeft: undefined, fillRight: undefined }
  cursor.take()
  const first = fillValue(cursor)
  const second = cursor.accept(kind === 'fill_left' ? 'fill_right' : 'fill_left') === undefined ? undefined : fillValue(cursor)
  return kind === 'fill_left' ? { fillLeft: first, fillRight: second } : { fillLeft: second, fillRight: first }
}

function fillValue(cursor: Cursor): number {
  cursor.expect('(')
  const value = signedNumber(cursor, cursor.place)
  cursor.expect(')')
  return value
}
