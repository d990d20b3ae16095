import type { Duration, DurationExpr, Position } from '../ast.ts'
import { QueryError } from '../query-error.ts'

/** What durations may speak of. */
export interface QuerySpan {
  /** [ms] of the query; 0 where it is evaluated once */
  readonly step: number
  /** [ms] from its start to its end */
  readonly range: number
}

/** The longest duration [s] of Go: what its nanoseconds have room for. */
const longest = 2 ** 63 / 1e9

/** @returns [ms] @throws {QueryError} where it comes to no duration */
export function resolveDuration(duration: Duration, span: QuerySpan, mayBeNegative: boolean): number {
  if (typeof duration === 'number') return duration
  const seconds = secondsOf(duration, span)
  if (!Number.isFinite(seconds)) throw refused(duration.position, 'duration is NaN or infinite')
  if (seconds <= 0 && !mayBeNegative) throw refused(duration.position, 'duration must be greater than 0')
  if (Math.abs(seconds) > longest) throw refused(duration.position, 'duration is out of range')
  return Math.trunc(seconds * 1000)
}

function secondsOf(expr: DurationExpr, span: QuerySpan): number {
  switch (expr.kind) {
    case 'number':
      return expr.value
    case 'step':
      return span.step / 1000
    case 'range':
      return span.range / 1000
    case 'min_of':
      return Math.min(secondsOf(expr.left, span), secondsOf(expr.right, span))
    case 'max_of':
      return Math.max(secondsOf(expr.left, span), secondsOf(expr.right, span))
    case 'paren':
      return secondsOf(expr.expr, span)
    case 'unary':
      return expr.op === '-' ? -secondsOf(expr.expr, span) : secondsOf(expr.expr, span)
    case 'binary':
      return calculated(expr.op, secondsOf(expr.left, span), secondsOf(expr.right, span), expr.position)
  }
}

function calculated(op: '+' | '-' | '*' | '/' | '%' | '^', left: number, right: number, position: Position): number {
  switch (op) {
    case '+':
      return left + right
    case '-':
      return left - right
    case '*':
      return left * right
    case '/':
      if (right === 0) throw refused(position, 'division by zero')
      return left / right
    case '%':
      if (right === 0) throw refused(position, 'modulo by zero')
      return left % right
    case '^':
      return left ** right
  }
}

const refused = (position: Position, what: string): RefusedDuration => new RefusedDuration(position, what)

/** A duration of an expression that comes to none. */
export class RefusedDuration extends QueryError {
  readonly #position: Position
  readonly #what: string
  constructor(position: Position, what: string) {
    super('bad_data', what)
    this.#position = position
    this.#what = what
  }

  /** With its place in a query, in bytes from 0, as Prometheus tells it. */
  in(query: string): QueryError {
    const { start, end } = this.#position
    const bytes = (at: number): number => new TextEncoder().encode(query.slice(0, at)).length
    return new QueryError('bad_data', `${bytes(start)}:${bytes(end)}: ${this.#what}`)
  }
}
