/** The ids of traces that were decided, as many as allowed, the least recently asked for forgotten first. */
export class Remembered {
  readonly #most: number
  readonly #ids = new Set<string>()

  constructor(most: number) {
    this.#most = most
  }

  add(id: string): void {
    if (this.#most === 0) return
    this.#ids.delete(id)
    this.#ids.add(id)
    if (this.#ids.size > this.#most) for (const oldest of this.#ids) return void this.#ids.delete(oldest)
  }

  has(id: string): boolean {
    if (!this.#ids.delete(id)) return false
    this.#ids.add(id)
    return true
  }
}
