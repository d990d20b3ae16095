/** How full the filesystems are. */
import { mountFilter, readFileSystems } from '../disk.ts'
import type { HostmetricsSettings } from '../hostmetrics.ts'
import { attributes, gauge, level } from '../points.ts'
import { type Scraper, Slow, Source, type Surroundings } from '../scraper.ts'

const filesystemUsage = level('system.filesystem.usage', 'By', 'Filesystem bytes used.')
const filesystemUtilization = gauge('system.filesystem.utilization', '1', 'Fraction of filesystem bytes used.')
const inodesUsage = level('system.filesystem.inodes.usage', '{inodes}', 'FileSystem inodes used.')

export function filesystem(around: Surroundings, settings: NonNullable<HostmetricsSettings['filesystem']>): Scraper {
  const source = new Source(around)
  const wanted = mountFilter(settings)
  const systems = new Slow(around.clock, () => readFileSystems(around, source, settings.include_virtual_filesystems, wanted))
  return {
    name: 'filesystem',
    resource: 'host',
    prepare: () => systems.renew(),
    scrape(points) {
      void systems.renew()
      for (const { device, mode, mountpoint, type, ...size } of systems.value ?? []) {
        if (size.total === 0) continue
        const of = (state?: string) => attributes({ device, mode, mountpoint, ...(state === undefined ? {} : { state }), type })
        const used = size.total - size.free
        points.add(filesystemUsage, used, of('used'))
        points.add(filesystemUsage, size.available, of('free'))
        points.add(filesystemUsage, size.free - size.available, of('reserved'))
        points.add(filesystemUtilization, used / (used + size.available), of())
        if (size.inodes === undefined || size.inodes.total === 0) continue
        points.add(inodesUsage, size.inodes.total - size.inodes.free, of('used'))
        points.add(inodesUsage, size.inodes.free, of('free'))
      }
    },
  }
}
