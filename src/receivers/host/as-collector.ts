/** The scrapers of the Collector's `hostmetrics`: its names, units and attributes, from the same files of /proc that it reads. */
import { availableParallelism } from 'node:os'
import { mountFilter } from './disk.ts'
import { filter } from './filter.ts'
import type { HostmetricsSettings, ScraperName } from './hostmetrics.ts'
import { type Attributes, counter, gauge, level, type Metric, type Points, secondsCounter, wholeGauge } from './points.ts'
import {
  connectionStates,
  countTcp,
  type Mount,
  parseCpuInfo,
  parseLoadavg,
  parseMeminfo,
  parseMounts,
  parseNetDev,
  parsePidIo,
  parseStat,
  parseSwaps,
  parseUptime,
  parseVirtualTypes,
  parseVmstat,
  SECTOR_BYTES,
} from './proc.ts'
import { type Scraper, Slow, Source, type Surroundings } from './scraper.ts'

type Scrapers = { readonly [S in ScraperName]: (around: Surroundings, settings: NonNullable<HostmetricsSettings[S]>) => Scraper }

/** In the order in which they run. */
export function collectorScrapers(settings: HostmetricsSettings, around: (name: ScraperName) => Surroundings): Scraper[] {
  const make = <S extends ScraperName>(name: S): Scraper[] => {
    const own = settings[name] as NonNullable<HostmetricsSettings[S]> | undefined
    return own === undefined ? [] : [scrapers[name](around(name), own)]
  }
  return (Object.keys(scrapers) as ScraperName[]).flatMap(make)
}

/** The kernel counts in hundredths of a second whatever its own tick is. */
const TICKS_A_SECOND = 100
/** [bytes] of a page, on every machine that this runs on */
const PAGE_BYTES = 4096

/** `{ key: value, … }`, made once for each. */
const attributes = (pairs: Readonly<Record<string, string | number>>): Attributes => Object.entries(pairs)
const lines = (text: string) => text.split('\n').map(line => line.trim().split(/\s+/))

const cpuTime = secondsCounter('system.cpu.time', 's', 'Total seconds each logical CPU spent on each mode.')
const cpuUtilization = gauge(
  'system.cpu.utilization',
  '1',
  'Share of its time that each logical CPU spent on each mode since the last measurement.',
)
const logical = level('system.cpu.logical.count', '{cpu}', 'Number of available logical CPUs.')
const physical = level('system.cpu.physical.count', '{cpu}', 'Number of available physical CPUs.')
const frequency = wholeGauge('system.cpu.frequency', 'Hz', 'Current frequency of the CPU core in Hz.')
/** in the order of /proc/stat */
const cpuStates = ['user', 'nice', 'system', 'idle', 'wait', 'interrupt', 'softirq', 'steal'] as const

function cpu(around: Surroundings): Scraper {
  const source = new Source(around)
  let before = new Map<string, number[]>()
  return {
    name: 'cpu',
    resource: 'host',
    scrape(points) {
      const now = source.read(`${around.root}/proc/stat`, parseTicks)
      if (now === undefined) return
      for (const [name, ticks] of now) {
        const spent = ticks.map((tick, i) => Math.max(0, tick - (before.get(name)?.[i] ?? Number.NaN)))
        const total = spent.reduce((sum, s) => sum + s, 0)
        for (const [i, state] of cpuStates.entries()) {
          const of = attributes({ cpu: name, state })
          points.add(cpuTime, ticks[i]! / TICKS_A_SECOND, of)
          if (total > 0) points.add(cpuUtilization, spent[i]! / total, of)
        }
      }
      before = now
      points.add(logical, now.size || availableParallelism())
      const info = source.read(`${around.root}/proc/cpuinfo`, parseCpuInfo)
      points.add(physical, info?.physical)
      for (const [number, hertz] of info?.frequency ?? []) points.add(frequency, hertz, attributes({ cpu: `cpu${number}` }))
    },
  }
}

