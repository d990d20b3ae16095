/**
 * Bodies are freed by whoever lets go of them last. Here they are overwritten as they go, pipelines are made at random, and destinations fail:
 * every row must arrive as it was sent, nobody may ask for what is gone, and nobody may let go twice.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { type App, start, type World } from '../../src/app.ts'
import { type Context, exporter } from '../../src/component/component.ts'
import { loadConfiguration } from '../../src/component/config.ts'
import type { Disk } from '../../src/component/disk.ts'
import { nodeDisk } from '../../src/disk.ts'
import { systemClock } from '../../src/lib/clock.ts'
import type { BatchOf } from '../../src/model/batch.ts'
import { type Signal, signals } from '../../src/model/signal.ts'
import { components } from '../components.ts'
import { seeded, testContext } from '../kit/context.ts'
import { type Destination, GrpcDestination, HttpDestination, RemoteWriteDestination } from './destinations.ts'
import { Watch } from './poison.ts'
import { bodyOf, idsIn } from './rows.ts'
import { type At, type Body, send, type Way, ways } from './senders.ts'
import { type Planned, topologyOf } from './topologies.ts'

let watch: Watch
beforeAll(() => {
  watch = new Watch()
})
afterAll(() => {
  watch[Symbol.dispose]()
})

const seeds = Number(process.env['FREED_SEEDS'] ?? 8)
const first = Number(process.env['FREED_FIRST'] ?? 1)

function placesOf(app: App): At {
  const places = app.listening.filter(({ component }) => component === 'otlp')
  const find = (what: string) => places.find(place => place.what.toLowerCase().includes(what))!.url
  return { http: new URL(find('http')), grpc: find('grpc') }
}

function run(text: string, disk: Disk, factories = components, { files, log } = testContext()): Promise<App> {
  const memory = () => ({ usedBytes: 0, limitBytes: 2 ** 34 })
  const world: World = { clock: systemClock, random: seeded(1), files, disk, memory, log: () => log, version: '0.0.0-test' }
  return start(loadConfiguration([{ name: 'test.yaml', text }], { env: {}, factories }), world)
}

/** Comes again with what was not taken. */
async function deliver(app: App, bodies: readonly Body[], random: () => number): Promise<void> {
  const at = placesOf(app)
  let left = [...bodies]
  for (let tries = 0; left.length > 0; tries++) {
    expect(tries).toBeLessThan(200)
    const way = ways[Math.floor(random() * ways.length)]!
    const taken = await send(way, at, left, random)
    left = left.filter((_, i) => !taken[i])
  }
}

function destinationOf({ protocol }: Planned, random: () => number): Destination {
  if (protocol === 'grpc') return new GrpcDestination(random)
  if (protocol === 'http') return new HttpDestination(random)
  return new RemoteWriteDestination(random, protocol === 'remote write 1' ? 1 : 2)
}

function urlOf({ protocol }: Planned, { endpoint }: Destination): string {
  if (protocol === 'grpc') return endpoint
  return `http://${endpoint}${protocol === 'http' ? '' : '/api/v1/write'}`
}

