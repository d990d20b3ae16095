import type { At, Duration, Expr, SubqueryExpr, VectorSelector } from '../ast.ts'
import { partsOf } from '../nodes.ts'

/** When info() looks at info series: as the series of its argument are looked at. */
export interface InfoTimes {
  /** epoch ms, before the offset; undefined: at each step */
  readonly at: number | undefined
  /** [ms] back in time */
  readonly offset: number
}

/** What an expression's times are with a query around it. */
export interface TimeResolver {
  typeOf(expr: Expr): string
  /** [ms] */
  offset(duration: Duration): number
  /** epoch ms */
  at(at: At): number
}

const atSteps: InfoTimes = { at: undefined, offset: 0 }

/** The time that all selectors of an expression share; where they share none, or a part of it needs no selector, the steps themselves. */
export function infoTimes(expr: Expr, resolver: TimeResolver): InfoTimes {
  const found: InfoTimes[] = []
  let free = false

  /** @returns whether there is a selector in it */
  function visit(each: Expr, around: readonly SubqueryExpr[]): boolean {
    const type = resolver.typeOf(each)
    if (type !== 'vector' && type !== 'matrix') return false
    if (each.kind === 'vector_selector' || each.kind === 'matrix_selector') {
      found.push(timesOf(each.kind === 'vector_selector' ? each : each.selector, around, resolver))
      return true
    }
    const inner = each.kind === 'subquery' ? [...around, each] : around
    let any = false
    for (const part of askedOf(each)) if (visit(part, inner)) any = true
    if (!any) free = true
    return any
  }

  visit(expr, [])
  const [first] = found
  return first === undefined || free || !found.every(each => same(first, each)) ? atSteps : first
}

/** Subqueries around a selector move it, until one of them has `@`. */
function timesOf({ offset, at }: VectorSelector, around: readonly SubqueryExpr[], resolver: TimeResolver): InfoTimes {
  let times = { at: at === undefined ? undefined : resolver.at(at), offset: resolver.offset(offset) }
  for (const { offset, at } of around.toReversed()) {
    if (times.at !== undefined) break
    times = { at: at === undefined ? undefined : resolver.at(at), offset: times.offset + resolver.offset(offset) }
  }
  return times
}

function same(a: InfoTimes, b: InfoTimes): boolean {
  if (a.at === undefined || b.at === undefined) return a.at === b.at && a.offset === b.offset
  return a.at - a.offset === b.at - b.offset
}

/** What info() selects is written as a selector, but is none of its argument's. */
const askedOf = (expr: Expr): readonly Expr[] => (expr.kind === 'call' && expr.func === 'info' ? expr.args.slice(0, 1) : partsOf(expr))
