import { type Context, INVALID_SPAN_CONTEXT, ROOT_CONTEXT, type Span, type SpanOptions, type Tracer, trace } from '@opentelemetry/api'
import type { Clock } from '../lib/clock.ts'

/** New traces that may begin: so many a second, evenly after a first burst of as many. */
export class TraceRate {
  readonly #clock: Clock
  readonly #perSecond: number
  #tokens: number
  #filled: number

  constructor(clock: Clock, perSecond: number) {
    this.#clock = clock
    this.#perSecond = perSecond
    this.#tokens = perSecond
    this.#filled = clock.monotonic()
  }

  take(): boolean {
    const now = this.#clock.monotonic()
    this.#tokens = Math.min(this.#perSecond, this.#tokens + ((now - this.#filled) / 1000) * this.#perSecond)
    this.#filled = now
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }
}

/** Stands for every span that is not recorded; costs nothing, and neither does what is below it. */
const unrecorded: Span = trace.wrapSpanContext(INVALID_SPAN_CONTEXT)

/**
 * A tracer whose new traces are bounded in rate before they cost anything: an SDK's sampler is asked only when ids have been
 * made, which is dear where a thousand requests come in a second. A span whose parent is given follows the parent.
 */
export class LimitedTracer implements Tracer {
  readonly #tracer: Tracer
  readonly #rate: TraceRate

  constructor(tracer: Tracer, rate: TraceRate) {
    this.#tracer = tracer
    this.#rate = rate
  }

  startSpan(name: string, options?: SpanOptions, context: Context = ROOT_CONTEXT): Span {
    const parent = trace.getSpan(context)
    if (parent === unrecorded || (parent === undefined && !this.#rate.take())) return unrecorded
    return this.#tracer.startSpan(name, options, context)
  }

  /** No context manager is registered, so nothing becomes active: `run` is given the span. */
  startActiveSpan<F extends (span: Span) => ReturnType<F>>(name: string, ...rest: unknown[]): ReturnType<F> {
    const run = rest.pop() as F
    return run(this.startSpan(name, ...(rest as [SpanOptions?, Context?])))
  }
}
