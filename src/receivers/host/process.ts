/** This process, and the runtime it runs on. */
import { availableParallelism } from 'node:os'
import { type EventLoopUtilization, monitorEventLoopDelay, PerformanceObserver, performance } from 'node:perf_hooks'
import { getHeapSpaceStatistics } from 'node:v8'
import { delayResolutionMs, gcBounds, gcTypeOf, loopDelays } from '../../lib/runtime.ts'
import { type Attributes, counter, type Distribution, gauge, histogram, level, type Points, secondsCounter } from './points.ts'
import { parsePidIo, parsePidStat } from './proc.ts'
import { type Scraper, Slow, Source, type Surroundings } from './scraper.ts'

const cpuTime = secondsCounter('process.cpu.time', 's', 'Total CPU seconds broken down by different CPU modes.')
const cpuUtilization = gauge(
  'process.cpu.utilization',
  '1',
  'Share of the CPUs available to the process that it used since the last measurement.',
)
const memoryUsage = level('process.memory.usage', 'By', 'The amount of physical memory in use.')
const memoryVirtual = level('process.memory.virtual', 'By', 'The amount of committed virtual memory.')
const diskIo = counter('process.disk.io', 'By', 'Disk bytes transferred.')
const threadCount = level('process.thread.count', '{thread}', 'Process threads count.')
const descriptorCount = level(
  'process.unix.file_descriptor.count',
  '{file_descriptor}',
  'Number of UNIX file descriptors in use by the process.',
)
const contextSwitches = counter('process.context_switches', '{context_switch}', 'Number of times the process has been context switched.')
const pagingFaults = counter('process.paging.faults', '{fault}', 'Number of page faults the process has made.')
const uptime = gauge('process.uptime', 's', 'The time the process has been running.')

const one = (key: string, value: string): Attributes => [[key, value]]
const [user, system] = [one('cpu.mode', 'user'), one('cpu.mode', 'system')]
const [read, write] = [one('disk.io.direction', 'read'), one('disk.io.direction', 'write')]
const switchType = 'process.context_switch.type'
const [voluntary, involuntary] = [one(switchType, 'voluntary'), one(switchType, 'involuntary')]
const [major, minor] = [one('system.paging.fault.type', 'major'), one('system.paging.fault.type', 'minor')]

/** `linux`: /proc is there to be read. */
export function processScraper(around: Surroundings, linux: boolean): Scraper {
  const source = new Source(around)
  const runtime = new Runtime()
  const usage = new CpuShare(around)
  const descriptors = new Slow(around.clock, () => source.attemptAsync('/proc/self/fd', () => around.files.list('/proc/self/fd')))
  return {
    name: 'process',
    resource: 'process',
    async prepare() {
      runtime.open()
      if (linux) await descriptors.renew()
    },
    scrape(points) {
      usage.add(points)
      points.add(memoryUsage, process.memoryUsage.rss())
      points.add(uptime, process.uptime())
      runtime.add(points)
      if (linux) {
        void descriptors.renew()
        addLinux(points, source, descriptors.value?.length)
      }
    },
    close: () => runtime.close(),
  }
}

function addLinux(points: Points, source: Source, descriptors: number | undefined): void {
  const stat = source.read('/proc/self/stat', parsePidStat)
  points.add(threadCount, stat?.threads)
  points.add(memoryVirtual, stat?.virtual)
  const io = source.read('/proc/self/io', parsePidIo)
  points.add(diskIo, io?.read, read)
  points.add(diskIo, io?.written, write)
  points.add(descriptorCount, descriptors)
}

/** What the operating system counts for the process; shares are by the clock that never goes back. */
class CpuShare {
  readonly #clock: Surroundings['clock']
  #before: { user: number; system: number; at: number } | undefined

  constructor({ clock }: Surroundings) {
    this.#clock = clock
  }

