/** What is scraped: receivers that scrape offer their lists here, and the Prometheus API shows them. */
import { Offered, type Offers } from './offers.ts'

/** As things stand at the moment. */
export interface ScrapeTarget {
  readonly job: string
  readonly url: string
  /** that its series carry */
  readonly labels: Readonly<Record<string, string>>
  /** before relabelling */
  readonly discovered: Readonly<Record<string, string>>
  /** [ms] */
  readonly interval: number
  readonly timeout: number
  /** unknown: not scraped yet */
  readonly health: 'unknown' | 'up' | 'down'
  /** empty: there is none */
  readonly lastError: string
  /** epoch ms; undefined: not scraped yet */
  readonly lastScrape: number | undefined
  /** [ms] */
  readonly lastDuration: number
}

/** One scrape configuration, and what there is of it at the moment. */
export interface ScrapePool {
  readonly job: string
  readonly targets: readonly ScrapeTarget[]
  /** what relabelling leaves out, as it was discovered: as many as are kept of them, and how many there are */
  readonly dropped: readonly ScrapeTarget['discovered'][]
  readonly droppedCount: number
}

/** By the ids of receivers: what gives what one of them scrapes. */
export type Targets = Offers<() => readonly ScrapePool[]>

export class OfferedTargets extends Offered<() => readonly ScrapePool[]> {
  /** of all who scrape, in the order they came */
  all(): readonly ScrapePool[] {
    return this.ids.flatMap(id => this.get(id)?.() ?? [])
  }
}
