/** What is measured of each process, a resource of its own. */
import { availableParallelism } from 'node:os'
import { filter } from '../filter.ts'
import type { HostmetricsSettings } from '../hostmetrics.ts'
import { attributes, counter, gauge, level, type Points, secondsCounter } from '../points.ts'
import { parseMeminfo, parsePidIo, parseUptime, TICKS_A_SECOND } from '../proc.ts'
import { type Scraper, Source, type Surroundings } from '../scraper.ts'
import { parseUsers, type Read, resourceOf } from './process-resource.ts'
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

/** What a process has used of the CPUs at one moment. */
interface Spent {
  /** by `states` */
  readonly ticks: readonly number[]
  /** [ms] monotonic */
  readonly at: number
}
const states = ['user', 'system', 'wait'].map(state => attributes({ state }))

export function process(around: Surroundings, settings: NonNullable<HostmetricsSettings['process']>): Scraper {
  const source = new Source(around)
  const { files, root, clock } = around
  const wanted = filter('names', settings.include, settings.exclude)
  const read: Read = (path, parse) => attempt(() => parse(files.readSync(path)))
  let before = new Map<string, Spent>()
  return {
    name: 'process',
    resource: 'process',
    scrape() {},
    async scrapeEach(pointsOf) {
      const up = source.read(`${root}/proc/uptime`, parseUptime) ?? 0
      const memory = source.read(`${root}/proc/meminfo`, parseMeminfo)?.get('MemTotal')
      const users = read(`${root}/etc/passwd`, parseUsers)
      const seen = new Map<string, Spent>()
      for await (const each of eachProcess(around, source)) {
        const { pid, folder, stat } = each
        const age = up - stat.started / TICKS_A_SECOND
        if (!wanted(stat.name) || age * 1000 < settings.scrape_process_delay) continue
        const points = pointsOf(resourceOf(each, settings.resource_attributes, users, read), clock.now() - age * 1000)
        const spent = { ticks: [stat.user, stat.system, stat.waited], at: clock.monotonic() }
        seen.set(pid, spent)
        addCpu(points, spent, before.get(pid))
        addStat(points, stat, age, memory)
        addIo(points, folder, read)
        addStatus(points, folder, read)
        addOperations(points, folder, read)
        if (points.wants(processDescriptors))
          points.add(processDescriptors, (await files.list(`${folder}/fd`).catch(() => undefined))?.length)
      }
      before = seen
    },
  }
}

function addCpu(points: Points, { ticks, at }: Spent, before: Spent | undefined): void {
  const seconds = before === undefined ? 0 : ((at - before.at) / 1000) * availableParallelism()
  for (const [i, state] of states.entries()) {
    points.add(processCpuTime, ticks[i]! / TICKS_A_SECOND, state)
    if (seconds > 0) points.add(processCpuUtilization, Math.max(0, ticks[i]! - before!.ticks[i]!) / TICKS_A_SECOND / seconds, state)
  }
}

/** @param age [s] @param memory [bytes] of the machine */
function addStat(points: Points, stat: ProcessStat, age: number, memory: number | undefined): void {
  points.add(processMemory, stat.resident)
  points.add(processVirtual, stat.virtual)
  points.add(processMemoryUtilization, memory === undefined ? undefined : stat.resident / memory)
  points.add(processThreads, stat.threads)
  points.add(processUptime, age)
  points.add(processFaults, stat.majorFaults, attributes({ type: 'major' }))
  points.add(processFaults, stat.minorFaults, attributes({ type: 'minor' }))
}

function addIo(points: Points, folder: string, read: Read): void {
  if (!points.wants(processDiskIo)) return
  const io = read(`${folder}/io`, parsePidIo)
  points.add(processDiskIo, io?.read, attributes({ direction: 'read' }))
  points.add(processDiskIo, io?.written, attributes({ direction: 'write' }))
}

// What follows costs a file more, and is off unless it is turned on.

function addStatus(points: Points, folder: string, read: Read): void {
  if (!points.wants(processSwitches) && !points.wants(processSignals)) return
  const status = read(`${folder}/status`, text => text) ?? ''
  points.add(processSwitches, numberIn(status, /^voluntary_ctxt_switches:\s*(\d+)/m), attributes({ type: 'voluntary' }))
  points.add(processSwitches, numberIn(status, /^nonvoluntary_ctxt_switches:\s*(\d+)/m), attributes({ type: 'involuntary' }))
  points.add(processSignals, numberIn(status, /^SigQ:\s*(\d+)/m))
}

function addOperations(points: Points, folder: string, read: Read): void {
  if (!points.wants(processDiskOperations)) return
  const io = read(`${folder}/io`, text => text) ?? ''
  points.add(processDiskOperations, numberIn(io, /^syscr: (\d+)/m), attributes({ direction: 'read' }))
  points.add(processDiskOperations, numberIn(io, /^syscw: (\d+)/m), attributes({ direction: 'write' }))
}

const numberIn = (text: string, pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? Number.NaN)
