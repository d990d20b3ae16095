/**
 * `target_info`: for every target with a series on the page, what its resource says beside job and instance. Where somebody has told it as a series of
 * Prometheus, whose resource is a job and an instance and no more, that series stands there instead.
 */

import type { Target } from '../../exposition/describe.ts'
import type { Family, Row } from '../../exposition/families.ts'

interface Known {
  readonly key: string
  labels: string
  /** how many slots are of this target, without those of `told` */
  series: number
  /** slots of `target_info` as it was told */
  readonly told: Set<number>
  place: number
}

/** A series that was told, by its slot. */
interface Told {
  readonly slot: number
  readonly of: Known | undefined
  place: number
}

export class Targets implements Family {
  readonly name: string
  readonly type = 'gauge'
  readonly unit = ''
  readonly help = 'Target metadata'
  readonly #byKey = new Map<string, Known>()
  /** nothing in it moves while the page is read */
  readonly #list: (Known | Told)[] = []
  readonly #ofSlot: (Known | Told | undefined)[] = []
  readonly #show: (slot: number, row: Row) => boolean

  /** @param show fills a row with what was told there; false where it is over */
  constructor(name: string, show: (slot: number, row: Row) => boolean) {
    this.name = name
    this.#show = show
  }
  get length(): number {
    return this.#list.length
  }
  read(i: number, row: Row): boolean {
    const at = this.#list[i]!
    if ('slot' in at) return this.#show(at.slot, row)
    if (at.series === 0) return false
    for (const slot of at.told) if (this.#show(slot, row)) return false
    row.labels = at.labels
    row.shape = 'number'
    row.value = 1
    row.time = Number.NaN
    row.start = 0
    row.exemplars = []
    return true
  }

  /** A series of `target` has come; what its resource says now is what counts, if it says anything. */
  enter(slot: number, target: Target): void {
    const known = this.#meet(target)
    if (known.labels === '' || target.labelValues.size > 2) known.labels = target.labels
    known.series++
    this.#ofSlot[slot] = known
  }

  /** A series of `target_info` itself has come. @param target undefined: it names none */
  enterTold(slot: number, target: Target | undefined): void {
    const known = target === undefined ? undefined : this.#meet(target)
    known?.told.add(slot)
    const told = { slot, of: known, place: this.#list.length }
    this.#list.push(told)
    this.#ofSlot[slot] = told
  }

  #meet({ key }: Target): Known {
    let known = this.#byKey.get(key)
    if (known === undefined) {
      known = { key, labels: '', series: 0, told: new Set(), place: this.#list.length }
      this.#byKey.set(key, known)
      this.#list.push(known)
    }
    return known
  }

  leave(slot: number): void {
    const left = this.#ofSlot[slot]
    if (left === undefined) return
    this.#ofSlot[slot] = undefined
    if ('slot' in left) this.#take(left)
    const known = 'slot' in left ? left.of : left
    if (known === undefined) return
    if (known === left) known.series--
    else known.told.delete(slot)
    if (known.series > 0 || known.told.size > 0) return
    this.#byKey.delete(known.key)
    this.#take(known)
  }

  /** Its place in the list is the last one's. */
  #take(gone: Known | Told): void {
    const last = this.#list.pop()!
    if (last === gone) return
    this.#list[gone.place] = last
    last.place = gone.place
  }
}
