/** A pipeline in a worker, as the library starts it. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { instruments, StartError, start } from '../../src/index.ts'
import { metricsBody } from '../kit/series.ts'
import { Sink } from '../kit/sink.ts'

let sink: Sink
beforeEach(async () => {
  sink = await Sink.open()
})
afterEach(() => sink.close())

const config = () => `
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:0 } } }, self: { collection_interval: 100ms } }
exporters: { prometheus: { endpoint: 127.0.0.1:0 }, otlp_http: { endpoint: '${sink.url}', compression: none } }
service:
  telemetry: { logs: { level: error }, metrics: { readers: [] } }
  api: { enabled: false }
  pipelines: { metrics: { receivers: [otlp, self], exporters: [prometheus, otlp_http] } }`

const sunk = (text: string) => sink.bodies.some(({ body }) => body.includes(text))
const pageOf = async (app: { listening: readonly { component: string; url: string }[] }) =>
  (await fetch(app.listening.find(({ component }) => component === 'prometheus')!.url)).text()

test('typed instruments are read from shared memory, and the main thread is measured where it is', async () => {
  const before = instruments.signal.samplesLost.with({ 'stream.id': 'before', 'neural.loss.kind': 'gap' })
  before.add(3)
  await using app = await start({ config: config(), embed: true })
  expect(app.listening.map(({ component }) => component).toSorted()).toEqual(['otlp', 'prometheus'])
  const after = instruments.signal.samplesLost.with({ 'stream.id': 'after', 'neural.loss.kind': 'gap' })
  after.add(4)
  before.add(1)
  await sink.until(() => sunk('after'))
  const from = sink.bodies.length
  await sink.until(() => sink.bodies.length > from + 1)
  const page = await pageOf(app)
  const lost = page.split('\n').filter(line => /samples_lost_total\{/.test(line))
  expect(lost.find(line => line.includes('stream_id="before"'))).toMatch(/ 4$/)
  expect(lost.find(line => line.includes('stream_id="after"'))).toMatch(/ 4$/)
  for (const name of ['nodejs_eventloop_utilization_ratio', 'v8js_memory_heap_used_bytes', 'nodejs_eventloop_time_seconds_total'])
    expect(page, name).toMatch(new RegExp(`^${name}\\{`, 'm'))
})

test('what is held at the end of the scope is sent, and what cannot be is told', async () => {
  const app = await start({ config: config(), embed: true })
  await sink.until(() => sink.bodies.length > 0)
  sink.answer = () => ({ status: 503 })
  const from = sink.bodies.length
  const undelivered = await app.shutdown()
  expect(undelivered.map(({ exporter, signal }) => [exporter, signal])).toEqual([['otlp_http', 'metrics']])
  expect(undelivered[0]?.rows).toBeGreaterThan(0)
  expect(sink.bodies.length).toBe(from)
  expect(await app.shutdown()).toBe(undelivered)
})

test('a port that is taken, a wrong configuration and components of one’s own are refused as on this thread', async () => {
  const taken = createServer()
  await new Promise<void>(resolve => taken.listen(0, '127.0.0.1', resolve))
  const { port } = taken.address() as AddressInfo
  const where = `receivers.otlp.protocols.http.endpoint=127.0.0.1:${port}`
  const refused = await start({ config: config(), set: [where], embed: true }).catch(error => error)
  expect(refused).toBeInstanceOf(StartError)
  expect([refused.message, refused.taken]).toEqual([`receivers.otlp.protocols.http.endpoint: 127.0.0.1:${port} is taken`, true])
  await new Promise(resolve => taken.close(resolve))
  await expect(start({ config: 'receivers: { otpl: }', embed: true })).rejects.toThrow('did you mean "otlp"?')
  await expect(start({ config: config(), components: [], world: {}, embed: true })).rejects.toThrow('are on this thread')
})

test('a worker whose memory is not enough ends alone, and says so once', async () => {
  const said: string[] = []
  const ended = Promise.withResolvers<void>()
  const died = (why: string) => {
    said.push(why)
    ended.resolve()
  }
  const app = await start({ config: config(), embed: { memoryMiB: 64, died } })
  const url = `${app.listening.find(({ component }) => component === 'otlp')!.url}/v1/metrics`
  const headers = { 'content-type': 'application/x-protobuf' }
  for (let first = 0; first < 1_000_000 && said.length === 0; first += 50_000)
    await fetch(url, { method: 'POST', headers, body: Buffer.from(metricsBody(50_000, first)) }).catch(() => {})
  await ended.promise
  expect(said).toEqual([expect.stringContaining('memory limit')])
  expect(await app.shutdown()).toEqual([])
  await expect(start({ config: config(), embed: { memoryMiB: 8 } })).rejects.toThrow('embed.memoryMiB: must be at least 64, got 8')
}, 120_000)
