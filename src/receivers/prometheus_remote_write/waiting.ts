/**
 * Exemplars that came without a sample of their series, as Prometheus mostly sends them: OpenTelemetry has exemplars at points only, so that they wait for
 * the next sample. Bounded; the series whose exemplars have waited longest loses them first.
 */
import type { Label } from '../../exposition/labels.ts'
import type { RemoteExemplar, RemoteSeries } from '../../exposition/remote/series.ts'

interface Waiting {
  readonly name: string
  readonly exemplars: RemoteExemplar[]
}

export class WaitingExemplars {
  /** by the labels of the series, the one that has waited longest first */
  readonly #series = new Map<string, Waiting>()
  /** [series] by name of the metric: labels are looked at only where the name is here */
  readonly #names = new Map<string, number>()
  readonly #most: number
  size = 0

  /** @param most [exemplars] */
  constructor(most: number) {
    this.#most = most
  }

  /** @returns how many are lost for it, of this series or others */
  keep(name: string, { labels, exemplars }: Pick<RemoteSeries, 'labels' | 'exemplars'>): number {
    const key = keyOf(labels)
    let waiting = this.#series.get(key)
    if (waiting === undefined) {
      waiting = { name, exemplars: [] }
      this.#series.set(key, waiting)
      this.#names.set(name, (this.#names.get(name) ?? 0) + 1)
    }
    waiting.exemplars.push(...exemplars)
    this.size += exemplars.length
    let lost = 0
    for (const [oldest, { exemplars: old }] of this.#series) {
      if (this.size <= this.#most) break
      // One series alone may be over the bound: it keeps its newest.
      const over = oldest === key ? this.size - this.#most : old.length
      old.splice(0, over)
      this.size -= over
      lost += over
      if (old.length === 0) this.#delete(oldest)
    }
    return lost
  }

  /** What waits for a sample of that series, which then waits no longer. */
  take(name: string, labels: readonly Label[]): readonly RemoteExemplar[] {
    if (!this.#names.has(name)) return none
    const key = keyOf(labels)
    const { exemplars } = this.#series.get(key) ?? { exemplars: none }
    if (exemplars === none) return none
    this.#delete(key)
    this.size -= exemplars.length
    return exemplars
  }

  #delete(key: string): void {
    const { name } = this.#series.get(key)!
    this.#series.delete(key)
    const others = this.#names.get(name)! - 1
    if (others === 0) this.#names.delete(name)
    else this.#names.set(name, others)
  }
}

const none: readonly RemoteExemplar[] = []

/** In any order of the labels. */
const keyOf = (labels: readonly Label[]): string => JSON.stringify([...labels].sort(([a], [b]) => (a < b ? -1 : 1)))
