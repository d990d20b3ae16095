/**
 * A series and how it is read. A list of series is plain data over shared memory: posted to another thread it can be read there,
 * while this one goes on recording.
 */
import { ValueType } from '@opentelemetry/api'
import { AggregationTemporality, DataPointType, type Histogram, type MetricData } from '@opentelemetry/sdk-metrics'
import type { Definition } from './definition.ts'
import { histogramCells } from './handles.ts'
import type { Slot } from './slots.ts'

export type AttributeValue = string | number | boolean

export interface Series extends Slot {
  readonly definition: Definition
  readonly attributes: Readonly<Record<string, AttributeValue>>
  /** Unix epoch milliseconds: when it was bound, and 0 */
  readonly startMs: number
}

/** [cells] that a series takes */
export const cellsOf = ({ kind, bounds = [] }: Definition): number =>
  kind === 'histogram' ? histogramCells.buckets + bounds.length + 1 : 1

/** NaN where a gauge has none for now */
export const currentValue = ({ cells, at }: Slot): number => cells[at]!

/** Read while another thread records, it may lack the last value in its sum; the count is always that of the buckets. */
export function histogramOf({ cells, at, definition: { bounds = [] } }: Series): Histogram {
  const from = at + histogramCells.buckets
  const counts = Array.from(cells.subarray(from, from + bounds.length + 1))
  const count = counts.reduce((sum, n) => sum + n, 0)
  const [sum, min, max] = [cells[at]!, cells[at + histogramCells.min]!, cells[at + histogramCells.max]!]
  const extremes = min <= max ? { min, max } : {}
  return { buckets: { boundaries: [...bounds], counts }, count, sum, ...extremes }
}

/** Everything that the series say at `nowMs`, cumulative since each was bound. */
export function metricsOf(series: Iterable<Series>, nowMs: number): MetricData[] {
  return [...Map.groupBy(series, ({ definition }) => definition.name).values()].map(of => metricOf(of, nowMs))
}

function metricOf(series: readonly Series[], nowMs: number): MetricData {
  const { definition } = series[0]!
  const { kind } = definition
  const common = { ...described(definition), aggregationTemporality: AggregationTemporality.CUMULATIVE }
  const points = <T>(value: (of: Series) => T) =>
    series.map(of => ({ attributes: of.attributes, startTime: hrTime(of.startMs), endTime: hrTime(nowMs), value: value(of) }))
  if (kind === 'histogram') return { ...common, dataPointType: DataPointType.HISTOGRAM, dataPoints: points(histogramOf) }
  if (kind === 'gauge')
    return { ...common, dataPointType: DataPointType.GAUGE, dataPoints: points(currentValue).filter(({ value }) => !Number.isNaN(value)) }
  return { ...common, dataPointType: DataPointType.SUM, isMonotonic: kind === 'counter', dataPoints: points(currentValue) }
}

export const described = ({ name, unit, description }: Definition) => ({
  descriptor: { name, unit, description, valueType: ValueType.DOUBLE },
})

export const hrTime = (ms: number): [number, number] => {
  const seconds = Math.floor(ms / 1000)
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)]
}
