/** Reads series that another thread records, until that one says it is done, and tells what it saw. */
import { parentPort, workerData } from 'node:worker_threads'
import { histogramOf, type Series } from '../../src/instruments/series.ts'

const { series, done } = workerData as { series: readonly Series[]; done: Int32Array }
const [counted, timed] = series as [Series, Series]
let [reads, wentBack, torn, last, lastCount] = [0, 0, 0, 0, 0]
for (;;) {
  const finished = Atomics.load(done, 0) === 1
  const value = counted.cells[counted.at]!
  const { count, min = 1, max = 1 } = histogramOf(timed)
  if (value < last || count < lastCount) wentBack++
  // Only whole numbers were ever added, and only 1 and 3 recorded.
  if (!Number.isInteger(value) || !Number.isInteger(count) || ![1, 3].includes(min) || ![1, 3].includes(max)) torn++
  ;[last, lastCount] = [value, count]
  if (reads++ === 0) Atomics.store(done, 1, 1)
  if (finished) break
}
parentPort!.postMessage({ reads, wentBack, torn, last, lastCount })
