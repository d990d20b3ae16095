/** What one MeterProvider is told: an observable for each instrument that has a series, and values where its own histograms keep them. */
import type { Meter, Histogram as MeterHistogram, Observable, ObservableResult } from '@opentelemetry/api'
import type { Definition } from './definition.ts'
import { HistogramHandle } from './handles.ts'
import type { Bound } from './instrument.ts'
import { currentValue, type Series } from './series.ts'

export class Observation {
  readonly #meter: Meter
  readonly #records: boolean
  readonly #observed = new Set<string>()
  readonly #histograms = new Map<string, MeterHistogram>()
  readonly #end: (() => void)[] = []

  constructor(meter: Meter, records: boolean) {
    this.#meter = meter
    this.#records = records
  }

  /** `all`: the instrument's series, those to come too. */
  add({ series, handle }: Bound, all: readonly Series[]): void {
    if (!(handle instanceof HistogramHandle)) this.#observe(series.definition, all)
    else if (this.#records) this.#record(handle, series)
  }

  close(): void {
    for (const end of this.#end.splice(0)) end()
  }

  #observe(definition: Definition, all: readonly Series[]): void {
    if (this.#observed.has(definition.name)) return
    this.#observed.add(definition.name)
    const observable = observableOf(this.#meter, definition)
    const tell = (result: ObservableResult) => {
      for (const series of all) {
        const value = currentValue(series)
        if (!Number.isNaN(value)) result.observe(value, series.attributes)
      }
    }
    observable.addCallback(tell)
    this.#end.push(() => observable.removeCallback(tell))
  }

  #record(handle: HistogramHandle, { definition, attributes }: Series): void {
    const { name, unit, description, bounds = [] } = definition
    const histogram =
      this.#histograms.get(name) ??
      this.#meter.createHistogram(name, { unit, description, advice: { explicitBucketBoundaries: [...bounds] } })
    this.#histograms.set(name, histogram)
    this.#end.push(handle.forward(value => histogram.record(value, attributes)))
  }
}

function observableOf(meter: Meter, { kind, name, unit, description }: Definition): Observable {
  const options = { unit, description }
  if (kind === 'counter') return meter.createObservableCounter(name, options)
  return kind === 'gauge' ? meter.createObservableGauge(name, options) : meter.createObservableUpDownCounter(name, options)
}
