import type { Labels } from '../../src/model/labels.ts'
import type { Matcher } from '../../src/model/matcher.ts'
import type { Cardinality, Metadata, SeriesExemplars, Store } from '../../src/model/query.ts'
import { MemoryStorage } from '../../src/promql/testing/memory.ts'
import { MISSING, STALE } from '../../src/promql/testing/sequence.ts'
import { parseSeries } from '../../src/promql/testing/series.ts'

/** Samples in memory as a whole store; what is known beside samples is what a test puts there. */
export class MemoryStore extends MemoryStorage implements Store {
  families = new Map<string, readonly Metadata[]>()
  seriesExemplars: readonly SeriesExemplars[] = []

  /** Lines as Prometheus's tests write them, a sample every `step` ms from `start` on. */
  load(lines: string, start: number, step: number): this {
    for (const line of lines.split('\n').map(each => each.trim())) {
      if (line === '') continue
      const { labels, values } = parseSeries(line)
      for (let i = 0; i < values.length; i++) {
        const kind = values.kind[i]
        if (kind === MISSING) continue
        const histogram = values.histograms[i]
        const value = kind === STALE || histogram !== undefined ? Number.NaN : values.value[i]!
        this.append(labels, start + i * step, { value, stale: kind === STALE, histogram })
      }
    }
    return this
  }

  async metadata(name?: string): Promise<ReadonlyMap<string, readonly Metadata[]>> {
    return name === undefined ? this.families : new Map([...this.families].filter(([family]) => family === name))
  }
  async exemplars(): Promise<readonly SeriesExemplars[]> {
    return this.seriesExemplars
  }
  async series(selectors: readonly (readonly Matcher[])[], from: number, to: number): Promise<readonly Labels[]> {
    const hints = { from, to, step: 0, range: 0, func: 'series' }
    const found = await Promise.all(selectors.map(matchers => this.select(matchers, hints)))
    return [...new Map(found.flat().map(({ labels }) => [labels.key, labels])).values()]
  }
  async cardinality(): Promise<Cardinality> {
    const none = { seriesByMetric: [], valuesByLabel: [], bytesByLabel: [], seriesByPair: [] }
    return { headSeries: this.size, headChunks: this.size, minTime: 0, maxTime: 0, labelPairs: 0, ...none }
  }
}
