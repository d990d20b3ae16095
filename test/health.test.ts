/** What whoever looks after the process is told while a component cannot go on: here, the store, whose disk is full. */
import { afterEach, expect, test } from 'vitest'
import { type App, start } from '../src/app.ts'
import { loadConfiguration } from '../src/component/config.ts'
import { encode } from '../src/otlp/write.ts'
import { components } from './components.ts'
import { settled, VirtualClock } from './kit/clock.ts'
import { seeded, testContext } from './kit/context.ts'
import { MemoryDisk } from './kit/disk.ts'

let running: App | undefined
afterEach(async () => {
  await running?.shutdown()
  running = undefined
})

const text = `
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } } }
extensions: { health_check: { endpoint: "127.0.0.1:0" } }
exporters: { store: { directory: /store } }
service:
  extensions: [health_check]
  api: { endpoint: "127.0.0.1:0" }
  telemetry: { metrics: { readers: [{ pull: { exporter: { prometheus: { host: 127.0.0.1, port: 0 } } } }] } }
  pipelines:
    metrics: { receivers: [otlp], exporters: [store] }
    traces: { receivers: [otlp], exporters: [store] }`

async function run(disk: MemoryDisk) {
  const clock = new VirtualClock()
  const { files, log, lines } = testContext()
  const app = await start(loadConfiguration([{ name: 'test.yaml', text }], { env: {}, factories: components }), {
    ...{ clock, random: seeded(1), files, disk, version: '1.2.3', log: () => log },
    memory: () => ({ usedBytes: 0, limitBytes: 2 ** 34 }),
  })
  running = app
  const url = (component: string) => app.listening.find(place => place.component === component)!.url
  const told = async (component: string, path: string) => {
    const response = await fetch(new URL(path, url(component)))
    return [response.status, await response.text()] as const
  }
  const send = async (signal: 'metrics' | 'traces') => {
    const body = signal === 'metrics' ? gauge(clock.now()) : span(clock.now())
    const headers = { 'content-type': 'application/x-protobuf' }
    const response = await fetch(new URL(`/v1/${signal}`, url('otlp')), { method: 'POST', headers, body: Buffer.from(body) })
    await response.arrayBuffer()
    return response.status
  }
  /** By second, so that the disk has its turns. */
  const wait = async (seconds: number) => {
    for (let i = 0; i < seconds; i++) {
      await clock.advance(1000)
      await settled(10)
    }
  }
  const own = app.listening.find(({ what }) => what === 'own metrics')!.url
  return { lines, told, send, wait, own: async () => (await fetch(own)).text() }
}

const nanos = (ms: number) => BigInt(ms) * 1_000_000n
const gauge = (time: number) =>
  encode('metrics', {
    resourceMetrics: [
      { scopeMetrics: [{ metrics: [{ name: 'x', gauge: { dataPoints: [{ timeUnixNano: nanos(time), asDouble: 1 }] } }] }] },
    ],
  })
const span = (time: number) =>
  encode('traces', {
    resourceSpans: [
      {
        scopeSpans: [
          {
            spans: [
              {
                ...{ traceId: Buffer.alloc(16, 1), spanId: Buffer.alloc(8, 1), name: 's' },
                ...{ startTimeUnixNano: nanos(time), endTimeUnixNano: nanos(time) },
              },
            ],
          },
        ],
      },
    ],
  })

test('a store whose disk is full: senders, probes, pages and own metrics say so, and that it is over', async () => {
  const disk = new MemoryDisk()
  const { told, send, wait, own } = await run(disk)
  expect([await send('metrics'), await send('traces')]).toEqual([200, 200])
  expect(await own()).not.toContain('thalamus_component_unhealthy{')

  disk.capacity = disk.bytes + 10
  expect([await send('metrics'), await send('traces')]).toEqual([503, 503])
  const samples = 'store "/store": the log cannot be written: ENOSPC'
  const spans = 'spans "/store/spans" cannot be written: ENOSPC'
  // What is there can still be asked for, so that nobody is sent elsewhere.
  expect(await told('api', '/-/ready')).toEqual([200, `ready\n! store: ${samples}; ${spans}\n`])
  expect(await told('health_check', '/')).toEqual([
    503,
    `${JSON.stringify({ status: 'unhealthy', problems: { store: `${samples}; ${spans}` } })}\n`,
  ])
  expect(JSON.parse((await told('api', '/debug/process'))[1])).toMatchObject({ problems: { store: `${samples}; ${spans}` } })
  expect(await own()).toContain('thalamus_component_unhealthy{component="store"} 1\n')

  disk.capacity = Number.POSITIVE_INFINITY
  await wait(2)
  // Spans are well again; of samples it is not known yet that it does not come again.
  expect([await send('metrics'), await send('traces')]).toEqual([200, 200])
  expect(await told('api', '/-/ready')).toEqual([200, `ready\n! store: ${samples}\n`])
  await wait(60)
  expect(await told('api', '/-/ready')).toEqual([200, 'ready\n'])
  expect((await told('health_check', '/'))[0]).toBe(200)
  expect(await own()).toContain('thalamus_component_unhealthy{component="store"} 0\n')

  // Nobody sends any more.
  disk.capacity = disk.bytes + 10
  expect(await send('traces')).toBe(503)
  disk.capacity = Number.POSITIVE_INFINITY
  expect(await told('api', '/-/ready')).toEqual([200, `ready\n! store: ${spans}\n`])
  await wait(40)
  expect(await told('api', '/-/ready')).toEqual([200, 'ready\n'])
  expect(running!.ledger.imbalance).toBe(0)
})
