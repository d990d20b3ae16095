/** A run of whole families that stays as it is but for its numbers: what it looks like on the page, and what it became. */
import { readNumber } from '../../exposition/read-number.ts'
import { type Output, putCount, putNanos, viewOf } from './bytes.ts'
import type { Draft } from './drafts.ts'
import type { Entry } from './entry.ts'
import type { Slots } from './slots.ts'
import type { ScopeNode, Told } from './tree.ts'

const NEWLINE = 0x0a
const HASH = 0x23
/** Powers of ten that a double holds exactly. */
const tens = Float64Array.from({ length: 23 }, (_, i) => 10 ** i)

/** What a piece became in one scope: whole metrics, one after the other. */
export class Fragment {
  readonly scope: ScopeNode
  /** what of it will be missed; given up when the page has been the same for long */
  told: readonly Told[]
  readonly piece: Piece
  readonly #bytes: Uint8Array
  /** pairs of a place in the bytes and a line of the piece, after them runs as `Slots` has them; `#ends` says where each kind ends */
  readonly #places: Int32Array
  readonly #ends: readonly number[]

  /** @param at [bytes] where `bytes` begins in what `slots` counts from @param line likewise of lines */
  constructor(piece: Piece, scope: ScopeNode, told: readonly Told[], bytes: Uint8Array, slots: Slots, at: number, line: number) {
    this.piece = piece
    this.scope = scope
    this.told = told
    this.#bytes = bytes
    const places: number[] = []
    const ends: number[] = []
    for (const pairs of [slots.doubles, slots.counts, slots.starts]) {
      for (let i = 0; i < pairs.length; i += 2) if (pairs[i + 1]! >= 0) places.push(pairs[i]! - at, pairs[i + 1]! - line)
      ends.push(places.length)
    }
    for (const time of slots.times) places.push(time - at)
    ends.push(places.length)
    const runs = slots.histograms
    for (let i = 0; i < runs.length; ) {
      places.push(runs[i]! - at, runs[i + 1]! - line, runs[i + 2]!)
      const end = i + 3 + runs[i + 2]!
      for (i += 3; i < end; i++) places.push(runs[i]! - line)
    }
    this.#places = Int32Array.from(places)
    this.#ends = ends
  }

  get size(): number {
    return this.#bytes.length + this.#places.byteLength
  }

