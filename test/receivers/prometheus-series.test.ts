import { describe, expect, test } from 'vitest'
import { type Family, newRow, type Row } from '../../src/exposition/families.ts'
import { showLabels } from '../../src/exposition/labels.ts'
import { openMetrics } from '../../src/exposition/openmetrics.ts'
import { protobufPage } from '../../src/exposition/protobuf.ts'
import { Relabelling } from '../../src/exposition/relabel.ts'
import { classic, textPage } from '../../src/exposition/text.ts'
import { Raw } from '../../src/model/raw.ts'
import { protobufToJson } from '../../src/otlp/json.ts'
import { createReader } from '../../src/otlp/reader.ts'
import { nanos } from '../../src/otlp/write.ts'
import { putCount, putNanos } from '../../src/receivers/prometheus/bytes.ts'
import type { SeriesSettings } from '../../src/receivers/prometheus/first-sight.ts'
import { TargetSeries } from '../../src/receivers/prometheus/series.ts'
import { Chance } from '../kit/otlp.ts'

const settings: SeriesSettings = {
  ...{ honorLabels: false, honorTimestamps: true, trackTimestampsStaleness: false, externalLabels: [], relabelling: new Relabelling([]) },
  ...{ sampleLimit: 0, labelLimit: 0, labelNameLengthLimit: 0, labelValueLengthLimit: 0, bucketLimit: 0, maxScale: 20 },
  ...{ legacyNames: false, trimSuffixes: false, native: true, classic: false },
}
const target = { labels: [], job: 'j', instance: 'host:1', attributes: [] }
const series = (more: Partial<SeriesSettings> = {}) => new TargetSeries({ ...settings, ...more }, target)
const time = 1_800_000_000_000

/** A page whose lines depend on `seed`, and whose numbers on `numbers`. */
function pageOf(seed: number, numbers: number): string {
  const lines = new Chance(seed)
  const values = new Chance(numbers)
  const number = () =>
    values.pick([
      String(values.int(1000)),
      (values.next() * 1e6).toFixed(values.int(8)),
      `${values.int(99)}e-${values.int(30)}`,
      'NaN',
      '+Inf',
      '-3',
      '0',
    ])
  let text = ''
  for (let family = 0; family < 12; family++) {
    const type = lines.pick(['counter', 'gauge', 'histogram', 'summary', 'untyped'])
    text += `# HELP m${family} about ${family}\n# TYPE m${family} ${type}\n`
    for (let i = 0; i < 3; i++) {
      const labels = `a="${i}"${lines.is(0.5) ? ',b="x\\"y"' : ''}`
      if (type === 'histogram') {
        for (const le of ['0.5', '2', '+Inf']) text += `m${family}_bucket{${labels},le="${le}"} ${values.int(50)}\n`
        if (lines.is(0.9)) text += `m${family}_sum{${labels}} ${number()}\n`
        if (lines.is(0.9)) text += `m${family}_count{${labels}} ${values.int(100)}\n`
      } else if (type === 'summary') {
        for (const q of ['0.9', '0.5']) text += `m${family}{${labels},quantile="${q}"} ${number()}\n`
        text += `m${family}_sum{${labels}} ${number()}\nm${family}_count{${labels}} ${values.int(100)}\n`
      } else text += `m${family}{${labels}} ${number()}\n`
    }
  }
  return text
}

describe('the same lines with other numbers', () => {
  test('become what they would become on first sight, byte for byte', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const known = series()
      known.scrape(Buffer.from(pageOf(seed, 0)), 'text', time)
      for (let numbers = 1; numbers < 6; numbers++) {
        const page = Buffer.from(pageOf(seed, numbers))
        const again = known.scrape(page, 'text', time + numbers)
        const fresh = series().scrape(page, 'text', time + numbers)
        expect(Buffer.from(again.request!).equals(Buffer.from(fresh.request!))).toBe(true)
        expect({ ...again, request: 0, added: 0 }).toEqual({ ...fresh, request: 0, added: 0, left: again.left })
      }
    }
  })
  test('or one line more, or one byte', () => {
    const known = series()
    known.scrape(Buffer.from(pageOf(1, 0)), 'text', time)
    for (const page of [
      `${pageOf(1, 1)}more 1\n`,
      pageOf(1, 1).replaceAll('a="1"', 'a="9"'),
      pageOf(1, 1)
        .slice(0, 300)
        .replace(/[^\n]*$/, ''),
    ]) {
      const json = (request: Uint8Array) => JSON.stringify(protobufToJson('metrics', request))
      const found = json(known.scrape(Buffer.from(page), 'text', time + 1).request!)
      const fresh = json(series().scrape(Buffer.from(page), 'text', time + 1).request!)
      // What is not there any more is told as well, so only a page that is longer is quite the same.
      if (page.includes('more')) expect(found).toBe(fresh)
      else expect(found.length).toBeGreaterThan(fresh.length)
      known.scrape(Buffer.from(pageOf(1, 0)), 'text', time + 2)
      known.scrape(Buffer.from(pageOf(1, 0)), 'text', time + 3)
    }
  })
  test('is read by the decoder to the last row', () => {
    const known = series()
    for (let i = 0; i < 3; i++) known.scrape(Buffer.from(pageOf(2, 0)), 'text', time)
    const { request } = known.scrape(Buffer.from(pageOf(2, 1)), 'text', time)
    const batch = createReader().read('metrics', Raw.of(request!))
    expect(batch.rows).toBeGreaterThan(25)
    expect(new Set(batch.numbers.time)).toEqual(new Set([time]))
  })
})

