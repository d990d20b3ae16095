/**
 * A page whose lines are those of the last one, but for their numbers: what stands between the numbers is compared, and the numbers
 * are put into a copy of the request that the last page became. A target's page is of that kind nearly always.
 */
import type { Format } from '../../exposition/read.ts'
import { readNumber } from '../../exposition/read-number.ts'
import { putCount, putNanos, viewOf } from './bytes.ts'
import type { Point, Slots } from './tree.ts'

export interface PlanFrom {
  readonly page: Uint8Array
  /** pairs: where each number begins and ends on the page */
  readonly numbers: readonly number[]
  /** the request that the page became */
  readonly request: Uint8Array
  readonly slots: Slots
  /** [samples] on the page, and what metric relabelling left of them */
  readonly scraped: number
  readonly kept: number
  /** what the request is made of */
  readonly points: readonly Point[]
  readonly format: Format
}

const NEWLINE = 0x0a
/** Powers of ten that a double holds exactly. */
const tens = Float64Array.from({ length: 23 }, (_, i) => 10 ** i)

export class Plan {
  readonly scraped: number
  readonly kept: number
  readonly format: Format
  /** what the request is made of; given up when the page has been the same for long */
  points: readonly Point[]
  /** how often it was the page's */
  hits = 0
  /** the page without its numbers … */
  readonly #text: Uint8Array
  readonly #textView: DataView
  /** … and the length of each piece of it: one in front of each number, and the rest */
  readonly #lengths: Int32Array
  readonly #request: Uint8Array
  readonly #doubles: Int32Array
  readonly #counts: Int32Array
  readonly #starts: Int32Array
  readonly #times: Int32Array
  readonly #histograms: Int32Array
  readonly #values: Float64Array

  constructor({ page, numbers, request, slots, scraped, kept, points, format }: PlanFrom) {
    this.format = format
    this.scraped = scraped
    this.kept = kept
    this.points = points
    const count = numbers.length / 2
    this.#lengths = new Int32Array(count + 1)
    let size = page.length
    for (let i = 0; i < numbers.length; i += 2) size -= numbers[i + 1]! - numbers[i]!
    this.#text = new Uint8Array(size)
    let at = 0
    let from = 0
    for (let i = 0; i <= count; i++) {
      const to = i === count ? page.length : numbers[2 * i]!
      this.#text.set(page.subarray(from, to), at)
      this.#lengths[i] = to - from
      at += to - from
      from = numbers[2 * i + 1]!
    }
    this.#textView = viewOf(this.#text)
    this.#request = request
    this.#doubles = known(slots.doubles)
    this.#counts = known(slots.counts)
    this.#starts = known(slots.starts)
    this.#times = Int32Array.from(slots.times)
    this.#histograms = Int32Array.from(slots.histograms)
    this.#values = new Float64Array(count)
  }

  /** [bytes] */
  get size(): number {
    return this.#text.length + this.#request.length + 8 * this.#values.length + 8 * this.#doubles.length
  }

  /** The request for `page`; undefined where it is another page. @param time [ms] of its samples */
  run(page: Uint8Array, time: number): Uint8Array | undefined {
    if (!this.#read(page)) return undefined
    this.hits++
    const values = this.#values
    const request = Buffer.allocUnsafeSlow(this.#request.length)
    request.set(this.#request)
    const view = viewOf(request)
    const doubles = this.#doubles
    for (let i = 0; i < doubles.length; i += 2) view.setFloat64(doubles[i]!, values[doubles[i + 1]!]!, true)
    const counts = this.#counts
    for (let i = 0; i < counts.length; i += 2) putCount(view, counts[i]!, values[counts[i + 1]!]!)
    const starts = this.#starts
    for (let i = 0; i < starts.length; i += 2) putNanos(view, starts[i]!, values[starts[i + 1]!]! * 1000)
    this.#putHistograms(view)
    const times = this.#times
    if (times.length > 0) {
      putNanos(view, times[0]!, time)
      const low = view.getUint32(times[0]!, true)
      const high = view.getUint32(times[0]! + 4, true)
      for (let i = 1; i < times.length; i++) {
        view.setUint32(times[i]!, low, true)
        view.setUint32(times[i]! + 4, high, true)
      }
    }
    return request
  }

  /** A page that it would be the plan of: every number is 0. */
  page(): Uint8Array {
    const count = this.#values.length
    const page = new Uint8Array(this.#text.length + count)
    let at = 0
    let from = 0
    for (let i = 0; i <= count; i++) {
      const to = from + this.#lengths[i]!
      page.set(this.#text.subarray(from, to), at)
      at += to - from
      if (i < count) page[at++] = 0x30
      from = to
    }
    return page
  }

  #putHistograms(view: DataView): void {
    const values = this.#values
    const runs = this.#histograms
    for (let i = 0; i < runs.length; ) {
      let at = runs[i]!
      const total = values[runs[i + 1]!]!
      const finite = runs[i + 2]!
      i += 3
      let below = 0
      for (const end = i + finite; i < end; i++, at += 8) {
        const upTo = values[runs[i]!]!
        putCount(view, at, upTo - below)
        below = upTo
      }
      putCount(view, at, total - below)
    }
  }

  /** Fills `#values`; false where anything but the numbers differs. */
  #read(page: Uint8Array): boolean {
    const text = this.#text
    const lengths = this.#lengths
    const values = this.#values
    const size = page.length
    const view = viewOf(page)
    const textView = this.#textView
    let at = 0
    let from = 0
    for (let i = 0; ; i++) {
      const length = lengths[i]!
      if (at + length > size) return false
      let k = 0
      for (; k + 4 <= length; k += 4) if (view.getInt32(at + k, true) !== textView.getInt32(from + k, true)) return false
      for (; k < length; k++) if (page[at + k] !== text[from + k]) return false
      at += length
      from += length
      if (i === values.length) return at === size
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
        values[i] = negative ? -value : value
        continue
      }
      while (at < size && page[at] !== NEWLINE) at++
      const value = readNumber(page, start, at)
      if (value === undefined) return false
      values[i] = value
    }
  }
}

/** Pairs of a place and a line; those without a line are as they were. */
function known(pairs: readonly number[]): Int32Array {
  const kept: number[] = []
  for (let i = 0; i < pairs.length; i += 2) if (pairs[i + 1]! >= 0) kept.push(pairs[i]!, pairs[i + 1]!)
  return Int32Array.from(kept)
}
