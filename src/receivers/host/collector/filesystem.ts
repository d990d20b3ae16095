/** How full the filesystems are. */
import { type FileSystem, filesystemScraper } from '../disk.ts'
import type { HostmetricsSettings } from '../hostmetrics.ts'
import { attributes, gauge, level, type Points } from '../points.ts'
import type { Scraper, Surroundings } from '../scraper.ts'

const filesystemUsage = level('system.filesystem.usage', 'By', 'Filesystem bytes used.')
const filesystemUtilization = gauge('system.filesystem.utilization', '1', 'Fraction of filesystem bytes used.')
const inodesUsage = level('system.filesystem.inodes.usage', '{inodes}', 'FileSystem inodes used.')

export function filesystem(around: Surroundings, settings: NonNullable<HostmetricsSettings['filesystem']>): Scraper {
  return filesystemScraper(around, settings, add)
}

function add(points: Points, { device, mode, mountpoint, type, ...size }: FileSystem): void {
  if (size.total === 0) return
  const of = (state?: string) => attributes({ device, mode, mountpoint, ...(state === undefined ? {} : { state }), type })
  const used = size.total - size.free
  points.add(filesystemUsage, used, of('used'))
  points.add(filesystemUsage, size.available, of('free'))
  points.add(filesystemUsage, size.free - size.available, of('reserved'))
  points.add(filesystemUtilization, used / (used + size.available), of())
  if (size.inodes === undefined || size.inodes.total === 0) return
  points.add(inodesUsage, size.inodes.total - size.inodes.free, of('used'))
  points.add(inodesUsage, size.inodes.free, of('free'))
}