describe('whatever fails, every row arrives as it was sent', () => {
  test.each(Array.from({ length: seeds }, (_, i) => first + i))('pipelines %i', async seed => {
    const random = seeded(seed)
    const topology = topologyOf(random)
    const destinations = new Map<Planned, Destination>()
    for (const exporter of topology.exporters) {
      const made = destinationOf(exporter, random)
      destinations.set(exporter, await made.listen())
      onTestFinished(() => made.close())
    }
    const folder = mkdtempSync(join(tmpdir(), 'freed-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const text = topology.text(one => urlOf(one, destinations.get(one)!), folder)
    const cx = testContext()
    const app = await run(text, nodeDisk, components, cx)
    const freedBefore = watch.freed

    let last = 0
    const sent: Record<Signal, number[]> = { metrics: [], traces: [], logs: [] }
    const senders = Array.from({ length: 8 }, (_, sender) =>
      Array.from({ length: sender === 0 ? 2 : 6 }, (): Body => {
        // Some are larger than what a socket takes at once.
        const ids = Array.from({ length: sender === 0 ? 6000 : 20 + Math.floor(random() * 60) }, () => ++last)
        const signal = signals[Math.floor(random() * 3)]!
        sent[signal].push(...ids)
        return { signal, bytes: bodyOf(signal, ids) }
      }),
    )
    await Promise.all(senders.map(bodies => deliver(app, bodies, random)))
    await app.shutdown()

    for (const [exporter, { ids, wrong }] of destinations) {
      expect(wrong, exporter.id).toEqual([])
      for (const [signal, paths] of exporter.fates) {
        const fates = (id: number) => paths.map(path => path(id))
        const got = new Set(ids[signal])
        const missing = sent[signal].filter(id => !got.has(id) && fates(id).includes('yes'))
        const surplus = [...got].filter(id => fates(id).every(fate => fate === 'no'))
        expect({ exporter: exporter.id, signal, missing, surplus }).toEqual({ exporter: exporter.id, signal, missing: [], surplus: [] })
      }
    }
    expect(
      cx.lines.filter(({ fields, message }) => /freed|detached|cannot be sent|unreadable/.test(JSON.stringify([fields, message]))),
    ).toEqual([])
    expect(watch.twice).toEqual([])
    expect(watch.freed).toBeGreaterThan(freedBefore)
  })
})

describe('who lets go at once takes nothing from the requests beside', () => {
  test.each([false, true].flatMap(fast => ways.map(way => [way, fast] as const)))('%s, fast_path: %s', async (way, fast) => {
    const got: number[] = []
    const create = <S extends Signal>(_: Context) => ({
      reserve() {},
      consume: async (batch: BatchOf[S]) => {
        got.push(...idsIn(batch.signal, batch.raw.bytes()))
        batch.raw.release()
      },
    })
    const reading = exporter({
      type: 'reading',
      stability: 'stable',
      config: z.strictObject({}),
      create: { metrics: cx => create<'metrics'>(cx), traces: cx => create<'traces'>(cx), logs: cx => create<'logs'>(cx) },
    })
    const text = `
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0", fast_path: ${fast} }, grpc: { endpoint: "127.0.0.1:0" } } } }
exporters: { reading: }
service:
  api: { endpoint: "127.0.0.1:0" }
  telemetry: { metrics: { level: none } }
  pipelines: { ${signals.map(signal => `${signal}: { receivers: [otlp], exporters: [reading] }`).join(', ')} }`
    const app = await run(text, nodeDisk, [...components, reading])
    onTestFinished(async () => void (await app.shutdown()))
    const freedBefore = watch.freed
    // Large enough to be worth freeing, and several of them in one segment.
    const rowsEach = 12
    const bodies = Array.from({ length: 30 }, (_, i): Body => {
      const signal = signals[i % 3]!
      return {
        signal,
        bytes: bodyOf(
          signal,
          Array.from({ length: rowsEach }, (_, k) => rowsEach * i + k + 1),
        ),
      }
    })
    const taken = await send(way, placesOf(app), bodies, seeded(1))
    expect(taken).toEqual(bodies.map(() => true))
    expect(got.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 30 * rowsEach }, (_, i) => i + 1))
    // Pieces of segments that several requests share are not freed.
    if (way === 'gzip' || way === 'json' || way.startsWith('grpc')) expect(watch.freed).toBeGreaterThan(freedBefore)
  })
})

const to = (exporters: string, signal: Signal, more = '') => `${signal}: { receivers: [otlp], ${more}exporters: [${exporters}] }`
const all = (exporters: string, more = '') => signals.map(signal => to(exporters, signal, more))
const through = (processor: string, of: readonly Signal[] = signals) =>
  of.map(signal => to('otlp_http', signal, `processors: [${processor}], `))

