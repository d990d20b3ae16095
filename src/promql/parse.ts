import { formatF, quote } from '../lib/go-text.ts'
import type { Matcher } from '../model/matcher.ts'
import type {
  AggregateExpr,
  Aggregation,
  At,
  BinaryExpr,
  BinaryOp,
  Duration,
  DurationExpr,
  Expr,
  MatrixSelector,
  SubqueryExpr,
  VectorSelector,
} from './ast.ts'
import { check } from './check.ts'
import { Cursor, everything, type ParseOptions, type Place } from './cursor.ts'
import { unquote } from './literals.ts'
import { numberLiteral, offsetDuration, positiveDuration, toMs } from './parse-duration.ts'
import { vectorSelector } from './parse-selector.ts'
import { experimentalAggregations, parametrized, signatures } from './signatures.ts'
import { isAggregation, isFirst, isLabelName, isMetricName, isPreprocessor, type Kind, type Token } from './tokens.ts'

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

const openLabels: Place = { inside: 'grouping opts', expected: '"("' }
const aLabel: Place = { inside: 'grouping opts', expected: 'label' }
const moreLabels: Place = { inside: 'grouping opts', expected: '"," or ")"' }

/** `(label, "another", …)` */
function labelNames(cursor: Cursor): { labels: readonly string[]; end: number } {
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
  if (name === '') cursor.problem(token, `invalid label name for grouping: ${quote(name)}`)
  return name
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

function matchingOf(cursor: Cursor): NonNullable<BinaryExpr['matching']> {
  const kind = cursor.peek()
  let cardinality: NonNullable<BinaryExpr['matching']>['cardinality'] = 'one-to-one'
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

function signedNumber(cursor: Cursor, place: Place): number {
  const negative = cursor.peek() === '-'
  if (negative || cursor.peek() === '+') cursor.take()
  if (cursor.peek() !== 'number' && cursor.peek() !== 'duration') cursor.unexpected(place)
  const { value } = numberLiteral(cursor)
  return negative ? -value : value
}

/** What hangs behind an operand. */
function postfix(cursor: Cursor, operand: Expr): Expr {
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
