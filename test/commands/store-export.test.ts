/** What `thalamus store export` writes `thalamus store import` takes in: JSON lines lose nothing, OpenMetrics what it has no text for, which is said. */
import { readFileSync } from 'node:fs'
import { beforeEach, describe, expect, test } from 'vitest'
import { OpenRules } from '../../src/exposition/open-rules.ts'
import { readTextPage } from '../../src/exposition/read-text.ts'
import { Labels } from '../../src/model/labels.ts'
import { SampleColumns } from '../../src/store/chunk.ts'
import { Incoming, SeriesHandle } from '../../src/store/incoming.ts'
import { readLine, samplesLine } from '../../src/store/json-lines.ts'
import { DAY, MINUTE } from '../../src/store/plan.ts'
import type { TimeSeriesStore } from '../../src/store/store.ts'
import { VirtualClock } from '../kit/clock.ts'
import { MemoryDisk } from '../kit/disk.ts'
import { made } from '../promql/fuzz/samples.ts'
import { batch, hints, openStore } from '../store/opened.ts'
import { TestOutside } from './outside.ts'

const T = 1_699_999_260_000
let disk: MemoryDisk
beforeEach(() => {
  disk = new MemoryDisk()
})

function thalamus(...args: string[]) {
  const outside = Object.assign(new TestOutside(), { disk })
  return outside.thalamus('store', ...args)
}
/** Taken out of one store and into another: what is written, and what that one writes again. */
async function through(format: string): Promise<[first: string, second: string]> {
  const first = await thalamus('export', '/store', '--format', format)
  const file = format === 'jsonl' ? '/page.jsonl' : '/page.om'
  disk.put(file, Buffer.from(first.out))
  const outside = Object.assign(new TestOutside(), { disk })
  outside.files[file] = first.out
  expect(await outside.thalamus('store', 'import', '/other', file)).toMatchObject({ code: 0, err: '' })
  return [first.out, (await thalamus('export', '/other', '--format', format)).out]
}
async function everything(directory: string): Promise<unknown[]> {
  const { store } = await openStore(disk.after('kill'), new VirtualClock(T + 3_600_000), { directory })
  const all: unknown[] = []
  for (const series of await store.select(
    [{ name: '__name__', op: '!=', value: '' }],
    hints(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY),
  )) {
    const { time, value, stale, histograms, start } = series.read()
    const bits = Buffer.from(Float64Array.from(value).buffer).toString('hex')
    all.push([
      series.labels.key,
      [...time],
      bits,
      stale && [...stale],
      histograms,
      start?.some(x => x !== 0) === true ? [...start] : undefined,
    ])
  }
  const notes = [await store.metadata(), await store.exemplars([[{ name: '__name__', op: '!=', value: '' }]], 0, 2 ** 50)]
  await store.close()
  return [...all.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)), notes]
}

async function fill(store: TimeSeriesStore): Promise<void> {
  const strange = new SeriesHandle(
    Labels.of([
      ['__name__', 'näme.with.dots'],
      ['__proto__', 'x'],
      ['quote', 'a"b\\c\nd'],
      ['empty', ' '],
      ['ü', '\u0000\u{1f600}'],
    ]),
  )
  const incoming = new Incoming()
  for (const [i, value] of [
    0,
    -0,
    0.1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    5e-324,
    Number.MAX_VALUE,
    2 ** 53 + 2,
    -1e-7,
  ].entries()) {
    incoming.number(strange, T + 1000 * i, value, i > 4 ? T - 5 : 0)
  }
  incoming.stale(strange, T + 20_000)
  incoming.number(strange, T + 21_000, 1)
  incoming.samples.words[2 * incoming.samples.length - 2] = 7
  incoming.samples.words[2 * incoming.samples.length - 1] = 0xfff80001
  incoming.exemplars.push({ series: strange, labels: Labels.of([['trace_id', 'abc']]), value: -0.5, time: T + 3 })
  incoming.exemplars.push({ series: strange, labels: Labels.of([]), value: Number.POSITIVE_INFINITY, time: T + 4 })
  incoming.metadata.push({ family: 'native', metadata: { type: 'histogram', unit: 's', help: 'Two\nlines "quoted"' } })
  await store.append(incoming)
  // Floats and native histograms of every kind, from 0 on: moved to now.
  const by = T - Math.min(...made(3).flatMap(({ samples }) => samples.map(({ time }) => time)))
  for (const { labels, samples } of made(3)) {
    const series = new SeriesHandle(Labels.of([...labels]))
    const more = new Incoming()
    for (const { time, value, stale, histogram } of samples) {
      if (histogram !== undefined) more.histogram(series, time + by, histogram)
      else if (stale === true) more.stale(series, time + by)
      else more.number(series, time + by, value)
    }
    await store.append(more)
  }
}

