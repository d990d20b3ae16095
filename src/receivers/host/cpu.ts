import { availableParallelism } from 'node:os'
import { type Attributes, counter, gauge, level, type Points, secondsCounter, wholeGauge } from './points.ts'
import { type CpuInfo, type CpuTimes, cpuModes, parseCpuInfo, parseLoadavg, parseStat, parseUptime } from './proc.ts'
import { type Scraper, Slow, Source, type Surroundings } from './scraper.ts'

export const cpuTime = secondsCounter('system.cpu.time', 's', 'Seconds each logical CPU spent on each mode.')
export const cpuUtilization = gauge(
  'system.cpu.utilization',
  '1',
  'The share of its time that each logical CPU spent on each mode since the last measurement.',
)
const logicalCount = level('system.cpu.logical.count', '{cpu}', 'Number of logical processors.')
const physicalCount = level('system.cpu.physical.count', '{cpu}', 'Number of physical processor cores.')
const frequency = wholeGauge('system.cpu.frequency', 'Hz', 'Operating frequency of the logical CPU.')

export function cpuScraper(around: Surroundings): Scraper {
  const source = new Source(around)
  const path = `${around.root}/proc/stat`
  const utilization = new Utilization()
  const info = new Slow(around.clock, () => readCpuInfo(source, around))
  let physical: number | undefined
  return {
    name: 'cpu',
    resource: 'host',
    async prepare() {
      source.read(path, text => utilization.update(parseStat(text).cpus))
      await info.renew()
      physical = info.value?.physical ?? (await physicalCores())
    },
    scrape(points) {
      void info.renew()
      const stat = source.read(path, parseStat)
      if (stat === undefined) return
      addTimes(points, stat.cpus)
      utilization.update(stat.cpus, points)
      points.add(logicalCount, stat.cpus.length || availableParallelism())
      points.add(physicalCount, physical)
      for (const [cpu, hz] of info.value?.frequency ?? []) points.add(frequency, hz, ofCpu(cpu))
    },
  }
}

const modeAttributes: Attributes[] = []
/** `{ cpu.logical_number, cpu.mode }`, made once. */
export function ofMode(cpu: number, mode: number): Attributes {
  return (modeAttributes[cpu * cpuModes.length + mode] ??= [
    ['cpu.logical_number', cpu],
    ['cpu.mode', cpuModes[mode]!],
  ])
}
const ofCpu = (cpu: number): Attributes => [['cpu.logical_number', cpu]]

function addTimes(points: Points, cpus: readonly CpuTimes[]): void {
  for (const times of cpus) cpuModes.forEach((mode, m) => void points.add(cpuTime, times[mode], ofMode(times.cpu, m)))
}

/** From one reading to the next, in the CPUs' own time: no clock of ours is asked, so none can spoil it. */
class Utilization {
  #before = new Map<number, CpuTimes>()

  update(cpus: readonly CpuTimes[], points?: Points): void {
    for (const now of points === undefined ? [] : cpus) {
      const before = this.#before.get(now.cpu)
      if (before !== undefined) addUtilization(points!, before, now)
    }
    this.#before = new Map(cpus.map(times => [times.cpu, times]))
  }
}

function addUtilization(points: Points, before: CpuTimes, now: CpuTimes): void {
  // Some of the kernel's counters may go back a little; a CPU that was taken away and came again begins at 0.
  const spent = cpuModes.map(mode => Math.max(0, now[mode] - before[mode]))
  const total = spent.reduce((sum, s) => sum + s, 0)
  if (total > 0) spent.forEach((s, m) => void points.add(cpuUtilization, s / total, ofMode(now.cpu, m)))
}

/** What the frequency is now where the kernel tells it, else what /proc/cpuinfo says. */
async function readCpuInfo(source: Source, { files, root }: Surroundings): Promise<CpuInfo | undefined> {
  const info = source.read(`${root}/proc/cpuinfo`, parseCpuInfo)
  if (info === undefined || info.frequency.size > 0) return info
  const folder = `${root}/sys/devices/system/cpu`
  const names = (await source.attemptAsync(folder, () => files.list(folder))) ?? []
  const frequencies = new Map<number, number>()
  for (const name of names.filter(n => /^cpu\d+$/.test(n))) {
    const kiloHertz = source.read(`${folder}/${name}/cpufreq/scaling_cur_freq`, Number)
    if (kiloHertz !== undefined) frequencies.set(Number(name.slice(3)), kiloHertz * 1000)
  }
  return { ...info, frequency: frequencies }
}

/** Where the kernel does not say. Asked once: it starts programs to find out. */
async function physicalCores(): Promise<number | undefined> {
  try {
    const { default: systeminformation } = await import('systeminformation')
    return (await systeminformation.cpu()).physicalCores || undefined
  } catch {
    return undefined
  }
}

export const loadMetrics = [
  gauge('system.cpu.load_average.1m', '{thread}', 'Average number of threads that run or wait to, over 1 minute.'),
  gauge('system.cpu.load_average.5m', '{thread}', 'Average number of threads that run or wait to, over 5 minutes.'),
  gauge('system.cpu.load_average.15m', '{thread}', 'Average number of threads that run or wait to, over 15 minutes.'),
] as const

export function loadScraper(around: Surroundings, settings: { readonly cpu_average: boolean }): Scraper {
  const source = new Source(around)
  const share = settings.cpu_average ? availableParallelism() : 1
  return {
    name: 'load',
    resource: 'host',
    scrape(points) {
      const loads = source.read(`${around.root}/proc/loadavg`, parseLoadavg)
      loadMetrics.forEach((metric, i) => void points.add(metric, loads === undefined ? undefined : loads[i]! / share))
    },
  }
}

export const uptime = gauge('system.uptime', 's', 'The time the system has been running.')

export function systemScraper(around: Surroundings): Scraper {
  const source = new Source(around)
  return {
    name: 'system',
    resource: 'host',
    scrape: points => points.add(uptime, source.read(`${around.root}/proc/uptime`, parseUptime)),
  }
}

export const created = counter('system.process.created', '{process}', 'Total number of processes created over uptime of the host.')
