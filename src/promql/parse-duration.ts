import type { DurationExpr, DurationOp, NumberLiteral } from './ast.ts'
import type { Cursor, Place } from './cursor.ts'
import { LiteralError, parseDuration, parseNumber } from './literals.ts'
import type { Token } from './tokens.ts'

const precedences: Readonly<Record<DurationOp, number>> = { '+': 4, '-': 4, '*': 5, '/': 5, '%': 5, '^': 6 }
/** A sign binds as `*` does. */
const SIGN = 5

/** A number or a duration, as a number [s]. */
export function numberLiteral(cursor: Cursor): NumberLiteral {
  const token = cursor.take()
  const duration = token.kind === 'duration'
  return { kind: 'number', value: secondsOf(cursor, token), duration, position: { start: token.start, end: token.end } }
}

function secondsOf(cursor: Cursor, token: Token): number {
  try {
    const text = cursor.textOf(token)
    return token.kind === 'number' ? parseNumber(text) : seconds(parseDuration(text))
  } catch (error) {
    if (!(error instanceof LiteralError)) throw error
    cursor.problem(token, error.message)
    return 0
  }
}

/** @param place where it belongs, should there be none */
export function signedNumber(cursor: Cursor, place: Place): number {
  const negative = cursor.peek() === '-'
  if (negative || cursor.peek() === '+') cursor.take()
  if (cursor.peek() !== 'number' && cursor.peek() !== 'duration') cursor.unexpected(place)
  const { value } = numberLiteral(cursor)
  return negative ? -value : value
}

/** As Go reckons them: seconds and what is left over apart. */
const seconds = (ms: number): number => Math.floor(ms / 1000) + (ms % 1000) / 1000

/** Seconds as whole milliseconds, what is left over cut off, as Go does through nanoseconds. */
export const toMs = (value: number): number => Math.trunc(Math.round(value * 1e9) / 1e6)

/** What stands for a number that was refused. */
const none: NumberLiteral = { kind: 'number', value: 0, duration: false, position: { start: 0, end: 0 } }

/** [s] that int64 nanoseconds hold */
const MAX_SECONDS = 2 ** 63 / 1e9

function inRange(cursor: Cursor, literal: NumberLiteral, at: { start: number; end: number } = literal.position): NumberLiteral {
  if (Math.abs(literal.value) <= MAX_SECONDS) return literal
  cursor.problem(at, 'duration out of range')
  return none
}

/** Of brackets: what is no expression must be above 0. Reads the token behind it. */
export function positiveDuration(cursor: Cursor): DurationExpr {
  const expr = durationExpr(cursor, 0)
  const literal = literalOf(expr)
  if (literal === undefined || literal.value > 0) return expr
  cursor.problem(literal.position, 'duration must be greater than 0')
  return none
}

/** The number that a duration is, in parentheses and under signs as it may be; undefined: it is an expression. */
export function literalOf(expr: DurationExpr): NumberLiteral | undefined {
  if (expr.kind === 'number') return expr
  if (expr.kind !== 'paren' && expr.kind !== 'unary') return undefined
  const literal = literalOf(expr.expr)
  if (literal === undefined || expr.kind === 'paren') return literal
  const value = expr.op === '-' ? -literal.value : literal.value
  return { ...literal, value, position: { start: expr.position.start, end: literal.position.end } }
}

/** Behind `offset`, where signs and operators belong to the duration only if parentheses, or two signs, say so: `x offset 1m + y` adds y. */
export function offsetDuration(cursor: Cursor): DurationExpr {
  const kind = cursor.peek()
  if (kind === '(') return operators(cursor, primary(cursor), 0)
  if (kind !== '+' && kind !== '-') return primary(cursor)
  const sign = cursor.take()
  const next = cursor.peek()
  if (next === '+' || next === '-') return operators(cursor, signed(cursor, sign, operand(cursor, SIGN)), 0)
  const word = next !== '(' && next !== 'number' && next !== 'duration'
  const expr = primary(cursor, false)
  // The plus of `+step()` is kept, and of that alone.
  const whole = word ? unary(cursor, sign, expr) : signed(cursor, sign, expr)
  if (word) experimental(cursor, whole)
  return whole
}