test('JSON lines: every sample, bit by bit, with metadata and exemplars; half of it in blocks, half in a log', async () => {
  const { store } = await openStore(disk, new VirtualClock(T + 3_600_000), { aheadMs: 1e12 })
  await fill(store)
  await store.seal()
  await store.maintain()
  await store.append(batch(['up', T + 5000, 1], ['other', T + 5000, 2]))
  await store.close()
  const [first, second] = await through('jsonl')
  expect(second === first).toBe(true)
  const [here, there] = [await everything('/store'), await everything('/other')]
  expect(here.length).toBeGreaterThan(20)
  for (const [i, series] of here.entries()) expect(there[i]).toEqual(series)
  for (const line of first.split('\n')) expect(line.length).toBeLessThan(64 * 1024)
})

test('JSON lines of a block that Prometheus has made', async () => {
  const folder = new URL('../golden/store/prometheus-native/block/', import.meta.url)
  for (const file of ['meta.json', 'index', 'tombstones', 'chunks/000001']) disk.put(`/block/${file}`, readFileSync(new URL(file, folder)))
  expect((await thalamus('import', '/store', '/block')).out).toBe('/block: 890 samples of 6 series\n')
  const [first, second] = await through('jsonl')
  expect(second === first).toBe(true)
  expect(first.split('\n').length).toBeGreaterThan(12)
})

