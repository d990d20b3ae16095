/** Each process: a resource of its own. */
import { availableParallelism } from 'node:os'
import { filter } from '../filter.ts'
import type { HostmetricsSettings } from '../hostmetrics.ts'
import { type Attributes, attributes, counter, gauge, level, type Metric, type Points, secondsCounter } from '../points.ts'
import { parseMeminfo, parsePidIo, parseUptime, TICKS_A_SECOND } from '../proc.ts'
import { type Scraper, Source, type Surroundings } from '../scraper.ts'
import { attempt, eachProcess, type ProcessStat } from './process-table.ts'

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

export function process(around: Surroundings, settings: NonNullable<HostmetricsSettings['process']>): Scraper {
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
