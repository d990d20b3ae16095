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
import { type Destination, GrpcDestination, HttpDestination } from './destinations.ts'
import { Watch } from './poison.ts'
import { bodyOf, idsIn } from './rows.ts'
import { type At, type Body, send, ways } from './senders.ts'
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

describe('whatever fails, every row arrives as it was sent', () => {
  test.each(Array.from({ length: seeds }, (_, i) => first + i))('pipelines %i', async seed => {
    const random = seeded(seed)
    const topology = topologyOf(random)
    const destinations = new Map<Planned, Destination>()
    for (const exporter of topology.exporters) {
      const made = exporter.protocol === 'http' ? new HttpDestination(random) : new GrpcDestination(random)
      destinations.set(exporter, await made.listen())
      onTestFinished(() => made.close())
    }
    const folder = mkdtempSync(join(tmpdir(), 'freed-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const text = topology.text(one => (one.protocol === 'http' ? 'http://' : '') + destinations.get(one)!.endpoint, folder)
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
    // Pieces of JSON are not freed, nor are those of segments that several requests share.
    if (way === 'gzip' || way.startsWith('grpc')) expect(watch.freed).toBeGreaterThan(freedBefore)
  })
})