describe('OpenMetrics', () => {
  async function shop(): Promise<void> {
    const { store } = await openStore(disk, new VirtualClock(T + 3_600_000))
    const page = new Incoming()
    const one = (name: string, labels: Record<string, string>, values: readonly number[]) => {
      const series = new SeriesHandle(Labels.of([['__name__', name], ...Object.entries(labels)]))
      for (const [i, value] of values.entries()) page.number(series, T + 15_000 * i, value)
      return series
    }
    const requests = one('requests_total', { code: '200', path: '/' }, [1, 2, 3])
    one('requests_total', { code: '500', path: '/' }, [0, 0, 1])
    const wait = ['0.1', '1.0', '+Inf'].map((le, i) => one('wait_seconds_bucket', { le, path: '/' }, [i, i + 1, i + 3]))
    one('wait_seconds_count', { path: '/' }, [2, 3, 5])
    one('wait_seconds_sum', { path: '/' }, [0.5, 1.5, 3])
    one('pause_seconds', { quantile: '0.5' }, [0.1, 0.2])
    one('pause_seconds', { quantile: '0.99' }, [0.3, 0.5])
    one('pause_seconds_count', {}, [4, 5])
    one('pause_seconds_sum', {}, [1, 2])
    one('level_bytes', {}, [7])
    one('plain', { a: 'b' }, [1])
    one('http.open', { 'http.route': '/x' }, [1])
    const exemplar = (series: SeriesHandle, time: number, id: string) =>
      page.exemplars.push({ series, labels: Labels.of([['trace_id', id]]), value: 0.25, time })
    exemplar(requests, T + 14_000, 'first')
    exemplar(requests, T + 16_000, 'second')
    exemplar(wait[1]!, T + 30_000, 'third')
    const families: [string, string, string, string][] = [
      ['requests_total', 'counter', '', 'How many.\nAll.'],
      ['wait_seconds', 'histogram', 'seconds', 'How long.'],
      ['pause_seconds', 'summary', 'seconds', ''],
      ['level_bytes', 'gauge', 'bytes', 'Full.'],
    ]
    for (const [family, type, unit, help] of families) page.metadata.push({ family, metadata: { type: type as 'gauge', unit, help } })
    await store.append(page)
    await store.close()
  }

  test('types, help, units and exemplars; a page that every rule of the format holds for', async () => {
    await shop()
    const { out, err } = await thalamus('export', '/store')
    expect(err).toBe('')
    expect(out.split('\n').slice(0, 14)).toEqual([
      '{"http.open","http.route"="/x"} 1 1699999260',
      '# TYPE level_bytes gauge',
      '# UNIT level_bytes bytes',
      '# HELP level_bytes Full.',
      'level_bytes 7 1699999260',
      '# TYPE pause_seconds summary',
      '# UNIT pause_seconds seconds',
      'pause_seconds{quantile="0.5"} 0.1 1699999260',
      'pause_seconds{quantile="0.99"} 0.3 1699999260',
      'pause_seconds_count 4 1699999260',
      'pause_seconds_sum 1 1699999260',
      'pause_seconds{quantile="0.5"} 0.2 1699999275',
      'pause_seconds{quantile="0.99"} 0.5 1699999275',
      'pause_seconds_count 5 1699999275',
    ])
    expect(out).toContain('# TYPE requests counter\n# HELP requests How many.\\nAll.\n')
    expect(out).toContain('requests_total{code="200",path="/"} 2 1699999275 # {trace_id="first"} 0.25 1699999274\n')
    expect(out).toContain('wait_seconds_bucket{le="1.0",path="/"} 4 1699999290 # {trace_id="third"} 0.25 1699999290\n')
    const rules = new OpenRules()
    readTextPage(Buffer.from(out), rules, true)
    rules.end()
  })

  test('what was exported is imported, with all of that', async () => {
    await shop()
    const [first, second] = await through('openmetrics')
    expect(second).toBe(first)
  })

  test('what there is no text for is counted, and said', async () => {
    const { store } = await openStore(disk, new VirtualClock(T + 3_600_000), { aheadMs: 1e12 })
    await fill(store)
    await store.close()
    const { out, err } = await thalamus('export', '/store')
    expect(err).toMatch(
      /^left out, since OpenMetrics has no text for them: \d+ native histograms, \d+ stale markers, 2 exemplars\n {2}write --format jsonl/,
    )
    expect(out).toContain('# EOF\n')
  })
})

test('of each time the finest samples there are: minutes of the days before, then samples as they came', async () => {
  const begin = Math.floor(T / DAY) * DAY - 3 * DAY
  const clock = new VirtualClock(begin)
  const { store } = await openStore(disk, clock, { retention: { rawMs: DAY, minuteMs: 30 * DAY, hourMs: 0, maxBytes: 0 } })
  const every = 20_000
  for (let now = begin + 1_200_000; now <= begin + 3.25 * DAY; now += 1_200_000) {
    await clock.advance(now - clock.now())
    const times = Array.from({ length: 60 }, (_, i) => now - 1_200_000 + every * (i + 1))
    await store.append(batch(...times.map(time => ['c', time, (time - begin) / every] as const)))
    await store.maintain()
  }
  const raw = [...(await store.select([{ name: '__name__', op: '=', value: 'c' }], hints(clock.now() - DAY, clock.now())))[0]!.read().time]
  await store.close()
  const { out } = await thalamus('export', '/store', '--format', 'jsonl')
  const columns = new SampleColumns()
  const all = out
    .split('\n')
    .filter(line => line.includes('"times"'))
    .flatMap(line => {
      readLine(line, columns)
      return Array.from(columns.time.subarray(0, columns.length), (time, i) => [time, columns.value[i]!] as const)
    })
  const change = all.findIndex(([time], i) => i > 0 && time - all[i - 1]![0] === every)
  expect(all.every(([time, value]) => value === (time - begin) / every)).toBe(true)
  expect(all[0]![0]).toBeLessThanOrEqual(begin + MINUTE)
  // Three minutes of every one, then every sample there is: none twice, none left out.
  expect(change).toBeGreaterThan(1000)
  expect(all.slice(1, change).every(([time], i) => time - all[i]![0] === MINUTE)).toBe(true)
  expect(all.slice(change).every(([time], i) => time - all[change + i - 1]![0] === every)).toBe(true)
  expect(all.at(-1)![0]).toBe(begin + 3.25 * DAY)
  expect(all.slice(change).length).toBeGreaterThanOrEqual(raw.length)
})

