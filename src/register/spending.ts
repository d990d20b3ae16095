/** What instrumentation takes of each request: the time between its own beginnings and ends, added up where the request's context is known. */
import { type Context, context, createContextKey, type Tracer, type TracerProvider } from '@opentelemetry/api'

/** [ms] so far */
export interface Cost {
  costMs: number
}

const key = createContextKey('thalamus.cost')

export class Spending {
  readonly #monotonic: () => number
  readonly #record: (ms: number) => void
  #running = false

  constructor(monotonic: () => number, record: (ms: number) => void) {
    this.#monotonic = monotonic
    this.#record = record
  }

  within(of: Context, cost: Cost): Context {
    return of.setValue(key, cost)
  }

  /** What it takes is the request's that `whose` finds, or that of the current context; nobody's where there is none. */
  timed<T>(run: () => T, whose?: () => Cost | undefined): T {
    // One inside another is timed by the outer.
    if (this.#running) return run()
    this.#running = true
    const from = this.#monotonic()
    try {
      return run()
    } finally {
      this.#running = false
      const cost = whose?.() ?? (context.active().getValue(key) as Cost | undefined)
      if (cost !== undefined) cost.costMs += this.#monotonic() - from
    }
  }

  /** The request is over. */
  finished({ costMs }: Cost): void {
    this.#record(costMs)
  }

  /** The same tracers; beginnings and ends of their spans are timed. */
  tracers(provider: TracerProvider): TracerProvider {
    return {
      getTracer: (...args) => {
        const tracer = provider.getTracer(...args)
        const startSpan: Tracer['startSpan'] = (...of) => {
          const span = this.timed(() => tracer.startSpan(...of))
          const end = span.end.bind(span)
          span.end = time => this.timed(() => end(time))
          return span
        }
        return Object.create(tracer, { startSpan: { value: startSpan } }) as Tracer
      },
    }
  }
}
