/** From labels to series: for every label and value the numbers of the series that have it, ascending. */
import type { Labels } from '../model/labels.ts'
import { type Matcher, namedValues, valueTest } from '../model/matcher.ts'

/** Series are numbered from 0. */
export interface LabelIndex {
  readonly size: number
  names(): Iterable<string>
  /** in any order */
  values(name: string): Iterable<string>
  /** ascending; empty where no series has it */
  postings(name: string, value: string): ArrayLike<number>
}

const none: readonly number[] = []

export class MutableIndex implements LabelIndex {
  #size = 0
  readonly #byName = new Map<string, Map<string, number[]>>()

  get size(): number {
    return this.#size
  }

  /** The next series. */
  add(labels: Labels): void {
    const series = this.#size++
    const { pairs } = labels
    for (let i = 0; i < pairs.length; i += 2) {
      let values = this.#byName.get(pairs[i]!)
      if (values === undefined) this.#byName.set(pairs[i]!, (values = new Map()))
      const postings = values.get(pairs[i + 1]!)
      if (postings === undefined) values.set(pairs[i + 1]!, [series])
      else postings.push(series)
    }
  }

  names(): Iterable<string> {
    return this.#byName.keys()
  }
  values(name: string): Iterable<string> {
    return this.#byName.get(name)?.keys() ?? none.map(String)
  }
  postings(name: string, value: string): ArrayLike<number> {
    return this.#byName.get(name)?.get(value) ?? none
  }
}

/** A set of matchers that is ready to be asked of many indexes. @throws {RegexError} */
export class Selector {
  readonly #wanted: { name: string; values: readonly string[] | undefined; test: (value: string) => boolean }[] = []
  readonly #unwanted: { name: string; test: (value: string) => boolean }[] = []

  constructor(matchers: readonly Matcher[]) {
    for (const matcher of matchers) {
      const test = valueTest(matcher)
      // Who matches the empty value matches whoever lacks the label: found by what is not among them.
      if (test('')) this.#unwanted.push({ name: matcher.name, test })
      else this.#wanted.push({ name: matcher.name, values: namedValues(matcher), test })
    }
  }

  /** Ascending. */
  select(index: LabelIndex): number[] {
    const lists = this.#wanted.map(({ name, values, test }) => matching(index, name, values, test))
    lists.sort((a, b) => a.length - b.length)
    let found = lists.length === 0 ? Array.from({ length: index.size }, (_, series) => series) : lists[0]!
    for (const list of lists.slice(1)) found = found.length === 0 ? found : both(found, list)
    for (const { name, test } of this.#unwanted) {
      if (found.length === 0) break
      const excluded = matching(index, name, undefined, value => !test(value))
      if (excluded.length > 0) found = butNot(found, excluded)
    }
    return found
  }
}

function matching(index: LabelIndex, name: string, values: readonly string[] | undefined, test: (value: string) => boolean): number[] {
  const lists: ArrayLike<number>[] = []
  for (const value of new Set(values ?? index.values(name))) if (test(value)) lists.push(index.postings(name, value))
  if (lists.length === 1) return Array.from(lists[0]!)
  // A series has one value for a label, so that no number is there twice.
  const all: number[] = []
  for (const list of lists) for (let i = 0; i < list.length; i++) all.push(list[i]!)
  return all.sort((a, b) => a - b)
}

function both(a: readonly number[], b: readonly number[]): number[] {
  const kept: number[] = []
  for (let i = 0, k = 0; i < a.length; i++) {
    while (k < b.length && b[k]! < a[i]!) k++
    if (k === b.length) break
    if (b[k] === a[i]) kept.push(a[i]!)
  }
  return kept
}

function butNot(a: readonly number[], b: readonly number[]): number[] {
  const kept: number[] = []
  for (let i = 0, k = 0; i < a.length; i++) {
    while (k < b.length && b[k]! < a[i]!) k++
    if (b[k] !== a[i]) kept.push(a[i]!)
  }
  return kept
}
