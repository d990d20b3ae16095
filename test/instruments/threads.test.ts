/** Recording is memory that threads share: one writes, others read. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { DataPointType } from '@opentelemetry/sdk-metrics'
import { expect, test } from 'vitest'
import { counter, histogram } from '../../src/instruments/definition.ts'
import { Recorder } from '../../src/instruments/recorder.ts'
import { metricsOf, type Series } from '../../src/instruments/series.ts'
import { points } from './kit.ts'

test('a worker reads what this thread records, while it records', async () => {
  const recorder = new Recorder()
  const { requests, duration } = recorder.instruments({
    requests: counter('test.requests', '{request}', 'Requests.'),
    duration: histogram('test.duration', 's', 'One.', [1, 2]),
  })
  const [bound, timed] = [requests.with(), duration.with()]
  const done = new Int32Array(new SharedArrayBuffer(8))
  const workerData = { series: recorder.series(), done }
  const worker = new Worker(new URL('./reading.worker.ts', import.meta.url), { workerData })
  const told = once(worker, 'message') as Promise<[Record<string, number>]>
  let updates = 0
  // At least so many, and some of them while the other one is reading for sure.
  for (let more = 0; updates < 300_000 || more < 300_000; updates++) {
    bound.add(2)
    timed.record(updates % 2 === 0 ? 1 : 3)
    if (updates % 1000 === 0) await new Promise(resolve => setImmediate(resolve))
    if (Atomics.load(done, 1) === 1) more++
  }
  Atomics.store(done, 0, 1)
  const [{ reads, ...saw }] = await told
  expect(saw).toEqual({ wentBack: 0, torn: 0, last: 2 * updates, lastCount: updates })
  expect(reads).toBeGreaterThan(1)
})

test('what workers record is read here', async () => {
  const shared: Series[] = []
  await Promise.all(
    [1000, 50_001].map(async times => {
      const worker = new Worker(new URL('./recording.worker.ts', import.meta.url), { workerData: times })
      const exit = once(worker, 'exit')
      const [series] = (await once(worker, 'message')) as [Series[]]
      shared.push(...series)
      await exit
    }),
  )
  const metrics = new Map(metricsOf(shared, 1_700_000_000_000).map(metric => [metric.descriptor.name, metric]))
  expect(points(metrics.get('test.requests'))).toEqual({ '{"worker":1000}': 2000, '{"worker":50001}': 100_002 })
  const durations = metrics.get('test.duration')!
  if (durations.dataPointType !== DataPointType.HISTOGRAM) throw new Error('no histogram')
  expect(durations.dataPoints.map(({ value }) => [value.buckets.counts, value.sum]).toSorted()).toEqual([
    [[25_001, 0, 25_000], 100_001],
    [[500, 0, 500], 2000],
  ])
})
