/** What is remembered from page to page: of each line, and of the families that lines are of. */
import { Conflict, type Owner } from './drafts.ts'
import type { Entry } from './entry.ts'
import type { FirstSight } from './first-sight.ts'
import type { Reading } from './reading.ts'
import type { ResourceNode } from './tree.ts'

export class Known {
  /** by `Sample.key`; native histograms apart */
  readonly entries = new Map<string, Entry>()
  /** entries were given up while their points are still there */
  cleared = false
  readonly #sight: FirstSight
  /** the target's own resource: it stays */
  readonly #own: ResourceNode
  /** families that entries are of, or that were described */
  readonly #families = new Map<string, Owner>()
  /** families that the page in hand describes, but for those of pieces that were found */
  readonly #said = new Set<string>()

  constructor(sight: FirstSight, own: ResourceNode) {
    this.#sight = sight
    this.#own = own
  }

  begin(): void {
    this.#said.clear()
  }

  /** What lines mean depends on what is said of their families: where that changes, theirs are looked at anew. */
  describe(name: string, what: 'type' | 'help' | 'unit', said: string, reading: Reading): void {
    const first = !this.#said.has(name)
    if (first) {
      this.#said.add(name)
      reading.said++
    }
    reading.drafts?.describe(this.#family(name), name, first)
    if (this.#sight.known.get(name)?.[what] === said) return
    const families = this.#sight.dependOn(name)
    if (families.length > 0) {
      if (reading.partly) throw new Conflict('what is said of a family has changed')
      this.#giveUp(new Set(families))
    }
    this.#sight.describe(name, what, said)
  }

  #giveUp(families: ReadonlySet<string>): void {
    for (const [key, entry] of this.entries) {
      if (!families.has(entry.family)) continue
      this.entries.delete(key)
      entry.valid = false
    }
    this.cleared = true
  }

  #family(name: string): Owner {
    let family = this.#families.get(name)
    if (family === undefined) {
      family = { draft: undefined, piece: undefined }
      this.#families.set(name, family)
    }
    return family
  }

  /** A line that is not known. @param written its name and labels @throws {ExpositionError} {LimitError} */
  meet(key: string, written: string, native: boolean, reading: Reading): Entry {
    const entry = this.#sight.meet(written, native)
    entry.key = key
    if (entry.family !== '') entry.owner = this.#family(entry.family)
    this.entries.set(key, entry)
    reading.news.push(entry)
    if (entry.role !== 'dropped') reading.added++
    return entry
  }

  drop(entry: Entry): void {
    entry.valid = false
    if (this.entries.get(entry.key) === entry) this.entries.delete(entry.key)
  }

  /** Everything: a plan stands for it. @param iteration that has seen nothing */
  letGo(iteration: number): void {
    this.entries.clear()
    this.#sight.used.clear()
    this.#families.clear()
    this.#sight.forget(iteration, this.#own)
  }

  /** Keeps only what was seen in this iteration. */
  forgetUnseen(reading: Reading, iteration: number): void {
    const gone = this.entries.size !== reading.distinct
    if (gone) for (const entry of this.entries.values()) if (entry.seen !== iteration) this.drop(entry)
    if (gone || this.cleared) this.#sight.forget(iteration, this.#own)
  }

  /** Likewise, and looks at these only. */
  forgetUnseenOf(lists: readonly (readonly Entry[])[], iteration: number): void {
    let emptied = false
    for (const entries of lists) for (const entry of entries) if (entry.seen !== iteration && this.#forget(entry, iteration)) emptied = true
    if (emptied) this.#sight.forgetScopes(this.#own)
  }

  /** @returns whether a scope has no metrics now */
  #forget(entry: Entry, iteration: number): boolean {
    this.drop(entry)
    const { point } = entry
    if (point === undefined) return entry.about !== undefined
    const { metric, id } = point
    const { metrics } = metric.scope
    if (point.seen !== iteration && metric.points.get(id) === point) metric.points.delete(id)
    if (metric.points.size > 0 || metrics.get(metric.key) !== metric) return false
    metrics.delete(metric.key)
    return metrics.size === 0
  }

  /**
   * Forgets names that were of use once.
   * @param elsewhere families that are described where nothing was read @returns whether pieces cannot be relied upon afterwards
   */
  forgetNames(reading: Reading, elsewhere: () => readonly string[]): boolean {
    const { known, used } = this.#sight
    if (known.size > 2 * reading.said + 100) {
      const said = new Set([...this.#said, ...elsewhere()])
      for (const name of known.keys()) if (!said.has(name)) known.delete(name)
    }
    if (used.size > 2 * this.entries.size + 100) this.#forgetUsed()
    if (this.#families.size <= 2 * (this.entries.size + known.size) + 1000) return false
    this.#families.clear()
    for (const entry of this.entries.values()) if (entry.family !== '') entry.owner = this.#family(entry.family)
    return true
  }

  #forgetUsed(): void {
    const { used } = this.#sight
    used.clear()
    for (const { family, about } of this.entries.values()) if (about === undefined) used.add(family)
  }
}
