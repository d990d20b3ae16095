import { type Context, trace } from '@opentelemetry/api'
import { type Sampler, SamplingDecision, type SamplingResult } from '@opentelemetry/sdk-trace'
import type { Clock } from '../lib/clock.ts'

const yes: SamplingResult = { decision: SamplingDecision.RECORD_AND_SAMPLED }
const no: SamplingResult = { decision: SamplingDecision.NOT_RECORD }

/** At most so many new traces a second, evenly after a first burst of as many; what has a parent does as the parent did. */
export class RateSampler implements Sampler {
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

  shouldSample(context: Context): SamplingResult {
    const parent = trace.getSpanContext(context)
    if (parent !== undefined && trace.isSpanContextValid(parent)) return (parent.traceFlags & 1) === 1 ? yes : no
    const now = this.#clock.monotonic()
    this.#tokens = Math.min(this.#perSecond, this.#tokens + ((now - this.#filled) / 1000) * this.#perSecond)
    this.#filled = now
    if (this.#tokens < 1) return no
    this.#tokens--
    return yes
  }

  toString(): string {
    return `RateSampler{${this.#perSecond}/s}`
  }
}
