import { formatF } from '../lib/go-text.ts'
import type { At, Duration, DurationExpr, Expr, MatrixSelector, SubqueryExpr, VectorSelector } from './ast.ts'
import type { Cursor, Place } from './cursor.ts'
import { offsetDuration, positiveDuration, signedNumber, toMs } from './parse-duration.ts'

/** What hangs behind an operand. */
export function postfix(cursor: Cursor, operand: Expr): Expr {
  let expr = operand
  for (;;) {
    switch (cursor.peek()) {
      case '[':
        expr = brackets(cursor, expr)
        break
      case 'offset':
        expr = offset(cursor, expr)
        break
      case '@':
        expr = at(cursor, expr)
        break
      case 'anchored':
      case 'smoothed':
        expr = extended(cursor, expr, cursor.take().kind as 'anchored' | 'smoothed')
        break
      default:
        return expr
    }
  }
}

const inBrackets: Place = { inside: 'subquery or range selector', expected: 'number, duration, step(), or range()' }
const afterRange: Place = { inside: 'subquery or range', expected: '":" or "]"' }
const afterColon: Place = { inside: 'subquery selector', expected: 'number, duration, step(), range(), or "]"' }
const afterStep: Place = { inside: 'subquery selector', expected: '"]"' }

function brackets(cursor: Cursor, expr: Expr): Expr {
  const { height } = cursor
  const open = cursor.take()
  const range = cursor.nested(() => positiveDuration(cursor), inBrackets)
  const rangeHeight = cursor.height
  if (cursor.peek() === ']') {
    const { end } = cursor.take()
    refuseBeforeRange(cursor, expr, { start: open.start, end })
    cursor.above(Math.max(height, rangeHeight))
    const position = { start: expr.position.start, end }
    return { kind: 'matrix_selector', selector: expr as VectorSelector, range: plain(range), position }
  }
  if (cursor.peek() !== ':') cursor.unexpected(afterRange)
  cursor.take()
  cursor.height = 0
  const step = cursor.peek() === ']' ? undefined : cursor.nested(() => positiveDuration(cursor), afterColon)
  if (cursor.peek() !== ']') cursor.unexpected(afterStep)
  const { end } = cursor.take()
  cursor.above(Math.max(height, rangeHeight, cursor.height))
  return {
    kind: 'subquery',
    expr,
    range: plain(range),
    step: step === undefined ? undefined : plain(step),
    offset: 0,
    at: undefined,
    position: { start: expr.position.start, end },
  }
}

function refuseBeforeRange(cursor: Cursor, expr: Expr, position: { start: number; end: number }): void {
  if (expr.kind !== 'vector_selector') cursor.problem(position, 'ranges only allowed for vector selectors')
  else if (expr.offset !== 0) cursor.problem(position, 'no offset modifiers allowed before range')
  else if (expr.at !== undefined) cursor.problem(position, 'no @ modifiers allowed before range')
}

/** A number of seconds as milliseconds; an expression as it is. */
const plain = (expr: DurationExpr): Duration => (expr.kind === 'number' ? toMs(expr.value) : expr)

/** What `offset` and `@` change: a selector, that of a range, a subquery. */
type Shifted = VectorSelector | SubqueryExpr

/** @returns undefined where there is none, which was noted with the words of `otherwise` */
function shiftedOf(cursor: Cursor, expr: Expr, otherwise: string): Shifted | undefined {
  if (expr.kind === 'vector_selector' || expr.kind === 'subquery') return expr
  if (expr.kind === 'matrix_selector' && (expr.selector as Expr).kind === 'vector_selector') return expr.selector
  cursor.problem(expr.position, expr.kind === 'matrix_selector' ? 'ranges only allowed for vector selectors' : otherwise)
  return undefined
}

/** The expression with a changed selector, ending where the change does. */
function shift(expr: Expr, change: Partial<Pick<Shifted, 'offset' | 'at'>>, end: number): Expr {
  const position = { start: expr.position.start, end }
  if (expr.kind === 'matrix_selector') return { ...expr, selector: { ...expr.selector, ...change }, position }
  return { ...(expr as Shifted), ...change, position }
}

const carriers = 'must be preceded by an instant vector selector or range vector selector or a subquery'
const inOffset: Place = { inside: 'offset', expected: 'number, duration, step(), or range()' }

function offset(cursor: Cursor, expr: Expr): Expr {
  const { height } = cursor
  cursor.take()
  const duration = cursor.nested(() => offsetDuration(cursor), inOffset)
  cursor.above(Math.max(height, cursor.height))
  const shifted = shiftedOf(cursor, expr, `offset modifier ${carriers}`)
  if (shifted === undefined) return expr
  if (shifted.offset !== 0) cursor.problem(expr.position, 'offset may not be set multiple times')
  return shift(expr, { offset: plain(duration) }, duration.position.end)
}

const inAt: Place = { inside: '@', expected: 'timestamp' }

function at(cursor: Cursor, expr: Expr): Expr {
  cursor.take()
  const kind = cursor.peek()
  let value: At
  let end: number
  if (kind === 'start' || kind === 'end') {
    cursor.take()
    if (cursor.peek() !== '(') cursor.unexpected(inAt)
    cursor.take()
    if (cursor.peek() !== ')') cursor.unexpected(inAt)
    end = cursor.take().end
    value = kind
  } else {
    const seconds = signedNumber(cursor, inAt)
    end = cursor.closed
    if (!(Math.abs(seconds) < 2 ** 63)) cursor.problem(expr.position, `timestamp out of bounds for @ modifier: ${sixDecimals(seconds)}`)
    value = Math.round(seconds * 1000)
  }
  const shifted = shiftedOf(cursor, expr, `@ modifier ${carriers}`)
  if (shifted === undefined) return expr
  if (shifted.at !== undefined) {
    cursor.problem(expr.position, '@ <timestamp> may not be set multiple times')
    return expr
  }
  return shift(expr, { at: value }, end)
}

/** Go's `%f`. */
const sixDecimals = (value: number): string =>
  !Number.isFinite(value) ? formatF(value) : Math.abs(value) < 1e21 ? value.toFixed(6) : `${BigInt(value)}.000000`

function extended(cursor: Cursor, expr: Expr, modifier: 'anchored' | 'smoothed'): Expr {
  const refuse = (text: string): Expr => {
    cursor.problem(expr.position, text)
    return expr
  }
  if (!cursor.options.extendedRangeSelectors) return refuse(`${modifier} modifier is experimental and not enabled`)
  if (expr.kind === 'subquery') return refuse(`${modifier} modifier is not supported for subqueries`)
  if (expr.kind !== 'vector_selector' && expr.kind !== 'matrix_selector') return refuse(`${modifier} modifier not implemented`)
  const selector: Expr = expr.kind === 'matrix_selector' ? expr.selector : expr
  if (selector.kind !== 'vector_selector') return expr
  if (selector.modifier !== undefined && selector.modifier !== modifier)
    return refuse('anchored and smoothed modifiers cannot be used together')
  return expr.kind === 'matrix_selector'
    ? ({ ...expr, selector: { ...selector, modifier } } satisfies MatrixSelector)
    : { ...selector, modifier }
}