describe('a page that stays the same for long', () => {
  const page = Buffer.from('a{job="other"} 1\nb 2\ntarget_info{version="1"} 1\n# TYPE h histogram\nh_bucket{le="+Inf"} 5\nh_count 5\n')
  const settledSeries = () => {
    const known = series({ honorLabels: true })
    for (let i = 0; i < 9; i++) known.scrape(page, 'text', time + i)
    return known
  }
  const names = (request: Uint8Array | undefined) =>
    JSON.stringify(protobufToJson('metrics', request!)).match(/"name":"(a|b|h|c)"|"flags":1/g)

  test('is kept without what it was made of', () => {
    expect(settledSeries().size).toBeLessThan(series().size + 3000)
    const { request, scraped, kept, added } = settledSeries().scrape(page, 'text', time)
    expect(Buffer.from(request!)).toEqual(Buffer.from(series({ honorLabels: true }).scrape(page, 'text', time).request!))
    expect({ scraped, kept, added }).toEqual({ scraped: 5, kept: 5, added: 0 })
  })
  test('and what then vanishes is missed all the same', () => {
    const found = settledSeries().scrape(Buffer.from('b 2\nc 3\n'), 'text', time + 10)
    expect(found.added).toBe(1)
    expect(names(found.request)).toEqual(['"name":"b"', '"name":"c"', '"name":"h"', '"flags":1', '"name":"a"', '"flags":1'])
  })
  test('as when nothing comes, or nothing that can be read', () => {
    expect(names(settledSeries().miss(time + 10))).toEqual([
      '"name":"a"',
      '"flags":1',
      '"name":"b"',
      '"flags":1',
      '"name":"h"',
      '"flags":1',
    ])
    const known = settledSeries()
    expect(() => known.scrape(Buffer.from('b{ 2\n'), 'text', time + 10)).toThrow('never closed')
    expect(names(known.miss(time + 10))?.length).toBe(6)
    expect(known.miss(time + 11)).toBeUndefined()
  })
})

test('lines that come, go and change their places', () => {
  const chance = new Chance(11)
  const known = series()
  const all = Array.from({ length: 60 }, (_, i) => (i % 3 === 0 ? `m${i % 7}` : `m${i % 7}{i="${i}"}`)).filter(
    (line, i, lines) => lines.indexOf(line) === i,
  )
  let before: readonly string[] = []
  for (let round = 0; round < 300; round++) {
    let lines = all.filter(() => chance.is(0.9))
    if (chance.is(0.3)) lines = chance.shuffle([...lines])
    if (chance.is(0.4)) lines = [...before]
    const at = chance.int(1000)
    const page = Buffer.from(lines.map((line, i) => `${line} ${at + i}\n`).join(''))
    const found = known.scrape(page, 'text', time + round)
    const fresh = series().scrape(page, 'text', time + round)
    const values = (request: Uint8Array | undefined) => {
      const { resourceMetrics = [] } = protobufToJson('metrics', request!) as {
        resourceMetrics?: { scopeMetrics: { metrics: { name: string; gauge: { dataPoints: object[] } }[] }[] }[]
      }
      return resourceMetrics.flatMap(r =>
        r.scopeMetrics.flatMap(s => s.metrics.flatMap(m => m.gauge.dataPoints.map(p => JSON.stringify([m.name, p])))),
      )
    }
    const live = (list: readonly string[]) => list.filter(text => !text.includes('"flags":1')).sort()
    expect(live(values(found.request))).toEqual(live(values(fresh.request)))
    expect(values(found.request).length - live(values(found.request)).length).toBe(before.filter(line => !lines.includes(line)).length)
    expect(found.added).toBe(lines.filter(line => !before.includes(line)).length)
    before = lines
  }
})

