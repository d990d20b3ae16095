/**
 * Samples that come late, against a plain map: whatever becomes of them (heads, logs, blocks, merged and thinned out, restarts), what was acknowledged is in
 * every answer from then on, in its buckets too, and what was refused was older than the window.
 */
import { describe, expect, test } from 'vitest'
import type { Samples } from '../../src/model/query.ts'
import { outcomes } from '../../src/store/head.ts'
import { DAY, HOUR, MINUTE } from '../../src/store/plan.ts'
import type { StoreSettings } from '../../src/store/settings.ts'
import type { TimeSeriesStore } from '../../src/store/store.ts'
import { VirtualClock } from '../kit/clock.ts'
import { seeded } from '../kit/context.ts'
import { MemoryDisk } from '../kit/disk.ts'
import { batch, hints, openStore } from './opened.ts'

const D = 20_000 * DAY
/** By time; undefined is a stale marker. */
type Life = Map<number, number | undefined>

interface Bucket {
  readonly time: number
  readonly value: number
  readonly count: number
  readonly sum: number
  readonly min: number
  readonly max: number
  readonly first: number
  readonly increase: number
}

/** As the documentation says it. */
function bucketsOf(life: Life, step: number): Bucket[] {
  const sorted = [...life].sort(([a], [b]) => a - b)
  let last: number | undefined
  const none = { count: 0, sum: 0, min: NaN, max: NaN, first: NaN, increase: 0 }
  return [...Map.groupBy(sorted, ([time]) => Math.ceil(time / step) * step)].flatMap(([end, samples]) => {
    const marker = samples.at(-1)![1] === undefined ? [{ ...none, time: end, value: NaN }] : []
    const values = samples.flatMap(([, value]) => value ?? [])
    if (values.length === 0) return marker
    let increase = 0
    for (const value of values) {
      if (last !== undefined) increase += value < last ? value : value - last
      last = value
    }
    const time = marker.length > 0 ? end - 1 : end
    const sum = values.reduce((a, b) => a + b, 0)
    const [first, value] = [values[0]!, values.at(-1)!]
    return [{ time, value, count: values.length, sum, min: Math.min(...values), max: Math.max(...values), first, increase }, ...marker]
  })
}

const bucketsIn = ({ time, value, tier }: Samples): Bucket[] =>
  Array.from(time, (time, i) => ({
    ...{ time, value: value[i]!, count: tier!.count[i]!, sum: tier!.sum[i]!, min: tier!.min[i]!, max: tier!.max[i]! },
    ...{ first: tier!.first[i]!, increase: tier!.increase[i]! },
  }))

interface Regime {
  readonly settings: Partial<StoreSettings> & { readonly outOfOrderMs: number }
  readonly days: number
  /** [ms] between two batches, and how late a sample may be */
  readonly every: number
  readonly late: number
  /** the share of stale markers: in buckets whose samples are gone nobody knows whether one that comes late was the last */
  readonly stale: number
  /** [ms] how far the clock is set forward or back now and then */
  readonly jump: number
  /** what of a bucket is looked at */
  readonly seen: (bucket: Bucket) => object
}

const retention = { rawMs: DAY, minuteMs: 5 * DAY, hourMs: 99 * DAY, maxBytes: 0 }
const regimes: [string, Regime][] = [
  [
    'a window that samples are kept for as they came: buckets are those of all samples',
    {
      settings: { outOfOrderMs: DAY, retention },
      days: 6,
      every: 20 * MINUTE,
      late: 30 * HOUR,
      stale: 0.1,
      jump: 0,
      seen: bucket => bucket,
    },
  ],
  [
    'a wider window, over days that are gone and merged: nothing of what came is missing in buckets',
    {
      settings: { outOfOrderMs: 12 * DAY, retention: { ...retention, minuteMs: 50 * DAY } },
      days: 14,
      every: 2 * HOUR,
      late: 14 * DAY,
      stale: 0,
      jump: 2 * DAY,
      seen: ({ time, count, sum, min, max }) => ({ time, count, sum, min, max }),
    },
  ],
]