function durationExpr(cursor: Cursor, above: number): DurationExpr {
  return cursor.nested(() => operators(cursor, primary(cursor), above))
}

const operand = durationExpr

/** @param checked whether a flag is asked for, of what needs one, and a number must be in range; else whoever calls sees to it */
function primary(cursor: Cursor, checked = true): DurationExpr {
  const kind = cursor.peek()
  switch (kind) {
    case 'number':
    case 'duration':
      cursor.height = 1
      return checked ? inRange(cursor, numberLiteral(cursor)) : numberLiteral(cursor)
    case '+':
    case '-': {
      const sign = cursor.take()
      return signed(cursor, sign, operand(cursor, SIGN))
    }
    case 'step':
    case 'range': {
      const { start } = cursor.take()
      cursor.expect('(')
      const expr: DurationExpr = { kind, position: { start, end: cursor.expect(')').end } }
      cursor.height = 1
      if (checked) experimental(cursor, expr)
      return expr
    }
    case 'min_of':
    case 'max_of': {
      const { start } = cursor.take()
      cursor.expect('(')
      const left = durationExpr(cursor, 0)
      const { height } = cursor
      cursor.expect(',')
      const right = durationExpr(cursor, 0)
      cursor.above(Math.max(height, cursor.height))
      const expr: DurationExpr = { kind, left, right, position: { start, end: cursor.expect(')').end } }
      // Shown at its first argument.
      if (checked) experimental(cursor, left)
      return expr
    }
    case '(':
      return paren(cursor, checked)
    default:
      return cursor.unexpected()
  }
}

function paren(cursor: Cursor, checked: boolean): DurationExpr {
  const { start } = cursor.take()
  const expr = durationExpr(cursor, 0)
  const { end } = cursor.expect(')')
  if (checked) experimental(cursor, expr)
  // Of parentheses around parentheses one pair is kept.
  if (expr.kind === 'paren') return expr
  cursor.above(cursor.height)
  return { kind: 'paren', expr, position: { start, end } }
}

function operators(cursor: Cursor, first: DurationExpr, above: number): DurationExpr {
  let left = first
  for (;;) {
    const op = cursor.peek() as DurationOp
    const precedence = precedences[op]
    if (precedence === undefined || precedence <= above) return left
    const { height } = cursor
    const token = cursor.take()
    const right = operand(cursor, op === '^' ? precedence - 1 : precedence)
    cursor.above(Math.max(height, cursor.height))
    experimental(cursor, left)
    if ((op === '/' || op === '%') && literalOf(right)?.value === 0) {
      cursor.problem(token, op === '/' ? 'division by zero' : 'modulo by zero')
      left = none
    } else {
      left = { kind: 'binary', op, left, right, position: { start: left.position.start, end: right.position.end } }
    }
  }
}

/** A sign goes into a number, a plus goes. */
function signed(cursor: Cursor, sign: Token, expr: DurationExpr): DurationExpr {
  if (expr.kind !== 'number') return sign.kind === '-' ? unary(cursor, sign, expr) : expr
  const value = sign.kind === '-' ? -expr.value : expr.value
  return inRange(cursor, { ...expr, value, position: { start: sign.start, end: expr.position.end } }, sign)
}

function unary(cursor: Cursor, sign: Token, expr: DurationExpr): DurationExpr {
  cursor.above(cursor.height)
  return { kind: 'unary', op: sign.kind as '+' | '-', expr, position: { start: sign.start, end: expr.position.end } }
}

function experimental(cursor: Cursor, { position }: DurationExpr): void {
  if (!cursor.options.durationExpressions) cursor.problem(position, 'experimental duration expression is not enabled')
}
