/** What was decided about a series, for as long as its id names the same: five bytes for each id that was ever given out. */
import type { Dictionary } from '../model/dictionary.ts'

const UNKNOWN = 0

export class SeriesVerdicts {
  #verdicts = new Uint8Array()
  #generations = new Uint32Array()

  /** The verdict on `series`, from 1 to 255, decided now if it was not before. Rows without a series (-1) are decided each time. */
  of(dictionary: Dictionary, series: number, decide: () => number): number {
    if (series < 0) return decide()
    if (series >= this.#verdicts.length) this.#grow(Math.max(dictionary.capacity, series + 1))
    const generation = dictionary.generation(series)
    const known = this.#verdicts[series]!
    if (known !== UNKNOWN && this.#generations[series] === generation) return known
    const verdict = decide()
    this.#verdicts[series] = verdict
    this.#generations[series] = generation
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
