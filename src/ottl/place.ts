/** Where in a batch a condition is asked: at a resource, a scope, a metric, a row (data point, span, log record), or a span's event. */
import type { AnyBatch, LogBatch, MetricBatch, SpanBatch } from '../model/batch.ts'
import { type RowGroup, rowGroups } from '../otlp/holders.ts'

/** From the outside to the inside. */
export const levels = ['resource', 'scope', 'metric', 'row', 'event'] as const
export type Level = (typeof levels)[number]

/** One object is moved through a batch; conditions keep answers for as long as what they depend on has not moved. */
export class Place {
  /** another for every batch, so that answers about one are not given for the next */
  round = 0
  batch!: AnyBatch
  bytes!: Uint8Array
  groups: readonly RowGroup[] = []
  resource = -1
  scope = -1
  metric = -1
  group = 0
  row = -1
  /** the event's field in the bytes, and its number in its span */
  eventFrom = 0
  eventTo = 0
  event = -1

  /** To the beginning of another batch: `to…` says where. */
  open(batch: AnyBatch): this {
    this.round = ++rounds
    this.batch = batch
    this.bytes = batch.raw.bytes()
    this.groups = rowGroups(batch)
    this.resource = this.scope = this.metric = this.row = this.event = -1
    return this
  }

  toResource(resource: number): this {
    this.resource = resource
    return this
  }

  toScope(scope: number): this {
    this.scope = scope
    this.resource = this.batch.scopes.parent[scope]!
    return this
  }

  toMetric(metric: number): this {
    this.metric = metric
    return this.toScope((this.batch as MetricBatch).metrics.parent[metric]!)
  }

  toRow(group: number, row: number): this {
    this.group = group
    this.row = row
    const { batch } = this
    if (batch.signal === 'metrics') return this.toMetric(this.groups[group]!.points!.metric[row]!)
    return this.toScope(batch.signal === 'traces' ? batch.spans.scope[row]! : batch.records.scope[row]!)
  }

  toEvent(event: number, from: number, to: number): this {
    this.event = event
    this.eventFrom = from
    this.eventTo = to
    return this
  }

  get spans(): SpanBatch['spans'] {
    return (this.batch as SpanBatch).spans
  }
  get records(): LogBatch['records'] {
    return (this.batch as LogBatch).records
  }
  get rowFrom(): number {
    return this.groups[this.group]!.rows.from[this.row]!
  }
  get rowTo(): number {
    return this.groups[this.group]!.rows.to[this.row]!
  }
}

let rounds = 0
