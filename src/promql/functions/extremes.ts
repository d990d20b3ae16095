import type { MutableRow, WindowFunction } from '../kernel.ts'
import { FLOAT } from '../value.ts'
import { overFloats } from './over-floats.ts'
import { type Floats, largestWindow } from './split.ts'

/**
 * min_over_time and max_over_time, and when they were. A queue holds the samples of the window that may yet become the extreme: each is beaten by none that
 * came after it. Every sample enters and leaves once, so that a step costs what it moves by and not what the window holds. NaN counts only where there is nothing else.
 */
export const maxOverTime: WindowFunction = overFloats('max_over_time', (floats, out) =>
  extremes(floats, floats.tier?.max ?? floats.value, 1, false, writeValue, out),
)
export const minOverTime: WindowFunction = overFloats('min_over_time', (floats, out) =>
  extremes(floats, floats.tier?.min ?? floats.value, -1, false, writeValue, out),
)
/** Of several samples with the same value the last counts. */
export const tsOfMaxOverTime: WindowFunction = overFloats('ts_of_max_over_time', (floats, out) =>
  extremes(floats, floats.value, 1, true, writeTime, out),
)
export const tsOfMinOverTime: WindowFunction = overFloats('ts_of_min_over_time', (floats, out) =>
  extremes(floats, floats.value, -1, true, writeTime, out),
)

type Write = (column: Float64Array, floats: Floats, index: number) => number
const writeValue: Write = (column, _, index) => column[index]!
const writeTime: Write = (_, { time }, index) => time[index]! / 1000

/** @param sign 1 for the greatest, -1 for the least @param latest of equal ones the last, else the first */
function extremes(floats: Floats, column: Float64Array, sign: 1 | -1, latest: boolean, write: Write, out: MutableRow): void {
  const { lo, hi } = floats
  const queue = new Int32Array(2 ** Math.ceil(Math.log2(Math.max(1, largestWindow(lo, hi)))))
  const mask = queue.length - 1
  let head = 0
  let tail = 0
  let end = 0
  for (let step = 0; step < lo.length; step++) {
    const begin = lo[step]!
    if (hi[step]! <= begin) continue
    if (end <= begin) {
      end = begin
      head = tail
    } else while (head < tail && queue[head & mask]! < begin) head++
    for (; end < hi[step]!; end++) {
      const x = sign * column[end]!
      if (Number.isNaN(x)) continue
      while (head < tail && beats(x, sign * column[queue[(tail - 1) & mask]!]!, latest)) tail--
      queue[tail++ & mask] = end
    }
    out.kind[step] = FLOAT
    const only = latest ? end - 1 : begin
    out.value[step] = write(column, floats, head < tail ? queue[head & mask]! : only)
  }
}

const beats = (x: number, before: number, latest: boolean): boolean => x > before || (latest && x === before)
