/** What each CPU did. */
import { availableParallelism } from 'node:os'
import { attributes, gauge, level, secondsCounter, wholeGauge } from '../points.ts'
import { parseCpuInfo, TICKS_A_SECOND, wordsByLine } from '../proc.ts'
import { type Scraper, Source, type Surroundings } from '../scraper.ts'

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

export function cpu(around: Surroundings): Scraper {
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
  const cpus = wordsByLine(text).filter(([name]) => /^cpu\d+$/.test(name!))
  return new Map(cpus.map(([name, ...ticks]) => [name!, cpuStates.map((_, i) => Number(ticks[i] ?? 0))]))
}
