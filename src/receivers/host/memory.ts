import { type Attributes, counter, gauge, level, type Points } from './points.ts'
import { parseMeminfo, parseSwaps, parseVmstat } from './proc.ts'
import { type Scraper, Source, type Surroundings } from './scraper.ts'

const usage = level('system.memory.usage', 'By', 'Memory by state; used and available make up the limit.')
const utilization = gauge('system.memory.utilization', '1', 'Share of the memory that is in use, and that is available.')
const limit = level('system.memory.limit', 'By', 'Total memory of the system.')
const linuxAvailable = level('system.memory.linux.available', 'By', 'Memory that programs can have without swapping, as estimated.')
const linuxShared = level('system.memory.linux.shared', 'By', 'Shared memory used, mostly by tmpfs.')
const slabUsage = level('system.memory.linux.slab.usage', 'By', "Memory in the kernel's caches of small objects.")

const used: Attributes = [['system.memory.state', 'used']]
const available: Attributes = [['system.memory.state', 'available']]
const reclaimable: Attributes = [['system.memory.linux.slab.state', 'reclaimable']]
const unreclaimable: Attributes = [['system.memory.linux.slab.state', 'unreclaimable']]

/** [bytes] */
export function addMemory(points: Points, total: number, free: number): void {
  points.add(limit, total)
  points.add(usage, total - free, used)
  points.add(usage, free, available)
  points.add(utilization, (total - free) / total, used)
  points.add(utilization, free / total, available)
}

export function memoryScraper(around: Surroundings): Scraper {
  const source = new Source(around)
  return {
    name: 'memory',
    resource: 'host',
    scrape(points) {
      const bytes = source.read(`${around.root}/proc/meminfo`, parseMeminfo)
      const total = bytes?.get('MemTotal')
      if (bytes === undefined || total === undefined) return
      // Kernels before 3.14 make no estimate.
      const estimate = bytes.get('MemAvailable')
      const free = estimate ?? (bytes.get('MemFree') ?? 0) + (bytes.get('Buffers') ?? 0) + (bytes.get('Cached') ?? 0)
      addMemory(points, total, free)
      points.add(linuxAvailable, estimate)
      points.add(linuxShared, bytes.get('Shmem'))
      points.add(slabUsage, bytes.get('SReclaimable'), reclaimable)
      points.add(slabUsage, bytes.get('SUnreclaim'), unreclaimable)
    },
  }
}

const pagingUsage = level('system.paging.usage', 'By', 'Swap space by state.')
const pagingUtilization = gauge('system.paging.utilization', '1', 'Share of the swap space by state.')
const faults = counter('system.paging.faults', '{fault}', 'Page faults; a major one waits for the disk.')
const operations = counter('system.paging.operations', '{operation}', 'Pages moved in and out; major ones to and from swap.')

const fault = (type: 'major' | 'minor'): Attributes => [['system.paging.fault.type', type]]
const operation = (type: 'major' | 'minor', direction: 'in' | 'out'): Attributes => [
  ['system.paging.fault.type', type],
  ['system.paging.direction', direction],
]
const [major, minor] = [fault('major'), fault('minor')]
const [majorIn, majorOut, minorIn, minorOut] = [
  operation('major', 'in'),
  operation('major', 'out'),
  operation('minor', 'in'),
  operation('minor', 'out'),
]

/** [bytes] of one swap device; '' where it has no name */
export function addSwap(points: Points, device: string, size: number, usedBytes: number): void {
  for (const [state, bytes] of [
    ['used', usedBytes],
    ['free', size - usedBytes],
  ] as const) {
    const attributes: Attributes = [...(device === '' ? [] : [['system.device', device] as const]), ['system.paging.state', state]]
    points.add(pagingUsage, bytes, attributes)
    if (size > 0) points.add(pagingUtilization, bytes / size, attributes)
  }
}

export function pagingScraper(around: Surroundings): Scraper {
  const source = new Source(around)
  return {
    name: 'paging',
    resource: 'host',
    scrape(points) {
      for (const { device, size, used: bytes } of source.read(`${around.root}/proc/swaps`, parseSwaps) ?? [])
        addSwap(points, device, size, bytes)
      const counters = source.read(`${around.root}/proc/vmstat`, parseVmstat)
      if (counters === undefined) return
      const majors = counters.get('pgmajfault')
      points.add(faults, majors, major)
      points.add(faults, (counters.get('pgfault') ?? Number.NaN) - (majors ?? 0), minor)
      points.add(operations, counters.get('pswpin'), majorIn)
      points.add(operations, counters.get('pswpout'), majorOut)
      points.add(operations, counters.get('pgpgin'), minorIn)
      points.add(operations, counters.get('pgpgout'), minorOut)
    },
  }
}
