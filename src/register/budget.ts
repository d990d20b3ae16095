/** The parts of instrumentation that a budget leaves out, in order, and what is said of it. */
import { type Meter, ProxyTracerProvider, type TracerProvider } from '@opentelemetry/api'
import { systemClock } from '../lib/clock.ts'
import type { Found } from './instrumentations.ts'
import { everyUnheld, say } from './outside.ts'
import { Overhead, type Part } from './overhead.ts'

/** Something that runs, ends, and can begin again. */
export class Restartable implements Disposable {
  readonly #begin: () => Disposable
  #running: Disposable | undefined

  constructor(begin: () => Disposable) {
    this.#begin = begin
    this.on()
  }
  on(): void {
    this.#running ??= this.#begin()
  }
  off(): void {
    this.#running?.[Symbol.dispose]()
    this.#running = undefined
  }
  [Symbol.dispose](): void {
    this.off()
  }
}

/** Spans of libraries: they go on, and make none. */
export function libraries({ instrumentations }: Found, tracers: TracerProvider): Part {
  const nobody = new ProxyTracerProvider()
  const give = (provider: TracerProvider) => {
    for (const { instrumentation } of instrumentations) instrumentation.setTracerProvider(provider)
  }
  return { name: 'spans of libraries', off: () => give(nobody), on: () => give(tracers) }
}

/** Judges every second, says what changes, and tells it as metrics. */
export function keepBudget(budgetMs: number, parts: readonly Part[], meter: Meter | undefined, aloud: boolean): Overhead & Disposable {
  const overhead = new Overhead({
    budgetMs,
    parts,
    monotonic: systemClock.monotonic,
    changed: (part, off, p99Ms) => {
      const took = `instrumentation took ${p99Ms.toFixed(2)} ms of a request (p99), more than ${budgetMs} ms`
      if (aloud) say(off ? `thalamus: ${took}: ${part} are left out` : `thalamus: ${part} are back`)
    },
  })
  meter
    ?.createObservableGauge('thalamus.overhead.shed', { unit: '1', description: 'Whether a part of instrumentation is left out, by part.' })
    .addCallback(result => {
      for (const [part, off] of overhead.parts) result.observe(off ? 1 : 0, { 'thalamus.overhead.part': part })
    })
  meter
    ?.createObservableGauge('thalamus.overhead.p99', {
      unit: 's',
      description: 'What instrumentation takes of a request, 99th percentile of ten seconds.',
    })
    .addCallback(result => {
      const p99 = overhead.p99Ms
      if (!Number.isNaN(p99)) result.observe(p99 / 1000)
    })
  const timer = everyUnheld(1000, () => overhead.tick())
  return Object.assign(overhead, { [Symbol.dispose]: () => timer[Symbol.dispose]() })
}
