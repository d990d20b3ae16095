/** What an exporter that pushes says of its queue and of its requests, on the Collector's names. */
import type { Attributes, BatchObservableResult, Histogram, Meter } from '@opentelemetry/api'

export interface SendingSizes {
  /** in the unit of the queue's sizer */
  size(): number
  readonly capacity: number
  /** requests that are being sent, or wait to be sent again */
  inFlight(): number
}

export class SendingMeter {
  readonly #attributes: Attributes
  readonly #rows: Histogram
  readonly #bytes: Histogram
  /** Nothing is observed any more. */
  readonly stop: () => void

  constructor(meter: Meter, attributes: Attributes, sizes: SendingSizes) {
    this.#attributes = attributes
    this.#rows = meter.createHistogram('otelcol_exporter_queue_batch_send_size', {
      description: 'Rows in a request.',
      advice: {
        explicitBucketBoundaries: [10, 25, 50, 75, 100, 250, 500, 750, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10000, 20000],
      },
    })
    this.#bytes = meter.createHistogram('otelcol_exporter_queue_batch_send_size_bytes', {
      description: 'Bytes in a request, before compression.',
      unit: 'By',
      advice: { explicitBucketBoundaries: [1e3, 1e4, 1e5, 2.5e5, 5e5, 1e6, 2e6, 4e6, 8e6, 1.6e7] },
    })
    const size = meter.createObservableGauge('otelcol_exporter_queue_size', {
      description: 'What the queue holds, in the unit of its sizer.',
    })
    const most = meter.createObservableGauge('otelcol_exporter_queue_capacity', { description: 'The most that the queue holds.' })
    const inFlight = meter.createObservableUpDownCounter('otelcol_exporter_in_flight_requests', {
      description: 'Requests that are being sent or wait to be sent again.',
    })
    const observe = (result: BatchObservableResult) => {
      result.observe(size, sizes.size(), attributes)
      result.observe(most, sizes.capacity, attributes)
      result.observe(inFlight, sizes.inFlight(), attributes)
    }
    const observed = [size, most, inFlight]
    meter.addBatchObservableCallback(observe, observed)
    this.stop = () => meter.removeBatchObservableCallback(observe, observed)
  }

  sends(rows: number, bytes: number): void {
    this.#rows.record(rows, this.#attributes)
    this.#bytes.record(bytes, this.#attributes)
  }
}
