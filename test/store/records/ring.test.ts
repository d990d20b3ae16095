import { crc32 } from 'node:zlib'
import { describe, expect, onTestFinished, test } from 'vitest'
import { RetryableError } from '../../../src/component/errors.ts'
import { Raw } from '../../../src/model/raw.ts'
import type { LogQuery, SpanQuery } from '../../../src/model/records.ts'
import { Finder, readTyped, readTypedAttributes, showTyped } from '../../../src/otlp/find.ts'
import { protobufToJson } from '../../../src/otlp/json.ts'
import { createReader } from '../../../src/otlp/reader.ts'
import { encode } from '../../../src/otlp/write.ts'
import { RecordRing, type RingSettings } from '../../../src/store/records/store.ts'
import { VirtualClock } from '../../kit/clock.ts'
import { seeded } from '../../kit/context.ts'
import { failure, MemoryDisk } from '../../kit/disk.ts'
import { logsRequest, tracesRequest } from '../../kit/otlp.ts'

const begun = 1_700_000_000_000
const always = { from: 0, to: Number.POSITIVE_INFINITY, limit: 1_000_000 }
const reader = createReader()
let opened = 0

async function open<S extends 'traces' | 'logs'>(
  signal: S,
  disk = new MemoryDisk(),
  more: Partial<RingSettings> = {},
  clock = new VirtualClock(begun),
) {
  const lines: { level: string; message: string; fields: object }[] = []
  const say = (level: string) => (fields: object, message: string) => void lines.push({ level, message, fields })
  const log = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
  const settings = { directory: '/ring', retentionMs: 3_600_000, maxBytes: 2 ** 26, syncMs: 1000, ...more }
  const ring = await RecordRing.open(signal, settings, { disk, clock, log, random: seeded(++opened) })
  onTestFinished(() => ring.close())
  const put = (bytes: Uint8Array) => ring.append(reader.read(signal, Raw.of(bytes)))
  return { ring, disk, clock, lines, put }
}

interface Span {
  readonly trace: number
  readonly id: number
  readonly service: string
  readonly name: string
  readonly start: number
  readonly duration: number
  readonly status: number
  readonly attributes: Readonly<Record<string, string | number | boolean>>
}
const bytesOf = (number: number, size: number) => {
  const bytes = Buffer.alloc(size)
  bytes.writeUInt32BE(number, size - 4)
  return bytes
}
const nanos = (ms: number) => BigInt(begun + ms) * 1_000_000n
const typed = (of: Span['attributes']) => Object.entries(of)

function toRequest(spans: readonly Span[]): Uint8Array {
  const resourceSpans = Array.from(
    Map.groupBy(spans, ({ service }) => service),
    ([service, list]) => ({
      resource: {
        attributes: [
          ['service.name', service],
          ['zone', `${service}-zone`],
        ],
      },
      scopeSpans: [
        {
          scope: { name: 's' },
          spans: list.map(({ trace, id, name, start, duration, status, attributes }) => ({
            ...{ traceId: bytesOf(trace, 16), spanId: bytesOf(id, 8), name, status: { code: status }, attributes: typed(attributes) },
            ...{ startTimeUnixNano: nanos(start), endTimeUnixNano: nanos(start + duration) },
          })),
        },
      ],
    }),
  )
  return encode('traces', { resourceSpans })
}
const span = (more: Partial<Span>): Span => ({
  trace: 1,
  id: 1,
  service: 'cart',
  name: 'GET',
  start: 0,
  duration: 5,
  status: 0,
  attributes: {},
  ...more,
})

/** ids of all spans, or bodies of all records, in one request after the other */
function idsIn(requests: readonly Uint8Array[]): number[] {
  return requests.flatMap(request => {
    const { ids } = reader.read('traces', Raw.of(request)).spans
    return Array.from({ length: ids.length / 32 }, (_, i) => Buffer.from(ids).readUInt32BE(32 * i + 20))
  })
}

