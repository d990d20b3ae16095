import { quote } from '../lib/go-text.ts'
import { valueTest } from '../model/matcher.ts'
import type { AggregateExpr, BinaryExpr, BinaryOp, Call, ComparisonOp, Expr, Position, SetOp, ValueType, VectorSelector } from './ast.ts'
import type { Cursor } from './cursor.ts'
import { type Signature, signatures } from './signatures.ts'

const comparisons: ReadonlySet<BinaryOp> = new Set<BinaryOp>(['==', '!=', '<', '>', '<=', '>='])
export const isComparison = (op: BinaryOp): op is ComparisonOp => comparisons.has(op)
export const isSetOperator = (op: BinaryOp): op is SetOp => op === 'and' || op === 'or' || op === 'unless'

/** What an expression gives. */
export function typeOf(expr: Expr): ValueType {
  switch (expr.kind) {
    case 'number':
      return 'scalar'
    case 'string':
      return 'string'
    case 'paren':
    case 'unary':
      return typeOf(expr.expr)
    case 'binary':
      return typeOf(expr.left) === 'scalar' && typeOf(expr.right) === 'scalar' ? 'scalar' : 'vector'
    case 'call':
      return signatures.get(expr.func)!.returns
    case 'aggregate':
    case 'vector_selector':
      return 'vector'
    case 'matrix_selector':
    case 'subquery':
      return 'matrix'
  }
}

/** As the documentation calls it. */
export function documentedType(type: ValueType): string {
  if (type === 'vector') return 'instant vector'
  return type === 'matrix' ? 'range vector' : type
}

/**
 * Notes in the cursor what is wrong with a tree that was read without a problem, and settles the matching of binary operators,
 * which depends on the types of their sides. @returns the type
 */
export function check(cursor: Cursor, expr: Expr): ValueType {
  switch (expr.kind) {
    case 'number':
    case 'string':
      break
    case 'paren':
      return check(cursor, expr.expr)
    case 'unary': {
      const type = check(cursor, expr.expr)
      if (type !== 'scalar' && type !== 'vector')
        cursor.problem(
          expr.position,
          `unary expression only allowed on expressions of type scalar or instant vector, got ${quote(documentedType(type))}`,
        )
      return type
    }
    case 'binary':
      return checkBinary(cursor, expr)
    case 'call':
      checkCall(cursor, expr)
      break
    case 'aggregate':
      checkAggregate(cursor, expr)
      break
    case 'subquery': {
      const type = check(cursor, expr.expr)
      if (type !== 'vector') cursor.problem(expr.position, `subquery is only allowed on instant vector, got ${type} instead`)
      break
    }
    case 'matrix_selector':
      checkSelector(cursor, expr.selector, true)
      break
    case 'vector_selector':
      checkSelector(cursor, expr, true)
      break
  }
  return typeOf(expr)
}

function expectType(cursor: Cursor, expr: Expr, wanted: ValueType, context: string): void {
  const type = check(cursor, expr)
  if (type !== wanted) cursor.problem(expr.position, `expected type ${documentedType(wanted)} in ${context}, got ${documentedType(type)}`)
}

function checkAggregate(cursor: Cursor, { op, expr, param }: AggregateExpr): void {
  expectType(cursor, expr, 'vector', 'aggregation expression')
  if (param !== undefined) expectType(cursor, param, op === 'count_values' ? 'string' : 'scalar', 'aggregation parameter')
}

