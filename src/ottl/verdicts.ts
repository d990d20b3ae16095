/** What was decided about a series, for as long as its id names the same: five bytes for each id that was ever given out. */
import type { Dictionary } from '../model/dictionary.ts'

const UNKNOWN = 0

export class SeriesVerdicts {
  #verdicts = new Uint8Array()
  #generations = new Uint32Array()

  /** The verdict on `series`, from 1 to 255; 0 where there is none, as always for rows without a series (-1): then it is decided, and `remember`ed. */
  find(dictionary: Dictionary, series: number): number {
    if (series < 0 || series >= this.#verdicts.length || this.#generations[series] !== dictionary.generation(series)) return UNKNOWN
    return this.#verdicts[series]!
  }

  remember(dictionary: Dictionary, series: number, verdict: number): number {
    if (series < 0) return verdict
    if (series >= this.#verdicts.length) this.#grow(Math.max(dictionary.capacity, series + 1))
    this.#verdicts[series] = verdict
    this.#generations[series] = dictionary.generation(series)
    return verdict
  }

  #grow(length: number): void {
    const size = Math.max(1024, length, 2 * this.#verdicts.length)
    const [verdicts, generations] = [this.#verdicts, this.#generations]
    this.#verdicts = new Uint8Array(size)
    this.#verdicts.set(verdicts)
    this.#generations = new Uint32Array(size)
    this.#generations.set(generations)
  }
}
