/** What is not answered in JSON: federation and remote read. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ProtoWriter } from '../../../src/exposition/proto-writer.ts'
import type { NativeSample, Sample } from '../../../src/exposition/read.ts'
import { readProtobufPage } from '../../../src/exposition/read-protobuf.ts'
import { readWriteV1 } from '../../../src/exposition/remote/read.ts'
import type { RemoteSeries } from '../../../src/exposition/remote/series.ts'
import { snappyDecode, snappyEncode } from '../../../src/lib/snappy.ts'
import { Labels } from '../../../src/model/labels.ts'
import type { Matcher } from '../../../src/model/matcher.ts'
import type { SelectedSeries } from '../../../src/model/query.ts'
import { Cursor } from '../../../src/otlp/wire.ts'
import { createEngine } from '../../../src/promql/engine.ts'
import { SampleColumns } from '../../../src/store/chunk.ts'
import { chunkReaders } from '../../../src/store/prometheus/chunk.ts'
import { crc32c } from '../../../src/store/prometheus/crc32c.ts'
import { MemoryStore } from '../../kit/memory-store.ts'
import { now, type Served, serve } from './serving.ts'

const step = 15_000
const begin = now - 3 * step
const store = new MemoryStore().load(
  `up{job="a",instance="i:1"} 0 1 1 1
   up{job="b"} 1 1 1 stale
   old{job="a"} 1 _ _ _
   h{job="a"} {{schema:0 sum:5 count:4 buckets:[1 2 1]}}x3
   r{job="a"} {{schema:1 sum:2.5 count:0.75 z_bucket:0.25 z_bucket_w:0.01 n_buckets:[0.5]}}x3
   n{job="a"} {{schema:-53 sum:5 count:7 custom_values:[0.5 1] buckets:[1 2 4]}}x3
   {"dotted.name", "l.x"="ü"} 1 2 3 4.5`,
  begin,
  step,
)

let api: Served
const external = { region: 'eu', job: 'never' }
beforeAll(async () => {
  api = await serve(store, createEngine, { externalLabels: external })
})
afterAll(() => api[Symbol.asyncDispose]())

const page = async (parameters: [string, string][], accept = 'text/plain;version=0.0.4;escaping=allow-utf-8') => {
  const response = await fetch(`${api.url}/federate?${new URLSearchParams(parameters)}`, { headers: { accept } })
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() }
}

describe('federate', () => {
  test('the newest sample of each, with its time; what is over is left out', async () => {
    const { status, type, text } = await page([
      ['match[]', 'up'],
      ['match[]', '{job="a"}'],
    ])
    expect([status, type]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8; escaping=allow-utf-8'])
    expect(text.split('\n')).toEqual([
      '# TYPE n histogram',
      `n_bucket{job="a",region="eu",instance="",le="0.5"} 1 ${now}`,
      `n_bucket{job="a",region="eu",instance="",le="1"} 3 ${now}`,
      `n_bucket{job="a",region="eu",instance="",le="+Inf"} 7 ${now}`,
      `n_sum{job="a",region="eu",instance=""} 5 ${now}`,
      `n_count{job="a",region="eu",instance=""} 7 ${now}`,
      '# TYPE old untyped',
      `old{job="a",region="eu",instance=""} 1 ${begin}`,
      '# TYPE up untyped',
      `up{instance="i:1",job="a",region="eu"} 1 ${now}`,
      '',
    ])
  })
  test('protobuf has native histograms, also those of rates, and everything else as text has it', async () => {
    const accept = 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;escaping=allow-utf-8'
    const query = new URLSearchParams([['match[]', '{job="a"}']])
    const response = await fetch(`${api.url}/federate?${query}`, { headers: { accept } })
    expect(response.headers.get('content-type')).toBe(
      'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping=allow-utf-8',
    )
    const samples: string[] = []
    const natives: object[] = []
    const about = (_: string) => {}
    const visitor = {
      ...{ type: about, help: about, unit: about },
      sample: ({ key, value, time }: Sample) => void samples.push(`${key} ${value} ${time}`),
      native: ({ key, time, count, sum, buckets }: NativeSample) => void natives.push({ key, time, count, sum, buckets }),
    }
    readProtobufPage(new Uint8Array(await response.arrayBuffer()), visitor, { native: true, classic: true })
    expect(natives).toMatchObject([
      { key: 'h{job="a",region="eu",instance=""}', time: now, count: 4, sum: 5, buckets: { scale: 0, zeroCount: 0, positive: [1, 2, 1] } },
      {
        key: 'r{job="a",region="eu",instance=""}',
        time: now,
        count: 0.75,
        sum: 2.5,
        buckets: { scale: 1, zeroCount: 0.25, negative: [0.5] },
      },
    ])
    expect(samples).toEqual([
      `n_count{job="a",region="eu",instance=""} 7 ${now}`,
      `n_sum{job="a",region="eu",instance=""} 5 ${now}`,
      `n_bucket{job="a",region="eu",instance="",le="0.5"} 1 ${now}`,
      `n_bucket{job="a",region="eu",instance="",le="1.0"} 3 ${now}`,
      `n_bucket{job="a",region="eu",instance="",le="+Inf"} 7 ${now}`,
      `old{job="a",region="eu",instance=""} 1 ${begin}`,
      `up{instance="i:1",job="a",region="eu"} 1 ${now}`,
    ])
  })
  test('names of any characters, for who takes them and who does not', async () => {
    const asked: [string, string][] = [['match[]', '{"dotted.name"}']]
    expect((await page(asked)).text).toContain(`{"dotted.name",job="never","l.x"="ü",region="eu",instance=""} 4.5 ${now}`)
    expect((await page(asked, 'text/plain')).text).toContain(`dotted_name{job="never",l_x="ü",region="eu"} 4.5 ${now}`)
  })
  test('nothing asked for is nothing; what is wrong is said in plain text', async () => {
    expect(await page([])).toMatchObject({ status: 200, text: '' })
    expect(await page([['match[]', 'up{']])).toMatchObject({ status: 400, text: expect.stringContaining('parse error') })
    expect(await page([['match[]', '{}']])).toMatchObject({ status: 200, text: '' })
    expect((await fetch(`${api.url}/federate`, { method: 'POST' })).status).toBe(405)
  })
})

const operators = ['=', '!=', '=~', '!~']

function readRequest(queries: readonly { start: number; end: number; matchers: readonly Matcher[] }[], accepted: readonly number[] = []) {
  const out = new ProtoWriter(1000)
  for (const { start, end, matchers } of queries) {
    const query = out.begin(1)
    out.int64(1, start)
    out.int64(2, end)
    for (const { name, op, value } of matchers) {
      const matcher = out.begin(3)
      out.varintField(1, operators.indexOf(op))
      out.text(2, name)
      out.text(3, value)
      out.end(matcher)
    }
    out.end(query)
  }
  out.varints(2, accepted)
  return out.take()
}

const post = (body: Uint8Array) => fetch(`${api.url}/api/v1/read`, { method: 'POST', body: body as Uint8Array<ArrayBuffer> })

/** The series of each query. */
async function read(...args: Parameters<typeof readRequest>): Promise<RemoteSeries[][]> {
  const response = await post(snappyEncode(readRequest(...args)))
  expect([response.status, response.headers.get('content-encoding')]).toEqual([200, 'snappy'])
  let bytes = Buffer.from(snappyDecode(new Uint8Array(await response.arrayBuffer()), 2 ** 20))
  const results: RemoteSeries[][] = []
  // Each result is a message with time series as field 1: what a request to write is.
  while (bytes.length > 0) {
    const [size, at] = bytes[1]! < 128 ? [bytes[1]!, 2] : [(bytes[1]! & 127) + bytes[2]! * 128, 3]
    const series: RemoteSeries[] = []
    readWriteV1(bytes.subarray(at, at + size), { series: one => void series.push(one), wrong: () => {} })
    results.push(series)
    bytes = bytes.subarray(at + size)
  }
  return results
}

