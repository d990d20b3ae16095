/**
 * Which ids of an ingest thread's dictionary the main thread knows, because it has been shipped a batch's bytes with them. It is told again before
 * its own dictionary could take a name for idle, and when an id here names something else.
 */
import type { MetricBatch, PointColumns } from '../model/batch.ts'
import type { Dictionary } from '../model/dictionary.ts'
import { pointGroups } from './translation.ts'

/** [ms] well below the ten minutes after which a dictionary forgets a name that it has not read again */
export const tellAgainMs = 4 * 60_000

export class Told {
  /** by series, and by bounds: 1 where it is known */
  #series = new Uint8Array(0)
  #bounds = new Uint8Array(0)
  /** by series: of which generation `#series` speaks */
  #generations = new Uint32Array(0)
  #changes = 0
  #sweeps = 0
  /** [ms, monotonic] when all of it begins anew */
  #until = Number.NEGATIVE_INFINITY

  /** Asked for every batch: one look for each row, and nothing is made. */
  knows({ numbers, histograms, exponentials, summaries, dictionary }: MetricBatch, nowMs: number): boolean {
    this.#follow(dictionary, nowMs)
    if (!this.#knowsAll(numbers) || !this.#knowsAll(exponentials) || !this.#knowsAll(summaries)) return false
    return this.#knowsAll(histograms) && (histograms.length === 0 || all(histograms.bounds, this.#bounds))
  }

  #knowsAll(points: PointColumns): boolean {
    return points.length === 0 || all(points.series, this.#series)
  }

  /** Its bytes are shipped: what comes after them may speak of what they name. */
  tell(batch: MetricBatch, nowMs: number): void {
    this.#follow(batch.dictionary, nowMs)
    for (const { series } of pointGroups(batch)) {
      for (const id of series) {
        if (id < 0) continue
        this.#series[id] = 1
        this.#generations[id] = batch.dictionary.generation(id)
      }
    }
    for (const id of batch.histograms.bounds) {
      if (id >= this.#bounds.length) this.#bounds = grown(this.#bounds, id + 1)
      if (id >= 0) this.#bounds[id] = 1
    }
  }

  #follow(dictionary: Dictionary, nowMs: number): void {
    if (this.#series.length < dictionary.capacity) this.#grow(dictionary.capacity)
    if (nowMs >= this.#until) {
      this.#until = nowMs + tellAgainMs
      this.#series.fill(0)
      this.#bounds.fill(0)
    }
    if (this.#changes !== dictionary.changes) this.#dropOthers(dictionary)
    // Bounds are freed, and their ids come to name others, in sweeps only.
    if (this.#sweeps === dictionary.sweeps) return
    this.#sweeps = dictionary.sweeps
    this.#bounds.fill(0)
  }

  /** What an id has come to name since it was told is not known. */
  #dropOthers(dictionary: Dictionary): void {
    this.#changes = dictionary.changes
    for (let id = 0; id < this.#series.length; id++) if (this.#generations[id] !== dictionary.generation(id)) this.#series[id] = 0
  }

  #grow(capacity: number): void {
    this.#series = grown(this.#series, capacity)
    const generations = new Uint32Array(this.#series.length)
    generations.set(this.#generations)
    this.#generations = generations
  }
}

function all(ids: Int32Array, known: Uint8Array): boolean {
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]!
    if (id >= 0 && known[id] !== 1) return false
  }
  return true
}

function grown(values: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const wider = new Uint8Array(Math.max(1024, 2 * length))
  wider.set(values)
  return wider
}
