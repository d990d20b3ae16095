/** Samples on their way to a server: by series, divided into shards so that a series always goes the same way, and into requests of a bounded size. */
import type { Label } from '../../exposition/labels.ts'
import type { Families } from '../../exposition/remote/families.ts'
import type { RemoteExemplar, RemoteHistogram, RemoteMetadata, RemoteSample } from '../../exposition/remote/series.ts'
import type { Incoming, SeriesHandle } from '../../store/incoming.ts'

/** All that a load has of one series. */
export interface Outgoing {
  readonly labels: readonly Label[]
  readonly samples: RemoteSample[]
  readonly histograms: RemoteHistogram[]
  readonly exemplars: RemoteExemplar[]
  readonly metadata: RemoteMetadata | undefined
  /** [rows] of OpenTelemetry that are told by this series, each by one */
  rows: number
}

/** What is known of a series from one load to the next. */
interface Known {
  readonly labels: readonly Label[]
  readonly hash: number
}

export class Division {
  readonly #shards: number
  readonly #families: Families
  /** `target_info` is left out */
  readonly #without: string | undefined
  readonly #known = new WeakMap<SeriesHandle, Known>()

  constructor(shards: number, families: Families, without: string | undefined) {
    this.#shards = shards
    this.#families = families
    this.#without = without
  }

  /** @param firsts by row, the place of its first sample @returns by shard, the series of each */
  divide({ samples, series, exemplars }: Incoming, firsts: readonly number[]): Outgoing[][] {
    const shards: Outgoing[][] = Array.from({ length: this.#shards }, () => [])
    const bySeries = new Map<SeriesHandle, Outgoing>()
    for (let i = 0; i < series.length; i++) {
      const handle = series[i]!
      let outgoing = bySeries.get(handle)
      if (outgoing === undefined) {
        if (handle.labels.name === this.#without) continue
        outgoing = this.#begin(handle, shards)
        bySeries.set(handle, outgoing)
      }
      const time = samples.time[i]!
      const start = samples.start?.[i] ?? 0
      const stale = samples.isStale(i)
      const histogram = samples.histograms?.[i]
      if (histogram === undefined) outgoing.samples.push({ time, start, stale, value: stale ? 0 : samples.value[i]! })
      else outgoing.histograms.push({ time, start, stale: false, histogram })
    }
    for (const first of firsts) {
      const outgoing = series[first] === undefined ? undefined : bySeries.get(series[first])
      if (outgoing !== undefined) outgoing.rows++
    }
    for (const { series: handle, labels, value, time } of exemplars)
      bySeries.get(handle)?.exemplars.push({ labels: [...labels], value, time })
    return shards
  }

  #begin(handle: SeriesHandle, shards: Outgoing[][]): Outgoing {
    let known = this.#known.get(handle)
    if (known === undefined) {
      known = { labels: [...handle.labels], hash: hashOf(handle.labels.key) }
      this.#known.set(handle, known)
    }
    const metadata = this.#families.of(handle.labels.name)
    const outgoing: Outgoing = { labels: known.labels, samples: [], histograms: [], exemplars: [], metadata, rows: 0 }
    shards[known.hash % this.#shards]!.push(outgoing)
    return outgoing
  }
}

/** FNV-1a over UTF-16 units. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/** Two halves; undefined where there is but one series. */
export function halves(series: readonly Outgoing[]): readonly [readonly Outgoing[], readonly Outgoing[]] | undefined {
  if (series.length < 2) return undefined
  const middle = series.length >> 1
  return [series.slice(0, middle), series.slice(middle)]
}

export const rowsOf = (series: readonly Outgoing[]): number => series.reduce((sum, { rows }) => sum + rows, 0)
/** [samples and histograms] */
export const samplesOf = (series: readonly Outgoing[]): number =>
  series.reduce((sum, { samples, histograms }) => sum + samples.length + histograms.length, 0)
