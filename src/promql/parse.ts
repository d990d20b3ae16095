import { quote } from '../lib/go-text.ts'
import type { Matcher } from '../model/matcher.ts'
import type { AggregateExpr, Aggregation, BinaryExpr, BinaryOp, Expr } from './ast.ts'
import { check } from './check.ts'
import { Cursor, everything, type ParseOptions } from './cursor.ts'
import { unquote } from './literals.ts'
import { numberLiteral } from './parse-duration.ts'
import { labelNames, matchingOf } from './parse-matching.ts'
import { postfix } from './parse-postfix.ts'
import { vectorSelector } from './parse-selector.ts'
import { experimentalAggregations, parametrized, signatures } from './signatures.ts'
import { isAggregation, isFirst, isMetricName, isPreprocessor, type Token } from './tokens.ts'

export type { ParseOptions } from './cursor.ts'
export { defaultParseOptions, everything } from './cursor.ts'
export { lineAndColumn, ParseError, type Problem } from './parse-error.ts'

/**
 * Reads an expression and checks its types. Operators are read by precedence climbing (Pratt); what hangs behind an operand, `[5m]`, `offset`, `@`, binds tightest.
 * @throws {ParseError}
 */
export function parseExpr(text: string, options: Partial<ParseOptions> = {}): Expr {
  const cursor = new Cursor(text, options)
  if (cursor.peek() === 'eof') {
    cursor.problem({ start: 0, end: 0 }, 'no expression found in input')
    cursor.give()
  }
  const expr = expression(cursor, 0)
  if (cursor.peek() !== 'eof') cursor.unexpected()
  if (cursor.problems.length === 0) check(cursor, expr)
  if (cursor.problems.length > 0) cursor.give()
  return expr
}

/**
 * Reads a selector of series, `up{job="x"}`, as the API takes it.
 * @throws {ParseError}
 */
export function parseSelector(text: string): readonly Matcher[] {
  const cursor = new Cursor(text, everything)
  const name = isMetricName(cursor.peek()) ? cursor.take() : undefined
  if (name === undefined && cursor.peek() !== '{') cursor.unexpected()
  const { matchers } = vectorSelector(cursor, name)
  if (cursor.peek() !== 'eof') cursor.unexpected()
  if (cursor.problems.length > 0) cursor.give()
  return matchers
}

const precedences: Readonly<Record<BinaryOp, number>> = {
  or: 1,
  and: 2,
  unless: 2,
  '==': 3,
  '!=': 3,
  '<': 3,
  '>': 3,
  '<=': 3,
  '>=': 3,
  '</': 3,
  '>/': 3,
  '+': 4,
  '-': 4,
  '*': 5,
  '/': 5,
  '%': 5,
  atan2: 5,
  '^': 6,
}
/** A sign binds as `*` does: `-a ^ b` is `-(a ^ b)`. */
const SIGN = 5

/** Reads operators that bind tighter than `above`. */
function expression(cursor: Cursor, above: number): Expr {
  return cursor.nested(() => {
    let left = postfix(cursor, operand(cursor))
    for (;;) {
      const op = cursor.peek() as BinaryOp
      const precedence = precedences[op]
      if (precedence === undefined || precedence <= above) return left
      left = binary(cursor, left, op, op === '^' ? precedence - 1 : precedence)
    }
  })
}

function operand(cursor: Cursor): Expr {
  const kind = cursor.peek()
  cursor.height = 1
  switch (kind) {
    case 'number':
    case 'duration':
      return numberLiteral(cursor)
    case 'string': {
      const token = cursor.take()
      return { kind: 'string', value: unquote(cursor.textOf(token)), position: { start: token.start, end: token.end } }
    }
    case '(': {
      const { start } = cursor.take()
      const expr = expression(cursor, 0)
      const { end } = cursor.expect(')')
      cursor.above(cursor.height)
      return { kind: 'paren', expr, position: { start, end } }
    }
    case '+':
    case '-':
      return signed(cursor, kind)
    case '{':
      return vectorSelector(cursor, undefined)
    default:
      return named(cursor)
  }
}

function signed(cursor: Cursor, op: '+' | '-'): Expr {
  const { start } = cursor.take()
  const expr = expression(cursor, SIGN)
  const position = { start, end: expr.position.end }
  if (expr.kind === 'number') return { ...expr, value: op === '-' ? -expr.value : expr.value, position }
  cursor.above(cursor.height)
  return { kind: 'unary', op, expr, position }
}

