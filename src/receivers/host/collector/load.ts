/** The load averages. */
import { availableParallelism } from 'node:os'
import { gauge } from '../points.ts'
import { parseLoadavg } from '../proc.ts'
import { type Scraper, Source, type Surroundings } from '../scraper.ts'

const loads = ['1m', '5m', '15m'].map(over => gauge(`system.cpu.load_average.${over}`, '{thread}', `Average CPU Load over ${over}.`))

export function load(around: Surroundings, { cpu_average }: { readonly cpu_average: boolean }): Scraper {
  const source = new Source(around)
  const share = cpu_average ? availableParallelism() : 1
  return {
    name: 'load',
    resource: 'host',
    scrape(points) {
      const found = source.read(`${around.root}/proc/loadavg`, parseLoadavg)
      for (const [i, metric] of loads.entries()) points.add(metric, found === undefined ? undefined : found[i]! / share)
    },
  }
}