function checkBinary(cursor: Cursor, expr: BinaryExpr): ValueType {
  const { op, left, right, bool, position } = expr
  const matching = expr.matching!
  const types = [check(cursor, left), check(cursor, right)] as const
  const scalar = types[0] === 'scalar' || types[1] === 'scalar'
  const problem = (text: string): void => cursor.problem(position, text)
  const atOperator = (text: string): void => cursor.problem(operatorPosition(cursor.text, expr), text)

  if (bool && !isComparison(op)) atOperator('bool modifier can only be used on comparison operators')
  if (isComparison(op) && !bool && types[0] === 'scalar' && types[1] === 'scalar')
    atOperator('comparisons between scalars must use BOOL modifier')
  if (matching.on) {
    for (const label of matching.labels)
      for (const included of matching.include)
        if (label === included) atOperator(`label ${quote(label)} must not occur in ON and GROUP clause at once`)
  }
  for (const [type, side] of [[types[0], left] as const, [types[1], right] as const])
    if (type !== 'scalar' && type !== 'vector')
      cursor.problem(side.position, 'binary expression must contain only scalar and instant vector types')

  const filled = (matching.fillLeft ?? matching.fillRight) !== undefined
  if (types[0] !== 'vector' || types[1] !== 'vector') {
    if (matching.labels.length > 0) problem('vector matching only allowed between instant vectors')
    if (filled) problem('filling in missing series only allowed between instant vectors')
    settle(expr, undefined)
  } else if (isSetOperator(op)) {
    if (matching.cardinality !== 'one-to-one') {
      problem(`no grouping allowed for ${quote(op)} operation`)
      problem('set operations must always be many-to-many')
    }
    if (filled) problem('filling in missing series not allowed for set operators')
    settle(expr, { ...matching, cardinality: 'many-to-many' })
  }
  if (scalar && isSetOperator(op)) problem(`set operator ${quote(op)} not allowed in binary scalar expression`)
  return types[0] === 'scalar' && types[1] === 'scalar' ? 'scalar' : 'vector'
}

/** The one place that writes to a node, before anyone else has it. */
function settle(expr: BinaryExpr, matching: BinaryExpr['matching']): void {
  const mutable: { matching: BinaryExpr['matching'] } = expr as { matching: BinaryExpr['matching'] }
  mutable.matching = matching
}

/** Between the sides, without the spaces around. */
function operatorPosition(text: string, { left, right }: BinaryExpr): Position {
  let start = left.position.end
  while (' \t\n\r'.includes(text[start]!)) start++
  let end = right.position.start - 1
  while (end > start && ' \t\n\r'.includes(text[end]!)) end--
  return { start, end }
}

function checkCall(cursor: Cursor, call: Call): void {
  const { func, args, position } = call
  const signature = signatures.get(func)!
  checkCount(cursor, call, signature)
  let info: VectorSelector | undefined
  if (func === 'info' && args.length > 1) info = checkInfo(cursor, args[1]!, position)
  for (const [i, arg] of args.entries()) {
    if (i >= signature.args.length && signature.variadic === 0) break
    const wanted = signature.args[Math.min(i, signature.args.length - 1)]!
    const type = arg === info ? 'vector' : check(cursor, arg)
    if (arg === info) checkSelector(cursor, info, false)
    if (type !== wanted)
      cursor.problem(
        arg.position,
        `expected type ${documentedType(wanted)} in call to function ${quote(func)}, got ${documentedType(type)}`,
      )
  }
}

function checkCount(cursor: Cursor, { func, args, position }: Call, { args: wanted, variadic }: Signature): void {
  const least = variadic === 0 ? wanted.length : wanted.length - 1
  const most = variadic < 0 ? Number.POSITIVE_INFINITY : least + variadic
  const got = args.length
  if (got >= least && got <= most) return
  const limit = variadic === 0 ? `${least}` : got < least ? `at least ${least}` : `at most ${most}`
  cursor.problem(position, `expected ${limit} argument(s) in call to ${quote(func)}, got ${got}`)
}

/** The second argument of `info` only selects labels. @returns it, if it is a selector: it may match everything */
function checkInfo(cursor: Cursor, arg: Expr, position: Position): VectorSelector | undefined {
  const type = typeOf(arg)
  if (type !== 'vector')
    cursor.problem(position, `expected type ${documentedType('vector')} in call to function "info", got ${documentedType(type)}`)
  if (arg.kind !== 'vector_selector') {
    cursor.problem(arg.position, 'expected label selectors only')
    return undefined
  }
  if (arg.name !== '') {
    cursor.problem(arg.position, 'expected label selectors only, got vector selector instead')
    return undefined
  }
  return arg
}

function checkSelector(cursor: Cursor, { name, matchers, position }: VectorSelector, selective: boolean): void {
  if (name !== '') {
    for (const matcher of matchers.slice(0, -1))
      if (matcher.name === '__name__')
        cursor.problem(position, `metric name must not be set twice: ${quote(name)} or ${quote(matcher.value)}`)
  } else if (selective && matchers.every(matcher => valueTest(matcher)(''))) {
    cursor.problem(position, 'vector selector must contain at least one non-empty matcher')
  }
}
