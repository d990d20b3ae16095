import type { Label } from '../../exposition/labels.ts'
import type { Draft, Drafts } from './drafts.ts'
import type { Entry } from './entry.ts'
import type { Piece } from './piece.ts'
import type { ResourceNode } from './tree.ts'

/** What is found while one page is read. */
export class Reading {
  /** [ms] of samples that have no time of their own */
  readonly time: number
  /** pairs: where each value stands on the page, of lines that were read one by one; and what is known of them */
  readonly numbers: number[] = []
  readonly entries: Entry[] = []
  /** undefined where the page has no lines */
  readonly drafts: Drafts | undefined
  /** what the line in hand is in */
  draft: Draft | undefined
  /** the rest are pieces that were found */
  readonly partly: boolean
  scraped = 0
  kept = 0
  added = 0
  /** lines not known from the last page */
  readonly news: Entry[] = []
  /** [families] described */
  said = 0
  /** [lines] each counted once */
  distinct = 0
  readonly left: Record<string, number> = {}
  readonly #infos = new Map<ResourceNode, Label[]>()

  constructor(time: number, drafts: Drafts | undefined, partly: boolean) {
    this.time = time
    this.drafts = drafts
    this.partly = partly
  }

  /** @param end [bytes] of the line */
  enter(entry: Entry, end: number): void {
    if (this.drafts === undefined) return
    this.entries.push(entry)
    this.draft = this.drafts.line(entry.owner, entry.point?.metric, end)
  }

  again({ lines, said, left }: Piece): void {
    this.scraped += lines
    this.said += said.length
    for (const [reason, count] of Object.entries(left)) this.left[reason] = (this.left[reason] ?? 0) + count
  }

  leave(reason: string): void {
    this.left[reason] = (this.left[reason] ?? 0) + 1
    this.draft?.leave(reason)
  }

  tellOf(resource: ResourceNode, info: readonly Label[]): void {
    this.#infos.set(resource, [...(this.#infos.get(resource) ?? []), ...info])
  }
  infoOf(resource: ResourceNode): readonly Label[] {
    return this.#infos.get(resource) ?? []
  }
}
