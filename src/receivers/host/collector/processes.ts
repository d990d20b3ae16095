/** How many processes there are, by state. */
import { attributes, counter, level } from '../points.ts'
import { parseStat } from '../proc.ts'
import { type Scraper, Source, type Surroundings } from '../scraper.ts'
import { eachProcess } from './process-table.ts'

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

export function processes(around: Surroundings): Scraper {
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
