import type { ScrapeTarget } from '../../component/targets.ts'
import { showDuration } from '../../lib/duration.ts'
import type { Answer } from './answer.ts'
import type { Asking } from './asking.ts'

/** `/api/v1/targets`: what is scraped, all of it or of one pool. What relabelling drops is not kept, and so not shown. */
export function targets({ form }: Asking, all: readonly ScrapeTarget[]): Answer {
  const [state, pool] = [form.get('state').toLowerCase(), form.get('scrapePool')]
  const active = state === '' || state === 'any' || state === 'active'
  const shown = active ? all.filter(({ job }) => pool === '' || job === pool) : []
  return { data: { activeTargets: shown.map(showTarget), droppedTargets: [], droppedTargetCounts: {} } }
}

/** `/api/v1/scrape_pools`: their names. */
export const scrapePools = (all: readonly ScrapeTarget[]): Answer => ({
  data: { scrapePools: [...new Set(all.map(({ job }) => job))].sort() },
})

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
