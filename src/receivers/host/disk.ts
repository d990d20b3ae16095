import type { FileSystemSize } from '../../component/component.ts'
import { filter, type Named } from './filter.ts'
import { type Attributes, counter, gauge, level, type Points, secondsCounter } from './points.ts'
import { type DiskStats, type Mount, parseDiskstats, parseMounts, parseVirtualTypes, SECTOR_BYTES } from './proc.ts'
import { type Scraper, Slow, Source, type Surroundings } from './scraper.ts'

const io = counter('system.disk.io', 'By', 'Disk bytes transferred.')
const operations = counter('system.disk.operations', '{operation}', 'Disk operations count.')
const merged = counter('system.disk.merged', '{operation}', 'Disk operations that were merged into others.')
const operationTime = secondsCounter('system.disk.operation_time', 's', 'Sum of the time each operation took to complete.')
const ioTime = secondsCounter('system.disk.io_time', 's', 'Time disk spent activated.')
const diskLimit = level('system.disk.limit', 'By', 'The total storage capacity of the disk.')

interface DiskAttributes {
  readonly read: Attributes
  readonly write: Attributes
  readonly device: Attributes
}
const ofDisk = (name: string): DiskAttributes => {
  const device = ['system.device', name] as const
  return { read: [device, ['disk.io.direction', 'read']], write: [device, ['disk.io.direction', 'write']], device: [device] }
}

/** What systems other than Linux do not tell may be missing. */
export function addDisk(points: Points, disk: Partial<DiskStats> & { readonly device: string }, attributes = ofDisk(disk.device)): void {
  const { read, write, device } = attributes
  points.add(io, disk.readBytes, read)
  points.add(io, disk.writtenBytes, write)
  points.add(operations, disk.reads, read)
  points.add(operations, disk.writes, write)
  points.add(merged, disk.readsMerged, read)
  points.add(merged, disk.writesMerged, write)
  points.add(operationTime, disk.readTime, read)
  points.add(operationTime, disk.writeTime, write)
  points.add(ioTime, disk.ioTime, device)
}

export interface DiskSettings {
  readonly include?: Named<'devices'> | undefined
  readonly exclude?: Named<'devices'> | undefined
}

export function diskScraper(around: Surroundings, settings: DiskSettings): Scraper {
  const source = new Source(around)
  const wanted = filter('devices', settings.include, settings.exclude)
  const known = new Map<string, { attributes: DiskAttributes; bytes: number | undefined }>()
  const knowledge = (device: string) => {
    let found = known.get(device)
    if (found === undefined) {
      const sectors = source.read(`${around.root}/sys/class/block/${device}/size`, Number)
      found = { attributes: ofDisk(device), bytes: sectors === undefined ? undefined : sectors * SECTOR_BYTES }
      known.set(device, found)
    }
    return found
  }
  return {
    name: 'disk',
    resource: 'host',
    scrape(points) {
      for (const disk of source.read(`${around.root}/proc/diskstats`, parseDiskstats) ?? []) {
        if (!wanted(disk.device)) continue
        const { attributes, bytes } = knowledge(disk.device)
        addDisk(points, disk, attributes)
        points.add(diskLimit, bytes, attributes.device)
      }
    },
  }
}

const usage = level('system.filesystem.usage', 'By', "A file system's space by state.")
const utilization = gauge('system.filesystem.utilization', '1', 'Share of the space that is used.')
const limit = level('system.filesystem.limit', 'By', 'The total storage capacity of the file system.')

/** [bytes] `available` is what users may have; what is free beyond that is kept for the system. */
export interface FileSystem extends Mount, FileSystemSize {}

export function addFileSystem(points: Points, { device, mountpoint, type, mode, total, free, available }: FileSystem): void {
  if (total === 0) return
  const attributes: Attributes = [
    ['system.device', device],
    ['system.filesystem.mode', mode],
    ['system.filesystem.mountpoint', mountpoint],
    ['system.filesystem.type', type],
  ]
  const inState = (state: string): Attributes => [...attributes, ['system.filesystem.state', state]]
  const states = [
    ['used', total - free],
    ['free', available],
    ['reserved', free - available],
  ] as const
  for (const [state, bytes] of states) {
    points.add(usage, bytes, inState(state))
    points.add(utilization, bytes / total, inState(state))
  }
  points.add(limit, total, attributes)
}

export interface FileSystemSettings {
  readonly include_virtual_filesystems: boolean
  readonly include_devices?: Named<'devices'> | undefined
  readonly exclude_devices?: Named<'devices'> | undefined
  readonly include_fs_types?: Named<'fs_types'> | undefined
  readonly exclude_fs_types?: Named<'fs_types'> | undefined
  readonly include_mount_points?: Named<'mount_points'> | undefined
  readonly exclude_mount_points?: Named<'mount_points'> | undefined
}

export function mountFilter(settings: FileSystemSettings): (mount: Mount) => boolean {
  const device = filter('devices', settings.include_devices, settings.exclude_devices)
  const type = filter('fs_types', settings.include_fs_types, settings.exclude_fs_types)
  const place = filter('mount_points', settings.include_mount_points, settings.exclude_mount_points)
  return mount => device(mount.device) && type(mount.type) && place(mount.mountpoint)
}

/** @param add tells of one */
export function filesystemScraper(around: Surroundings, settings: FileSystemSettings, add = addFileSystem): Scraper {
  const source = new Source(around)
  const wanted = mountFilter(settings)
  const systems = new Slow(around.clock, () => readFileSystems(around, source, settings.include_virtual_filesystems, wanted))
  return {
    name: 'filesystem',
    resource: 'host',
    prepare: () => systems.renew(),
    scrape(points) {
      void systems.renew()
      for (const system of systems.value ?? []) add(points, system)
    },
  }
}

/** Those that cannot be read are left out, and said. */
async function readFileSystems(
  { files, root }: Surroundings,
  source: Source,
  virtual: boolean,
  wanted: (mount: Mount) => boolean,
): Promise<FileSystem[]> {
  // Another root's mounts are those of its first process.
  const mounts = source.read(root === '' ? '/proc/self/mounts' : `${root}/proc/1/mounts`, parseMounts) ?? []
  const types = virtual ? new Set<string>() : (source.read(`${root}/proc/filesystems`, parseVirtualTypes) ?? new Set())
  // A container's own root is an overlay; elsewhere overlays are other containers' roots.
  const real = ({ type, mountpoint }: Mount) => !types.has(type) || (type === 'overlay' && mountpoint === '/')
  const systems: FileSystem[] = []
  for (const mount of mounts.filter(mount => real(mount) && wanted(mount))) {
    const size = await source.attemptAsync(mount.mountpoint, () => files.statfs(`${root}${mount.mountpoint}`))
    if (size !== undefined) systems.push({ ...mount, ...size })
  }
  return systems
}
