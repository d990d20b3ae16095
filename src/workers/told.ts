/**
 * Which ids of an ingest thread's dictionary the main thread knows, because it has been shipped a batch's bytes with them. It is told again before
 * its own dictionary could take a name for idle, and when an id here names something else.
 */
import type { MetricBatch } from '../model/batch.ts'
import type { Dictionary } from '../model/dictionary.ts'
import { pointGroups } from './translation.ts'

/** [ms] well below the ten minutes after which a dictionary forgets a name that it has not read again */
export const tellAgainMs = 4 * 60_000

export class Told {
  /** by series, and by bounds: [ms, monotonic] until when it is known */
  #series = new Float64Array(0)
  #bounds = new Float64Array(0)
  /** by series: of which generation `#series` speaks */
  #generations = new Uint32Array(0)
  #sweeps = 0

  knows(batch: MetricBatch, nowMs: number): boolean {
    this.#follow(batch.dictionary)
    const { histograms, dictionary } = batch
    if (histograms.length > 0 && !all(histograms.bounds, this.#bounds, nowMs)) return false
    return pointGroups(batch).every(({ series }) => all(series, this.#series, nowMs) && this.#isSame(series, dictionary))
  }

  #isSame(series: Int32Array, dictionary: Dictionary): boolean {
    for (let i = 0; i < series.length; i++) {
      const id = series[i]!
      if (id >= 0 && this.#generations[id] !== dictionary.generation(id)) return false
    }
    return true
  }

  /** Its bytes are shipped: what comes after them may speak of what they name. */
  tell(batch: MetricBatch, nowMs: number): void {
    const until = nowMs + tellAgainMs
    for (const { series } of pointGroups(batch)) {
      for (const id of series) {
        if (id < 0) continue
        this.#series[id] = until
        this.#generations[id] = batch.dictionary.generation(id)
      }
    }
    for (const id of batch.histograms.bounds) {
      if (id >= this.#bounds.length) this.#bounds = grown(this.#bounds, id)
      if (id >= 0) this.#bounds[id] = until
    }
  }

  /** Bounds are freed, and their ids come to name others, in sweeps only. */
  #follow(dictionary: Dictionary): void {
    if (this.#series.length < dictionary.capacity) this.#grow(dictionary)
    if (this.#sweeps === dictionary.sweeps) return
    this.#sweeps = dictionary.sweeps
    this.#bounds.fill(0)
  }

  #grow({ capacity }: Dictionary): void {
    this.#series = grown(this.#series, capacity)
    const generations = new Uint32Array(this.#series.length)
    generations.set(this.#generations)
    this.#generations = generations
  }
}

function all(ids: Int32Array, until: Float64Array, nowMs: number): boolean {
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]!
    if (id >= 0 && !(until[id]! > nowMs)) return false
  }
  return true
}

function grown(values: Float64Array, id: number): Float64Array<ArrayBuffer> {
  const wider = new Float64Array(Math.max(1024, 2 * id))
  wider.set(values)
  return wider
}
