/** A place where components find each other by what they do: whoever can do it offers itself under its id, and whoever needs it asks for each use anew. */

export interface Offers<T> {
  /**
   * From here on `thing` answers for `id`, until it is disposed of. Of two that offer themselves as one id, as the successor of a reload
   * does beside what it replaces, the later answers.
   */
  offer(id: string, thing: T): Disposable
  /** The one of that id; without an id the one that has offered itself for longest. undefined: nobody, at the moment. */
  get(id?: string): T | undefined
  /** the ids of all, in the order they came */
  readonly ids: readonly string[]
}

export class Offered<T> implements Offers<T> {
  /** by id, in the order ids came: who offers, the last of them answers */
  readonly #offers = new Map<string, T[]>()

  offer(id: string, thing: T): Disposable {
    const offers = this.#offers.get(id) ?? []
    this.#offers.set(id, offers)
    offers.push(thing)
    return {
      [Symbol.dispose]: () => {
        const at = offers.lastIndexOf(thing)
        if (at >= 0) offers.splice(at, 1)
        if (offers.length === 0 && this.#offers.get(id) === offers) this.#offers.delete(id)
      },
    }
  }

  get(id?: string): T | undefined {
    const offers = id === undefined ? this.#offers.values().next().value : this.#offers.get(id)
    return offers?.at(-1)
  }

  get ids(): readonly string[] {
    return [...this.#offers.keys()]
  }
}
