/**
 * The main thread's event loop and heap, measured there, since nobody else can see them: written to shared memory, so that they are read
 * even while that thread stands still. Names are the semantic conventions'.
 */
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import { counter, gauge } from '../instruments/definition.ts'
import { Recorder } from '../instruments/recorder.ts'
import { delayResolutionMs, type LoopDelay, loopDelays } from '../lib/runtime.ts'

/** [ms] how often the figures are written */
export const probeMs = 1000

const delay = ({ name, description }: LoopDelay) => gauge(`nodejs.eventloop.delay.${name}`, 's', description)
const definitions = {
  utilization: gauge('nodejs.eventloop.utilization', '1', 'Event loop utilization since the last reading.'),
  time: counter('nodejs.eventloop.time', 's', 'Cumulative time that the event loop was active or idle.', ['nodejs.eventloop.state']),
  mean: delay(loopDelays.mean),
  p50: delay(loopDelays.p50),
  p99: delay(loopDelays.p99),
  max: delay(loopDelays.max),
  used: gauge('v8js.memory.heap.used', 'By', 'Heap memory in use.'),
  limit: gauge('v8js.memory.heap.limit', 'By', 'What the heap may grow to.'),
}

export interface Probe extends Disposable {
  readonly recorder: Recorder
}

/** `every` runs the reading, and does not keep the process alive. */
export function startProbe(every: (ms: number, run: () => void) => Disposable): Probe {
  const recorder = new Recorder()
  const { utilization, time, mean, p50, p99, max, used, limit } = recorder.instruments(definitions)
  const of = {
    ...{ utilization: utilization.with(), mean: mean.with(), p50: p50.with(), p99: p99.with(), max: max.with() },
    ...{ used: used.with(), limit: limit.with() },
    active: time.with({ 'nodejs.eventloop.state': 'active' }),
    idle: time.with({ 'nodejs.eventloop.state': 'idle' }),
  }
  const histogram = monitorEventLoopDelay({ resolution: delayResolutionMs })
  histogram.enable()
  let before = performance.eventLoopUtilization()
  const read = () => {
    const now = performance.eventLoopUtilization()
    of.utilization.set(performance.eventLoopUtilization(now, before).utilization)
    of.active.add(Math.max(0, now.active - before.active) / 1000)
    of.idle.add(Math.max(0, now.idle - before.idle) / 1000)
    before = now
    const heap = getHeapStatistics()
    of.used.set(heap.used_heap_size)
    of.limit.set(heap.heap_size_limit)
    if (histogram.count === 0) return
    of.mean.set(loopDelays.mean.of(histogram))
    of.p50.set(loopDelays.p50.of(histogram))
    of.p99.set(loopDelays.p99.of(histogram))
    of.max.set(loopDelays.max.of(histogram))
    histogram.reset()
  }
  read()
  const timer = every(probeMs, read)
  return {
    recorder,
    [Symbol.dispose]() {
      timer[Symbol.dispose]()
      histogram.disable()
    },
  }
}