  /** The numbers are those that `Plan.find` read, the time is the output's. */
  write(output: Output, values: Float64Array): void {
    const from = output.at
    output.raw(this.#bytes)
    const { view } = output
    const line = this.piece.at
    const places = this.#places
    const [doubles, counts, starts, times] = this.#ends as [number, number, number, number]
    let i = 0
    for (; i < doubles; i += 2) view.setFloat64(from + places[i]!, values[line + places[i + 1]!]!, true)
    for (; i < counts; i += 2) putCount(view, from + places[i]!, values[line + places[i + 1]!]!)
    for (; i < starts; i += 2) putNanos(view, from + places[i]!, values[line + places[i + 1]!]! * 1000)
    for (; i < times; i++) {
      view.setUint32(from + places[i]!, output.timeLow, true)
      view.setUint32(from + places[i]! + 4, output.timeHigh, true)
    }
    while (i < places.length) {
      let at = from + places[i]!
      const total = values[line + places[i + 1]!]!
      const end = i + 3 + places[i + 2]!
      let below = 0
      for (i += 3; i < end; i++, at += 8) {
        const upTo = values[line + places[i]!]!
        putCount(view, at, upTo - below)
        below = upTo
      }
      putCount(view, at, total - below)
    }
  }

  /** Whether a start time would be none now. */
  unstarted(values: Float64Array): boolean {
    for (let i = this.#ends[1]!; i < this.#ends[2]!; i += 2) if (values[this.piece.at + this.#places[i + 1]!] === 0) return true
    return false
  }
}

export interface PieceFrom {
  readonly draft: Draft
  readonly page: Uint8Array
  /** pairs: where each number begins and ends on the page, of all lines that were read one by one */
  readonly numbers: readonly number[]
  readonly entries: readonly Entry[]
}

export class Piece {
  readonly lines: number
  /** [samples] that metric relabelling left */
  readonly kept: number
  readonly left: Readonly<Record<string, number>>
  /** lines that tell of a resource or scope */
  readonly infos: readonly Entry[]
  /** families that it describes */
  readonly said: readonly string[]
  /** given up when the page has been the same for long */
  entries: readonly Entry[]
  fragments: readonly Fragment[] = []
  /** the search that found it last */
  used = -1
  /** where its numbers are among those that were read */
  at = 0
  index = 0
  /** its first line if that is a comment */
  readonly title: string
  /** the piece without its numbers … */
  readonly #text: Uint8Array
  readonly #view: DataView
  /** … and the length of what is in front of each number, and of the rest */
  readonly #lengths: Int32Array

  constructor({ draft, page, numbers, entries }: PieceFrom) {
    const { from, to, first, lines } = draft
    this.lines = lines
    this.kept = draft.kept
    this.left = draft.left
    this.infos = draft.infos
    this.said = draft.said
    this.entries = entries
    this.#lengths = new Int32Array(lines + 1)
    let size = to - from
    for (let i = first; i < first + lines; i++) size -= numbers[2 * i + 1]! - numbers[2 * i]!
    this.#text = new Uint8Array(size)
    let at = 0
    let begin = from
    for (let i = 0; i <= lines; i++) {
      const end = i === lines ? to : numbers[2 * (first + i)]!
      this.#text.set(page.subarray(begin, end), at)
      this.#lengths[i] = end - begin
      at += end - begin
      begin = numbers[2 * (first + i) + 1]!
    }
    this.#view = viewOf(this.#text)
    this.title = titleOf(page, from)
  }

  /** [bytes] */
  get size(): number {
    return this.#text.length + this.#lengths.byteLength + this.fragments.reduce((sum, { size }) => sum + size, 500)
  }

  /** The same lines, and every number is 0. */
  page(): Uint8Array {
    const page = new Uint8Array(this.#text.length + this.lines)
    let at = 0
    let from = 0
    for (let i = 0; i <= this.lines; i++) {
      const to = from + this.#lengths[i]!
      page.set(this.#text.subarray(from, to), at)
      at += to - from
      if (i < this.lines) page[at++] = 0x30
      from = to
    }
    return page
  }

  /** Reads its numbers to `values[to]` and the following. @returns where it ends on the page; -1 where something else differs */
  read(page: Uint8Array, view: DataView, begin: number, size: number, values: Float64Array, to: number): number {
    const text = this.#text
    const lengths = this.#lengths
    const textView = this.#view
    const lines = this.lines
    let at = begin
    let from = 0
    for (let i = 0; ; i++) {
      const length = lengths[i]!
      if (at + length > size) return -1
      let k = 0
      for (; k + 4 <= length; k += 4) if (view.getInt32(at + k, true) !== textView.getInt32(from + k, true)) return -1
      for (; k < length; k++) if (page[at + k] !== text[from + k]) return -1
      at += length
      from += length
      if (i === lines) return at
      // Most numbers are a few digits: see readNumber, which reads all others.
      const start = at
      const negative = page[at] === 0x2d
      if (negative) at++
      let mantissa = 0
      let scale = 0
      let digit = page[at]! - 0x30
      const first = at
      while (digit >= 0 && digit <= 9) {
        mantissa = mantissa * 10 + digit
        digit = page[++at]! - 0x30
      }
      let digits = at - first
      if (digit === 0x2e - 0x30) {
        digit = page[++at]! - 0x30
        const point = at
        while (digit >= 0 && digit <= 9) {
          mantissa = mantissa * 10 + digit
          digit = page[++at]! - 0x30
        }
        scale = at - point
        digits += scale
      }
      if (page[at] === NEWLINE && digits > 0 && mantissa <= 9007199254740992 && scale <= 22) {
        const value = scale === 0 ? mantissa : mantissa / tens[scale]!
        values[to + i] = negative ? -value : value
        continue
      }
      while (at < size && page[at] !== NEWLINE) at++
      const value = readNumber(page, start, at)
      if (value === undefined) return -1
      values[to + i] = value
    }
  }
}

/** The line at `from`, or the beginning of it, if it is a comment; else nothing. */
export function titleOf(page: Uint8Array, from: number): string {
  if (page[from] !== HASH) return ''
  const end = page.indexOf(NEWLINE, from)
  return Buffer.from(page.buffer, page.byteOffset, page.length).toString('latin1', from, end < 0 ? page.length : Math.min(end, from + 200))
}
