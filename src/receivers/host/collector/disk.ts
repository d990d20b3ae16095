/** What the disks moved. */
import { filter } from '../filter.ts'
import type { HostmetricsSettings } from '../hostmetrics.ts'
import { attributes, counter, level, secondsCounter } from '../points.ts'
import { SECTOR_BYTES, wordsByLine } from '../proc.ts'
import { type Scraper, Source, type Surroundings } from '../scraper.ts'

const diskIo = counter('system.disk.io', 'By', 'Disk bytes transferred.')
const diskOperations = counter('system.disk.operations', '{operations}', 'Disk operations count.')
const diskMerged = counter(
  'system.disk.merged',
  '{operations}',
  'The number of disk reads/writes merged into single physical disk access operations.',
)
const diskOperationTime = secondsCounter('system.disk.operation_time', 's', 'Time spent in disk operations.')
const diskIoTime = secondsCounter('system.disk.io_time', 's', 'Time disk spent activated.')
const diskWeighted = secondsCounter('system.disk.weighted_io_time', 's', 'Time disk spent activated multiplied by the queue length.')
const diskPending = level('system.disk.pending_operations', '{operations}', 'The queue size of pending I/O operations.')

export function disk(around: Surroundings, settings: NonNullable<HostmetricsSettings['disk']>): Scraper {
  const source = new Source(around)
  const wanted = filter('devices', settings.include, settings.exclude)
  return {
    name: 'disk',
    resource: 'host',
    scrape(points) {
      for (const [, , device, ...words] of source.read(`${around.root}/proc/diskstats`, wordsByLine) ?? []) {
        if (device === undefined || words.length < 11 || !wanted(device)) continue
        const n = words.map(Number)
        for (const [direction, at] of [
          ['read', 0],
          ['write', 4],
        ] as const) {
          const of = attributes({ device, direction })
          points.add(diskOperations, n[at], of)
          points.add(diskMerged, n[at + 1], of)
          points.add(diskIo, n[at + 2]! * SECTOR_BYTES, of)
          points.add(diskOperationTime, n[at + 3]! / 1000, of)
        }
        points.add(diskPending, n[8], attributes({ device }))
        points.add(diskIoTime, n[9]! / 1000, attributes({ device }))
        points.add(diskWeighted, n[10]! / 1000, attributes({ device }))
      }
    },
  }
}
