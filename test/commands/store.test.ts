/** `thalamus store`: of a store that is whole, damaged, in use; out of it as text, and into it from text and from blocks of Prometheus. */
import { readFileSync } from 'node:fs'
import { beforeEach, describe, expect, test } from 'vitest'
import { DAY, HOUR, MINUTE } from '../../src/store/plan.ts'
import { VirtualClock } from '../kit/clock.ts'
import { MemoryDisk } from '../kit/disk.ts'
import { batch, hints, openStore, shown } from '../store/opened.ts'
import { TestOutside } from './outside.ts'

const T = 1_699_999_260_000
let disk: MemoryDisk

/** Two series in a block, one more sample in a log. */
beforeEach(async () => {
  const opened = await openStore()
  await opened.store.append(
    batch(['up{job="a"}', T, 1], ['up{job="b"}', T, 0.5], ['up{job="a"}', T + 1500, 2], ['up{job="b"}', T + 1500, undefined]),
  )
  await opened.store.seal()
  await opened.store.maintain()
  await opened.store.append(batch(['up{job="a"}', T + 3000, 1e9]))
  disk = opened.disk.after('kill')
})

function thalamus(args: string[], files: Record<string, string> = {}) {
  const outside = new TestOutside()
  outside.disk = disk
  for (const [path, text] of Object.entries(files)) disk.put(path, Buffer.from(text))
  return outside.thalamus('store', ...args)
}
const block = () => [...disk.files.keys()].find(name => name.endsWith('.block'))!

function damage(at: (bytes: Buffer) => number): void {
  const path = block()
  const bytes = Buffer.from(disk.get(path))
  bytes[at(bytes)]! ^= 4
  disk.put(path, bytes)
}