/** All that was acknowledged, by series. */
class Model {
  readonly lives = new Map<string, Life>()
  newest = Number.NEGATIVE_INFINITY
  take(name: string, time: number, value: number | undefined): void {
    const life = this.lives.get(name) ?? new Map<number, number | undefined>()
    this.lives.set(name, life)
    if (!life.has(time)) life.set(time, value)
    this.newest = Math.max(this.newest, time)
  }
}

async function ask(store: TimeSeriesStore, from: number, to: number): Promise<Map<string, Samples>> {
  const found = await store.select([{ name: '__name__', op: '=', value: 'm' }], hints(from, to))
  return new Map(found.map(({ labels, read }) => [labels.get('n'), read()]))
}

describe.each(regimes)('%s', (_, { settings, days, every, late, stale, jump, seen }) => {
  test.each([1, 2, 3])('life %i', async seed => {
    const random = seeded(seed)
    const below = (n: number) => Math.floor(random() * n)
    const more = { syncMs: 0, maxIndexBytes: 2 ** 22, ...settings }
    const model = new Model()
    const clock = new VirtualClock(D)
    let { store, disk } = await openStore(new MemoryDisk(), clock, more)
    let [refused, tiers] = [0, 0]
    for (let step = 0; clock.now() < D + days * DAY; step++) {
      await clock.advance(1 + below(2 * every))
      const now = clock.now()
      const rows = Array.from({ length: 1 + below(3) }, () => {
        const time = random() < 0.25 ? now - below(late) : now - below(MINUTE)
        const name = random() < 0.8 ? `${below(2)}` : `d${Math.floor((time - D) / DAY)}`
        return [name, time, random() < stale ? undefined : below(1000)] as const
      })
      const edge = Math.min(model.newest, now) - settings.outOfOrderMs
      const { outcomes: got } = await store.append(batch(...rows.map(([name, time, value]) => [`m{n="${name}"}`, time, value] as const)))
      for (const [i, [name, time, value]] of rows.entries()) {
        const outcome = outcomes[got[i]!]
        if (outcome === 'duplicate' || outcome === 'conflict') continue
        expect([time - now, outcome]).toEqual([time - now, time < edge ? 'too_old' : 'appended'])
        if (outcome === 'appended') model.take(name, time, value)
        else refused++
      }
      if (random() < 0.05) await store.seal()
      if (random() < 0.9) await store.maintain()
      if (random() < 0.04) {
        const end = (['kill', 'loss of power'] as const)[below(2)]!
        ;({ store, disk } = await openStore(disk.after(end), clock, more))
      }
      if (random() < 0.01 && jump > 0) clock.jump(below(2 * jump) - jump)
      if (step % 8 > 0) continue
      const place = `step ${step}, ${((now - D) / DAY).toFixed(2)} days`

      const raw = await ask(store, now - 20 * HOUR, now)
      for (const [name, life] of model.lives) {
        // A clock that goes forward makes a day old before its time.
        if (jump > 0 && raw.get(name)?.tier !== undefined) continue
        const wanted = [...life].filter(([time]) => time > now - 20 * HOUR && time <= now).sort(([a], [b]) => a - b)
        const { time = [], value = [], stale: ended } = raw.get(name) ?? {}
        const samples = Array.from(time, (t, i) => [t, ended?.[i] === 1 ? undefined : value[i]])
        expect(samples, `${place}, ${name}`).toEqual(wanted)
      }

      const from = D + below(Math.max(1, now - D - 2 * DAY))
      const all = await ask(store, from, now)
      for (const [name, life] of model.lives) {
        const samples = all.get(name)
        const step = samples?.tier?.step
        if (samples === undefined) {
          expect(
            [...life.keys()].filter(time => time > from + HOUR && time <= now - HOUR),
            place,
          ).toEqual([])
          continue
        }
        if (step === undefined) continue
        tiers++
        // The first is there to begin with, and the last may not be over.
        const inside = ({ time }: Bucket) => time > from + step && time <= now - step
        expect(bucketsIn(samples).filter(inside).map(seen), `${place}, ${name}, from ${((from - D) / DAY).toFixed(2)}`).toEqual(
          bucketsOf(life, step).filter(inside).map(seen),
        )
      }
    }
    expect(refused).toBeGreaterThan(0)
    expect(tiers).toBeGreaterThan(20)
  })
})