/** Of a streamed answer: those that have come whole. Their sums are right. */
function framesOf(bytes: Buffer) {
  const frames: { size: number; query: number; labels: Record<string, string>; columns: SampleColumns }[] = []
  for (let at = 0; at < bytes.length; ) {
    let size = 0
    for (let shift = 1; ; shift *= 128) {
      const byte = bytes[at++] ?? 0
      size += (byte & 127) * shift
      if (byte < 128) break
    }
    const message = bytes.subarray(at + 4, at + 4 + size)
    if (message.length < size) break
    expect(bytes.readUInt32BE(at)).toBe(crc32c(message))
    at += 4 + size
    frames.push({ size, ...frameOf(message) })
  }
  return frames
}

function frameOf(message: Buffer) {
  let query = 0
  const labels: Record<string, string> = {}
  const columns = new SampleColumns()
  const text = (field: Cursor) => message.toString('utf8', field.start, field.end)
  for (const field = new Cursor(message, 0, message.length, 'frame', 'frame'); field.next(); ) {
    if (field.number === 2) query = Number(field.uint64)
    if (field.number !== 1) continue
    for (const part = field.message('series'); part.next(); ) {
      if (part.number === 1) {
        let [name, value] = ['', '']
        for (const label = part.message('label'); label.next(); ) {
          if (label.number === 1) name = text(label)
          else value = text(label)
        }
        labels[name] = value
        continue
      }
      let encoding = 0
      for (const chunk = part.message('chunk'); chunk.next(); ) {
        if (chunk.number === 3) encoding = Number(chunk.uint64)
        if (chunk.number === 4) chunkReaders[encoding]!(message.subarray(chunk.start, chunk.end), columns)
      }
    }
  }
  return { query, labels, columns }
}

