/** What comes with samples: type, unit and help of families, and exemplars. Both bounded, and in memory. */
import type { Labels } from '../model/labels.ts'
import type { Metadata, SeriesExemplars } from '../model/query.ts'
import type { Incoming } from './incoming.ts'
import type { Selector } from './label-index.ts'
import { MutableIndex } from './label-index.ts'

/** [families] more are forgotten, the oldest first */
const maxFamilies = 50_000

export interface KeptExemplar {
  readonly series: Labels
  readonly labels: Labels
  readonly value: number
  readonly time: number
}

export class Notes {
  readonly metadata = new Map<string, Metadata>()
  /** the last so many, the oldest first from `#at` on */
  readonly #exemplars: KeptExemplar[] = []
  #at = 0
  readonly #max: number

  constructor(maxExemplars: number) {
    this.#max = maxExemplars
  }

  take({ metadata, exemplars }: Incoming): void {
    for (const { family, metadata: said } of metadata) this.#tell(family, said)
    for (const { series, labels, value, time } of exemplars) this.keep({ series: series.labels, labels, value, time })
  }

  #tell(family: string, metadata: Metadata): void {
    this.metadata.delete(family)
    this.metadata.set(family, metadata)
    if (this.metadata.size > maxFamilies) this.metadata.delete(this.metadata.keys().next().value!)
  }

  /** Who has nothing to say of a family, as a sender that tells help apart from samples, takes nothing back. */
  knows(family: string, { type, unit, help }: Metadata): boolean {
    const known = this.metadata.get(family)
    return known !== undefined && known.type === type && known.unit === unit && (help === '' || known.help === help)
  }

  keep(exemplar: KeptExemplar): void {
    if (this.#max === 0) return
    this.#exemplars[this.#at] = exemplar
    this.#at = (this.#at + 1) % this.#max
  }

  get exemplars(): readonly KeptExemplar[] {
    return this.#exemplars.length < this.#max
      ? this.#exemplars
      : [...this.#exemplars.slice(this.#at), ...this.#exemplars.slice(0, this.#at)]
  }

  /** In [from, to], each once, by time. */
  select(selectors: readonly Selector[], from: number, to: number): SeriesExemplars[] {
    const bySeries = new Map<string, { labels: Labels; exemplars: KeptExemplar[] }>()
    for (const exemplar of this.exemplars) {
      if (exemplar.time < from || exemplar.time > to) continue
      const { series } = exemplar
      const known = bySeries.get(series.key)
      if (known === undefined) bySeries.set(series.key, { labels: series, exemplars: [exemplar] })
      else known.exemplars.push(exemplar)
    }
    const all = [...bySeries.values()]
    const index = new MutableIndex()
    for (const { labels } of all) index.add(labels)
    const wanted = new Set(selectors.flatMap(selector => selector.select(index)))
    return all
      .filter((_, series) => wanted.has(series))
      .map(({ labels, exemplars }) => ({ labels, exemplars: exemplars.sort((a, b) => a.time - b.time).filter(isFirst) }))
  }
}

const isFirst = (exemplar: KeptExemplar, i: number, all: readonly KeptExemplar[]): boolean => {
  const before = all[i - 1]
  return (
    before === undefined || before.time !== exemplar.time || before.value !== exemplar.value || before.labels.key !== exemplar.labels.key
  )
}
