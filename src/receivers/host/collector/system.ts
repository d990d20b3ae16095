/** How long the system has run. */
import { gauge } from '../points.ts'
import { parseUptime } from '../proc.ts'
import { type Scraper, Source, type Surroundings } from '../scraper.ts'

const uptime = gauge('system.uptime', 's', 'The time the system has been running.')

export function system(around: Surroundings): Scraper {
  const source = new Source(around)
  return {
    name: 'system',
    resource: 'host',
    scrape: points => points.add(uptime, source.read(`${around.root}/proc/uptime`, parseUptime)),
  }
}
