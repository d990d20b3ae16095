/**
 * What the store costs: `node bench/store.bench.ts [codec|append|query|FILE.om]`. CPU time only, the best of several.
 *   codec    ns to compress and to read a sample, and bytes, for several shapes of data
 *   append   100,000 series every 15 s, 240 times or as often as is said (6400: more than a day, with all its merging and thinning out): CPU a sample, memory, bytes of the log and of blocks, how long a restart takes
 *   query    100 series of 30 days, one sample a minute: CPU to find, read and decode them
 *   FILE.om  OpenMetrics with times, such as generators of side-by-side benchmarks write: bytes a sample once it is merged
 */
import { execFileSync } from 'node:child_process'
import { createReadStream, mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { nodeDisk } from '../src/disk.ts'
import { systemClock } from '../src/lib/clock.ts'
import { Labels } from '../src/model/labels.ts'
import { ByteWriter, SLACK } from '../src/store/bytes.ts'
import { readChunk, SampleColumns, writeChunk } from '../src/store/chunk.ts'
import { decodeChunk } from '../src/store/decode.ts'
import { Incoming, SeriesHandle } from '../src/store/incoming.ts'
import { type StoreSettings, TimeSeriesStore } from '../src/store/store.ts'

const DAY = 86_400_000
const cpuMs = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
function timed(work: () => void): number {
  const before = cpuMs()
  work()
  return cpuMs() - before
}
const random = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), seed | 1)
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}

function codec(): void {
  const r = random(1)
  const shapes: Record<string, () => number> = {
    'counter, whole': (
      v => () =>
        (v += Math.floor(r() * 60))
    )(0),
    'gauge, 2 decimals': (
      v => () =>
        (v += Math.round((r() - 0.5) * 40)) / 100
    )(2000),
    'full precision': () => r(),
    'steps, whole': (
      v => () =>
        (v = r() < 0.02 ? Math.floor(r() * 1e9) : v)
    )(5e8),
    constant: () => 1,
  }
  const length = 480
  const chunks = 200
  for (const [name, next] of Object.entries(shapes)) {
    const all = Array.from({ length: chunks }, () => {
      const samples = new SampleColumns(length)
      for (let i = 0; i < length; i++) samples.push(1_700_000_000_000 + i * 15_000, next())
      return samples
    })
    const into = new ByteWriter(2 ** 20)
    let encode = Number.POSITIVE_INFINITY
    let decode = Number.POSITIVE_INFINITY
    let twin = Number.POSITIVE_INFINITY
    const at: number[] = []
    const read = new SampleColumns(length)
    for (let round = 0; round < 9; round++) {
      encode = Math.min(
        encode,
        timed(() => {
          into.clear()
          for (const [i, samples] of all.entries()) {
            at[i] = into.length
            writeChunk(into, samples)
          }
          into.room(SLACK)
        }),
      )
      const bytes = into.bytes
      const reading = (read1: (from: number, i: number) => void) =>
        timed(() => {
          for (let k = 0; k < 5; k++)
            for (const [i, from] of at.entries()) {
              read.clear()
              read1(from, i)
            }
        }) / 5
      twin = Math.min(
        twin,
        reading(from => readChunk(bytes, from, length, read)),
      )
      decode = Math.min(
        decode,
        reading((from, i) => decodeChunk(bytes, from, (at[i + 1] ?? into.length) - from, length, read)),
      )
    }
    const count = chunks * length
    const ns = (ms: number) => ((ms * 1e6) / count).toFixed(1)
    console.log(
      `${name.padEnd(18)} ${(into.length / count).toFixed(2)} B/sample, compress ${ns(encode)} ns, read ${ns(decode)} ns, by the twin ${ns(twin)} ns`,
    )
  }
}

