/**
 * Makes instruments of definitions, keeps the series that are bound, and tells them to whoever asks: to a MeterProvider of anyone's
 * through the OpenTelemetry API, and to an SDK's reader as a MetricProducer.
 */
import { type MeterProvider, metrics } from '@opentelemetry/api'
import { emptyResource } from '@opentelemetry/resources'
import type { MetricProducer, ResourceMetrics } from '@opentelemetry/sdk-metrics'
import { type Clock, systemClock } from '../lib/clock.ts'
import { counter, type Definition } from './definition.ts'
import { Deltas } from './deltas.ts'
import { type Bound, handleOf, type Instrument, Live } from './instrument.ts'
import { Observation } from './observation.ts'
import { cellsOf, metricsOf, type Series } from './series.ts'
import { Slots } from './slots.ts'

/** Definitions by name, in groups as deep as you like. */
export interface Definitions {
  readonly [name: string]: Definition | Definitions
}

export type InstrumentsOf<D extends Definitions> = {
  readonly [N in keyof D]: D[N] extends Definition<infer K, infer A>
    ? Instrument<K, A>
    : D[N] extends Definitions
      ? InstrumentsOf<D[N]>
      : never
}

export interface RecorderOptions {
  /** [series] of one instrument, the overflow series not counted; an SDK's own bound is 2,000 */
  readonly maxSeries?: number
  readonly clock?: Pick<Clock, 'now'>
}

export interface ObserveOptions {
  /**
   * `recorded`: each value is also given to the provider's own histogram, at that one's price.
   * `produced`: not, since its readers have `producer` among their `metricProducers`.
   */
  readonly histograms?: 'recorded' | 'produced'
}

/** The instrumentation scope of all that is recorded. */
export const scopeName = 'thalamus/instruments'

/** What was left out, and why: a `value` that is none, an `attribute` that the instrument does not have, a `series` past the bound, a `name` that nothing has. */
export const refusals = counter('thalamus.instruments.refusals', '{refusal}', 'What typed instruments left out.', ['instrument', 'reason'])

export class Recorder {
  readonly #clock: Pick<Clock, 'now'>
  readonly #maxSeries: number
  readonly #slots = new Slots()
  readonly #live = new Map<string, Live>()
  readonly #observations = new Set<Observation>()
  readonly #followers = new Set<(series: Series) => void>()
  readonly #refusals: Instrument<'counter', 'instrument' | 'reason'>

  constructor({ maxSeries = 1000, clock = systemClock }: RecorderOptions = {}) {
    this.#clock = clock
    this.#maxSeries = maxSeries
    this.#refusals = this.#instrument(refusals) as Instrument<'counter', 'instrument' | 'reason'>
  }

  /** @throws {TypeError} when the name of one is another one's already */
  instruments<const D extends Definitions>(definitions: D): InstrumentsOf<D> {
    const made = Object.entries(definitions).map(([name, of]) => [name, isDefinition(of) ? this.#instrument(of) : this.instruments(of)])
    return Object.fromEntries(made) as InstrumentsOf<D>
  }

  /** The instrument of that name; one that is not defined is counted as refused. */
  get(name: string): Instrument | undefined {
    const found = this.#live.get(name)
    if (found === undefined) this.#refusals.with({ instrument: name, reason: 'name' }).add()
    return found
  }

  /** All that are bound, as data that another thread can be given; what is bound later is not in it. */
  series(): readonly Series[] {
    return [...this.#live.values()].flatMap(live => live.series)
  }

  /** Calls `tell` with each series that is bound from here on, until disposed of. */
  follow(tell: (series: Series) => void): Disposable {
    const follower = (series: Series) => tell(series)
    this.#followers.add(follower)
    return { [Symbol.dispose]: () => void this.#followers.delete(follower) }
  }

  /** The histograms as they are now; with `deltas`, what came to them since that was asked last. */
  histograms(deltas?: Deltas): ResourceMetrics['scopeMetrics'] {
    const histograms = this.series().filter(({ definition }) => definition.kind === 'histogram')
    const metrics = deltas === undefined ? metricsOf(histograms, this.#clock.now()) : deltas.metricsOf(histograms, this.#clock.now())
    return metrics.length === 0 ? [] : [{ scope: { name: scopeName }, metrics }]
  }

  /** The histograms, for the `metricProducers` of a reader; counters and gauges come by `observe`. */
  readonly producer: MetricProducer = {
    collect: async () => ({ resourceMetrics: { resource: emptyResource(), scopeMetrics: this.histograms() }, errors: [] }),
  }

  /** As `producer`, for a reader that prefers differences to totals: one for each such reader. */
  deltaProducer(): MetricProducer {
    const deltas = new Deltas()
    return { collect: async () => ({ resourceMetrics: { resource: emptyResource(), scopeMetrics: this.histograms(deltas) }, errors: [] }) }
  }

  /** Tells everything to `provider`, the global one without it, until disposed of; what a histogram got before is not told. */
  observe(provider: MeterProvider = metrics.getMeterProvider(), { histograms = 'recorded' }: ObserveOptions = {}): Disposable {
    const observation = new Observation(provider.getMeter(scopeName), histograms === 'recorded')
    for (const live of this.#live.values()) for (const bound of live.bound) observation.add(bound, live.series)
    this.#observations.add(observation)
    return {
      [Symbol.dispose]: () => {
        this.#observations.delete(observation)
        observation.close()
      },
    }
  }

  #instrument(definition: Definition): Instrument {
    const known = this.#live.get(definition.name)
    if (known !== undefined) {
      if (JSON.stringify(known.definition) === JSON.stringify(definition)) return known
      throw new TypeError(`${definition.name}: is defined already, as ${JSON.stringify(known.definition)}`)
    }
    const refuse = (reason: string) => {
      // What counts refusals has nobody to tell of its own.
      if (definition !== refusals) this.#refusals.with({ instrument: definition.name, reason }).add()
    }
    const live = new Live(definition, this.#maxSeries, refuse, attributes => this.#bind(live, attributes, refuse))
    this.#live.set(definition.name, live)
    return live
  }

  #bind(live: Live, attributes: Series['attributes'], refuse: (reason: string) => void): Bound {
    const { definition } = live
    const slot = this.#slots.take(cellsOf(definition))
    const bound = { series: { definition, attributes, ...slot, startMs: this.#clock.now() }, handle: handleOf(definition, slot, refuse) }
    live.bound.push(bound)
    live.series.push(bound.series)
    for (const observation of this.#observations) observation.add(bound, live.series)
    for (const tell of this.#followers) tell(bound.series)
    return bound
  }
}

const isDefinition = (of: Definition | Definitions): of is Definition => typeof of['kind'] === 'string'