describe('JSON lines that make no sense', () => {
  test.each<[string, string]>([
    ['{', 'it is no JSON'],
    ['[]', 'it is no JSON object'],
    ['{}', 'labels: it is no object'],
    ['{"labels":{"a":"b"},"times":[],"values":[]}', 'labels: there is no __name__'],
    ['{"labels":{"__name__":"a","b":1},"times":[],"values":[]}', 'labels: it is no text'],
    ['{"labels":{"__name__":"a"},"times":[1]}', 'values: it is no list'],
    ['{"labels":{"__name__":"a"},"times":[1],"values":[]}', 'there are 1 times, 0 values'],
    ['{"labels":{"__name__":"a"},"times":[1],"values":[1],"starts":[]}', 'there are 1 times, 1 values and 0 starts'],
    ['{"labels":{"__name__":"a"},"times":[1.5],"values":[1]}', 'times: 1.5 is no time in whole milliseconds'],
    ['{"labels":{"__name__":"a"},"times":[1],"values":["x"]}', 'values: "x" is no number'],
    ['{"labels":{"__name__":"a"},"times":[1],"values":[null]}', 'values: null is no number'],
    ['{"labels":{"__name__":"a"},"times":[1],"values":[{"count":1,"sum":1}]}', 'schema: undefined is no number'],
    ['{"labels":{"__name__":"a"},"times":[1],"values":[{"schema":99,"count":1,"sum":1}]}', 'schema: 99 is not known'],
    [
      '{"labels":{"__name__":"a"},"times":[1],"values":[{"schema":0,"count":1,"sum":1,"positiveCounts":[1]}]}',
      'positiveCounts: 1, and the spans have 0',
    ],
    [
      '{"labels":{"__name__":"a"},"times":[1],"values":[{"schema":0,"count":1,"sum":1,"positiveSpans":[[0]]}]}',
      'positiveSpans: a span is [offset, length]',
    ],
    ['{"labels":{"__name__":"a"},"times":[1],"values":[{"schema":0,"count":1,"sum":1,"resetHint":"x"}]}', 'resetHint: "x" is not known'],
    ['{"labels":{"__name__":"a"},"exemplars":[1]}', 'exemplars: one is no object'],
    ['{"family":1}', 'family: it is no text'],
  ])('%s', async (line, says) => {
    disk.put('/x.jsonl', Buffer.from(`{"labels":{"__name__":"good"},"times":[${T}],"values":[1]}\n${line}`))
    const { code, err } = await thalamus('import', '/other', '/x.jsonl')
    expect([code, err]).toEqual([1, `/x.jsonl:2: ${says}\n  what came before it is in the store\n`])
    expect((await thalamus('export', '/other')).out).toBe(`good 1 ${T / 1000}\n# EOF\n`)
  })
  test('--format is known, or refused', async () => {
    await thalamus('import', '/other', '/none.jsonl')
    expect((await thalamus('export', '/other', '--format', 'xml')).err).toBe('--format knows no "xml"\n  known: openmetrics, jsonl\n')
  })
})

test('a line, written and read: any bits of a double', () => {
  const samples = new SampleColumns()
  const back = new SampleColumns()
  for (let i = 0; i < 2000; i++) {
    samples.push(i, 0)
    samples.words[2 * i] = Math.imul(i, 2654435761) >>> 0
    samples.words[2 * i + 1] = i % 3 === 0 ? (0x7ff00000 + i) >>> 0 : Math.imul(i, 40503 * 65537) >>> 0
  }
  readLine(samplesLine(Labels.of([['__name__', 'a']]), samples, 0, samples.length), back)
  expect(back.words.subarray(0, 4000)).toEqual(samples.words.subarray(0, 4000))
})
