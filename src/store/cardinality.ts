/** How many series there are of what: what makes a store large. */
import type { Cardinality, Count } from '../model/query.ts'
import type { LabelIndex } from './label-index.ts'

type Shares = Pick<Cardinality, 'labelPairs' | 'seriesByMetric' | 'valuesByLabel' | 'bytesByLabel' | 'seriesByPair'>

/** @param limit of each list, the largest first */
export function cardinalityOf(index: LabelIndex, limit: number): Shares {
  const seriesByMetric = new Top(limit)
  const valuesByLabel = new Top(limit)
  const bytesByLabel = new Top(limit)
  const seriesByPair = new Top(limit)
  let labelPairs = 0
  for (const name of index.names()) {
    let values = 0
    let bytes = 0
    for (const value of index.values(name)) {
      const { length } = index.postings(name, value)
      values++
      bytes += length * Buffer.byteLength(value)
      seriesByPair.add(`${name}=${value}`, length)
      if (name === '__name__') seriesByMetric.add(value, length)
    }
    labelPairs += values
    valuesByLabel.add(name, values)
    bytesByLabel.add(name, bytes)
  }
  return {
    labelPairs,
    seriesByMetric: seriesByMetric.list,
    valuesByLabel: valuesByLabel.list,
    bytesByLabel: bytesByLabel.list,
    seriesByPair: seriesByPair.list,
  }
}

class Top {
  readonly #limit: number
  #list: Count[] = []

  constructor(limit: number) {
    this.#limit = limit
  }

  add(name: string, value: number): void {
    this.#list.push({ name, value })
    if (this.#list.length >= 2 * this.#limit + 100) this.#list = this.list
  }

  get list(): Count[] {
    return this.#list.sort((a, b) => b.value - a.value || (a.name < b.name ? -1 : 1)).slice(0, this.#limit)
  }
}