const settings = (directory: string): StoreSettings => ({
  directory,
  outOfOrderMs: 600_000,
  aheadMs: 600_000,
  syncMs: 1000,
  maxHeadBytes: 192 * 2 ** 20,
  maxExemplars: 0,
  maxIndexBytes: 128 * 2 ** 20,
  maxSelectBytes: 2 ** 30,
  retention: { rawMs: 3650 * DAY, minuteMs: 0, hourMs: 0, maxBytes: 0 },
})
const quiet = { debug() {}, info() {}, warn: console.warn, error: console.error }
const mb = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MB`

async function append(seriesCount = 100_000, rounds = 240): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'thalamus-store-'))
  let now = 1_700_000_000_000
  let since = 0
  const clock = { ...systemClock, now: () => now, monotonic: () => since }
  const retention = { rawMs: DAY, minuteMs: 30 * DAY, hourMs: 400 * DAY, maxBytes: 0 }
  const store = await TimeSeriesStore.open({ ...settings(directory), retention }, { disk: nodeDisk, clock, log: quiet })
  const series = Array.from(
    { length: seriesCount },
    (_, i) =>
      new SeriesHandle(
        Labels.from({
          __name__: `metric_${i % 200}_total`,
          instance: `host-${Math.floor(i / 1000)}:9100`,
          job: 'bench',
          method: ['GET', 'PUT'][i % 2]!,
          path: `/p/${i % 500}`,
          shard: String(Math.floor(i / 200) % 5),
          n: String(i),
        }),
      ),
  )
  const values = new Float64Array(seriesCount)
  const r = random(3)
  let samples = 0
  let cpu = 0
  const perBatch = 10_000
  for (let round = 0; round < rounds; round++) {
    for (let from = 0; from < seriesCount; from += perBatch) {
      const incoming = new Incoming(perBatch)
      for (let i = from; i < from + perBatch; i++) incoming.number(series[i]!, now + (i % 1000), (values[i]! += Math.floor(r() * 50)))
      const before = cpuMs()
      await store.append(incoming)
      cpu += cpuMs() - before
      samples += perBatch
    }
    now += 15_000
    since += 15_000
    const before = cpuMs()
    await store.maintain()
    cpu += cpuMs() - before
  }
  const { figures } = store
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage()
  const peak = process.resourceUsage().maxRSS * 1024
  console.log(
    `append: ${samples / 1e6} M samples of ${seriesCount} series, ${((cpu * 1e6) / samples).toFixed(0)} ns CPU a sample, all told; RSS ${mb(rss)}, at most ${mb(peak)} (heap ${mb(heapUsed)}, buffers ${mb(arrayBuffers)}); ` +
      `head ${mb(figures.headBytes)}, log ${mb(figures.walBytes)}, ${figures.blocks} blocks of ${mb(figures.blockBytes)}`,
  )
  await store.close()
  // As a new process does it.
  execFileSync(process.execPath, [process.argv[1]!, 'restart', directory], { stdio: 'inherit' })
  rmSync(directory, { recursive: true })
}

/** 100 series of 30 days, one sample a minute: found, read from the disk and decoded. */
async function query(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'thalamus-store-'))
  const begun = 20_000 * DAY
  let now = begun + 30 * DAY
  const clock = { ...systemClock, now: () => now, monotonic: () => now }
  const store = await TimeSeriesStore.open({ ...settings(directory), outOfOrderMs: 40 * DAY }, { disk: nodeDisk, clock, log: quiet })
  const r = random(5)
  for (let i = 0; i < 100; i++) {
    const series = new SeriesHandle(Labels.from({ __name__: 'cpu', host: String(i) }))
    const incoming = new Incoming(43_200)
    let value = 5000
    for (let n = 0; n < 43_200; n++) incoming.number(series, begun + n * 60_000 + 1, (value += Math.round((r() - 0.5) * 80)) / 100)
    await store.append(incoming)
    await store.maintain()
  }
  for (let i = 0; i < 4; i++) {
    await store.seal()
    now += DAY
    await store.maintain()
  }
  const { blocks, blockBytes } = store.figures
  const hints = { from: begun, to: begun + 31 * DAY, step: 3_600_000, range: 0, func: '' }
  let points = 0
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < 7; round++) {
    const before = cpuMs()
    const found = await store.select([{ name: '__name__', op: '=', value: 'cpu' }], hints)
    points = found.reduce((sum, series) => sum + series.read().time.length, 0)
    best = Math.min(best, cpuMs() - before)
  }
  console.log(
    `query: ${points / 1e6} M samples of 100 series from ${blocks} blocks of ${mb(blockBytes)}: ${best.toFixed(0)} ms CPU, ${((best * 1e6) / points).toFixed(1)} ns a sample`,
  )
  await store.close()
  rmSync(directory, { recursive: true })
}

async function restart(directory: string): Promise<void> {
  const before = cpuMs()
  const wall = performance.now()
  const store = await TimeSeriesStore.open(settings(directory), { disk: nodeDisk, clock: systemClock, log: quiet })
  const { headSamples } = store.figures
  const seconds = (ms: number) => (ms / 1000).toFixed(2)
  console.log(
    `restart: ${seconds(performance.now() - wall)} s, ${seconds(cpuMs() - before)} s CPU, ${headSamples / 1e6} M samples from logs, RSS ${mb(process.memoryUsage().rss)}`,
  )
  await store.close()
}

async function measureFile(path: string): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'thalamus-store-'))
  let now = 0
  let since = 0
  const clock = { ...systemClock, now: () => now, monotonic: () => since }
  const log = { ...quiet }
  const store = await TimeSeriesStore.open(
    { ...settings(directory), aheadMs: 1e15, outOfOrderMs: 10 * DAY },
    { disk: nodeDisk, clock, log },
  )
  let handle: SeriesHandle | undefined
  let text = ''
  let incoming = new Incoming(50_000)
  let samples = 0
  let last = 0
  for await (const line of createInterface({ input: createReadStream(path) })) {
    if (line.startsWith('#')) continue
    const at = line.lastIndexOf(' ')
    const mid = line.lastIndexOf(' ', at - 1)
    if (line.slice(0, mid) !== text) {
      text = line.slice(0, mid)
      const [name, labels] = text.split(/[{}]/)
      const pairs = [...(labels ?? '').matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key!, value!] as const)
      handle = new SeriesHandle(Labels.of([['__name__', name!], ...pairs]))
    }
    last = Math.max(last, Number(line.slice(at + 1)) * 1000)
    incoming.number(handle!, Math.round(Number(line.slice(at + 1)) * 1000), Number(line.slice(mid + 1, at)))
    if (++samples % 50_000 === 0) {
      await store.append(incoming)
      incoming = new Incoming(50_000)
      await store.maintain()
    }
  }
  await store.append(incoming)
  await store.seal()
  await store.maintain()
  const first = store.figures
  console.log(`flushed: ${samples / 1e6} M samples, ${first.blocks} blocks, ${(first.blockBytes / samples).toFixed(3)} B/sample`)
  for (let i = 0; i < 4; i++) {
    now = last + DAY + i * 3 * 3_600_000
    since += DAY
    const before = cpuMs()
    await store.maintain()
    const { blocks, blockBytes } = store.figures
    console.log(`merged: ${blocks} blocks, ${(blockBytes / samples).toFixed(3)} B/sample, ${(cpuMs() - before).toFixed(0)} ms CPU`)
  }
  await store.close()
  rmSync(directory, { recursive: true })
}

const [what = 'codec'] = process.argv.slice(2)
if (what !== 'restart') console.log(`${cpus()[0]?.model}, Node ${process.version}`)
if (what === 'codec') codec()
else if (what === 'append') await append(100_000, Number(process.argv[3] ?? 240))
else if (what === 'query') await query()
else if (what === 'restart') await restart(process.argv[3]!)
else await measureFile(what)
