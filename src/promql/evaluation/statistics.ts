import type { SelectedSeries } from '../../model/query.ts'
import type { Expr, VectorSelector } from '../ast.ts'
import { withoutBuckets } from '../histogram/hints.ts'

const ofStatistics: ReadonlySet<string> = new Set(['histogram_count', 'histogram_sum', 'histogram_avg'])
const ofBuckets: ReadonlySet<string> = new Set(['histogram_quantile', 'histogram_quantiles', 'histogram_fraction'])

/**
 * The selectors whose histograms are asked for count and sum alone. Prometheus reads these without buckets, and so finds counter resets while reading
 * (which nobody could afterwards): only there does an aggregation hear of a reset, and can warn of resets that collide.
 */
export function statisticsSelectors(expr: Expr): ReadonlySet<VectorSelector> {
  const found = new Set<VectorSelector>()
  collect(expr, false, found)
  return found
}

function collect(expr: Expr, within: boolean, found: Set<VectorSelector>): void {
  switch (expr.kind) {
    case 'vector_selector':
      if (within) found.add(expr)
      break
    case 'matrix_selector':
      collect(expr.selector, within, found)
      break
    case 'call':
      if (ofBuckets.has(expr.func)) break
      for (const arg of expr.args) collect(arg, within || ofStatistics.has(expr.func), found)
      break
    case 'binary':
      if (expr.op === '</' || expr.op === '>/') break
      collect(expr.left, within, found)
      collect(expr.right, within, found)
      break
    case 'aggregate':
      collect(expr.expr, within, found)
      break
    case 'paren':
    case 'unary':
      collect(expr.expr, within, found)
      break
    // A subquery needs the buckets: it looks for resets itself. What else there is has no selector in it.
  }
}

/** Series that find resets while they are read. */
export function withResetsFound(series: readonly SelectedSeries[]): SelectedSeries[] {
  return series.map(each => ({
    labels: each.labels,
    read(lent) {
      const samples = each.read(lent)
      return samples.histograms === undefined ? samples : { ...samples, histograms: withoutBuckets(samples.histograms) }
    },
  }))
}
