import type { RemoteMetadata } from '../../exposition/remote/series.ts'

/** Of samples whose family has a shorter name. */
const suffixes = ['_bucket', '_count', '_sum', '_total', '_info', '_created'] as const

/** What senders of 1.0 have said of families of metrics: it comes once a minute or so, apart from the samples. */
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

  /** Of the family that a series of that name is part of. */
  of(name: string): RemoteMetadata | undefined {
    if (this.#known.size === 0) return undefined
    const exact = this.#known.get(name)
    if (exact !== undefined) return exact
    const suffix = suffixes.find(each => name.endsWith(each))
    return suffix === undefined ? undefined : this.#known.get(name.slice(0, -suffix.length))
  }
}
