/**
 * Typed instruments of the application go where its metrics go: counters and gauges as observables, histograms by a producer that every
 * reader of ours has, and that is empty until the application loads them.
 */
import { metrics } from '@opentelemetry/api'
import { emptyResource } from '@opentelemetry/resources'
import type { MetricProducer, ResourceMetrics } from '@opentelemetry/sdk-metrics'
import type { Deltas } from '../instruments/deltas.ts'
import type { Recorder } from '../instruments/recorder.ts'

/** Called by the instruments with their recorder as they are loaded. */
const key = Symbol.for('thalamus.register')

class Typed {
  readonly #recorders: Recorder[] = []
  readonly #told: Disposable[] = []

  /** From now on: instruments that were loaded before have found another way, or none. */
  listen(): Disposable {
    const globals = globalThis as Record<symbol, unknown>
    globals[key] = (recorder: Recorder) => {
      this.#recorders.push(recorder)
      this.#told.push(recorder.observe(metrics.getMeterProvider(), { histograms: 'produced' }))
    }
    return {
      [Symbol.dispose]: () => {
        delete globals[key]
        this.#recorders.length = 0
        for (const told of this.#told.splice(0)) told[Symbol.dispose]()
      },
    }
  }

  histograms(deltas?: Deltas): ResourceMetrics['scopeMetrics'] {
    return this.#recorders.flatMap(recorder => recorder.histograms(deltas))
  }

  /** @param deltas of the reader, where it prefers differences to totals */
  producer(deltas?: Deltas): MetricProducer {
    return { collect: async () => ({ resourceMetrics: { resource: emptyResource(), scopeMetrics: this.histograms(deltas) }, errors: [] }) }
  }
}

export const typed = new Typed()
