/**
 * Lines that are read one by one, divided into pieces while they are read: a piece is closed, whatever is in it (a family, a metric) is
 * in no other. Lines of one family that stand apart make one piece of everything between them.
 */
import type { Entry } from './entry.ts'
import type { Piece } from './piece.ts'
import type { MetricNode } from './tree.ts'

/** What must not be in two pieces. */
export interface Owner {
  draft: Draft | undefined
  piece: Piece | undefined
}

/** What was found does not fit to the pieces that were kept: the page must be read as a whole. */
export class Conflict extends Error {
  override readonly name = 'Conflict'
}

/** A piece in the making. */
export class Draft {
  /** [bytes] of the page */
  readonly from: number
  to = 0
  /** [lines] read one by one, before it and in it */
  readonly first: number
  lines = 0
  kept = 0
  /** nothing but plain values, of lines that were known, none of them missed: the next page may have the same */
  steady = true
  readonly left: Record<string, number> = {}
  owners: Owner[] = []
  infos: Entry[] = []
  said: string[] = []
  into: Draft | undefined
  /** of the segment that it is in */
  readonly segment: number

  constructor(from: number, first: number, segment: number) {
    this.from = from
    this.first = first
    this.segment = segment
  }

  get root(): Draft {
    let draft: Draft = this
    while (draft.into !== undefined) draft = draft.into
    return draft
  }

  /** The one behind it becomes part of it. */
  absorb(next: Draft): void {
    next.into = this
    this.to = next.to
    this.lines += next.lines
    this.kept += next.kept
    this.steady &&= next.steady
    for (const [reason, count] of Object.entries(next.left)) this.leave(reason, count)
    for (const owner of next.owners) this.owners.push(owner)
    this.infos.push(...next.infos)
    this.said.push(...next.said)
  }

  leave(reason: string, count = 1): void {
    this.left[reason] = (this.left[reason] ?? 0) + count
  }
}

export class Drafts {
  /** those that are part of no other, in the order of the page */
  list: Draft[] = []
  /** [lines] read one by one */
  lines = 0
  #search = -1
  #segment = 0
  #current: Draft | undefined
  /** where the line in hand begins, or what is in front of it */
  #from = 0
  #family: Owner | undefined
  #metric: MetricNode | undefined
  /** families described since the last sample */
  readonly #described: Owner[] = []
  readonly #said: string[] = []

  /** @param search the pieces that it found are not to be touched */
  constructor(search: number) {
    this.#search = search
  }

  /** What follows is another segment of the page. */
  begin(from: number): void {
    this.#segment++
    this.#current = undefined
    this.#from = from
    this.#family = this.#metric = undefined
  }

  describe(family: Owner, name: string, first: boolean): void {
    if (this.#described.at(-1) !== family) this.#described.push(family)
    if (first) this.#said.push(name)
  }

  /** @param end [bytes] of the line. @returns what the line is in */
  line(family: Owner | undefined, metric: MetricNode | undefined, end: number): Draft {
    let current = this.#current
    if (current === undefined || family !== this.#family || metric !== this.#metric || this.#described.length > 0) {
      this.#family = family
      this.#metric = metric
      if (current === undefined || family !== undefined || this.#described.length > 0) this.#open()
      this.#claimDescribed()
      if (family !== undefined) this.#claim(family)
      if (metric !== undefined) this.#claim(metric)
      current = this.#current!
    }
    this.#from = end + 1
    current.to = this.#from
    current.lines++
    this.lines++
    return current
  }

  end(to: number): void {
    if (this.#current === undefined && this.#from === to) return
    if (this.#current === undefined || this.#described.length > 0) this.#open()
    this.#claimDescribed()
    this.#current!.to = to
  }

  #open(): void {
    this.#current = new Draft(this.#from, this.lines, this.#segment)
    this.list.push(this.#current)
  }

  #claimDescribed(): void {
    for (const owner of this.#described) this.#claim(owner)
    this.#current!.said.push(...this.#said)
    this.#described.length = this.#said.length = 0
  }

  #claim(owner: Owner): void {
    if (owner.piece !== undefined && owner.piece.used === this.#search) throw new Conflict('a family of a piece goes on elsewhere')
    const draft = owner.draft?.root
    const current = this.#current!
    if (draft === current) return
    if (draft === undefined) {
      owner.draft = current
      current.owners.push(owner)
      return
    }
    if (draft.segment !== this.#segment) throw new Conflict('a family is on both sides of a piece')
    while (this.list.at(-1) !== draft) {
      const last = this.list.pop()!
      this.list.at(-1)!.absorb(last)
    }
    this.#current = draft
  }

  /** Makes one of those side by side that have fewer than `lines`. */
  unite(lines: number): void {
    const list: Draft[] = []
    for (const draft of this.list) {
      const last = list.at(-1)
      const both = last?.steady === true && draft.steady && last.segment === draft.segment
      if (both && last.lines < lines && draft.lines < lines) last.absorb(draft)
      else list.push(draft)
    }
    this.list = list
  }

  /** Nothing refers to them any more. */
  release(): void {
    for (const draft of this.list) for (const owner of draft.owners) owner.draft = undefined
  }
}