/** [ticks] by CPU */
function parseTicks(text: string): Map<string, number[]> {
  const cpus = lines(text).filter(([name]) => /^cpu\d+$/.test(name!))
  return new Map(cpus.map(([name, ...ticks]) => [name!, cpuStates.map((_, i) => Number(ticks[i] ?? 0))]))
}

const loads = ['1m', '5m', '15m'].map(over => gauge(`system.cpu.load_average.${over}`, '{thread}', `Average CPU Load over ${over}.`))

function load(around: Surroundings, { cpu_average }: { readonly cpu_average: boolean }): Scraper {
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

function memory(around: Surroundings): Scraper {
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

function disk(around: Surroundings, settings: NonNullable<HostmetricsSettings['disk']>): Scraper {
  const source = new Source(around)
  const wanted = filter('devices', settings.include, settings.exclude)
  return {
    name: 'disk',
    resource: 'host',
    scrape(points) {
      for (const [, , device, ...words] of source.read(`${around.root}/proc/diskstats`, lines) ?? []) {
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

const filesystemUsage = level('system.filesystem.usage', 'By', 'Filesystem bytes used.')
const filesystemUtilization = gauge('system.filesystem.utilization', '1', 'Fraction of filesystem bytes used.')
const inodesUsage = level('system.filesystem.inodes.usage', '{inodes}', 'FileSystem inodes used.')

function filesystem(around: Surroundings, settings: NonNullable<HostmetricsSettings['filesystem']>): Scraper {
  const source = new Source(around)
  const wanted = mountFilter(settings)
  const { files, root } = around
  const sizes = async () => {
    const mounts = source.read(root === '' ? '/proc/self/mounts' : `${root}/proc/1/mounts`, parseMounts) ?? []
    const virtual = settings.include_virtual_filesystems ? undefined : source.read(`${root}/proc/filesystems`, parseVirtualTypes)
    const real = ({ type, mountpoint }: Mount) => !virtual?.has(type) || (type === 'overlay' && mountpoint === '/')
    const systems = mounts.filter(mount => real(mount) && wanted(mount))
    return Promise.all(
      systems.map(async mount => ({
        mount,
        size: await source.attemptAsync(mount.mountpoint, () => files.statfs(`${root}${mount.mountpoint}`)),
      })),
    )
  }
  const systems = new Slow(around.clock, sizes)
  return {
    name: 'filesystem',
    resource: 'host',
    prepare: () => systems.renew(),
    scrape(points) {
      void systems.renew()
      for (const { mount, size } of systems.value ?? []) {
        if (size === undefined || size.total === 0) continue
        const { device, mode, mountpoint, type } = mount
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

const networkIo = counter('system.network.io', 'By', 'The number of bytes transmitted and received.')
const networkPackets = counter('system.network.packets', '{packets}', 'The number of packets transferred.')
const networkDropped = counter('system.network.dropped', '{packets}', 'The number of packets dropped.')
const networkErrors = counter('system.network.errors', '{errors}', 'The number of errors encountered.')
const networkConnections = level('system.network.connections', '{connections}', 'The number of connections.')
const conntrackCount = level('system.network.conntrack.count', '{entries}', 'The count of entries in conntrack table.')
const conntrackMax = level('system.network.conntrack.max', '{entries}', 'The limit for entries in the conntrack table.')

/** As the Collector has the states of `connectionStates`. */
const collectorStates: Readonly<Record<string, string>> = { syn_received: 'SYN_RECV', closed: 'CLOSE' }

function network(around: Surroundings, settings: NonNullable<HostmetricsSettings['network']>): Scraper {
  const source = new Source(around)
  const wanted = filter('interfaces', settings.include, settings.exclude)
  const folder = around.root === '' ? '/proc/self/net' : `${around.root}/proc/1/net`
  const counted = settings.metrics['system.network.connections'] as { enabled: boolean }
  return {
    name: 'network',
    resource: 'host',
    scrape(points) {
      for (const { name: device, ...directions } of source.read(`${folder}/dev`, parseNetDev) ?? []) {
        if (!wanted(device)) continue
        for (const direction of ['receive', 'transmit'] as const) {
          const of = attributes({ device, direction })
          points.add(networkIo, directions[direction].bytes, of)
          points.add(networkPackets, directions[direction].packets, of)
          points.add(networkDropped, directions[direction].dropped, of)
          points.add(networkErrors, directions[direction].errors, of)
        }
      }
      if (counted.enabled) addConnections(points)
      const tracked = `${around.root}/proc/sys/net/netfilter/nf_conntrack_`
      points.add(conntrackCount, points.wants(conntrackCount) ? source.read(`${tracked}count`, Number) : undefined)
      points.add(conntrackMax, points.wants(conntrackMax) ? source.read(`${tracked}max`, Number) : undefined)
    },
  }

  function addConnections(points: Points): void {
    const counts = new Map<string, number>()
    source.read(`${folder}/tcp`, text => countTcp(text, counts))
    source.read(`${folder}/tcp6`, text => countTcp(text, counts))
    for (const state of connectionStates)
      points.add(
        networkConnections,
        counts.get(state) ?? 0,
        attributes({ protocol: 'tcp', state: collectorStates[state] ?? state.toUpperCase() }),
      )
    points.add(networkConnections, 0, attributes({ protocol: 'tcp', state: 'DELETE' }))
  }
}

const pagingUsage = level('system.paging.usage', 'By', 'Swap (unix) or pagefile (windows) usage.')
const pagingUtilization = gauge('system.paging.utilization', '1', 'Swap (unix) or pagefile (windows) utilization.')
const pagingOperations = counter('system.paging.operations', '{operations}', 'The number of paging operations.')
const pagingFaults = counter('system.paging.faults', '{faults}', 'The number of page faults.')

function paging(around: Surroundings): Scraper {
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

const processesCount = level('system.processes.count', '{processes}', 'Total number of processes in each state.')
const processesCreated = counter('system.processes.created', '{processes}', 'Total number of created processes.')
/** Of the letters in /proc/PID/stat. */
const statuses: Readonly<Record<string, string>> = {
  R: 'running',
  S: 'sleeping',
  D: 'blocked',
  I: 'idle',
  T: 'stopped',
  t: 'stopped',
  Z: 'zombies',
  W: 'paging',
}

function processes(around: Surroundings): Scraper {
  const source = new Source(around)
  return {
    name: 'processes',
    resource: 'host',
    async scrape(points) {
      points.add(processesCreated, source.read(`${around.root}/proc/stat`, parseStat)?.created)
      // The Collector tells these two in any case.
      const counts = new Map<string, number>([
        ['running', 0],
        ['blocked', 0],
      ])
      for await (const { stat } of eachProcess(around, source)) {
        const status = statuses[stat.state] ?? 'unknown'
        counts.set(status, (counts.get(status) ?? 0) + 1)
      }
      for (const [status, count] of counts) points.add(processesCount, count, attributes({ status }))
    },
  }
}

const uptime = gauge('system.uptime', 's', 'The time the system has been running.')

function system(around: Surroundings): Scraper {
  const source = new Source(around)
  return {
    name: 'system',
    resource: 'host',
    scrape: points => points.add(uptime, source.read(`${around.root}/proc/uptime`, parseUptime)),
  }
}

/** What /proc/PID/stat tells; times in ticks. */
interface ProcessStat {
  readonly name: string
  readonly state: string
  readonly parent: number
  readonly minorFaults: number
  readonly majorFaults: number
  readonly user: number
  readonly system: number
  readonly threads: number
  /** [ticks] since boot */
  readonly started: number
  /** [bytes] */
  readonly virtual: number
  /** [bytes] */
  readonly resident: number
  readonly waited: number
}

export function parseProcessStat(text: string): ProcessStat | undefined {
  const open = text.indexOf('(')
  const close = text.lastIndexOf(')')
  const words = text.slice(close + 2).split(' ')
  const n = (field: number) => Number(words[field - 3])
  if (open < 0 || words.length < 40) return undefined
  return {
    name: text.slice(open + 1, close),
    state: words[0]!,
    parent: n(4),
    minorFaults: n(10),
    majorFaults: n(12),
    user: n(14),
    system: n(15),
    threads: n(20),
    started: n(22),
    virtual: n(23),
    resident: n(24) * PAGE_BYTES,
    waited: n(42),
  }
}

/** Processes read in one go: some tens of microseconds each. Then whatever else waits in the event loop runs. */
const PROCESSES_AT_ONCE = 50

/** Every process that is still there when its turn comes. */
async function* eachProcess(
  { files, root }: Surroundings,
  source: Source,
): AsyncGenerator<{ pid: string; folder: string; stat: ProcessStat }> {
  const names = (await source.attemptAsync(`${root}/proc`, () => files.list(`${root}/proc`))) ?? []
  for (const [i, pid] of names.filter(name => /^\d+$/.test(name)).entries()) {
    if (i % PROCESSES_AT_ONCE === PROCESSES_AT_ONCE - 1) await new Promise(resolve => setImmediate(resolve))
    const folder = `${root}/proc/${pid}`
    const stat = attempt(() => parseProcessStat(files.readSync(`${folder}/stat`)))
    if (stat !== undefined) yield { pid, folder, stat }
  }
}

/** What has ended meanwhile, or may not be read, is not known. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

const processCpuTime = secondsCounter('process.cpu.time', 's', 'Total CPU seconds broken down by different states.')
const processCpuUtilization = gauge('process.cpu.utilization', '1', 'Share of the CPUs that the process used since the last measurement.')
const processMemory = level('process.memory.usage', 'By', 'The amount of physical memory in use.')
const processVirtual = level('process.memory.virtual', 'By', 'Virtual memory size.')
const processMemoryUtilization = gauge(
  'process.memory.utilization',
  '1',
  'Percentage of total physical memory that is used by the process.',
)
const processDiskIo = counter('process.disk.io', 'By', 'Disk bytes transferred.')
const processDiskOperations = counter('process.disk.operations', '{operations}', 'Number of disk operations performed by the process.')
const processFaults = counter('process.paging.faults', '{faults}', 'Number of page faults the process has made.')
const processThreads = level('process.threads', '{threads}', 'Process threads count.')
const processDescriptors = level('process.open_file_descriptors', '{count}', 'Number of file descriptors in use by the process.')
const processSwitches = counter('process.context_switches', '{count}', 'Number of times the process has been context switched.')
const processSignals = level('process.signals_pending', '{signals}', 'Number of pending signals for the process.')
const processUptime = gauge('process.uptime', 's', 'The time the process has been running.')

function process(around: Surroundings, settings: NonNullable<HostmetricsSettings['process']>): Scraper {
  const source = new Source(around)
  const { files, root, clock } = around
  const wanted = filter('names', settings.include, settings.exclude)
  let before = new Map<string, { ticks: readonly number[]; at: number }>()
  const read = <T>(path: string, parse: (text: string) => T): T | undefined => attempt(() => parse(files.readSync(path)))
  return {
    name: 'process',
    resource: 'process',
    scrape() {},
    async scrapeEach(pointsOf) {
      const up = source.read(`${root}/proc/uptime`, parseUptime) ?? 0
      const memory = source.read(`${root}/proc/meminfo`, parseMeminfo)?.get('MemTotal')
      const users = read(`${root}/etc/passwd`, parseUsers)
      const seen: typeof before = new Map()
      for await (const { pid, folder, stat } of eachProcess(around, source)) {
        const age = up - stat.started / TICKS_A_SECOND
        if (!wanted(stat.name) || age * 1000 < settings.scrape_process_delay) continue
        const points = pointsOf(resource(pid, folder, stat, users), clock.now() - age * 1000)
        const ticks = [stat.user, stat.system, stat.waited]
        const at = clock.monotonic()
        const last = before.get(pid)
        for (const [i, state] of (['user', 'system', 'wait'] as const).entries()) {
          points.add(processCpuTime, ticks[i]! / TICKS_A_SECOND, attributes({ state }))
          const seconds = last === undefined ? 0 : ((at - last.at) / 1000) * availableParallelism()
          if (seconds > 0)
            points.add(processCpuUtilization, Math.max(0, ticks[i]! - last!.ticks[i]!) / TICKS_A_SECOND / seconds, attributes({ state }))
        }
        seen.set(pid, { ticks, at })
        points.add(processMemory, stat.resident)
        points.add(processVirtual, stat.virtual)
        points.add(processMemoryUtilization, memory === undefined ? undefined : stat.resident / memory)
        points.add(processThreads, stat.threads)
        points.add(processUptime, age)
        points.add(processFaults, stat.majorFaults, attributes({ type: 'major' }))
        points.add(processFaults, stat.minorFaults, attributes({ type: 'minor' }))
        const io = points.wants(processDiskIo) ? read(`${folder}/io`, parsePidIo) : undefined
        points.add(processDiskIo, io?.read, attributes({ direction: 'read' }))
        points.add(processDiskIo, io?.written, attributes({ direction: 'write' }))
        await addRest(points, folder)
      }
      before = seen
    },
  }

  /** What costs a file more, and is off unless it is turned on. */
  async function addRest(points: Points, folder: string): Promise<void> {
    const any = (...metrics: Metric[]) => metrics.some(metric => points.wants(metric))
    if (any(processSwitches)) {
      const status = read(`${folder}/status`, text => text) ?? ''
      const of = (name: string) => Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(status)?.[1] ?? Number.NaN)
      points.add(processSwitches, of('voluntary_ctxt_switches'), attributes({ type: 'voluntary' }))
      points.add(processSwitches, of('nonvoluntary_ctxt_switches'), attributes({ type: 'involuntary' }))
    }
    if (any(processSignals)) {
      const pending = read(`${folder}/status`, text => /^SigQ:\s*(\d+)/m.exec(text)?.[1])
      points.add(processSignals, pending === undefined ? undefined : Number(pending))
    }
    if (any(processDiskOperations)) {
      const io = read(`${folder}/io`, text => text) ?? ''
      const of = (name: string) => Number(new RegExp(`^${name}: (\\d+)`, 'm').exec(io)?.[1] ?? Number.NaN)
      points.add(processDiskOperations, of('syscr'), attributes({ direction: 'read' }))
      points.add(processDiskOperations, of('syscw'), attributes({ direction: 'write' }))
    }
    if (any(processDescriptors)) points.add(processDescriptors, (await files.list(`${folder}/fd`).catch(() => undefined))?.length)
  }

  function resource(pid: string, folder: string, stat: ProcessStat, users: ReadonlyMap<string, string> | undefined): Attributes {
    const on = (name: keyof typeof settings.resource_attributes) =>
      (settings.resource_attributes[name] as { enabled: boolean } | undefined)?.enabled === true
    const words = read(`${folder}/cmdline`, text => text.split('\0').filter((word, i, all) => word !== '' || i < all.length - 1)) ?? []
    const owner = on('process.owner') ? read(`${folder}/status`, text => /^Uid:\s*(\d+)/m.exec(text)?.[1]) : undefined
    const all = [
      ['process.pid', Number(pid)],
      ['process.parent_pid', stat.parent],
      ['process.executable.name', stat.name],
      ['process.executable.path', words[0]?.startsWith('/') ? words[0] : undefined],
      ['process.command', words[0]],
      ['process.command_line', words.length === 0 ? undefined : words.join(' ')],
      ['process.owner', owner === undefined ? undefined : (users?.get(owner) ?? owner)],
    ] as const
    return all.flatMap(([name, value]) => (value === undefined || value === '' || !on(name) ? [] : [[name, value] as const]))
  }
}

/** Names by number. /etc/passwd */
const parseUsers = (text: string) => new Map([...text.matchAll(/^([^:\n]+):[^:\n]*:(\d+):/gm)].map(([, name, id]) => [id!, name!]))

const scrapers: Scrapers = { cpu, load, memory, disk, filesystem, network, paging, processes, system, process }