describe('many pages, one memory', () => {
  test('what is not seen any more is forgotten', () => {
    const known = series()
    for (let i = 0; i < 50; i++)
      known.scrape(Buffer.from(`m${i}{a="${i}",otel_scope_name="s${i}",instance="x"} 1\nstays 1\n`), 'text', time + i)
    expect(known.size).toBeLessThan(5000)
  })
  test('a family that changes its type is another series, and the old one ends', () => {
    const known = series()
    known.scrape(Buffer.from('# TYPE a gauge\na 1\n'), 'text', time)
    const { request } = known.scrape(Buffer.from('# TYPE a counter\na 1\n'), 'text', time + 1)
    const text = JSON.stringify(protobufToJson('metrics', request!))
    expect(text).toContain('"sum":{"dataPoints":[{"timeUnixNano":"1800000000001000000","asDouble":1}]')
    expect(text).toContain('"gauge":{"dataPoints":[{"timeUnixNano":"1800000000001000000","flags":1}]')
  })
  test('another help text is no other series', () => {
    const known = series()
    known.scrape(Buffer.from('# HELP a one\na 1\n'), 'text', time)
    const { request } = known.scrape(Buffer.from('# HELP a two\na 1\n'), 'text', time + 1)
    const text = JSON.stringify(protobufToJson('metrics', request!))
    expect(text).toContain('two')
    expect(text).not.toContain('flags')
  })
  test('duplicates are left out and counted, the first stays', () => {
    const found = series().scrape(
      Buffer.from('a{b="1",c="2"} 1\na{b="1",c="2"} 5\na{c="2",b="1"} 6\n# TYPE h histogram\nh_bucket 3\n'),
      'text',
      time,
    )
    expect(JSON.stringify(protobufToJson('metrics', found.request!))).toContain('"asDouble":1')
    expect(found).toMatchObject({ scraped: 4, kept: 4, left: { duplicate: 2, invalid: 1 } })
  })
})

describe('one page in three formats', () => {
  const rows = (name: string, type: Family['type'], ...all: Partial<Row>[]): Family => ({
    ...{ name, type, help: `about ${name}`, unit: '', length: all.length },
    read: (i, row) => Boolean(Object.assign(row, newRow(), all[i])),
  })
  const labels = showLabels([
    ['path', 'C:\\dir\n"x"'],
    ['größe', 'ü'],
  ])
  const families = [
    rows('a_total', 'counter', {
      labels,
      value: 7,
      start: time - 5000,
      exemplars: [{ labels: [['trace_id', '0af7651916cd43dd8448eb211c80319c']], value: 0.5, time }],
    }),
    rows('b', 'gauge', { value: -1.5, time: time - 250 }, { labels, value: Number.NaN }),
    rows('c', 'histogram', { shape: 'histogram', labels, count: 6, sum: 12.5, bounds: Float64Array.of(0.5, 10), buckets: [1, 2, 3] }),
    rows('d', 'summary', { shape: 'summary', count: 4, sum: 9, quantiles: [0.5, 1, 0.9, 2] }),
    rows('e', 'unknown', { value: 1 }),
  ]
  const pages = {
    text: Buffer.concat([...textPage(families, classic)]),
    openmetrics: Buffer.concat([...textPage(families, openMetrics(families))]),
    protobuf: Buffer.concat([...protobufPage(families)].filter(piece => piece !== undefined)),
  }
  /** Points by name and attributes, without what one of the formats cannot say. */
  const points = (format: keyof typeof pages) => {
    const request = series().scrape(pages[format], format, time).request!
    const json = JSON.stringify(protobufToJson('metrics', request), (key, value) =>
      key === 'startTimeUnixNano' || key === 'exemplars' ? undefined : value,
    )
    return JSON.parse(json)
  }
  test('is one request', () => {
    expect(points('protobuf')).toEqual(points('openmetrics'))
    // The text format knows counters by the name of their samples.
    expect(points('text')).toEqual(points('openmetrics'))
  })
  test('start times and exemplars come from those that have them', () => {
    const text = (format: keyof typeof pages) =>
      JSON.stringify(protobufToJson('metrics', series().scrape(pages[format], format, time).request!))
    for (const format of ['openmetrics', 'protobuf'] as const)
      expect(text(format)).toContain('"traceId":"0af7651916cd43dd8448eb211c80319c"')
    expect(text('protobuf')).toContain(`"startTimeUnixNano":"${time - 5000}000000"`)
  })
})

