/** The sampler `jaeger_remote`: a Jaeger, or whoever speaks its protocol, says how many traces to take; it is asked again and again. */
import type { Attributes, Context, Link, SpanKind } from '@opentelemetry/api'
import { ParentBasedSampler, type Sampler, SamplingDecision, type SamplingResult, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace'

export interface RemoteSettings {
  /** of the strategies, without the query */
  readonly endpoint: string
  readonly pollingIntervalMs: number
  /** ratio, 0..1, until there is an answer */
  readonly initialSamplingRate: number
}

/** `endpoint=http://localhost:5778/sampling,pollingIntervalMs=5000,initialSamplingRate=0.25` */
export function readArgument(text: string | undefined, problems: string[]): RemoteSettings {
  const given = new Map(
    (text ?? '').split(',').map(pair => [pair.slice(0, pair.indexOf('=')).trim(), pair.slice(pair.indexOf('=') + 1).trim()]),
  )
  const number = (name: string, fallback: number, least: number, most: number) => {
    const value = given.get(name)
    if (value === undefined) return fallback
    if (value !== '' && Number(value) >= least && Number(value) <= most) return Number(value)
    problems.push(`OTEL_TRACES_SAMPLER_ARG: ${name} must be between ${least} and ${most}, got ${JSON.stringify(value)}; it is ${fallback}`)
    return fallback
  }
  return {
    endpoint: given.get('endpoint') || 'http://localhost:5778/sampling',
    pollingIntervalMs: number('pollingIntervalMs', 60_000, 100, 86_400_000),
    initialSamplingRate: number('initialSamplingRate', 0.001, 0, 1),
  }
}

/** What a strategy says, in Jaeger's JSON; numbers of enums may be their names. */
interface Strategy {
  readonly probabilisticSampling?: { readonly samplingRate?: number }
  readonly rateLimitingSampling?: { readonly maxTracesPerSecond?: number }
  readonly operationSampling?: {
    readonly defaultSamplingProbability?: number
    readonly defaultLowerBoundTracesPerSecond?: number
    readonly perOperationStrategies?: readonly {
      readonly operation?: string
      readonly probabilisticSampling?: { readonly samplingRate?: number }
    }[]
  }
}

export interface RemoteOutside {
  /** @throws where there is no answer that can be read */
  fetchJson(url: string): Promise<unknown>
  every(ms: number, run: () => void): Disposable
  /** [ms] never goes back */
  monotonic(): number
}

/** Decides for new traces; who has a parent follows it. */
export class JaegerRemoteSampler implements Sampler {
  readonly #settings: RemoteSettings
  readonly #url: string
  readonly #outside: RemoteOutside
  #current: Sampler
  #last = ''

  constructor(service: string, settings: RemoteSettings, outside: RemoteOutside) {
    this.#settings = settings
    this.#outside = outside
    const url = new URL(settings.endpoint)
    url.searchParams.set('service', service)
    this.#url = url.href
    this.#current = ratio(settings.initialSamplingRate)
    void this.ask()
    outside.every(settings.pollingIntervalMs, () => void this.ask())
  }

  /** What was said last holds until there is another answer. */
  async ask(): Promise<void> {
    try {
      const strategy = (await this.#outside.fetchJson(this.#url)) as Strategy
      // The limiter of what has not changed goes on where it was.
      const said = JSON.stringify(strategy)
      if (said !== this.#last) this.#current = sampler(strategy, this.#outside)
      this.#last = said
    } catch {}
  }

  shouldSample(...args: [Context, string, string, SpanKind, Attributes, Link[]]): SamplingResult {
    return this.#current.shouldSample(...args)
  }
  toString(): string {
    return `JaegerRemoteSampler{${this.#settings.endpoint}, ${this.#current}}`
  }
}

export const parentBased = (root: Sampler): Sampler => new ParentBasedSampler({ root })

const ratio = (rate: number): Sampler => new TraceIdRatioBasedSampler(Math.min(1, Math.max(0, rate)))

/** @throws where it is none that is known */
function sampler({ operationSampling, rateLimitingSampling, probabilisticSampling }: Strategy, outside: RemoteOutside): Sampler {
  if (operationSampling !== undefined) {
    const { defaultSamplingProbability = 0.001, perOperationStrategies = [] } = operationSampling
    const byName = new Map(
      perOperationStrategies.map(({ operation = '', probabilisticSampling: of }) => [operation, ratio(of?.samplingRate ?? 0)]),
    )
    const others = ratio(defaultSamplingProbability)
    const least = new RateLimited(operationSampling.defaultLowerBoundTracesPerSecond ?? 0, outside)
    return {
      shouldSample(context, traceId, name, kind, attributes, links) {
        const result = (byName.get(name) ?? others).shouldSample(context, traceId, name, kind, attributes, links)
        return result.decision === SamplingDecision.NOT_RECORD ? least.shouldSample() : result
      },
      toString: () => `PerOperation{${byName.size}}`,
    }
  }
  if (rateLimitingSampling !== undefined) return new RateLimited(rateLimitingSampling.maxTracesPerSecond ?? 0, outside)
  if (probabilisticSampling !== undefined) return ratio(probabilisticSampling.samplingRate ?? 0)
  throw new Error('no strategy')
}

/** So many traces a second, evenly, after a burst of one second's. */
class RateLimited implements Sampler {
  readonly #perSecond: number
  readonly #outside: RemoteOutside
  #tokens: number
  #filled: number

  constructor(perSecond: number, outside: RemoteOutside) {
    this.#perSecond = perSecond
    this.#outside = outside
    this.#tokens = Math.max(perSecond, perSecond > 0 ? 1 : 0)
    this.#filled = outside.monotonic()
  }
  shouldSample(): SamplingResult {
    const now = this.#outside.monotonic()
    this.#tokens = Math.min(Math.max(this.#perSecond, 1), this.#tokens + ((now - this.#filled) / 1000) * this.#perSecond)
    this.#filled = now
    if (this.#tokens < 1) return { decision: SamplingDecision.NOT_RECORD }
    this.#tokens--
    return { decision: SamplingDecision.RECORD_AND_SAMPLED }
  }
  toString(): string {
    return `RateLimited{${this.#perSecond}}`
  }
}
