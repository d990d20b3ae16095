/** One row of docs/reliability.md, as a soak measured it. */
import { readFileSync } from 'node:fs'

export interface Row {
  readonly fault: string
  /** how often, how many, how long: as it was run */
  readonly rounds: string
  readonly must: string
  readonly measured: string
  readonly met: boolean
}
export type Say = (line: string) => void

export const MB = 1e6
export const megabytes = (bytes: number): string => `${Math.round(bytes / MB)} MB`

/** [bytes] resident memory of a process */
export const rss = (pid: number): number => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024

/** [s] user and system time of a process and its threads; the kernel counts in hundredths */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name in brackets may hold spaces: fields are counted from behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

export interface Line {
  /** y per x */
  readonly slope: number
  /** standard error of the slope, as if the residuals were independent */
  readonly error: number
}

/** Least squares through [x, y]. */
export function leastSquares(points: readonly (readonly [number, number])[]): Line {
  const n = points.length
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / n
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / n
  let xx = 0
  let xy = 0
  for (const [x, y] of points) {
    xx += (x - meanX) ** 2
    xy += (x - meanX) * (y - meanY)
  }
  const slope = xy / xx
  const squares = points.reduce((sum, [x, y]) => sum + (y - meanY - slope * (x - meanX)) ** 2, 0)
  return { slope, error: Math.sqrt(squares / Math.max(1, n - 2) / xx) }
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(q * (sorted.length - 1))] ?? Number.NaN
}
