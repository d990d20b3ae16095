/**
 * What a `process.nextTick` costs in a thread whose heap was collected before it was busy, as it is and with one tick's object kept (src/lib/ticks.ts):
 * `node --expose-gc bench/ticks.bench.ts`. CPU time of the thread, the best of five.
 */
import { setImmediate as turn } from 'node:timers/promises'
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { keepTickShape } from '../src/lib/ticks.ts'

const TICKS = 1_000_000

if (isMainThread) for (const keeps of [false, true]) await ended(new Worker(new URL(import.meta.url), { workerData: { keeps } }))
else await measure((workerData as { keeps: boolean }).keeps)

function ended(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => worker.once('exit', () => resolve()).once('error', reject))
}

async function measure(keeps: boolean): Promise<void> {
  if (globalThis.gc === undefined) throw new Error('run it with --expose-gc')
  if (keeps) keepTickShape()
  for (let i = 0; i < 5; i++) {
    await ticks(20)
    await turn()
    globalThis.gc()
    await turn()
  }
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < 5; i++) {
    const before = process.threadCpuUsage()
    await ticks(TICKS)
    const { user, system } = process.threadCpuUsage(before)
    best = Math.min(best, user + system)
  }
  console.log(`${keeps ? 'one tick kept' : 'as it is'}: ${((1000 * best) / TICKS).toFixed(0)} ns a tick`)
}

/** One after the other. */
function ticks(count: number): Promise<void> {
  return new Promise(resolve => {
    let left = count
    const next = () => {
      if (--left > 0) process.nextTick(next)
      else resolve()
    }
    process.nextTick(next)
  })
}
