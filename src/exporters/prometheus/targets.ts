/** `target_info`: for every target with a series on the page, what its resource says beside job and instance. */

import type { Target } from '../../exposition/describe.ts'
import type { Family, Row } from '../../exposition/families.ts'

interface Known {
  readonly key: string
  labels: string
  /** how many slots are of this target */
  series: number
  place: number
}

export class Targets implements Family {
  readonly name: string
  readonly type = 'gauge'
  readonly unit = ''
  readonly help = 'Target metadata'
  readonly #byKey = new Map<string, Known>()
  readonly #list: Known[] = []
  readonly #ofSlot: (Known | undefined)[] = []

  constructor(name: string) {
    this.name = name
  }
  get length(): number {
    return this.#list.length
  }
  read(i: number, row: Row): boolean {
    row.labels = this.#list[i]!.labels
    row.shape = 'number'
    row.value = 1
    row.time = Number.NaN
    row.start = 0
    row.exemplars = []
    return true
  }

  /** A series of `target` has come; what its resource says now is what counts. */
  enter(slot: number, target: Target): void {
    let known = this.#byKey.get(target.key)
    if (known === undefined) {
      known = { key: target.key, labels: '', series: 0, place: this.#list.length }
      this.#byKey.set(target.key, known)
      this.#list.push(known)
    }
    known.labels = target.labels
    known.series++
    this.#ofSlot[slot] = known
  }

  leave(slot: number): void {
    const known = this.#ofSlot[slot]
    if (known === undefined) return
    this.#ofSlot[slot] = undefined
    known.series--
    if (known.series > 0) return
    this.#byKey.delete(known.key)
    const last = this.#list.pop()!
    if (last !== known) {
      this.#list[known.place] = last
      last.place = known.place
    }
  }
}
