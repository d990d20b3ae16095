/** An expression whose answer must not depend on when it is asked: every selector fixed to one time with `@`. */
import type { Expr } from '../ast.ts'

/** What is different at another time though its arguments are not. */
const moving = new Set([
  'days_in_month',
  'day_of_month',
  'day_of_week',
  'day_of_year',
  'end',
  'hour',
  'minute',
  'month',
  'year',
  'predict_linear',
  'range',
  'start',
  'step',
  'time',
  'timestamp',
])

/** @param time epoch ms @returns undefined where something in it moves with the time of evaluation */
export function pinned(expr: Expr, time: number): Expr | undefined {
  return isMoving(expr) ? undefined : pin(expr, time)
}

/** A selector that is fixed already stays. Within a subquery nothing is to be done: its own `@` says when. */
function pin(expr: Expr, time: number): Expr {
  switch (expr.kind) {
    case 'number':
    case 'string':
      return expr
    case 'paren':
    case 'unary':
      return { ...expr, expr: pin(expr.expr, time) }
    case 'binary':
      return { ...expr, left: pin(expr.left, time), right: pin(expr.right, time) }
    case 'aggregate':
      return { ...expr, expr: pin(expr.expr, time), param: expr.param && pin(expr.param, time) }
    case 'call':
      return { ...expr, args: expr.args.map(arg => pin(arg, time)) }
    case 'vector_selector':
    case 'subquery':
      return typeof expr.at === 'number' ? expr : { ...expr, at: time }
    case 'matrix_selector':
      return typeof expr.selector.at === 'number' ? expr : { ...expr, selector: { ...expr.selector, at: time } }
  }
}

function isMoving(expr: Expr): boolean {
  switch (expr.kind) {
    case 'paren':
    case 'unary':
      return isMoving(expr.expr)
    case 'binary':
      return isMoving(expr.left) || isMoving(expr.right)
    case 'aggregate':
      return isMoving(expr.expr) || (expr.param !== undefined && isMoving(expr.param))
    case 'call':
      return moving.has(expr.func) || expr.args.some(isMoving)
    default:
      // A subquery is fixed as a whole: what is in it is evaluated at its own times.
      return false
  }
}
