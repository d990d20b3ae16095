import type { ScrapePool, ScrapeTarget } from '../../component/targets.ts'
import { showDuration } from '../../lib/duration.ts'
import type { Answer } from './answer.ts'
import type { Asking } from './asking.ts'

/** `/api/v1/targets`: what is scraped, and what relabelling leaves out, of all pools or one. */
export function targets({ form }: Asking, all: readonly ScrapePool[]): Answer {
  const [state, wanted] = [form.get('state').toLowerCase(), form.get('scrapePool')]
  const shows = (which: string) => state === '' || state === 'any' || state === which
  const pools = byName(all).filter(({ job }) => wanted === '' || job === wanted)
  return {
    data: {
      activeTargets: shows('active') ? pools.flatMap(pool => pool.targets.map(showTarget)) : [],
      ...(shows('dropped') ? droppedOf(pools, all) : { droppedTargets: [], droppedTargetCounts: null }),
    },
  }
}

const droppedOf = (pools: readonly ScrapePool[], all: readonly ScrapePool[]) => ({
  droppedTargets: pools.flatMap(({ job, dropped }) => dropped.map(discoveredLabels => ({ discoveredLabels, scrapePool: job }))),
  droppedTargetCounts: Object.fromEntries(all.map(({ job, droppedCount }) => [job, droppedCount])),
})

/** `/api/v1/scrape_pools`: their names. */
export const scrapePools = (all: readonly ScrapePool[]): Answer => ({ data: { scrapePools: byName(all).map(({ job }) => job) } })

const byName = (all: readonly ScrapePool[]): readonly ScrapePool[] => all.toSorted((a, b) => (a.job < b.job ? -1 : 1))

const showTarget = (target: ScrapeTarget): object => ({
  discoveredLabels: target.discovered,
  labels: target.labels,
  scrapePool: target.job,
  scrapeUrl: target.url,
  globalUrl: target.url,
  lastError: target.lastError,
  // What has not happened yet was, to Go, in the year 1.
  lastScrape: target.lastScrape === undefined ? '0001-01-01T00:00:00Z' : new Date(target.lastScrape).toISOString(),
  lastScrapeDuration: target.lastDuration / 1000,
  health: target.health,
  scrapeInterval: showDuration(target.interval),
  scrapeTimeout: showDuration(target.timeout),
})
