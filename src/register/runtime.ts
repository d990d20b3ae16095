/** What only the process itself can see: its event loop, its heap, its garbage collector. Names are the semantic conventions'. */
import { monitorEventLoopDelay, PerformanceObserver, performance } from 'node:perf_hooks'
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8'
import type { Meter } from '@opentelemetry/api'
import { delayResolutionMs, gcBounds, gcTypeOf, loopDelays } from '../lib/runtime.ts'

/** @returns what ends it */
export function watchRuntime(meter: Meter): Disposable {
  const delay = monitorEventLoopDelay({ resolution: delayResolutionMs })
  delay.enable()
  const delays = Object.values(loopDelays).map(({ name, description, of }) => ({
    gauge: meter.createObservableGauge(`nodejs.eventloop.delay.${name}`, { unit: 's', description }),
    of,
  }))
  meter.addBatchObservableCallback(
    result => {
      // Before it has waited once it has seen nothing.
      if (delay.count === 0) return
      for (const { gauge, of } of delays) result.observe(gauge, of(delay))
      delay.reset()
    },
    delays.map(({ gauge }) => gauge),
  )

  let before = performance.eventLoopUtilization()
  meter
    .createObservableGauge('nodejs.eventloop.utilization', { unit: '1', description: 'Event loop utilization since the last reading.' })
    .addCallback(result => {
      const now = performance.eventLoopUtilization()
      result.observe(performance.eventLoopUtilization(now, before).utilization)
      before = now
    })
  meter
    .createObservableCounter('nodejs.eventloop.time', { unit: 's', description: 'Cumulative time that the event loop was active or idle.' })
    .addCallback(result => {
      const { active, idle } = performance.eventLoopUtilization()
      result.observe(active / 1000, { 'nodejs.eventloop.state': 'active' })
      result.observe(idle / 1000, { 'nodejs.eventloop.state': 'idle' })
    })

  const heap = {
    used: meter.createObservableUpDownCounter('v8js.memory.heap.used', { unit: 'By', description: 'Heap memory in use, by space.' }),
    available: meter.createObservableUpDownCounter('v8js.memory.heap.space.available_size', {
      unit: 'By',
      description: 'Heap memory free, by space.',
    }),
    physical: meter.createObservableUpDownCounter('v8js.memory.heap.space.physical_size', {
      unit: 'By',
      description: 'Heap memory committed, by space.',
    }),
    limit: meter.createObservableUpDownCounter('v8js.memory.heap.limit', { unit: 'By', description: 'What the heap may grow to.' }),
  }
  meter.addBatchObservableCallback(result => {
    for (const space of getHeapSpaceStatistics()) {
      const of = { 'v8js.heap.space.name': space.space_name }
      result.observe(heap.used, space.space_used_size, of)
      result.observe(heap.available, space.space_available_size, of)
      result.observe(heap.physical, space.physical_space_size, of)
    }
    result.observe(heap.limit, getHeapStatistics().heap_size_limit)
  }, Object.values(heap))

  const pauses = meter.createHistogram('v8js.gc.duration', {
    unit: 's',
    description: 'Garbage collection, by kind.',
    advice: { explicitBucketBoundaries: [...gcBounds] },
  })
  const observer = new PerformanceObserver(list => {
    for (const entry of list.getEntries()) {
      const kind = (entry as { detail?: { kind?: number } }).detail?.kind ?? 0
      pauses.record(entry.duration / 1000, { 'v8js.gc.type': gcTypeOf(kind) })
    }
  })
  observer.observe({ entryTypes: ['gc'] })
  return {
    [Symbol.dispose]() {
      observer.disconnect()
      delay.disable()
    },
  }
}
