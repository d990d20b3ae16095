/**
 * A page whose lines are mostly those of the last one, but for their numbers. It is kept in pieces: runs of whole families. What stands
 * between the numbers of a piece is compared, and the numbers are put into a copy of what the piece became. Only what is between
 * pieces that are still there is read line by line.
 */
import type { Format } from '../../exposition/read.ts'
import { viewOf } from './bytes.ts'
import { type Piece, titleOf } from './piece.ts'

const NEWLINE = 0x0a
const HASH = 0x23
/** [pieces] that may have gone at one place and be passed over */
const lookAhead = 8

export interface Region {
  readonly from: number
  readonly to: number
}
export type Segment = Piece | Region

export class Plan {
  readonly format: Format
  /** in the order of the page */
  readonly pieces: readonly Piece[]
  /** whether they are all of the page */
  readonly whole: boolean
  /** how often it was the page's */
  hits = 0
  readonly #titles = new Map<string, Piece>()
  readonly #lines: number

  constructor(format: Format, pieces: readonly Piece[], whole: boolean) {
    this.format = format
    this.pieces = pieces
    this.whole = whole
    let lines = 0
    for (const [i, piece] of pieces.entries()) {
      piece.index = i
      lines += piece.lines
      if (piece.title !== '') this.#titles.set(piece.title, piece)
    }
    this.#lines = lines
  }

  /** [bytes] */
  get size(): number {
    return this.pieces.reduce((sum, { size }) => sum + size, 0)
  }

  /**
   * The pieces that are on `page`, and between them what is to be read line by line.
   * @param end [bytes] of the page @param search a number that no other search has: `Piece.used`
   */
  find(page: Uint8Array, end: number, numbers: Numbers, search: number): Segment[] {
    numbers.begin(this.#lines)
    return new Search(this.pieces, this.#titles, page, end, numbers, search).run()
  }

  /** Keeps only what is needed as long as the page stays the same. */
  letGo(): void {
    for (const piece of this.pieces) {
      piece.entries = []
      for (const fragment of piece.fragments) {
        fragment.told = []
        fragment.scope.active = []
      }
    }
  }

  /** A page that it would be the plan of: every number is 0. */
  page(): Uint8Array {
    return Buffer.concat([...this.pieces.map(piece => piece.page()), ...(this.format === 'openmetrics' ? [eof] : [])])
  }
}
const eof = Buffer.from('# EOF\n')

/** The values of pieces that were found. Shared by all pages of a target. */
export class Numbers {
  values = new Float64Array(0)
  at = 0
  begin(lines: number): void {
    if (this.values.length < lines) this.values = new Float64Array(lines + (lines >> 3))
    this.at = 0
  }
}

class Search {
  readonly #pieces: readonly Piece[]
  readonly #titles: ReadonlyMap<string, Piece>
  readonly #page: Uint8Array
  readonly #view: DataView
  readonly #end: number
  readonly #numbers: Numbers
  readonly #search: number
  readonly #found: Segment[] = []
  /** where what belongs to no piece begins; -1: there is nothing */
  #open = -1
  /** the piece that should come next */
  #next = 0

  constructor(
    pieces: readonly Piece[],
    titles: ReadonlyMap<string, Piece>,
    page: Uint8Array,
    end: number,
    numbers: Numbers,
    search: number,
  ) {
    this.#pieces = pieces
    this.#titles = titles
    this.#page = page
    this.#view = viewOf(page)
    this.#end = end
    this.#numbers = numbers
    this.#search = search
  }

  run(): Segment[] {
    let at = 0
    let lastFrom = -1
    while (at < this.#end) {
      const to = this.#pieceAt(at)
      if (to >= 0) {
        this.#close(at)
        this.#found.push(this.#pieces[this.#next - 1]!)
        lastFrom = at
        at = to
        continue
      }
      // More lines of the last piece's family may follow: then it is not the same any more.
      if (lastFrom >= 0) {
        this.#open = this.#page[at] === HASH ? at : lastFrom
        if (this.#open === lastFrom) this.#giveBack(this.#found.pop() as Piece)
        lastFrom = -1
      } else if (this.#open < 0) this.#open = at
      const newline = this.#page.indexOf(NEWLINE, at)
      at = newline < 0 || newline >= this.#end ? this.#end : newline + 1
    }
    this.#close(at)
    return this.#found
  }

  #giveBack(piece: Piece): void {
    piece.used = -1
    this.#numbers.at -= piece.lines
  }

  #close(at: number): void {
    if (this.#open >= 0) this.#found.push({ from: this.#open, to: at })
    this.#open = -1
  }

  /** Where the piece that begins at `at` ends; `#next` is behind it then. */
  #pieceAt(at: number): number {
    const last = Math.min(this.#next + lookAhead, this.#pieces.length)
    for (let i = this.#next; i < last; i++) {
      const to = this.#try(this.#pieces[i]!, at)
      if (to >= 0) return to
    }
    if (this.#page[at] !== HASH) return -1
    const moved = this.#titles.get(titleOf(this.#page, at))
    return moved === undefined ? -1 : this.#try(moved, at)
  }

  #try(piece: Piece, at: number): number {
    if (piece.used === this.#search) return -1
    const numbers = this.#numbers
    const to = piece.read(this.#page, this.#view, at, this.#end, numbers.values, numbers.at)
    if (to < 0) return -1
    piece.at = numbers.at
    if (piece.fragments.some(fragment => fragment.unstarted(numbers.values))) return -1
    piece.used = this.#search
    this.#next = piece.index + 1
    numbers.at += piece.lines
    return to
  }
}
