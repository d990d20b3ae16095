/** The messages of OTLP that points are told in, and their fields. */
import { type Message, requestOf } from '../../otlp/schema.ts'

export type PointType = 'gauge' | 'sum' | 'monotonic' | 'histogram' | 'exponential' | 'summary'

const messageIn = (message: Message, field: number): Message => message.field(field)!.type as Message
export const ResourceMetrics = messageIn(requestOf.metrics, 1)
export const ScopeMetrics = messageIn(ResourceMetrics, 2)
export const Metric = messageIn(ScopeMetrics, 2)
const NumberPoint = messageIn(messageIn(Metric, 5), 1)
export const Exemplar = messageIn(NumberPoint, 5)
export const ExponentialPoint = messageIn(messageIn(Metric, 10), 1)

/** Field numbers: what of a Metric holds the points, and what of a point its attributes and exemplars. */
export const layout = {
  gauge: { data: 5, attributes: 7, exemplars: 5, flags: 8 },
  sum: { data: 7, attributes: 7, exemplars: 5, flags: 8 },
  monotonic: { data: 7, attributes: 7, exemplars: 5, flags: 8 },
  histogram: { data: 9, attributes: 9, exemplars: 8, flags: 10 },
  exponential: { data: 10, attributes: 1, exemplars: 11, flags: 10 },
  summary: { data: 11, attributes: 7, exemplars: 0, flags: 8 },
} as const satisfies Record<PointType, object>
export const BYTES = 2
export const tag = (field: number, wire: number): number => field * 8 + wire
