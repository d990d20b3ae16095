/** Who answers questions about series: exporters that keep samples offer themselves here; the Prometheus API, rules and whoever else asks finds them. */
import type { Store } from '../model/query.ts'

export interface Queries {
  /**
   * From here on `store` answers for `id`, until it is disposed of. Of two that offer themselves as one id, as the successor of a reload
   * does beside what it replaces, the later answers.
   */
  offer(id: string, store: Store): Disposable
  /** The one of that id; without an id the one that has offered itself for longest. undefined: nobody, at the moment; ask anew for every question. */
  get(id?: string): Store | undefined
  /** the ids of all, in the order they came */
  readonly ids: readonly string[]
}

export class OfferedStores implements Queries {
  /** by id, in the order ids came: who offers, the last of them answers */
  readonly #offers = new Map<string, Store[]>()

  offer(id: string, store: Store): Disposable {
    const offers = this.#offers.get(id) ?? []
    this.#offers.set(id, offers)
    offers.push(store)
    return {
      [Symbol.dispose]: () => {
        const at = offers.lastIndexOf(store)
        if (at >= 0) offers.splice(at, 1)
        if (offers.length === 0 && this.#offers.get(id) === offers) this.#offers.delete(id)
      },
    }
  }

  get(id?: string): Store | undefined {
    const offers = id === undefined ? this.#offers.values().next().value : this.#offers.get(id)
    return offers?.at(-1)
  }

  get ids(): readonly string[] {
    return [...this.#offers.keys()]
  }
}
