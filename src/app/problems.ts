/** By component: why it cannot go on. What changed is told once a turn: threads tell theirs again and again. */
export class Problems extends Map<string, string> {
  readonly #changed: (id: string, problem: string | undefined) => void
  #told: ReadonlyMap<string, string> = new Map()
  #due = false

  constructor(changed: (id: string, problem: string | undefined) => void) {
    super()
    this.#changed = changed
  }
  override set(id: string, problem: string): this {
    super.set(id, problem)
    this.#tell()
    return this
  }
  override delete(id: string): boolean {
    this.#tell()
    return super.delete(id)
  }
  #tell(): void {
    if (this.#due) return
    this.#due = true
    queueMicrotask(() => {
      this.#due = false
      const before = this.#told
      this.#told = new Map(this)
      for (const id of new Set([...before.keys(), ...this.keys()])) if (before.get(id) !== this.get(id)) this.#changed(id, this.get(id))
    })
  }
}
