import { expect, test } from 'vitest'
import { z } from 'zod'
import { type Consumer, type Consumers, connector, exporter, processor, receiver } from '../../src/component/component.ts'
import type { Configuration, Configured, PipelineConfig } from '../../src/component/configuration.ts'
import { Ledger } from '../../src/component/ledger.ts'
import type { AnyBatch } from '../../src/model/batch.ts'
import { Raw } from '../../src/model/raw.ts'
import type { Signal } from '../../src/model/signal.ts'
import { createReader } from '../../src/otlp/reader.ts'
import { Graph } from '../../src/pipeline/graph.ts'
import { VirtualClock } from '../kit/clock.ts'
import { testContext } from '../kit/context.ts'
import { rowIds, rowsBody } from '../kit/rows.ts'

const reader = createReader()
const batchOf = (...ids: number[]) => reader.read('metrics', Raw.of(rowsBody('metrics', ids)))

/** A world of components that say what they do. */
function world() {
  const story: string[] = []
  const arrived = new Map<string, number[]>()
  const sources = new Map<string, Consumers>()
  const tell = (id: string) => ({
    start: async () => void story.push(`start ${id}`),
    shutdown: async () => void story.push(`stop ${id}`),
  })
  const sink = (id: string) => ({
    ...tell(id),
    reserve: (bytes: number, room: { admit(leaf: { release(): void; freed(): Promise<void> }, bytes: number): void }) =>
      room.admit({ release() {}, freed: () => Promise.resolve() }, bytes),
    consume: async (batch: AnyBatch) => void arrived.set(id, [...(arrived.get(id) ?? []), ...rowIds(batch)]),
  })
  const config = z.strictObject({})
  const from = receiver({
    type: 'from',
    stability: 'stable',
    config,
    signals: ['metrics', 'traces'],
    create: (cx, _, next) => {
      sources.set(cx.id, next)
      return tell(cx.id)
    },
  })
  const pass = processor({
    type: 'pass',
    stability: 'stable',
    config,
    create: {
      metrics: (cx, _, next) => ({ ...tell(cx.id), reserve: (b, r) => next.reserve(b, r), consume: (b, r) => next.consume(b, r) }),
    },
  })
  const over = connector({
    type: 'over',
    stability: 'stable',
    config,
    create: {
      metrics: (cx, _, next) => ({ ...sink(cx.id), consume: batch => next.metrics!.consume(batch) }),
    },
  })
  const to = exporter({ type: 'to', stability: 'stable', config, create: { metrics: cx => sink(cx.id), traces: cx => sink(cx.id) } })
  return { story, arrived, sources, factories: { from, pass, over, to } }
}

function build(pipelines: readonly PipelineConfig[]) {
  const made = world()
  const ledger = new Ledger()
  const clock = new VirtualClock()
  const all = <F>(factory: F, ids: Iterable<string>) =>
    new Map<string, Configured<F>>([...new Set(ids)].map(id => [id, { id, factory, settings: {}, written: '' }]))
  const named = (key: 'receivers' | 'processors' | 'exporters', type: string) =>
    pipelines.flatMap(p => p[key]).filter(id => id.split('/')[0] === type)
  const { from, pass, over, to } = made.factories
  const configuration: Configuration = {
    receivers: all(from, named('receivers', 'from')),
    processors: all(pass, named('processors', 'pass')),
    connectors: all(over, named('exporters', 'over')),
    exporters: all(to, named('exporters', 'to')),
    extensions: new Map(),
    service: {
      extensions: [],
      pipelines,
      telemetry: {
        logs: { level: 'info', encoding: 'json', initial_fields: {}, output_paths: ['stderr'] },
        metrics: { level: 'none', endpoints: [] },
        traces: { level: 'none' },
        resource: {},
      },
      consumeTimeoutMs: 5000,
      shutdownTimeoutMs: 1000,
      workers: 1,
      maxSeries: 1000,
      api: undefined,
      rules: {
        files: [],
        intervalMs: 0,
        queryOffsetMs: 0,
        resendDelayMs: 0,
        outageToleranceMs: 0,
        gracePeriodMs: 0,
        maxConcurrent: 1,
        externalUrl: '',
      },
      query: {
        ...{ backend: undefined, lookbackMs: 300_000, timeoutMs: 120_000, maxSamples: 1, maxConcurrency: 1 },
        ...{ features: [], externalLabels: {} },
      },
    },
  }
  const graph = new Graph({
    clock,
    ledger,
    context: (kind, id) => testContext({ id, ...(kind === 'extension' ? {} : { kind }), clock, ledger, reader }),
  })
  graph.plan(configuration).takeOver()
  const source = (id: string): Consumer<'metrics'> => made.sources.get(id)!.metrics!
  return { ...made, graph, ledger, source }
}
const metrics = (id: string, receivers: string[], processors: string[], exporters: string[]): PipelineConfig => {
  return { id, signal: id.split('/')[0] as Signal, receivers, processors, exporters }
}

test('starts downstream first; the reverse closes every component after its feeders', async () => {
  const { graph } = build([metrics('metrics', ['from'], ['pass/1', 'pass/2'], ['to/a', 'to/b'])])
  expect(graph.nodes.map(node => node.id)).toEqual(['to/a', 'to/b', 'pass/2', 'pass/1', 'from'])
})

test('one receiver feeds several pipelines, several pipelines share an exporter', async () => {
  const { arrived, graph, ledger, source } = build([
    metrics('metrics/1', ['from'], [], ['to/a']),
    metrics('metrics/2', ['from', 'from/other'], ['pass'], ['to/a', 'to/b']),
  ])
  await source('from').consume(batchOf(1, 2))
  await source('from/other').consume(batchOf(3))
  expect(arrived.get('to/a')).toEqual([1, 2, 1, 2, 3])
  expect(arrived.get('to/b')).toEqual([1, 2, 3])
  expect(graph.nodes.filter(node => node.id === 'to/a')).toHaveLength(1)
  expect(ledger.imbalance).toBe(0)
})

test('a connector feeds the pipelines that list it, and is built after them', async () => {
  const { arrived, graph, source } = build([
    metrics('metrics/in', ['from'], [], ['over']),
    metrics('metrics/out', ['over'], ['pass'], ['to']),
  ])
  await source('from').consume(batchOf(7))
  expect(arrived.get('to')).toEqual([7])
  expect(graph.nodes.map(node => node.id)).toEqual(['to', 'pass', 'over', 'from'])
})

test('a signal without a pipeline is taken, counted as no_exporter, and named', async () => {
  const { graph, ledger, sources } = build([metrics('metrics', ['from'], [], ['to'])])
  expect(graph.unheard).toEqual([{ receiver: 'from', signal: 'traces' }])
  await sources.get('from')!.traces!.consume(reader.read('traces', Raw.of(rowsBody('traces', [1, 2]))))
  const wire = ledger.wires.find(w => w.signal === 'traces')!
  expect(Object.fromEntries(wire.dropped)).toEqual({ no_exporter: 2 })
})

test('a receiver that no pipeline lists is not started', () => {
  const { graph } = build([metrics('metrics', ['from'], [], ['to'])])
  expect(graph.nodes.map(node => node.id)).not.toContain('from/idle')
})