test('stats', async () => {
  const { code, out } = await thalamus(['stats', '/store'])
  expect([code, out.split('\n').map(line => line.replace(/[\d.]+(B|KiB)|\([\d.]+ bytes/g, 'N'))]).toEqual([
    0,
    [
      '/store:',
      '  raw     1 file, N, 4 samples N each), at least 2 series, 2023-11-14T22:01:00.000Z to 2023-11-14T22:01:01.500Z',
      '  log     1 file, N, 1 samples N each), at least 1 series, 2023-11-14T22:01:03.000Z to 2023-11-14T22:01:03.000Z',
      '',
    ],
  ])
  expect(JSON.parse((await thalamus(['stats', '/store', '--json'])).out)).toMatchObject([
    { what: 'raw', samples: 4 },
    {},
    {},
    { what: 'log', samples: 1 },
  ])
})

test('verify of what is whole', async () => {
  expect(await thalamus(['verify', '/store/'])).toEqual({ code: 0, out: '/store: 3 files, all is whole\n', err: '' })
})

describe('what is damaged', () => {
  test('a chunk: verify says which series, repair keeps the other', async () => {
    damage(() => 70)
    const path = block()
    const { code, out } = await thalamus(['verify', '/store'])
    expect([code, out]).toEqual([
      2,
      `${path}: {__name__="up", job="a"}: the chunk at byte 64 is damaged\n/store: 3 files, 1 damaged; thalamus store repair keeps what is whole\n`,
    ])
    expect(await thalamus(['repair', '/store'])).toEqual({
      code: 2,
      out: `${path}: 2 samples are kept, 1 series are lost; the damaged file is ${path}.damaged\n`,
      err: '',
    })
    expect((await thalamus(['verify', '/store'])).code).toBe(0)
    expect(await thalamus(['repair', '/store'])).toEqual({ code: 0, out: '/store: nothing to repair\n', err: '' })
    const { store } = await openStore(disk)
    expect(await shown(store, 'up')).toEqual([`{"job":"a"} ${T + 3000}:1000000000`, `{"job":"b"} ${T}:0.5 ${T + 1500}:stale`])
  })
  test.each<[string, (bytes: Buffer) => number, string]>([
    ['the index', bytes => bytes.length - 64 - 30, 'its index is damaged'],
    ['the end', bytes => bytes.length - 20, 'it does not end as a block does'],
    ['the beginning', () => 3, 'it does not begin as a block does'],
  ])('%s', async (_, at, says) => {
    damage(at)
    const path = block()
    expect((await thalamus(['verify', '/store'])).out).toContain(`${path}: ${says}\n`)
    expect((await thalamus(['repair', '/store'])).out).toBe(
      `${path}: 0 samples are kept, what is lost nobody can tell; the damaged file is ${path}.damaged\n`,
    )
    expect((await thalamus(['verify', '/store'])).out).toBe('/store: 2 files, all is whole\n')
  })
  test('the end of a log', async () => {
    const path = [...disk.files.keys()].find(name => name.endsWith('.wal'))!
    disk.put(path, disk.get(path).subarray(0, -1))
    const { code, out } = await thalamus(['verify', '/store'])
    expect(code).toBe(0)
    expect(out).toMatch(/\.wal: \d+ bytes at its end are no whole record: not acknowledged, or damaged\n/)
  })
  test('a store that runs on a damaged block leaves it out, and says so', async () => {
    damage(bytes => bytes.length - 20)
    const { store, lines } = await openStore(disk)
    expect(await shown(store, 'up')).toEqual([`{"job":"a"} ${T + 3000}:1000000000`])
    expect(lines.map(({ level, message }) => `${level}: ${message}`)).toContain(
      'error: a block is damaged and left out: see thalamus store verify',
    )
  })
  test('a query that meets a damaged chunk fails, and names the file', async () => {
    damage(() => 70)
    const { store } = await openStore(disk)
    await expect(shown(store, 'up')).rejects.toThrow(
      `${block()} cannot be read: the chunk at byte 64 is damaged; thalamus store verify says more`,
    )
  })
})

test('in use: nothing is touched', async () => {
  const held = await openStore(disk)
  damage(() => 70)
  for (const args of [
    ['repair', '/store'],
    ['import', '/store', 'a.om'],
  ]) {
    expect(await thalamus(args, { 'a.om': '# EOF\n' })).toEqual({
      code: 3,
      out: '',
      err: '/store: a running process has it, and nothing was touched\n  stop that process first\n',
    })
  }
  await held.store.close()
})

describe('export and import', () => {
  const page = `up{job="a"} 1 ${T / 1000}\nup{job="a"} 2 ${(T + 1500) / 1000}\nup{job="a"} 1e+09 ${(T + 3000) / 1000}\nup{job="b"} 0.5 ${T / 1000}\n# EOF\n`
  test('all of it, some series, some time', async () => {
    expect((await thalamus(['export', '/store'])).out).toBe(page)
    expect((await thalamus(['export', '/store', '--match', '{job="b"}'])).out).toBe(`up{job="b"} 0.5 ${T / 1000}\n# EOF\n`)
    const from = new Date(T + 1500).toISOString()
    expect((await thalamus(['export', '/store', '--from', from])).out).toBe(`up{job="a"} 1e+09 ${(T + 3000) / 1000}\n# EOF\n`)
    expect((await thalamus(['export', '/store', '--match', 'up{'])).err).toContain('--match "up{": ')
  })
  test('what was exported is imported', async () => {
    expect(await thalamus(['import', '/other', 'page.om'], { 'page.om': page })).toEqual({
      code: 0,
      out: 'page.om: 4 samples of 2 series\n',
      err: '',
    })
    expect((await thalamus(['export', '/other'])).out).toBe(page)
    const again = page.replace('0.5', '0.75')
    expect((await thalamus(['import', '/other', 'page.om'], { 'page.om': again })).out).toContain('samples of 2 series')
  })
  test('CSV', async () => {
    const csv = `time,metric,value,path\n${T / 1000},m,1,"a,""b"""\n2023-11-14T22:01:01Z,m,+Inf,\n`
    expect((await thalamus(['import', '/other', 'x.csv'], { 'x.csv': csv })).out).toBe('x.csv: 2 samples of 2 series\n')
    expect((await thalamus(['export', '/other'])).out).toBe(`m +Inf ${(T + 1000) / 1000}\nm{path="a,\\"b\\""} 1 ${T / 1000}\n# EOF\n`)
  })
  describe('files that are read in several pieces', () => {
    const lines = 80_000
    const line = (i: number) => `m{of="${i % 5}"} ${i} ${T / 1000 + i}\n`
    const many = Array.from({ length: lines }, (_, i) => line(i))
    test('OpenMetrics', async () => {
      const text = `${many.join('')}# EOF\n`
      expect(text.length).toBeGreaterThan(2 ** 20)
      expect((await thalamus(['import', '/other', 'x.om'], { 'x.om': text })).out).toBe(`x.om: ${lines} samples of 5 series\n`)
      const wrong = await thalamus(['import', '/other', 'y.om'], { 'y.om': `${many.join('')}m{ 1 1\n# EOF\n` })
      expect(wrong.err.split('\n')[0]).toBe(`y.om:${lines + 1}: "{" is never closed`)
      const after = await thalamus(['import', '/other', 'z.om'], { 'z.om': `# EOF\n${many.join('')}` })
      expect(after.err.split('\n')[0]).toBe('z.om:2: there is something after "# EOF"')
    })
    test('CSV, with line breaks within quotes wherever a piece ends', async () => {
      const rows = Array.from({ length: lines }, (_, i) => `${T / 1000 + i},m,${i},"a\n""${i % 5}"\n`)
      const text = `time,metric,value,of\n${rows.join('')}`
      expect(text.length).toBeGreaterThan(2 ** 20)
      expect((await thalamus(['import', '/other', 'x.csv'], { 'x.csv': text })).out).toBe(`x.csv: ${lines} samples of 5 series\n`)
      const wrong = await thalamus(['import', '/other', 'y.csv'], { 'y.csv': `${text}1,m,x,\n` })
      expect(wrong.err.split('\n')[0]).toBe(`y.csv:${2 * lines + 2}: not a number: "x"`)
    })
  })
  test.each<[string, string, string]>([
    ['x.om', 'up 1\n# EOF\n', 'x.om:1: the sample has no time'],
    ['x.csv', 'time,value\n', 'x.csv:1: the first line must name the columns time, value and metric'],
    ['x.csv', 'time,value,metric\n1,x,m\n', 'x.csv:2: not a number: "x"'],
    ['x.csv', 'time,value,metric\nnow,1,m\n', 'x.csv:2: not a time: "now"'],
    ['x.csv', 'time,value,metric,l\n1,1,m,"a\n', 'x.csv:2: a quotation does not end'],
    ['x.om', '# EOF\nup 1 1\n', 'x.om:2: there is something after "# EOF"'],
    ['x.om', 'up 1 1\n', 'x.om:2: the page does not end with "# EOF"'],
    ['none.om', '', 'none.om: there is no such file'],
  ])('%s: %s', async (name, text, says) => {
    const { code, err } = await thalamus(['import', '/other', name], text === '' ? {} : { [name]: text })
    expect([code, err.split('\n')[0]]).toEqual([1, says])
  })
})

test('a block that promtool has made of a page of OpenMetrics: every sample of the page', async () => {
  const from = new URL('../golden/store/prometheus-block', import.meta.url).pathname
  for (const file of ['meta.json', 'index', 'chunks/000001']) disk.put(`/block/${file}`, readFileSync(`${from}/${file}`))
  expect(await thalamus(['import', '/other', '/block'])).toEqual({ code: 0, out: '/block: 271 samples of 3 series\n', err: '' })
  const samples = (page: string) => {
    const lines = page.split('\n').filter(line => line !== '' && !line.startsWith('#'))
    const parts = lines.map(line => /^(.*) (\S+) (\S+)$/.exec(line)!)
    return parts.map(([, series, value, time]) => `${series} ${Number(value!.replace('+Inf', 'Infinity'))} ${Number(time)}`).sort()
  }
  const page = readFileSync(`${from}.om`, 'utf8')
  expect(samples((await thalamus(['export', '/other'])).out)).toEqual(samples(page))
})

test('into a store that has buckets of days that are gone: they stay, and have what was imported once the store runs', async () => {
  const start = 19_670 * DAY
  const clock = new VirtualClock(start)
  const { store, disk: lived } = await openStore(new MemoryDisk(), clock)
  const hours = async (of: typeof store, many: number) => {
    for (let i = 0; i < many; i++) {
      await clock.advance(HOUR)
      await of.append(batch(['g', clock.now(), 1]))
      await of.maintain()
    }
  }
  await hours(store, 4 * 24)
  const before = await shown(store, 'g')
  disk = lived.after('kill')
  const at = start + 5 * HOUR
  const csv = `time,metric,value\n${at / 1000},g,41\n${at / 1000 + 0.001},new,42\n`
  expect((await thalamus(['import', '/store', 'x.csv'], { 'x.csv': csv })).out).toBe('x.csv: 2 samples of 2 series\n')
  const again = await openStore(disk.after('kill'), clock)
  expect(await shown(again.store, 'g')).toEqual(before)
  await hours(again.store, 3)
  expect(await shown(again.store, 'new')).toEqual([`{} ${at + MINUTE}:42`])
  const found = await again.store.select([{ name: '__name__', op: '=', value: 'g' }], hints(start, start + DAY))
  const { time, tier } = found[0]!.read()
  const bucket = Array.from(time).indexOf(at)
  expect([tier!.count[bucket], tier!.max[bucket]]).toEqual([2, 41])
})
