/** The series of the last page in the order of their lines. The next page has most of them in the same order: a comparison finds them, no text is made. */
import { viewOf } from './bytes.ts'

const SPACE = 0x20
const OPEN = 0x7b
const CLOSE = 0x7d

/** [lines] that may have gone at one place before the order is lost there */
const lookAhead = 4
const empty = new Uint8Array()

export class Order<E> {
  /** a copy of the last page, and where in it each series begins and ends */
  #page: Uint8Array = empty
  #view = viewOf(empty)
  #places: number[] = []
  #entries: E[] = []
  #at = 0
  /** of the page in hand */
  #next: Uint8Array = empty
  #nextView = viewOf(empty)
  #nextPlaces: number[] = []
  #nextEntries: E[] = []

  begin(page: Uint8Array): void {
    this.#next = page
    this.#nextView = viewOf(page)
    this.#nextPlaces = []
    this.#nextEntries = []
    this.#at = 0
  }

  /** The entry of the series that begins at `from`, and where it ends, if it is one of the next. */
  guess(from: number, end: number): { readonly entry: E; readonly to: number } | undefined {
    const last = Math.min(this.#at + lookAhead, this.#entries.length)
    for (let i = this.#at; i < last; i++) {
      const to = from + this.#places[2 * i + 1]! - this.#places[2 * i]!
      if (to >= end || !this.#same(from, to, this.#places[2 * i]!)) continue
      // A name alone could go on.
      if (this.#next[to - 1] !== CLOSE && (this.#next[to] !== SPACE || this.#next[to + 1] === SPACE || this.#next[to + 1] === OPEN))
        continue
      this.#at = i + 1
      this.#found.entry = this.#entries[i]!
      this.#found.to = to
      return this.#found as { entry: E; to: number }
    }
    return undefined
  }
  readonly #found: { entry: E | undefined; to: number } = { entry: undefined, to: 0 }

  #same(from: number, to: number, old: number): boolean {
    const view = this.#nextView
    const before = this.#view
    let at = from
    let k = old
    for (; at + 4 <= to; at += 4, k += 4) if (view.getInt32(at, true) !== before.getInt32(k, true)) return false
    for (; at < to; at++, k++) if (this.#next[at] !== this.#page[k]) return false
    return true
  }

  add(entry: E, from: number, to: number): void {
    this.#nextPlaces.push(from, to)
    this.#nextEntries.push(entry)
  }

  /** The page in hand is the last one now. */
  end(): void {
    const size = this.#next.length
    if (this.#page.length < size) {
      this.#page = new Uint8Array(size + (size >> 3))
      this.#view = viewOf(this.#page)
    }
    this.#page.set(this.#next)
    this.#places = this.#nextPlaces
    this.#entries = this.#nextEntries
    this.#next = empty
  }

  /** All of it, the room too. */
  letGo(): void {
    this.#entries = []
    this.#page = this.#next = empty
    this.#view = this.#nextView = viewOf(empty)
    this.#places = []
  }
}
