/**
 * The ring of spans: CPU of a span that is kept, time of a search. 300 requests of 1,000 spans of ten attributes, on this machine's disk.
 *
 * Run: node bench/records.bench.ts
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nodeDisk } from '../src/disk.ts'
import { systemClock } from '../src/lib/clock.ts'
import { Raw } from '../src/model/raw.ts'
import type { SpanQuery } from '../src/model/records.ts'
import { createReader } from '../src/otlp/reader.ts'
import { encode, nanos } from '../src/otlp/write.ts'
import { RecordRing } from '../src/store/records/store.ts'

const requests = 300
const spansEach = 1000
const begun = 1_700_000_000_000
const services = ['cart', 'shop', 'payment', 'mail', 'search']

const id = (n: number, size: number) => {
  const bytes = Buffer.alloc(size, 7)
  bytes.writeUInt32BE(n, size - 4)
  return bytes
}
function request(n: number): Uint8Array {
  const spans = Array.from({ length: spansEach }, (_, i) => {
    const at = n * spansEach + i
    return {
      ...{
        traceId: id(Math.floor(at / 8), 16),
        spanId: id(at, 8),
        parentSpanId: id(Math.max(0, at - 1), 8),
        name: `GET /product/${i % 20}`,
        kind: 2,
      },
      ...{ startTimeUnixNano: nanos(begun + at), endTimeUnixNano: nanos(begun + at + (i % 300)), status: { code: i % 50 === 0 ? 2 : 0 } },
      attributes: [
        ...[
          ['http.request.method', 'GET'],
          ['http.route', `/product/${i % 20}`],
          ['http.response.status_code', i % 50 === 0 ? 500 : 200],
        ],
        ...[
          ['url.path', `/product/${at % 5000}`],
          ['url.scheme', 'https'],
          ['server.address', 'shop.example'],
          ['server.port', 443],
        ],
        ...[
          ['client.address', `10.0.${i % 200}.7`],
          ['user_agent.original', 'Mozilla/5.0 (X11; Linux x86_64)'],
          ['user.id', `user-${at % 7919}`],
        ],
      ],
    }
  })
  const resource = {
    attributes: [
      ['service.name', services[n % 5]],
      ['service.version', '1.2.3'],
      ['host.name', `node-${n % 5}`],
    ],
  }
  return encode('traces', { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'http' }, spans }] }] })
}

const directory = mkdtempSync(join(tmpdir(), 'thalamus-records-'))
const quiet = () => {}
const log = { debug: quiet, info: quiet, warn: quiet, error: quiet }
const world = { disk: nodeDisk, clock: systemClock, random: Math.random, log }
const settings = { directory, retentionMs: 3_600_000, maxBytes: 2 ** 30, syncMs: 1000 }
const cpuMs = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
try {
  let ring = await RecordRing.open('traces', settings, world)
  const reader = createReader()
  let spent = 0
  let bytes = 0
  for (let n = 0; n < requests; n++) {
    const batch = reader.read('traces', Raw.of(request(n)))
    bytes += batch.raw.size
    const before = cpuMs()
    await ring.append(batch)
    spent += cpuMs() - before
  }
  const { memory, rows } = ring.figures
  console.log(
    `kept: ${rows} spans, ${(bytes / 2 ** 20).toFixed(0)} MiB; ${((spent * 1000) / rows).toFixed(2)} µs CPU a span; indexes ${((100 * memory) / bytes).toFixed(1)} %`,
  )
  await ring.close()
  const opening = cpuMs()
  ring = await RecordRing.open('traces', settings, world)
  console.log(`opened again: ${(cpuMs() - opening).toFixed(0)} ms CPU`)
  const always = { from: 0, to: Number.POSITIVE_INFINITY, limit: 100 }
  const searches: Record<string, SpanQuery> = {
    'a trace': { ...always, traceIds: [id(20_000, 16)] },
    'a user of a service': { ...always, attributes: [['user.id', 'user-17']], service: 'cart' },
    'the newest errors': { ...always, status: 2 },
    'a slow one of a route': { ...always, minDuration: 299, attributes: [['http.route', '/product/19']] },
    'what is not there': { ...always, attributes: [['user.id', 'nobody']] },
    'slow ones of a name that is in every block': { ...always, name: 'GET /product/1', minDuration: 250 },
  }
  for (const [what, query] of Object.entries(searches)) {
    const before = cpuMs()
    const found = await ring.find(query)
    console.log(`${what}: ${found.rows} rows, ${(cpuMs() - before).toFixed(1)} ms CPU`)
  }
  await ring.close()
} finally {
  rmSync(directory, { recursive: true, force: true })
}