describe('what is found', () => {
  test('of a request what matches, byte for byte', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { ring, put } = await open('traces')
      const request = tracesRequest({ resources: 2, scopes: 2, points: 5, odd: true }, seed)
      const count = reader.read('traces', Raw.of(request)).rows
      await put(request)
      const { requests, rows, more } = await ring.find(always)
      expect(requests).toEqual(count === 0 ? [] : [request])
      expect([rows, more]).toEqual([count, false])
      await ring.close()
    }
  })

  const spans = [
    span({ id: 1, trace: 7, attributes: { 'http.status': 200, 'http.route': '/cart' } }),
    span({ id: 2, trace: 7, service: 'shop', start: 10, status: 2, attributes: { 'http.status': 500, retried: true, share: 0.5 } }),
    span({ id: 3, trace: 8, name: 'POST', start: 20, duration: 900, attributes: { 'http.status': '200', zone: 'own' } }),
  ]
  test.each<[string, Partial<SpanQuery>, number[]]>([
    ['all, the newest first', {}, [3, 2, 1]],
    ['a trace', { traceIds: [bytesOf(7, 16)] }, [2, 1]],
    ['several traces', { traceIds: [bytesOf(8, 16), bytesOf(7, 16)] }, [3, 2, 1]],
    ['no such trace', { traceIds: [bytesOf(9, 16)] }, []],
    ['a service', { service: 'cart' }, [3, 1]],
    ['a time, its end exclusive', { from: begun, to: begun + 20 }, [2, 1]],
    ['an integer or a text', { attributes: [['http.status', '200']] }, [3, 1]],
    ['a boolean', { attributes: [['retried', 'true']] }, [2]],
    ['a double', { attributes: [['share', '0.5']] }, [2]],
    ['of the resource, unless the row has its own', { attributes: [['zone', 'cart-zone']] }, [1]],
    [
      'two attributes',
      {
        attributes: [
          ['http.status', '200'],
          ['http.route', '/cart'],
        ],
      },
      [1],
    ],
    ['a name', { name: 'POST' }, [3]],
    ['a status', { status: 2 }, [2]],
    ['a duration', { minDuration: 900 }, [3]],
    ['the newest two', { limit: 2 }, [3, 2]],
  ])('%s', async (_, query, ids) => {
    const { ring, put, disk } = await open('traces')
    for (const one of spans) await put(toRequest([one]))
    const found = await ring.find({ ...always, ...query })
    expect(idsIn(found.requests)).toEqual(ids)
    expect(found.more).toBe(query.limit === 2)
    expect(ring.services()).toEqual(['cart', 'shop'])
    // And from what a process finds that comes after it, with indexes and without.
    await ring.close()
    for (const drop of [false, true]) {
      const next = disk.after('kill')
      for (const path of [...next.files.keys()]) if (drop && path.endsWith('-index')) await next.remove(path)
      const again = await open('traces', next)
      expect(await again.ring.find({ ...always, ...query })).toEqual(found)
      expect(again.ring.services()).toEqual(['cart', 'shop'])
    }
  })

  const record = (time: number, body: string, more: object = {}) => ({ timeUnixNano: nanos(time), body: { stringValue: body }, ...more })
  test.each<[string, Partial<LogQuery>, string[]]>([
    ['all', {}, ['late', 'a failure', 'begun']],
    ['a severity and what is above it', { minSeverity: 13 }, ['a failure']],
    ['text', { text: 'fail' }, ['a failure']],
    ['a trace', { traceIds: [bytesOf(3, 16)] }, ['a failure']],
    ['an event', { name: 'boot' }, ['begun']],
    ['the time of observation where there is no other', { from: begun + 50 }, ['late']],
    ['an attribute', { attributes: [['k', 'v']] }, ['begun']],
  ])('log records: %s', async (_, query, bodies) => {
    const { ring, put } = await open('logs')
    const logRecords = [
      record(0, 'begun', { eventName: 'boot', severityNumber: 9, attributes: [['k', 'v']] }),
      record(10, 'a failure', { severityNumber: 17, traceId: bytesOf(3, 16) }),
      { body: { stringValue: 'late' }, observedTimeUnixNano: nanos(99) },
    ]
    for (const one of logRecords) await put(encode('logs', { resourceLogs: [{ scopeLogs: [{ logRecords: [one] }] }] }))
    const { requests } = await ring.find({ ...always, ...query })
    expect(requests.map(request => JSON.stringify(protobufToJson('logs', request)).match(/"body":\{"stringValue":"([^"]*)"/)?.[1])).toEqual(
      bodies,
    )
  })

  test('by any attribute that a row has, however it is written', async () => {
    let pairs = 0
    for (let seed = 1; seed <= 20; seed++) {
      const { ring, put } = await open('logs')
      const request = logsRequest({ points: 6, attributes: 5, odd: true }, seed)
      await put(request)
      const { raw, records, rows } = reader.read('logs', Raw.of(request))
      for (let i = 0; i < rows; i++) {
        for (const { key, value } of readTypedAttributes(raw.bytes(), records.attributesFrom[i]!, records.attributesTo[i]!, 6)) {
          // A pair that has two keys goes by its first wherever rows are judged.
          const finder = new Finder([key])
          finder.find(raw.bytes(), records.attributesFrom[i]!, records.attributesTo[i]!, 6)
          const seen = showTyped(readTyped(raw.bytes(), finder.ranges[0]!, finder.ranges[1]!))
          if (finder.ranges[1] === 0 || seen !== showTyped(value)) continue
          pairs++
          const { requests } = await ring.find({ ...always, attributes: [[key, seen]] })
          const found = requests.flatMap(bytes => {
            const { records: rows } = reader.read('logs', Raw.of(bytes))
            return Array.from({ length: rows.length }, (_, k) => Buffer.from(bytes.subarray(rows.from[k], rows.to[k])).toString('hex'))
          })
          expect(found).toContain(Buffer.from(raw.bytes().subarray(records.from[i], records.to[i])).toString('hex'))
        }
      }
      await ring.close()
    }
    expect(pairs).toBeGreaterThan(200)
  })

  test.each(Array.from({ length: 12 }, (_, i) => i + 1))('against a plain array, over many blocks and files: seed %i', async seed => {
    const random = seeded(seed)
    const int = (n: number) => Math.floor(random() * n)
    const filler = 'x'.repeat(2000)
    let set = await open('traces', undefined, { maxBytes: 2 ** 22 })
    const all: Span[] = []
    for (let batch = 0; batch < 60; batch++) {
      const spans = Array.from({ length: 1 + int(20) }, (_, i) =>
        span({
          ...{ trace: 1 + int(80), id: all.length + i + 1, service: `s${int(4)}`, name: `n${int(5)}`, start: batch * 100 + int(300) },
          ...{ duration: int(50), status: int(3), attributes: { a: int(4), b: `v${int(30)}`, c: random() < 0.5, filler } },
        }),
      )
      all.push(...spans)
      await set.put(toRequest(spans))
      if (int(20) === 0) set = await open('traces', set.disk.after('kill'), { maxBytes: 2 ** 22 }, set.clock)
    }
    expect(set.ring.figures.rows).toBe(all.length)
    const maybe = <T>(value: T) => (random() < 0.3 ? value : undefined)
    for (let k = 0; k < 60; k++) {
      // Between milliseconds: a column is good to a quarter of a microsecond.
      const from = begun + int(6000) + 0.5
      const trace = maybe(1 + int(90))
      const query: SpanQuery = JSON.parse(
        JSON.stringify({
          ...{
            from,
            to: from + int(4000),
            limit: random() < 0.5 ? 1 + int(20) : 100_000,
            service: maybe(`s${int(5)}`),
            name: maybe(`n${int(6)}`),
          },
          ...{
            status: maybe(int(3)),
            minDuration: maybe(int(50)),
            attributes: maybe([
              [
                ['a', `${int(4)}`],
                ['b', `v${int(30)}`],
                ['c', 'true'],
              ][int(3)],
            ]),
          },
        }),
      )
      const { requests, rows } = await set.ring.find(trace === undefined ? query : { ...query, traceIds: [bytesOf(trace, 16)] })
      const expected = all.filter(
        s =>
          begun + s.start >= query.from &&
          begun + s.start < query.to &&
          (trace === undefined || s.trace === trace) &&
          (query.service === undefined || s.service === query.service) &&
          (query.name === undefined || s.name === query.name) &&
          (query.status === undefined || s.status === query.status) &&
          (query.minDuration === undefined || s.duration >= query.minDuration) &&
          (query.attributes ?? []).every(([key, value]) => String(s.attributes[key]) === value),
      )
      const starts = (ids: readonly number[]) => ids.map(id => all[id - 1]!.start).sort((a, b) => b - a)
      const ids = idsIn(requests)
      expect(ids.length).toBe(rows)
      expect(expected.map(({ id }) => id)).toEqual(expect.arrayContaining(ids))
      // Of equal times any may be among the newest.
      expect(starts(ids)).toEqual(starts(expected.map(({ id }) => id)).slice(0, query.limit))
    }
  })

  test('a search that nobody waits for any more ends', async () => {
    const { ring, put } = await open('traces')
    await put(toRequest([span({})]))
    await expect(ring.find(always, AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone')
  })
})

describe('what is forgotten', () => {
  test('what is older than the retention, in whole files', async () => {
    const { ring, put, clock } = await open('traces')
    for (let minute = 0; minute < 120; minute++) {
      await put(toRequest([span({ id: minute + 1, start: minute * 60_000 })]))
      await clock.advance(60_000)
    }
    await ring.maintain()
    const ids = idsIn((await ring.find(always)).requests)
    const { rows, since, forgotten, segments } = ring.figures
    expect(ids).toEqual(Array.from({ length: rows }, (_, i) => 120 - i))
    // An hour, and no more than a file beyond it.
    expect(rows).toBeGreaterThanOrEqual(60)
    expect(rows).toBeLessThanOrEqual(65)
    expect(segments).toBeLessThan(20)
    expect(since).toBe(begun + (120 - rows) * 60_000)
    expect(forgotten.age.rows).toBe(120 - rows)
    await clock.advance(2 * 3_600_000)
    await ring.maintain()
    expect([ring.figures.rows, ring.figures.segments]).toEqual([0, 0])
    expect((await ring.find(always)).rows).toBe(0)
  })

  test('what is too much, the oldest first; never more on the disk than that and a batch', async () => {
    const maxBytes = 2 ** 21
    const { ring, put, disk } = await open('traces', undefined, { maxBytes })
    for (let id = 1; id <= 600; id++) {
      await put(toRequest([span({ id, start: id, attributes: { filler: 'x'.repeat(10_000) } })]))
      expect(disk.bytes).toBeLessThan(maxBytes + 20_000)
    }
    const { rows, forgotten, bytes, memory } = ring.figures
    expect(idsIn((await ring.find(always)).requests)).toEqual(Array.from({ length: rows }, (_, i) => 600 - i))
    expect(rows + forgotten.size.rows).toBe(600)
    expect(rows).toBeGreaterThan(170)
    expect(bytes).toBe(disk.bytes)
    expect(memory).toBeLessThan(bytes / 10)
  })
})

describe('what a disk does', () => {
  test('a file that is cut at any byte gives an exact prefix, and goes on', async () => {
    const { ring, put, disk } = await open('traces')
    const requests = [1, 2, 3].map(id => toRequest([span({ id })]))
    for (const request of requests) await put(request)
    const [path] = [...disk.files.keys()].filter(path => path.endsWith('.spans'))
    const whole = Buffer.from(disk.get(path!))
    await ring.close()
    const counts = new Set<number>()
    for (let cut = 0; cut <= whole.length; cut += 1) {
      const broken = new MemoryDisk()
      broken.put(path!, whole.subarray(0, cut))
      const { ring: opened, put: add, lines } = await open('traces', broken)
      const found = (await opened.find(always)).requests
      expect(found).toEqual(expect.arrayContaining(requests.slice(0, found.length)))
      counts.add(found.length)
      await add(toRequest([span({ id: 9 })]))
      expect(idsIn((await opened.find({ ...always, limit: 10 })).requests)).toContain(9)
      expect(lines).toEqual([])
      await opened.close()
    }
    expect(counts).toEqual(new Set([0, 1, 2, 3]))
  })

  test('damage is skipped, named and counted; a damaged index is made anew', async () => {
    const { ring, put, disk } = await open('traces')
    for (const id of [1, 2, 3]) await put(toRequest([span({ id, start: id, name: `name ${id}` })]))
    await ring.close()
    const flip = (path: string, at: number) => {
      const bytes = Buffer.from(disk.get(path))
      bytes[at < 0 ? bytes.length + at : at]! ^= 1
      disk.put(path, bytes)
    }
    const [path] = [...disk.files.keys()].filter(path => path.endsWith('.spans'))
    flip(`${path}-index`, -3)
    flip(path!, disk.get(path!).indexOf('name 2'))
    const next = await open('traces', disk.after('kill'))
    expect(idsIn((await next.ring.find(always)).requests)).toEqual([3, 1])
    const what = { level: 'error', message: 'spans on the disk are damaged: what is there is lost' }
    expect(next.lines).toContainEqual({ ...what, fields: { path, from: expect.any(Number), to: expect.any(Number) } })
    expect(next.ring.figures.damaged).toBeGreaterThan(0)
  })

  test('the nth operation of the disk fails: what was acknowledged is found, what was not may be sent again', async () => {
    for (let n = 1, failed = true; failed; n++) {
      failed = false
      const { ring, put, disk, clock, lines } = await open('traces', new MemoryDisk(), { maxBytes: 2 ** 20, syncMs: 0 })
      const start = disk.operations
      disk.before = (_, __, count) => {
        if (count !== start + n) return
        failed = true
        throw failure('EIO')
      }
      const filler = 'x'.repeat(40_000)
      const ids: number[] = []
      for (let id = 1; id <= 5; id++) {
        const request = toRequest([span({ id, start: id, attributes: { filler } })])
        await put(request).catch(async error => {
          expect(error).toBeInstanceOf(RetryableError)
          expect([ring.hasRoom(1), ring.trouble]).toEqual([false, expect.stringContaining('EIO')])
          await clock.advance(1000)
          expect(ring.hasRoom(1)).toBe(true)
          await put(request)
          expect(ring.trouble).toBeUndefined()
          expect(lines.map(({ level }) => level)).toEqual(['error', 'info'])
        })
        ids.unshift(id)
      }
      disk.before = () => {}
      expect(idsIn((await ring.find(always)).requests)).toEqual(ids)
      for (const end of ['kill', 'loss of power'] as const) {
        const next = await open('traces', disk.after(end), { maxBytes: 2 ** 20 })
        expect([...new Set(idsIn((await next.ring.find(always)).requests))]).toEqual(ids)
        await next.ring.close()
      }
      await ring.close()
      if (!failed) expect(n).toBeGreaterThan(10)
    }
  })

  test('a directory that another holds, and a file of a newer version, are refused by name', async () => {
    const { ring, put, disk } = await open('traces')
    await expect(open('traces', disk)).rejects.toThrow('the spans "/ring" are in use')
    await put(toRequest([span({})]))
    await ring.close()
    await expect(ring.append(reader.read('traces', Raw.of(toRequest([]))))).rejects.toThrow(RetryableError)
    const [path] = [...disk.files.keys()].filter(path => path.endsWith('.spans'))
    const bytes = Buffer.from(disk.get(path!))
    bytes.writeUInt16LE(9, 8)
    bytes.writeUInt32LE(crc32(bytes.subarray(0, 36)), 36)
    disk.put(path!, bytes)
    await expect(open('traces', disk)).rejects.toThrow(`"${path}" is of version 9, this program knows up to 1`)
  })
})