  add(points: Points): void {
    const usage = process.resourceUsage()
    const now = { user: usage.userCPUTime / 1e6, system: usage.systemCPUTime / 1e6, at: this.#clock.monotonic() / 1000 }
    points.add(cpuTime, now.user, user)
    points.add(cpuTime, now.system, system)
    const before = this.#before
    const seconds = before === undefined ? 0 : (now.at - before.at) * availableParallelism()
    if (before !== undefined && seconds > 0) {
      points.add(cpuUtilization, (now.user - before.user) / seconds, user)
      points.add(cpuUtilization, (now.system - before.system) / seconds, system)
    }
    this.#before = now
    points.add(contextSwitches, usage.voluntaryContextSwitches, voluntary)
    points.add(contextSwitches, usage.involuntaryContextSwitches, involuntary)
    points.add(pagingFaults, usage.majorPageFault, major)
    points.add(pagingFaults, usage.minorPageFault, minor)
  }
}

const delays = Object.values(loopDelays).map(
  ({ name, description, of }) => [gauge(`nodejs.eventloop.delay.${name}`, 's', description), of] as const,
)
const loopUtilization = gauge(
  'nodejs.eventloop.utilization',
  '1',
  'Share of its time that the event loop was busy since the last measurement.',
)
const loopTime = secondsCounter('nodejs.eventloop.time', 's', 'Cumulative duration of time the event loop has been in each state.')
const [active, idle] = [one('nodejs.eventloop.state', 'active'), one('nodejs.eventloop.state', 'idle')]
const heapSize = level('v8js.memory.heap.space.size', 'By', 'Heap space size.')
const heapUsed = level('v8js.memory.heap.used', 'By', 'Heap space in use.')
const heapAvailable = level('v8js.memory.heap.space.available_size', 'By', 'Heap space available size.')
const heapPhysical = level('v8js.memory.heap.space.physical_size', 'By', 'Committed size of a heap space.')
const gcDuration = histogram('v8js.gc.duration', 's', 'Garbage collection duration.')

class Runtime {
  readonly #delay = monitorEventLoopDelay({ resolution: delayResolutionMs })
  readonly #collections = new Map<string, { attributes: Attributes; count: number; sum: number; buckets: number[] }>()
  readonly #observer = new PerformanceObserver(list => {
    for (const entry of list.getEntries() as unknown as readonly { duration: number; detail: { kind: number } }[]) {
      this.#collected(entry.detail.kind, entry.duration / 1000)
    }
  })
  readonly #spaces = new Map<string, Attributes>()
  #utilization: EventLoopUtilization | undefined

  open(): void {
    this.#delay.enable()
    this.#observer.observe({ entryTypes: ['gc'] })
    this.#utilization = performance.eventLoopUtilization()
  }

  close(): void {
    this.#delay.disable()
    this.#observer.disconnect()
  }

  add(points: Points): void {
    for (const [metric, of] of delays) points.add(metric, this.#delay.count === 0 ? undefined : of(this.#delay))
    this.#delay.reset()
    const now = performance.eventLoopUtilization()
    if (this.#utilization !== undefined) points.add(loopUtilization, performance.eventLoopUtilization(now, this.#utilization).utilization)
    this.#utilization = now
    points.add(loopTime, now.active / 1000, active)
    points.add(loopTime, now.idle / 1000, idle)
    this.#addHeap(points)
    for (const { attributes, ...distribution } of this.#collections.values()) {
      points.addDistribution(
        gcDuration,
        { ...distribution, buckets: [...distribution.buckets], bounds: gcBounds } satisfies Distribution,
        attributes,
      )
    }
  }

  #addHeap(points: Points): void {
    for (const space of getHeapSpaceStatistics()) {
      const name = space.space_name
      let attributes = this.#spaces.get(name)
      if (attributes === undefined) this.#spaces.set(name, (attributes = one('v8js.heap.space.name', name)))
      points.add(heapSize, space.space_size, attributes)
      points.add(heapUsed, space.space_used_size, attributes)
      points.add(heapAvailable, space.space_available_size, attributes)
      points.add(heapPhysical, space.physical_space_size, attributes)
    }
  }

  #collected(kind: number, seconds: number): void {
    const type = gcTypeOf(kind)
    let found = this.#collections.get(type)
    if (found === undefined) {
      found = { attributes: one('v8js.gc.type', type), count: 0, sum: 0, buckets: [0, 0, 0, 0, 0] }
      this.#collections.set(type, found)
    }
    found.count++
    found.sum += seconds
    const bucket = gcBounds.findIndex(bound => seconds <= bound)
    found.buckets[bucket === -1 ? gcBounds.length : bucket]!++
  }
}
