import type { RemoteMetadata, RemoteType } from './series.ts'

/** By type: of samples whose family has a shorter name. */
const suffixes: Readonly<Record<RemoteType, readonly string[]>> = {
  counter: ['_total', '_created'],
  gauge: [],
  histogram: ['_bucket', '_count', '_sum', '_created'],
  gaugehistogram: ['_bucket', '_count', '_sum', '_gcount', '_gsum'],
  summary: ['_count', '_sum', '_created'],
  info: ['_info'],
  stateset: [],
  unknown: [],
}
const suffix = new RegExp(`(?:${[...new Set(Object.values(suffixes).flat())].join('|')})$`)

/** What has been said of families of metrics, of the last so many. */
export class Families {
  /** by name, the one told longest ago first */
  readonly #known = new Map<string, RemoteMetadata>()
  readonly #most: number

  constructor(most: number) {
    this.#most = most
  }

  describe(family: string, metadata: RemoteMetadata): void {
    this.#known.delete(family)
    this.#known.set(family, metadata)
    if (this.#known.size > this.#most) this.#known.delete(this.#known.keys().next().value!)
  }

  knows(family: string, { type, help, unit }: RemoteMetadata): boolean {
    const known = this.#known.get(family)
    return known !== undefined && known.type === type && known.help === help && known.unit === unit
  }

  /** Of the family that a series of that name is part of. */
  of(name: string): RemoteMetadata | undefined {
    if (this.#known.size === 0) return undefined
    const exact = this.#known.get(name)
    if (exact !== undefined) return exact
    const end = suffix.exec(name)
    const family = end === null ? undefined : this.#known.get(name.slice(0, end.index))
    return family !== undefined && suffixes[family.type].includes(end![0]) ? family : undefined
  }
}
