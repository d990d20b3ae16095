/**
 * A meter for one instance of a component: what it observes is forgotten when the instance is gone, so that a reload leaves behind neither
 * the component nor its last reading. Counters and histograms go on where they were.
 */
import type { BatchObservableCallback, Meter, Observable, ObservableCallback } from '@opentelemetry/api'

export class KeptMeter {
  readonly meter: Meter
  readonly #forget = new Set<() => void>()

  constructor(of: Meter) {
    const tracked = <O extends Observable>(instrument: O): O => this.#track(instrument)
    this.meter = {
      createGauge: (name, options) => of.createGauge(name, options),
      createHistogram: (name, options) => of.createHistogram(name, options),
      createCounter: (name, options) => of.createCounter(name, options),
      createUpDownCounter: (name, options) => of.createUpDownCounter(name, options),
      createObservableGauge: (name, options) => tracked(of.createObservableGauge(name, options)),
      createObservableCounter: (name, options) => tracked(of.createObservableCounter(name, options)),
      createObservableUpDownCounter: (name, options) => tracked(of.createObservableUpDownCounter(name, options)),
      addBatchObservableCallback: (callback: BatchObservableCallback, observables: Observable[]) => {
        of.addBatchObservableCallback(callback, observables)
        this.#forget.add(() => of.removeBatchObservableCallback(callback, observables))
      },
      removeBatchObservableCallback: (callback: BatchObservableCallback, observables: Observable[]) =>
        of.removeBatchObservableCallback(callback, observables),
    }
  }

  close(): void {
    for (const forget of this.#forget) forget()
    this.#forget.clear()
  }

  /** The instrument itself, which the SDK knows again when it is given to a batch callback. */
  #track<O extends Observable>(instrument: O): O {
    const add = instrument.addCallback.bind(instrument)
    instrument.addCallback = (callback: ObservableCallback) => {
      add(callback)
      this.#forget.add(() => instrument.removeCallback(callback))
    }
    return instrument
  }
}