describe('where nothing fails, nothing is left to the collector that can be freed', () => {
  test.each<[string, pipelines: string[], way?: Way]>([
    ['otlp_http', all('otlp_http')],
    ['otlp_http, JSON', all('otlp_http/json')],
    ['otlp_grpc', all('otlp_grpc')],
    ['from JSON', all('otlp_http'), 'json'],
    ['a sender who waits', all('otlp_http/waits')],
    ['a queue on the disk', all('otlp_http/stored')],
    ['prometheus_remote_write', [to('prometheus_remote_write', 'metrics')]],
    ['debug', all('debug')],
    ['store', all('store')],
    ['prometheus', [to('prometheus', 'metrics')]],
    ['several', all('otlp_http, otlp_http/waits, otlp_grpc, debug, store')],
    ['batch', through('batch')],
    ['memory_limiter', through('memory_limiter')],
    ['filter', through('filter')],
    ['attributes', through('attributes')],
    ['probabilistic_sampler', through('probabilistic_sampler', ['traces', 'logs'])],
    ['tail_sampling', through('tail_sampling', ['traces'])],
    ['routing, which moves', [to('routing', 'traces'), 'traces/one: { receivers: [routing], exporters: [otlp_http] }']],
    [
      'routing, which copies',
      [
        to('routing/copies', 'logs'),
        'logs/one: { receivers: [routing/copies], exporters: [otlp_http, otlp_grpc] }',
        'logs/all: { receivers: [routing/copies], exporters: [otlp_http] }',
      ],
    ],
    ['forward', [to('forward', 'logs'), 'logs/on: { receivers: [forward], exporters: [debug] }']],
    [
      'span_metrics and service_graph',
      [to('span_metrics, service_graph', 'traces'), 'metrics: { receivers: [span_metrics, service_graph], exporters: [debug] }'],
    ],
  ])('%s', async (_, pipelines, way = 'gzip') => {
    const faultless = () => 0
    const destinations = [new HttpDestination(faultless), new GrpcDestination(faultless), new RemoteWriteDestination(faultless, 1)]
    const [http, grpc, remote] = await Promise.all(destinations.map(async one => (await one.listen()).endpoint))
    onTestFinished(async () => void (await Promise.all(destinations.map(one => one.close()))))
    const folder = mkdtempSync(join(tmpdir(), 'freed-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const used = (name: string) => pipelines.some(text => text.includes(name))
    const connectors = Object.entries(connections).flatMap(([id, settings]) =>
      used(`[${id}]`) || used(`, ${id}]`) || used(`[${id},`) ? `${id}: ${settings}` : [],
    )
    const app = await run(
      `
extensions: { file_storage: { directory: ${folder}/queues, create_directory: true, fsync: false } }
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" }, grpc: { endpoint: "127.0.0.1:0" } } } }
processors:
  memory_limiter: { check_interval: 1s, limit_mib: 4000 }
  batch:
  filter: { trace_conditions: ['span.attributes["lane"] == 0'], metric_conditions: ['datapoint.attributes["lane"] == 0'], log_conditions: ['log.attributes["lane"] == 0'] }
  attributes: { actions: [{ key: added, action: insert, value: more }] }
  probabilistic_sampler: { sampling_percentage: 50 }
  tail_sampling: { decision_wait: 1ms, policies: [{ name: lanes, type: numeric_attribute, numeric_attribute: { key: lane, min_value: 1, max_value: 2 } }] }
connectors: { ${connectors.join(', ')} }
exporters:
  otlp_http: { endpoint: "http://${http}", compression: none }
  otlp_http/json: { endpoint: "http://${http}", encoding: json }
  otlp_http/waits: { endpoint: "http://${http}", compression: none, sending_queue: { wait_for_result: true } }
  otlp_http/stored: { endpoint: "http://${http}", compression: none, sending_queue: { storage: file_storage } }
  otlp_grpc: { endpoint: "${grpc}", tls: { insecure: true } }
  prometheus_remote_write: { endpoint: "http://${remote}/api/v1/write" }
  debug: { verbosity: detailed }
  store: { directory: ${folder}/store }
  prometheus: { endpoint: "127.0.0.1:0" }
service:
  api: { endpoint: "127.0.0.1:0" }
  extensions: [file_storage]
  telemetry: { metrics: { level: none } }
  pipelines: { ${pipelines.join(', ')} }`,
      nodeDisk,
    )
    const of = signals.filter(signal => pipelines.some(text => text.startsWith(`${signal}: { receivers: [otlp]`)))
    const rowsEach = 12
    const bodies = Array.from({ length: 12 }, (_, i): Body => {
      const signal = of[i % of.length]!
      const ids = Array.from({ length: rowsEach }, (_, k) => rowsEach * i + k + 1)
      return { signal, bytes: bodyOf(signal, ids) }
    })
    const look = watch.follow()
    expect(await send(way, placesOf(app), bodies, seeded(1))).toEqual(bodies.map(() => true))
    await app.shutdown()
    const { freed, left } = look()
    expect(left).toEqual([])
    expect(freed).toBeGreaterThanOrEqual(bodies.length)
    expect(watch.twice).toEqual([])
    expect(destinations.flatMap(({ wrong }) => wrong)).toEqual([])
  })
})

/** Of the first, rows of other lanes go nowhere. */
const connections: Readonly<Record<string, string>> = {
  routing: `{ table: [{ context: span, condition: 'attributes["lane"] == 1', pipelines: [traces/one] }] }`,
  'routing/copies': `{ default_pipelines: [logs/all], table: [{ context: log, condition: 'attributes["lane"] == 1', action: copy, pipelines: [logs/one] }] }`,
  forward: '',
  span_metrics: '',
  service_graph: '',
}
