/** Where the memory is. */
import { attributes, gauge, level } from '../points.ts'
import { parseMeminfo } from '../proc.ts'
import { type Scraper, Source, type Surroundings } from '../scraper.ts'

const memoryUsage = level('system.memory.usage', 'By', 'Bytes of memory in use.')
const memoryUtilization = gauge('system.memory.utilization', '1', 'Share of the memory in use.')
const memoryLimit = level('system.memory.limit', 'By', 'Total bytes of memory available.')
const memoryAvailable = level(
  'system.linux.memory.available',
  'By',
  'An estimate of how much memory is available for starting new applications.',
)
const memoryDirty = level('system.linux.memory.dirty', 'By', 'Memory that is waiting to get written to disk.')
const memoryShared = level('system.memory.linux.shared', 'By', 'Shared memory used, mostly by tmpfs.')

export function memory(around: Surroundings): Scraper {
  const source = new Source(around)
  return {
    name: 'memory',
    resource: 'host',
    scrape(points) {
      const bytes = source.read(`${around.root}/proc/meminfo`, parseMeminfo)
      const total = bytes?.get('MemTotal')
      if (bytes === undefined || total === undefined) return
      const of = (name: string) => bytes.get(name) ?? 0
      // As the Collector counts: what can be reclaimed of the slabs is cached as well.
      const cached = of('Cached') + of('SReclaimable')
      const states = {
        used: total - of('MemFree') - of('Buffers') - cached,
        free: of('MemFree'),
        buffered: of('Buffers'),
        cached,
        slab_reclaimable: of('SReclaimable'),
        slab_unreclaimable: of('SUnreclaim'),
      }
      for (const [state, size] of Object.entries(states)) {
        points.add(memoryUsage, size, attributes({ state }))
        points.add(memoryUtilization, size / total, attributes({ state }))
      }
      points.add(memoryLimit, total)
      points.add(memoryAvailable, bytes.get('MemAvailable'))
      points.add(memoryDirty, bytes.get('Dirty'))
      points.add(memoryShared, bytes.get('Shmem'))
    },
  }
}
