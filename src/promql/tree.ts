import { formatF } from '../lib/go-text.ts'
import type { Matcher } from '../model/matcher.ts'
import type { At, Duration, DurationExpr, Expr, VectorMatching, VectorSelector } from './ast.ts'
import { literalOf, toMs } from './parse-duration.ts'
import { signatures } from './signatures.ts'

/** What JSON.stringify takes. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/** The tree of an expression as `/api/v1/parse_query` shows it. Durations are in milliseconds, those of an expression 0; no fill is NaN or infinite in JSON: null. */
export function tree(expr: Expr): Json {
  switch (expr.kind) {
    case 'number':
      return { type: 'numberLiteral', val: formatF(expr.value) }
    case 'string':
      return { type: 'stringLiteral', val: expr.value.toWellFormed() }
    case 'paren':
      return { type: 'parenExpr', expr: tree(expr.expr) }
    case 'unary':
      return { type: 'unaryExpr', op: expr.op, expr: tree(expr.expr) }
    case 'binary': {
      const { op, left, right, matching, bool } = expr
      return { type: 'binaryExpr', op, lhs: tree(left), rhs: tree(right), matching: matchingTree(matching), bool }
    }
    case 'aggregate': {
      const { op, param, grouping, without } = expr
      return { type: 'aggregation', op, expr: tree(expr.expr), param: param === undefined ? null : tree(param), grouping, without }
    }
    case 'call': {
      const { name, args, variadic, returns } = signatures.get(expr.func)!
      return { type: 'call', func: { name, argTypes: args, variadic, returnType: returns }, args: expr.args.map(tree) }
    }
    case 'vector_selector':
      return { type: 'vectorSelector', ...selectorTree(expr) }
    case 'matrix_selector':
      return { type: 'matrixSelector', ...selectorTree(expr.selector), ...durationTree('range', expr.range) }
    case 'subquery': {
      const { range, step = 0, offset, at } = expr
      const durations = { ...durationTree('range', range), ...durationTree('offset', offset), ...durationTree('step', step) }
      return { type: 'subquery', expr: tree(expr.expr), ...durations, ...atTree(at) }
    }
  }
}

function matchingTree(matching: VectorMatching | undefined): Json {
  if (matching === undefined) return null
  const { cardinality, labels, on, include, fillLeft, fillRight } = matching
  return { card: cardinality, labels, on, include, fillValues: { lhs: fillLeft ?? null, rhs: fillRight ?? null } }
}

const selectorTree = ({ name, matchers, offset, at, modifier }: VectorSelector): { readonly [key: string]: Json } => ({
  name,
  ...durationTree('offset', offset),
  matchers: matchers.map(matcherTree),
  ...atTree(at),
  anchored: modifier === 'anchored',
  smoothed: modifier === 'smoothed',
})

const matcherTree = ({ name, op, value }: Matcher): Json => ({
  name: name.toWellFormed(),
  value: value.toWellFormed(),
  type: op,
})

const atTree = (at: At | undefined): { readonly [key: string]: Json } => ({
  timestamp: typeof at === 'number' ? at : null,
  startOrEnd: typeof at === 'string' ? at : null,
})

function durationTree(name: string, duration: Duration): { readonly [key: string]: Json } {
  const ms = typeof duration === 'number' ? duration : literalMs(duration)
  return { [name]: ms ?? 0, [`${name}Expr`]: ms === undefined ? durationExprTree(duration as DurationExpr, false) : null }
}

function literalMs(expr: DurationExpr): number | undefined {
  const literal = literalOf(expr)
  return literal === undefined ? undefined : toMs(literal.value)
}

function durationExprTree(expr: DurationExpr, wrapped: boolean): Json {
  const node = (op: string, left: DurationExpr | undefined, right: DurationExpr | undefined): Json => ({
    type: 'durationExpr',
    op,
    lhs: left === undefined ? null : durationExprTree(left, false),
    rhs: right === undefined ? null : durationExprTree(right, false),
    wrapped,
  })
  switch (expr.kind) {
    case 'number':
      return { type: 'numberLiteral', val: formatF(expr.value), duration: expr.duration }
    case 'paren':
      return durationExprTree(expr.expr, true)
    case 'unary':
      return node(expr.op, undefined, expr.expr)
    case 'min_of':
    case 'max_of':
      return node(expr.kind, expr.left, expr.right)
    case 'binary':
      return node(expr.op, expr.left, expr.right)
    default:
      return node(expr.kind, undefined, undefined)
  }
}
