import type { Expr } from './ast.ts'

/** An expression and all that is in it; a range selector's instant selector too. */
export function* nodesOf(expr: Expr): Generator<Expr> {
  yield expr
  for (const child of partsOf(expr)) yield* nodesOf(child)
}

/** What it is made of, one level down. */
export function partsOf(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case 'matrix_selector':
      return [expr.selector]
    case 'paren':
    case 'unary':
    case 'subquery':
      return [expr.expr]
    case 'binary':
      return [expr.left, expr.right]
    case 'aggregate':
      return expr.param === undefined ? [expr.expr] : [expr.param, expr.expr]
    case 'call':
      return expr.args
    default:
      return []
  }
}
