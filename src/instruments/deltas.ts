/** Histograms as differences, for a reader that prefers them to totals. */
import { AggregationTemporality, DataPointType, type Histogram, type HistogramMetricData } from '@opentelemetry/sdk-metrics'
import { described, histogramOf, hrTime, type Series } from './series.ts'

interface Told {
  readonly value: Histogram
  /** Unix epoch milliseconds */
  readonly atMs: number
}

/** What one reader was told last. Each has its own, since what is read is not told to it again. */
export class Deltas {
  readonly #told = new WeakMap<Series, Told>()

  /** What came to these histograms since the last time, or since they were bound; those to which nothing came have no point. */
  metricsOf(histograms: Iterable<Series>, nowMs: number): HistogramMetricData[] {
    return [...Map.groupBy(histograms, ({ definition }) => definition.name).values()].flatMap(of => {
      const dataPoints = of.flatMap(series => this.#pointOf(series, nowMs) ?? [])
      const about = { ...described(of[0]!.definition), aggregationTemporality: AggregationTemporality.DELTA }
      return dataPoints.length === 0 ? [] : [{ ...about, dataPointType: DataPointType.HISTOGRAM, dataPoints }]
    })
  }

  #pointOf(series: Series, nowMs: number): HistogramMetricData['dataPoints'][number] | undefined {
    const value = histogramOf(series)
    const last = this.#told.get(series)
    if (value.count === (last?.value.count ?? 0)) return undefined
    this.#told.set(series, { value, atMs: nowMs })
    const startTime = hrTime(last?.atMs ?? series.startMs)
    return {
      attributes: series.attributes,
      startTime,
      endTime: hrTime(nowMs),
      value: last === undefined ? value : difference(value, last.value),
    }
  }
}

/** Of the smallest and the largest the cells know those of all time only: where something was told before, they are left out. */
function difference({ buckets, count, sum = 0 }: Histogram, before: Histogram): Histogram {
  const counts = buckets.counts.map((n, k) => n - before.buckets.counts[k]!)
  return { buckets: { boundaries: buckets.boundaries, counts }, count: count - before.count, sum: sum - (before.sum ?? 0) }
}
