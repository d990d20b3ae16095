/** Own metrics, page against page: the Collector and Thalamus run the same configuration and are sent the same spans. */
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { rowsBody } from '../kit/rows.ts'
import { eventually, Folder, freePorts, LOOPBACK, listens, Server } from './kit/process.ts'
import { Sink } from './kit/sink.ts'
import { program } from './tools.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const SPANS = 7

/** What the Collector says and we do not: Go's allocator, its HTTP library, and failures that are neither refusals nor drops. */
const onlyTheirs = /^(otelcol_process_runtime_total_alloc_bytes|promhttp_.*|otelcol_receiver_failed_.*)$/

const configuration = (otlp: number, own: number, sink: number) => ({
  receivers: { otlp: { protocols: { http: { endpoint: `${LOOPBACK}:${otlp}` } } } },
  processors: { memory_limiter: { check_interval: '1s', limit_mib: 1000 } },
  exporters: { otlp_http: { endpoint: `http://${LOOPBACK}:${sink}`, sending_queue: { sizer: 'requests', queue_size: 1000 } } },
  service: {
    telemetry: { metrics: { level: 'normal', readers: [{ pull: { exporter: { prometheus: { host: LOOPBACK, port: own } } } }] } },
    pipelines: { traces: { receivers: ['otlp'], processors: ['memory_limiter'], exporters: ['otlp_http'] } },
  },
})

let sink: Sink
const servers: Server[] = []
const pages: Record<'theirs' | 'ours', string> = { theirs: '', ours: '' }

async function pageOf(who: 'theirs' | 'ours'): Promise<string> {
  const [otlp, own] = (await freePorts(2)) as [number, number]
  const folder = new Folder()
  const file = folder.write('config.yaml', configuration(otlp, own, sink.httpPort))
  const command =
    who === 'theirs'
      ? { file: program('otelcol'), args: ['--config', file] }
      : { file: process.execPath, args: ['bin/thalamus.js', '--config', file], cwd: ROOT }
  servers.push(await Server.start({ ...command, ready: async () => (await listens(otlp)) && (await listens(own)) }, folder))
  const body = new Uint8Array(
    rowsBody(
      'traces',
      Array.from({ length: SPANS }, (_, i) => i + 1),
    ),
  )
  const headers = { 'content-type': 'application/x-protobuf' }
  const sent = sink.kept.length
  expect((await fetch(`http://${LOOPBACK}:${otlp}/v1/traces`, { method: 'POST', headers, body })).status).toBe(200)
  await eventually('the spans arrive', () => sink.kept.length > sent)
  let page = ''
  await eventually('the page says so', async () => {
    page = await (await fetch(`http://${LOOPBACK}:${own}/metrics`)).text()
    return new RegExp(`^otelcol_exporter_sent_spans\\{.*\\} ${SPANS}$`, 'm').test(page)
  })
  return page
}

beforeAll(async () => {
  sink = await Sink.start()
  pages.theirs = await pageOf('theirs')
  pages.ours = await pageOf('ours')
})
afterAll(async () => {
  for (const server of servers) await server[Symbol.asyncDispose]()
  await sink?.[Symbol.asyncDispose]()
})

const types = (page: string) =>
  new Map(
    [...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)]
      .map(([, name, type]) => [name!, type!] as const)
      .filter(([name]) => !onlyTheirs.test(name)),
  )
const samples = (page: string) => page.split('\n').filter(line => line !== '' && !line.startsWith('#'))

test('every family of theirs is one of ours, of the same type', () => {
  const ours = types(pages.ours)
  for (const [name, type] of types(pages.theirs)) expect([name, ours.get(name)]).toEqual([name, type])
})

test('rows are counted under the same names and labels, with the same values', () => {
  const counted = /^otelcol_(receiver|exporter|processor)_/
  const wanted = samples(pages.theirs).filter(line => counted.test(line) && !onlyTheirs.test(line.split(/[{ ]/)[0]!))
  expect(wanted.length).toBeGreaterThan(8)
  const ours = new Set(samples(pages.ours))
  expect(wanted.filter(line => !ours.has(line))).toEqual([])
})

test('the resource is told in the same way', () => {
  const labels = (page: string) => /^target_info\{(.*)\} 1$/m.exec(page)?.[1]?.replace(/"[^"]*"/g, '')
  expect(labels(pages.ours)).toBe(labels(pages.theirs))
})
