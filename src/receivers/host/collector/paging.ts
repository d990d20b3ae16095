/** Swap, and page faults. */
import { attributes, counter, gauge, level } from '../points.ts'
import { parseSwaps, parseVmstat } from '../proc.ts'
import { type Scraper, Source, type Surroundings } from '../scraper.ts'

const pagingUsage = level('system.paging.usage', 'By', 'Swap (unix) or pagefile (windows) usage.')
const pagingUtilization = gauge('system.paging.utilization', '1', 'Swap (unix) or pagefile (windows) utilization.')
const pagingOperations = counter('system.paging.operations', '{operations}', 'The number of paging operations.')
const pagingFaults = counter('system.paging.faults', '{faults}', 'The number of page faults.')

export function paging(around: Surroundings): Scraper {
  const source = new Source(around)
  return {
    name: 'paging',
    resource: 'host',
    scrape(points) {
      for (const { device, size, used } of source.read(`${around.root}/proc/swaps`, parseSwaps) ?? []) {
        for (const [state, bytes] of [
          ['used', used],
          ['free', size - used],
        ] as const) {
          points.add(pagingUsage, bytes, attributes({ device, state }))
          points.add(pagingUtilization, bytes / size, attributes({ device, state }))
        }
      }
      const counters = source.read(`${around.root}/proc/vmstat`, parseVmstat)
      if (counters === undefined) return
      const operation = (name: string, type: string, direction: string) =>
        points.add(pagingOperations, counters.get(name), attributes({ direction, type }))
      operation('pswpin', 'major', 'page_in')
      operation('pswpout', 'major', 'page_out')
      operation('pgpgin', 'minor', 'page_in')
      operation('pgpgout', 'minor', 'page_out')
      const majors = counters.get('pgmajfault')
      points.add(pagingFaults, majors, attributes({ type: 'major' }))
      points.add(pagingFaults, (counters.get('pgfault') ?? Number.NaN) - (majors ?? 0), attributes({ type: 'minor' }))
    },
  }
}
