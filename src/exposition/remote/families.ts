import type { RemoteMetadata } from './series.ts'

/** Of samples whose family has a shorter name. */
const suffixes = ['_bucket', '_count', '_sum', '_total', '_info', '_created'] as const

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
    const suffix = suffixes.find(each => name.endsWith(each))
    return suffix === undefined ? undefined : this.#known.get(name.slice(0, -suffix.length))
  }
}
