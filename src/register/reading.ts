/** Metrics, read at an interval and sent. Unlike the SDK's own reader it never keeps the process alive, and can read at once when the process ends. */
import type { Attributes, HrTime } from '@opentelemetry/api'
import { millisToHrTime } from '@opentelemetry/core'
import {
  AggregationTemporality,
  InstrumentType,
  type MetricData,
  MetricReader,
  type PushMetricExporter,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics'
import { Deltas } from '../instruments/deltas.ts'
import { systemClock } from '../lib/clock.ts'
import { typed } from './typed.ts'

export class SendingReader extends MetricReader {
  readonly #send: (metrics: ResourceMetrics) => Promise<void>
  readonly #deltas: Deltas | undefined
  #running: Promise<void> | undefined

  constructor(
    preferences: Pick<PushMetricExporter, 'selectAggregation' | 'selectAggregationTemporality'>,
    send: (metrics: ResourceMetrics) => Promise<void>,
  ) {
    const preferred = preferences.selectAggregationTemporality?.(InstrumentType.HISTOGRAM)
    const deltas = preferred === AggregationTemporality.DELTA ? new Deltas() : undefined
    super({
      ...(preferences.selectAggregation && { aggregationSelector: preferences.selectAggregation.bind(preferences) }),
      ...(preferences.selectAggregationTemporality && {
        aggregationTemporalitySelector: preferences.selectAggregationTemporality.bind(preferences),
      }),
      metricProducers: [typed.producer(deltas)],
    })
    this.#deltas = deltas
    this.#send = send
  }

  /** Reads and sends, unless that is under way; never rejects. */
  run(): Promise<void> {
    return (this.#running ??= this.#readAndSend().finally(() => (this.#running = undefined)))
  }

  /** Asynchronous instruments included, as far as they answer at once. @returns undefined where there is nothing, or it cannot be had */
  readNow(): ResourceMetrics | undefined {
    return readNow(this, this.#deltas)
  }

  async #readAndSend(): Promise<void> {
    try {
      const { resourceMetrics } = await this.collect()
      if (resourceMetrics.scopeMetrics.length > 0) await this.#send(resourceMetrics)
    } catch {
      // The reader was shut down while it waited.
    }
  }

  protected async onForceFlush(): Promise<void> {
    await this.run()
  }
  protected async onShutdown(): Promise<void> {}
}

/**
 * `collect()` without its promises, which nobody would wait for when the process ends. It uses what the SDK keeps to itself, in the version
 * that is pinned; where that is built otherwise there is no last reading, and a test says so.
 */
function readNow(reader: unknown, deltas: Deltas | undefined): ResourceMetrics | undefined {
  try {
    const collector = (reader as { _sdkMetricProducer: Collector })._sdkMetricProducer
    const { resource, meterSharedStates } = collector._sharedState
    const time = millisToHrTime(systemClock.now())
    const scopeMetrics = [...meterSharedStates.values()].map(state => {
      observe(state.observableRegistry, time)
      const metrics = state.metricStorageRegistry.getStorages(collector).map(storage => storage.collect(collector, time))
      return { scope: state._instrumentationScope, metrics: metrics.filter(metric => metric != null) }
    })
    const told = [...scopeMetrics, ...typed.histograms(deltas)].filter(({ metrics }) => metrics.length > 0)
    return told.length === 0 ? undefined : { resource, scopeMetrics: told }
  } catch {
    return undefined
  }
}

function observe({ _callbacks, _batchCallbacks }: Observables, time: HrTime): void {
  for (const { callback, instrument } of _callbacks) {
    const seen = new Map<Attributes, number>()
    if (answers(() => callback({ observe: (value, attributes = {}) => seen.set(attributes, value) }))) record(instrument, seen, time)
  }
  for (const { callback, instruments } of _batchCallbacks) {
    const seen = new Map<Instrument, Map<Attributes, number>>()
    const note = (instrument: Instrument, value: number, attributes: Attributes = {}) => {
      const of = seen.get(instrument) ?? new Map<Attributes, number>()
      seen.set(instrument, of.set(attributes, value))
    }
    if (!answers(() => callback({ observe: note }))) continue
    for (const instrument of instruments) {
      const of = seen.get(instrument)
      if (of !== undefined) record(instrument, of, time)
    }
  }
}

const record = (instrument: Instrument, seen: Map<Attributes, number>, time: HrTime) => {
  for (const storage of instrument._metricStorages) storage.record(seen, time)
}

/** A callback that throws has nothing to say; of one that waits, what it said so far counts. */
function answers(callback: () => unknown): boolean {
  try {
    const waits = callback() as Promise<unknown> | undefined
    waits?.catch?.(() => {})
    return true
  } catch {
    return false
  }
}

interface Collector {
  readonly _sharedState: {
    readonly resource: ResourceMetrics['resource']
    readonly meterSharedStates: ReadonlyMap<string, MeterState>
  }
}
interface MeterState {
  readonly _instrumentationScope: ResourceMetrics['scopeMetrics'][number]['scope']
  readonly observableRegistry: Observables
  readonly metricStorageRegistry: {
    getStorages(collector: Collector): { collect(collector: Collector, time: HrTime): MetricData | undefined }[]
  }
}
interface Instrument {
  readonly _metricStorages: Iterable<{ record(seen: Map<Attributes, number>, time: HrTime): void }>
}
interface Observables {
  readonly _callbacks: readonly {
    callback: (result: { observe(value: number, attributes?: Attributes): void }) => unknown
    instrument: Instrument
  }[]
  readonly _batchCallbacks: readonly {
    callback: (result: { observe(instrument: Instrument, value: number, attributes?: Attributes): void }) => unknown
    instruments: Iterable<Instrument>
  }[]
}