describe('native histograms', () => {
  const family: Family = {
    ...{ name: 'h', type: 'histogram', help: '', unit: '', length: 1 },
    read: (_, row) =>
      Boolean(
        Object.assign(row, newRow(), {
          ...{ shape: 'exponential', labels: 'a="1"', count: 10, sum: 12.5, start: time - 1000 },
          exponential: {
            ...{ scale: 1, zeroCount: 1, zeroThreshold: 0.001, positiveOffset: -1, positive: [1, 2, 0, 0, 0, 0, 3] },
            ...{ negativeOffset: 2, negative: [3] },
          },
        }),
      ),
  }
  const page = Buffer.concat([...protobufPage([family])].filter(piece => piece !== undefined))
  const metrics = (more: Partial<SeriesSettings>) =>
    (
      protobufToJson('metrics', series(more).scrape(page, 'protobuf', time).request!) as never as {
        resourceMetrics: { scopeMetrics: { metrics: object[] }[] }[]
      }
    ).resourceMetrics[0]!.scopeMetrics[0]!.metrics

  test('become exponential ones', () => {
    expect(metrics({})).toMatchObject([
      {
        name: 'h',
        exponentialHistogram: {
          aggregationTemporality: 2,
          dataPoints: [
            {
              ...{ count: '10', sum: 12.5, scale: 1, zeroCount: '1', zeroThreshold: 0.001 },
              positive: { offset: -1, bucketCounts: ['1', '2', '0', '0', '0', '0', '3'] },
              negative: { offset: 2, bucketCounts: ['3'] },
              startTimeUnixNano: `${time - 1000}000000`,
            },
          ],
        },
      },
    ])
  })
  test('with their classic buckets beside them, or only those', () => {
    expect(metrics({ classic: true }).map(metric => ['histogram', 'exponentialHistogram'].filter(kind => kind in metric))).toEqual([
      ['exponentialHistogram'],
      ['histogram'],
    ])
    expect(metrics({ native: false }).map(metric => 'histogram' in metric)).toEqual([true])
  })
  test('are made coarser where there are too many buckets', () => {
    expect(metrics({ bucketLimit: 4 })).toMatchObject([{ exponentialHistogram: { dataPoints: [{ scale: -1 }] } }])
    expect(metrics({ maxScale: 0 })).toMatchObject([
      { exponentialHistogram: { dataPoints: [{ positive: { offset: -1, bucketCounts: ['1', '2', '0', '3'] } }] } },
    ])
    expect(() => metrics({ bucketLimit: 1 })).toThrow('native_histogram_bucket_limit')
  })
  test('a page cut anywhere is refused', () => {
    for (let end = 1; end < page.length; end++) expect(() => series().scrape(page.subarray(0, end), 'protobuf', time)).toThrow()
  })
})

test('numbers as OTLP has them', () => {
  const view = new DataView(new ArrayBuffer(8))
  const chance = new Chance(3)
  for (let i = 0; i < 2000; i++) {
    const ms = chance.int(2 ** 31) * 1000 + chance.int(1000) + chance.pick([0, 0.5, 0.25, chance.next()])
    putNanos(view, 0, ms)
    expect([ms, view.getBigUint64(0, true)]).toEqual([ms, nanos(ms)])
  }
  for (const [value, count] of [
    [0, 0n],
    [-5, 0n],
    [Number.NaN, 0n],
    [5.9, 5n],
    [2 ** 40 + 1, 2n ** 40n + 1n],
    [2 ** 63, 2n ** 63n],
    [Number.POSITIVE_INFINITY, 2n ** 64n - 2048n],
  ] as const) {
    putCount(view, 0, value)
    expect([value, view.getBigUint64(0, true)]).toEqual([value, count])
  }
})

test('a page that is refused at a number leaves nothing to the next one', () => {
  const known = series()
  known.scrape(Buffer.from('a 1\nb 2\n'), 'text', time)
  expect(() => known.scrape(Buffer.from('a 1\nb x\n'), 'text', time + 1)).toThrow('not a number')
  const { request } = known.scrape(Buffer.from('c 5\na 1\nb 2\n'), 'text', time + 2)
  expect(Buffer.from(request!)).toEqual(Buffer.from(series().scrape(Buffer.from('c 5\na 1\nb 2\n'), 'text', time + 2).request!))
})
