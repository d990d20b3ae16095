/** Puts generated samples where they can be asked for: as OpenMetrics for promtool, into the embedded store, into memory. */
import { closeSync, openSync, writeSync } from 'node:fs'
import { nodeDisk } from '../../src/disk.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { Labels } from '../../src/model/labels.ts'
import { type Matcher, valueTest } from '../../src/model/matcher.ts'
import type { Queryable, Samples, SelectedSeries } from '../../src/model/query.ts'
import { Incoming, SeriesHandle } from '../../src/store/incoming.ts'
import { type StoreSettings, TimeSeriesStore } from '../../src/store/store.ts'
import { type Day, type GeneratedSeries, generate, random } from './day.ts'

const DAY = 86_400_000

/** @returns how many samples */
export function writeOpenMetrics(path: string, day: Day): number {
  const file = openSync(path, 'w')
  let family = ''
  let samples = 0
  for (const series of generate(day)) {
    const lines: string[] = []
    if (series.family !== family) {
      family = series.family
      lines.push(`# TYPE ${family} ${series.type}\n`)
      if (family.endsWith('_seconds')) lines.push(`# UNIT ${family} seconds\n`)
    }
    const labels = [...series.labels].filter(([name]) => name !== '__name__').map(([name, value]) => `${name}="${value}"`)
    const head = `${series.labels.name}{${labels.join(',')}} `
    for (const [n, time] of series.time.entries()) {
      lines.push(`${head}${series.value[n]} ${Math.floor(time / 1000)}.${String(time % 1000).padStart(3, '0')}\n`)
    }
    writeSync(file, lines.join(''))
    samples += series.time.length
  }
  writeSync(file, '# EOF\n')
  closeSync(file)
  return samples
}

const quiet = { debug() {}, info() {}, warn: console.warn, error: console.error }

const settings = (directory: string): StoreSettings => ({
  directory,
  outOfOrderMs: 2 * DAY,
  aheadMs: 3650 * DAY,
  syncMs: 60_000,
  maxHeadBytes: 192 * 2 ** 20,
  maxExemplars: 0,
  maxIndexBytes: 128 * 2 ** 20,
  maxSelectBytes: 2 ** 30,
  retention: { rawMs: 3650 * DAY, minuteMs: 0, hourMs: 0, maxBytes: 0 },
})

/** As it is the day after, when all blocks of the day are merged. @returns how many samples */
export async function fillStore(directory: string, day: Day): Promise<number> {
  let now = day.start + day.hours * 3_600_000
  let since = 0
  const clock = { ...systemClock, now: () => now, monotonic: () => since }
  const store = await TimeSeriesStore.open(settings(directory), { disk: nodeDisk, clock, log: quiet })
  let samples = 0
  for (const series of generate(day)) {
    samples += series.time.length
    await append(store, [series])
  }
  for (let i = 0; i < 4; i++) {
    if (i === 0) await store.seal()
    await store.maintain()
    now += DAY
    since += DAY
  }
  await store.close()
  return samples
}

/** A month of 100 counters every 15 s, kept as one bucket a minute but for the last day. @returns [samples] that came, and the end of the month, epoch ms */
export async function fillMonth(directory: string, start: number, days: number): Promise<{ samples: number; end: number }> {
  let now = start
  let since = 0
  const clock = { ...systemClock, now: () => now, monotonic: () => since }
  const retention = { rawMs: DAY, minuteMs: 3650 * DAY, hourMs: 0, maxBytes: 0 }
  const store = await TimeSeriesStore.open({ ...settings(directory), retention }, { disk: nodeDisk, clock, log: quiet })
  const next = random(7)
  const totals = new Float64Array(100)
  const every = 15_000
  const perDay = DAY / every
  const labels = Array.from(totals, (_, i) =>
    Labels.from({ __name__: 'bench_month_total', instance: `host-${i % 20}:9100`, service: `s${Math.floor(i / 20)}` }),
  )
  for (let day = 0; day < days; day++) {
    const time = Float64Array.from({ length: perDay }, (_, n) => start + day * DAY + (n + 1) * every)
    for (const [i, series] of labels.entries()) {
      const value = time.map(() => (totals[i] = next() < 0.0001 ? 0 : totals[i]! + Math.floor(60 * next())))
      await append(store, [{ labels: series, time, value }])
    }
    now = start + (day + 1) * DAY
    await store.seal()
    await store.maintain()
    // Merged and thinned out once nothing more is expected of the day.
    now += 3 * 3_600_000
    since += DAY
    await store.maintain()
  }
  // All of it is merged, so that a server that runs on it has nothing to do but answer.
  now += 3 * DAY
  since += DAY
  await store.maintain()
  await store.close()
  return { samples: days * perDay * labels.length, end: start + days * DAY }
}

async function append(store: TimeSeriesStore, all: readonly Pick<GeneratedSeries, 'labels' | 'time' | 'value'>[]): Promise<void> {
  const incoming = new Incoming(all.reduce((sum, { time }) => sum + time.length, 0))
  for (const { labels, time, value } of all) {
    const handle = new SeriesHandle(labels)
    for (let n = 0; n < time.length; n++) incoming.number(handle, time[n]!, value[n]!)
  }
  await store.append(incoming)
  await store.maintain()
}

/** The samples in memory, for what the engine alone costs. */
export class InMemory implements Queryable {
  readonly #series: SelectedSeries[] = []

  constructor(day: Day) {
    for (const { labels, time, value } of generate(day)) {
      const columns: Samples = { time, value, stale: undefined, histograms: undefined, start: undefined }
      this.#series.push({ labels, read: () => columns })
    }
  }

  async select(matchers: readonly Matcher[]): Promise<readonly SelectedSeries[]> {
    const tests = matchers.map(matcher => [matcher.name, valueTest(matcher)] as const)
    return this.#series.filter(({ labels }) => tests.every(([name, test]) => test(labels.get(name))))
  }

  async labelNames(): Promise<readonly string[]> {
    return []
  }

  async labelValues(): Promise<readonly string[]> {
    return []
  }
}