const eq = (name: string, value: string): Matcher => ({ name, op: '=', value })

describe('remote read', () => {
  test('samples in [start, end], stale markers and all, with labels that they leave with', async () => {
    const [found] = await read([{ start: begin + step, end: now, matchers: [eq('__name__', 'up')] }])
    expect(found!.map(({ labels }) => Object.fromEntries(labels))).toEqual([
      { __name__: 'up', instance: 'i:1', job: 'a', region: 'eu' },
      { __name__: 'up', job: 'b', region: 'eu' },
    ])
    expect(found![1]!.samples.map(({ time, stale }) => [time, stale])).toEqual([
      [begin + step, false],
      [begin + 2 * step, false],
      [now, true],
    ])
  })
  test('native histograms; several queries; a label that is only outside', async () => {
    const matchers = [eq('__name__', 'h')]
    const found = await read([
      { start: now, end: now, matchers },
      { start: now, end: now, matchers: [...matchers, eq('region', 'eu')] },
      { start: now, end: now, matchers: [...matchers, eq('region', 'us')] },
      { start: now, end: now, matchers: [{ name: '__name__', op: '=~', value: 'h|zz' }] },
    ])
    expect(found.map(series => series.length)).toEqual([1, 1, 0, 1])
    expect(found[0]![0]!.histograms).toMatchObject([{ time: now, histogram: { schema: 0, count: 4, sum: 5, positiveCounts: [1, 2, 1] } }])
  })
  test.each<[string, Uint8Array, string]>([
    ['no Snappy', Buffer.from([5, 0]), 'the body is not taken: as Snappy it'],
    ['no message', snappyEncode(Buffer.from([0x0a, 0x7f])), 'remote read: truncated read request'],
    ['types of tomorrow', snappyEncode(readRequest([], [7])), 'server does not support any of the requested response types: 7'],
    [
      'no expression, and chunks',
      snappyEncode(readRequest([{ start: 0, end: 1, matchers: [{ name: 'a', op: '=~', value: '(' }] }], [1, 0])),
      'the regular expression of a matcher has a "(" without its ")"',
    ],
    [
      'no expression',
      snappyEncode(readRequest([{ start: 0, end: 1, matchers: [{ name: 'a', op: '=~', value: '(' }] }])),
      'the regular expression of a matcher has a "(" without its ")"',
    ],
  ])('%s', async (_, body, problem) => {
    const response = await post(body)
    expect(response.status).toBe(400)
    expect(await response.text()).toContain(problem)
  })
  test('chunks, where they are asked for first: a frame for each series', async () => {
    const matchers: Matcher[] = [{ name: '__name__', op: '=~', value: 'up|h' }]
    const none = [eq('region', 'us'), eq('__name__', 'up')]
    const body = snappyEncode(
      readRequest(
        [none, matchers].map(all => ({ start: begin + step, end: now, matchers: all })),
        [7, 1, 0],
      ),
    )
    const response = await post(body)
    expect([response.status, response.headers.get('content-type'), response.headers.get('content-encoding')]).toEqual([
      ...[200, 'application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse', null],
    ])
    const frames = framesOf(Buffer.from(await response.arrayBuffer()))
    expect(frames.map(({ query, labels }) => [query, labels])).toEqual([
      [1, { __name__: 'h', job: 'a', region: 'eu' }],
      [1, { __name__: 'up', instance: 'i:1', job: 'a', region: 'eu' }],
      [1, { __name__: 'up', job: 'b', region: 'eu' }],
    ])
    expect(frames[0]!.columns.histograms).toMatchObject(new Array(3).fill({ count: 4, sum: 5, positiveCounts: [1, 2, 1] }))
    const { columns } = frames[2]!
    expect(Array.from({ length: columns.length }, (_, i) => [columns.time[i], columns.isStale(i)])).toEqual([
      [begin + step, false],
      [begin + 2 * step, false],
      [now, true],
    ])
  })

  test('a long series is cut into frames of a mebibyte or so, and read no faster than it is taken', async () => {
    let seed = 1
    const noise = () => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647
    const size = 400_000
    const columns = {
      time: Float64Array.from({ length: size }, (_, i) => i * 1000),
      value: Float64Array.from({ length: size }, noise),
      ...{ stale: undefined, histograms: undefined, start: undefined },
    }
    let read = 0
    const series = (i: number): SelectedSeries => ({
      labels: Labels.from({ __name__: 'x', i: String(i) }),
      read: () => {
        read++
        return columns
      },
    })
    await using long = await serve(
      new Proxy(store, {
        get: (of, name) => (name === 'select' ? async () => Array.from({ length: 50 }, (_, i) => series(i)) : of[name as 'select']),
      }),
      createEngine,
    )
    const body = snappyEncode(readRequest([{ start: 0, end: now, matchers: [eq('__name__', 'x')] }], [1]))
    const gone = new AbortController()
    const response = await fetch(`${long.url}/api/v1/read`, {
      ...{ method: 'POST', body: body as Uint8Array<ArrayBuffer>, signal: gone.signal },
    })
    const taken = response.body!.getReader()
    const chunks: Uint8Array[] = []
    for (let size = 0; size < 6 * 2 ** 20; ) {
      const { value } = await taken.read()
      chunks.push(value!)
      size += value!.length
    }
    const frames = framesOf(Buffer.concat(chunks))
    expect(frames.length).toBeGreaterThan(3)
    expect(frames[0]!.columns.length).toBeLessThan(size)
    expect(Math.max(...frames.map(frame => frame.size))).toBeLessThan(1.05 * 2 ** 20)
    // What the connection holds on both sides is some megabytes: it has not gone far ahead.
    expect(read).toBeLessThan(25)
    gone.abort()
  })

  test('no more samples than a query may hold', async () => {
    await using narrow = await serve(store, createEngine, { maxSamples: 3 })
    const body = snappyEncode(readRequest([{ start: begin, end: now, matchers: [eq('__name__', 'up')] }]))
    const response = await fetch(`${narrow.url}/api/v1/read`, { method: 'POST', body: body as Uint8Array<ArrayBuffer> })
    expect([response.status, await response.text()]).toEqual([400, 'exceeded sample limit (3)\n'])
  })
})
