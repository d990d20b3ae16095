/**
 * The label texts of many series, by number. A hundred thousand of them as strings are thirty megabytes that every garbage collection
 * walks over; but they are made of few different labels. So each distinct `name="value"` is kept once, and a text is a list of their
 * numbers in a column.
 */
export class LabelTexts {
  /** by part: `name="value"` */
  readonly #parts: string[] = []
  readonly #idOf = new Map<string, number>()
  /** by part: how many texts have it */
  #uses = new Uint32Array(0)
  readonly #freeParts: number[] = []
  /** the parts of all texts, one text after the other */
  #pool = new Uint32Array(1024)
  /** entries of the pool that were ever written, and those that are still meant */
  #written = 0
  #live = 0
  /** by text: where its parts are in the pool */
  #from = new Uint32Array(0)
  #length = new Uint32Array(0)

  /** @param parts as `showEach` has them */
  set(at: number, parts: readonly string[]): void {
    if (at >= this.#length.length) {
      this.#from = grown(this.#from, at + 1)
      this.#length = grown(this.#length, at + 1)
    }
    this.delete(at)
    this.#makeRoom(parts.length)
    this.#from[at] = this.#written
    this.#length[at] = parts.length
    for (const part of parts) this.#pool[this.#written++] = this.#use(part)
    this.#live += parts.length
  }

  /** 32 bits, signed, the same for the same parts; undefined where no text has these parts. */
  hash(parts: readonly string[]): number | undefined {
    let hash = 0x811c9dc5
    for (const part of parts) {
      const id = this.#idOf.get(part)
      if (id === undefined) return undefined
      hash = Math.imul(hash ^ id, 0x01000193)
      hash ^= hash >>> 15
    }
    return hash
  }

  /** Whether the text at `at` is made of these parts. */
  is(at: number, parts: readonly string[]): boolean {
    const from = this.#from[at]!
    return this.#length[at] === parts.length && parts.every((part, i) => this.#parts[this.#pool[from + i]!] === part)
  }

  get(at: number): string {
    const from = this.#from[at]!
    const to = from + this.#length[at]!
    if (from === to) return ''
    let text = this.#parts[this.#pool[from]!]!
    for (let i = from + 1; i < to; i++) text += `,${this.#parts[this.#pool[i]!]!}`
    return text
  }

  delete(at: number): void {
    const from = this.#from[at]!
    const length = this.#length[at]!
    for (let i = from; i < from + length; i++) this.#leave(this.#pool[i]!)
    this.#live -= length
    this.#length[at] = 0
  }

  #use(part: string): number {
    let id = this.#idOf.get(part)
    if (id === undefined) {
      id = this.#freeParts.pop() ?? this.#parts.length
      if (id >= this.#uses.length) this.#uses = grown(this.#uses, id + 1)
      this.#parts[id] = part
      this.#idOf.set(part, id)
    }
    this.#uses[id]!++
    return id
  }

  #leave(id: number): void {
    if (--this.#uses[id]! > 0) return
    this.#idOf.delete(this.#parts[id]!)
    this.#parts[id] = ''
    this.#freeParts.push(id)
  }

  /** A full pool is written anew without what is gone, and grows only if more than half of it is meant. */
  #makeRoom(length: number): void {
    if (this.#written + length <= this.#pool.length) return
    const old = this.#pool
    this.#pool = new Uint32Array(2 ** Math.ceil(Math.log2(2 * (this.#live + length) + 1024)))
    this.#written = 0
    for (let at = 0; at < this.#length.length; at++) {
      const from = this.#from[at]!
      this.#from[at] = this.#written
      for (let i = from; i < from + this.#length[at]!; i++) this.#pool[this.#written++] = old[i]!
    }
  }
}

/** Doubles. */
function grown(from: Uint32Array<ArrayBuffer>, length: number): Uint32Array<ArrayBuffer> {
  const to = new Uint32Array(2 ** Math.ceil(Math.log2(Math.max(length, 64))))
  to.set(from)
  return to
}