/** What begins with a name: an aggregation, a call or a selector. */
function named(cursor: Cursor): Expr {
  const kind = cursor.peek()
  if (!isMetricName(kind)) cursor.unexpected()
  const name = cursor.take()
  if (isAggregation(kind)) {
    const next = cursor.peek()
    if (next === '(' || next === 'by' || next === 'without') return aggregation(cursor, name, kind)
  } else if ((kind === 'identifier' || isPreprocessor(kind)) && cursor.peek() === '(') {
    return call(cursor, name)
  }
  return vectorSelector(cursor, name)
}

function call(cursor: Cursor, name: Token): Expr {
  const func = cursor.textOf(name)
  const { args, end } = callArguments(cursor)
  const signature = signatures.get(func)
  if (signature === undefined) cursor.problem(name, `unknown function with name ${quote(func)}`)
  else if (signature.experimental && !cursor.options.experimentalFunctions) cursor.problem(name, `function ${quote(func)} is not enabled`)
  return { kind: 'call', func, args, position: { start: name.start, end } }
}

function callArguments(cursor: Cursor): { args: readonly Expr[]; end: number } {
  cursor.expect('(')
  const args: Expr[] = []
  let height = 0
  if (cursor.peek() !== ')') {
    args.push(expression(cursor, 0))
    height = cursor.height
    for (let comma = cursor.accept(','); comma !== undefined; comma = cursor.accept(',')) {
      if (isFirst(cursor.peek())) {
        args.push(expression(cursor, 0))
        height = Math.max(height, cursor.height)
      } else {
        cursor.problem(comma, 'trailing commas not allowed in function call args')
      }
    }
  }
  const { end } = cursor.expect(')')
  cursor.above(height)
  return { args, end }
}

function aggregation(cursor: Cursor, name: Token, op: Aggregation): Expr {
  const { start } = name
  return cursor.nested(
    () => {
      let grouping = groupingOf(cursor)
      const { args, end: closed } = callArguments(cursor)
      const { height } = cursor
      let end = closed
      if (grouping === undefined) {
        grouping = groupingOf(cursor)
        if (grouping !== undefined) end = grouping.end
      }
      cursor.height = height
      return aggregate(cursor, op, args, grouping, { start, end })
    },
    { inside: 'aggregation', expected: '', aggregation: start },
  )
}

interface Grouping {
  readonly labels: readonly string[]
  readonly without: boolean
  readonly end: number
}

function groupingOf(cursor: Cursor): Grouping | undefined {
  const kind = cursor.peek()
  if (kind !== 'by' && kind !== 'without') return undefined
  cursor.take()
  return { ...labelNames(cursor), without: kind === 'without' }
}

function aggregate(
  cursor: Cursor,
  op: Aggregation,
  args: readonly Expr[],
  grouping: Grouping | undefined,
  position: AggregateExpr['position'],
): AggregateExpr {
  const param = parametrized.has(op) ? args[0] : undefined
  const wanted = parametrized.has(op) ? 2 : 1
  if (args.length === 0) cursor.problem(position, 'no arguments for aggregate expression provided')
  else if (experimentalAggregations.has(op) && !cursor.options.experimentalFunctions)
    cursor.problem(position, `${op}() is experimental and must be enabled with --enable-feature=promql-experimental-functions`)
  else if (args.length !== wanted)
    cursor.problem(position, `wrong number of arguments for aggregate expression provided, expected ${wanted}, got ${args.length}`)
  const expr = args[wanted - 1] as Expr
  return { kind: 'aggregate', op, expr, param, grouping: grouping?.labels ?? [], without: grouping?.without ?? false, position }
}

function binary(cursor: Cursor, left: Expr, op: BinaryOp, above: number): BinaryExpr {
  const { height } = cursor
  cursor.take()
  const bool = cursor.accept('bool') !== undefined
  const matching = matchingOf(cursor)
  const right = expression(cursor, above)
  cursor.above(Math.max(height, cursor.height))
  const position = { start: left.position.start, end: right.position.end }
  if (!cursor.options.fillModifiers && (matching.fillLeft ?? matching.fillRight) !== undefined)
    cursor.problem(position, 'binop fill modifiers are experimental and not enabled')
  return { kind: 'binary', op, left, right, bool, matching, position }
}
