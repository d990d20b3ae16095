import { AggregationTemporality, MeterProvider, type MetricData, type MetricProducer, MetricReader } from '@opentelemetry/sdk-metrics'

/** A MeterProvider that is read when a test asks. */
export class Provider {
  readonly provider: MeterProvider
  readonly #reader: Pull

  constructor(metricProducers: MetricProducer[] = [], temporality = AggregationTemporality.CUMULATIVE) {
    this.#reader = new Pull({ metricProducers, aggregationTemporalitySelector: () => temporality })
    this.provider = new MeterProvider({ readers: [this.#reader] })
  }

  /** What is there, by the name of its metric; metrics without a point are left out. */
  async read(): Promise<ReadonlyMap<string, MetricData>> {
    const { resourceMetrics, errors } = await this.#reader.collect()
    if (errors.length > 0) throw new AggregateError(errors)
    const metrics = resourceMetrics.scopeMetrics.flatMap(scope => scope.metrics)
    const names = metrics.filter(({ dataPoints }) => dataPoints.length > 0).map(metric => metric.descriptor.name)
    if (new Set(names).size !== names.length) throw new Error(`told twice: ${names.toSorted().join(', ')}`)
    return new Map(metrics.filter(({ dataPoints }) => dataPoints.length > 0).map(metric => [metric.descriptor.name, metric]))
  }
}

class Pull extends MetricReader {
  protected async onShutdown(): Promise<void> {}
  protected async onForceFlush(): Promise<void> {}
}

/** `attributes → value` of each point, attributes as JSON. */
export const points = (metric: MetricData | undefined): Record<string, unknown> =>
  Object.fromEntries((metric?.dataPoints ?? []).map(({ attributes, value }) => [JSON.stringify(attributes), value]))
