import { expect, test } from 'vitest'
import { blockFile, parseBlockFile } from '../../src/store/block.ts'
import { DAY, type Damaged, HOUR, MINUTE, nextJob, type Planned } from '../../src/store/plan.ts'
import { seeded } from '../kit/context.ts'

const D = 20_000 * DAY
const retention = { rawMs: DAY, minuteMs: 30 * DAY, hourMs: 400 * DAY, maxBytes: 0 }
const open = 16 * MINUTE

/** What is in `blocks` and cannot be read ends with `!`; with one in front it is not among them. */
const isDamaged = (text: string) => text.includes('!')
const isThere = (text: string) => !text.startsWith('!')

/** `step:from-to` in hours since D, the generation behind `#` and the least that it goes back to behind `<`, and the age of creation [hours since D] behind `@` */
function block(text: string): Planned {
  const [, tier, from, to, generation, oldest, created] = /^([rmh]):(-?\d+)-(-?\d+)#(\d+)(?:<(\d+))?(?:@(-?[\d.]+))?$/.exec(
    text.replaceAll('!', ''),
  )!
  const step = { r: 0, m: MINUTE, h: HOUR }[tier as 'r']
  return {
    name: { step, from: D + Number(from) * HOUR, to: D + Number(to) * HOUR, generation: Number(generation) },
    created: D + Number(created ?? to) * HOUR,
    oldest: Number(oldest ?? generation),
    size: 100,
  }
}

const day = 'r:0-24#9<1@25'
const thinned = ['m:0-24#20<1@26', 'h:0-24#21<1@26']

test.each<[string, string[], number, string | undefined, Partial<typeof retention>?]>([
  ['nothing', [], 0, undefined],
  ['one block of an open window', ['r:0-2#1'], 1, undefined],
  ['two, and the window is open', ['r:0-2#1@1', 'r:0-2#2@2'], 2.1, undefined],
  ['two, and one is new', ['r:0-2#1@1', 'r:0-2#2@2.3'], 2.4, undefined],
  ['two, and the window is over', ['r:0-2#1@1', 'r:0-2#2@2.3'], 2.5, 'merge 0 0-2: 1 2'],
  ['two, and one is of a time that has not come', ['r:0-2#1@1', 'r:0-2#2@99'], 2.5, 'merge 0 0-2: 1 2'],
  ['one of each window: not before the day is over', ['r:0-2#1', 'r:2-4#2'], 24.1, undefined],
  ['one of each window, and the day is over', ['r:0-2#1', 'r:2-4#2'], 24.3, 'merge 0 0-24: 1 2'],
  ['a day is thinned out, once it is one block', [day], 25, 'thin 60000,3600000 0-24: 9'],
  ['and once only', [day, ...thinned], 26, undefined],
  ['a tier that is not wanted', [day], 25, 'thin 3600000 0-24: 9', { minuteMs: 0 }],
  ['a tier that would be deleted at once', [day], 24 * 31 + 1, 'thin 3600000 0-24: 9'],
  ['what comes late to a day is merged when it has settled', ['r:0-24#9<1@25', 'r:4-6#30@40', ...thinned], 40.5, undefined],
  ['…', ['r:0-24#9<1@25', 'r:4-6#30@40', ...thinned], 41, 'merge 0 0-24: 9 30'],
  ['and the day is thinned out anew', ['r:0-24#31<1@41', ...thinned], 41.1, 'thin 60000,3600000 0-24: 31 instead 20 21'],
  [
    'buckets that were made anew before a crash',
    ['r:0-24#31<1@41', ...thinned, 'm:0-24#32<1@41', 'h:0-24#33<1@41'],
    41.1,
    'delete replaced: 20 21',
  ],
  [
    'what comes when the day itself is gone is put into its buckets',
    ['r:4-6#30', ...thinned],
    60,
    'thin 60000,3600000 0-24: 30 into 20 21',
  ],
  ['…, merged before, where it is more than one', ['r:0-24#32<30@41', ...thinned], 60, 'thin 60000,3600000 0-24: 32 into 20 21'],
  ['beside the day itself it stays, for it is merged with it', ['r:0-24#9<1@25', 'r:4-6#5@40', ...thinned], 41, 'merge 0 0-24: 9 5'],
  ['and is deleted then', ['r:4-6#30', 'm:0-24#33<1', 'h:0-24#34<1'], 60, 'delete replaced: 30'],
  [
    'where no more buckets are made these are deleted, and not what came late',
    ['r:4-6#30', ...thinned],
    28,
    'delete age: 20 21',
    { minuteMs: 0, hourMs: 0, rawMs: 999 * DAY },
  ],
  ['not before it is in all of them', ['r:4-6#30', 'm:0-24#33<1', 'h:0-24#21<1'], 60, 'thin 3600000 0-24: 30 into 21'],
  ['beside buckets of many days it goes into them', ['r:28-30#30', 'm:0-240#20<1', 'h:0-720#21<1'], 300, 'thin 60000 0-240: 30 into 20'],
  ['…, of each tier by turns', ['r:28-30#30', 'm:0-240#31<1', 'h:0-720#21<1'], 300, 'thin 3600000 0-720: 30 into 21'],
  ['and is deleted then', ['r:28-30#30', 'm:0-240#31<1', 'h:0-720#32<1'], 300, 'delete replaced: 30'],
  [
    'all that came for those days goes into them at once',
    ['r:4-6#29', 'r:28-30#30', 'm:0-240#20<1', 'h:0-720#21<1'],
    300,
    'thin 60000 0-240: 29 30 into 20',
  ],
  ['but for what is in them already', ['r:4-6#30', 'r:28-30#19', 'm:0-240#20<1', 'h:0-720#18<1'], 300, 'thin 60000 0-240: 30 into 20'],
  ['and not before each day has settled', ['r:4-6#28@40', 'r:4-6#29@299.9', 'r:28-30#30', 'm:0-240#20<1', 'h:0-720#21<1'], 300, undefined],
  ['samples that are old, and have buckets', [day, ...thinned], 48, 'delete age: 9'],
  ['samples that are old, and have none: not yet', ['r:0-24#9@47.5', 'r:4-6#10@47.5'], 48, undefined],
  ['no tiers are kept', ['r:0-24#9@25'], 48, 'delete age: 9', { minuteMs: 0, hourMs: 0 }],
  ['buckets of a minute that are old', thinned, 24 * 31, 'delete age: 20'],
  ['buckets of an hour that are old', ['h:0-24#21'], 24 * 401, 'delete age: 21'],
  ['too much: samples that are in buckets go first', [day, ...thinned, 'r:24-26#30'], 30, 'delete size: 9', { maxBytes: 300 }],
  ['then buckets of a minute', [day, ...thinned, 'r:24-26#30'], 30, 'delete size: 9 20', { maxBytes: 200 }],
  ['then what is oldest', [day, ...thinned, 'r:24-26#30'], 30, 'delete size: 9 20 21', { maxBytes: 100 }],
  ['far too much', ['r:0-2#1', 'r:2-4#2', 'm:-24-0#20', 'h:-24-0#21'], 4, 'delete size: 20 21 1', { maxBytes: 100 }],
  ['too much, and no tiers are kept: the oldest', ['r:0-2#1', 'r:2-4#2'], 4, 'delete size: 1', { maxBytes: 100, minuteMs: 0, hourMs: 0 }],
  ['a day of which something is damaged is not merged', ['r:0-2#1', 'r:2-4#2', 'r:4-6#3!'], 24.3, undefined],
  ['nor one of which something cannot even be opened', ['r:0-2#1', 'r:2-4#2', '!r:4-6#3'], 24.3, undefined],
  ['but others are', ['r:0-2#1', 'r:2-4#2!', 'r:24-26#3', 'r:26-28#4'], 48.3, 'merge 0 24-48: 3 4'],
  ['it is not thinned out', ['r:0-24#9<1@25', 'r:0-2#8!'], 26, undefined],
  ['nor deleted, so that what can be saved comes into buckets', ['r:0-24#9<1@25', 'r:0-2#8!'], 24 * 300, undefined],
  ['before no buckets are kept', ['r:0-24#9<1@25', 'r:0-2#8!'], 24 * 401, 'delete age: 9 8'],
  ['damaged after it was thinned out it is deleted', ['r:0-24#9<1@25!', ...thinned], 48, 'delete age: 9'],
  ['buckets that are damaged are made anew of the day itself', [day, 'm:0-24#20<1@26!', thinned[1]!], 27, 'thin 60000 0-24: 9'],
  ['and go then', [day, 'm:0-24#20<1@26!', thinned[1]!, 'm:0-24#22<1@27'], 28, 'delete replaced: 20'],
  ['but not of what came late', ['r:4-6#30', 'm:0-24#20<1@26!', thinned[1]!], 60, undefined],
  ['nor does that go into wide ones that lack something', ['r:4-6#29', '!r:28-30#3', 'm:0-240#20<1', 'h:0-720#21<1'], 300, undefined],
  ['too much: what is damaged counts, too', ['r:0-2#1!', 'r:2-4#2'], 4, 'delete size: 1', { maxBytes: 100 }],
])('%s', (_, blocks, hours, wanted, more) => {
  const all = blocks.map(text => ({ text, made: block(text) }))
  const there = all.filter(({ text }) => isThere(text)).map(({ made }) => made)
  const damaged = all.filter(({ text }) => isDamaged(text)).map(({ made }) => made)
  const job = nextJob(there, { ...retention, ...more }, open, D + hours * HOUR, undefined, damaged)
  const numbers = (of: readonly Planned[]) => of.map(({ name }) => name.generation).join(' ')
  const span = (of: { from: number; to: number }) => `${(of.from - D) / HOUR}-${(of.to - D) / HOUR}`
  const shown =
    job === undefined
      ? undefined
      : job.is === 'merge'
        ? `merge ${job.step} ${span(job)}: ${numbers(job.blocks)}`
        : job.is === 'thin'
          ? `thin ${job.steps} ${span(job)}: ${numbers(job.blocks)}${job.late.length > 0 ? ` into ${numbers(job.late)}` : job.instead.length > 0 ? ` instead ${numbers(job.instead)}` : ''}`
          : `delete ${job.why}: ${numbers(job.blocks)}`
  expect(shown).toBe(wanted)
})

test('a day is kept as it came while there is something of it that is in no block yet', () => {
  const blocks = [day, ...thinned].map(block)
  const at = (unwritten: number) => nextJob(blocks, retention, open, D + 48 * HOUR, unwritten)?.is
  expect([at(D - 1), at(D + 24 * HOUR), at(D + 24 * HOUR + 1), at(Number.POSITIVE_INFINITY)]).toEqual([
    undefined,
    undefined,
    'delete',
    'delete',
  ])
})

test('buckets are merged to wide blocks when their samples are gone', () => {
  const from = Math.floor(D / (10 * DAY)) * 10 * DAY
  const at = (n: number, generation: number): Planned => ({
    name: { step: MINUTE, from: from + n * DAY, to: from + (n + 1) * DAY, generation },
    created: from + (n + 1) * DAY,
    oldest: generation,
    size: 1,
  })
  const blocks = [at(0, 1), at(1, 2), at(9, 3)]
  const raw: Planned = { name: { step: 0, from: from + 9 * DAY, to: from + 10 * DAY, generation: 0 }, created: 0, oldest: 0, size: 1 }
  expect(nextJob(blocks, { ...retention, hourMs: 0 }, open, from + 9.5 * DAY)).toBeUndefined()
  expect(nextJob([raw, ...blocks], { ...retention, hourMs: 0, rawMs: 5 * DAY }, open, from + 10.5 * DAY)).toBeUndefined()
  expect(nextJob(blocks, { ...retention, hourMs: 0 }, open, from + 10.5 * DAY)).toMatchObject({ is: 'merge', step: MINUTE, blocks })
})

/** What a block is made of: [n] of what once came. */
interface Made extends Planned {
  readonly of: ReadonlySet<number>
}

test.each(Array.from({ length: 30 }, (_, i) => i))(
  'days of blocks, some of them damaged or late: it ends, reads nothing damaged, and nothing is deleted that no buckets have (seed %i)',
  seed => {
    const random = seeded(seed * 7919 + 1)
    let generation = 1
    let came = 0
    let blocks: Made[] = []
    let damaged: Damaged[] = []
    const add = (step: number, from: number, to: number, now: number, of: ReadonlySet<number>, oldest = generation): Made => {
      const made = { name: { step, from, to, generation }, created: now, oldest, size: 1, of }
      generation++
      blocks = [...blocks, made]
      return made
    }
    const isDamaged = (block: Planned) => damaged.some(({ name }) => name === block.name)
    const union = (all: readonly Made[]) => new Set(all.flatMap(({ of }) => [...of]))
    const oldestOf = (all: readonly Made[]) => Math.min(...all.map(({ oldest }) => oldest))
    const has = (step: number, n: number) => blocks.some(block => block.name.step === step && block.of.has(n))
    let held = 0
    for (let now = D + 2 * HOUR; now <= D + 7 * DAY; now += HOUR) {
      if (now % (2 * HOUR) === 0) add(0, now - 2 * HOUR, now, now, new Set([came++]))
      if (random() < 0.03) {
        const from = D + Math.floor((random() * (now - D)) / (2 * HOUR)) * 2 * HOUR
        if (from + 2 * HOUR <= now) add(0, from, from + 2 * HOUR, now, new Set([came++]))
      }
      const hit = blocks[Math.floor(random() * blocks.length)]
      if (hit !== undefined && random() < 0.02 && !isDamaged(hit)) {
        damaged = [...damaged, random() < 0.5 ? hit : { name: hit.name }]
        // One that cannot be opened is known by its name alone.
        if (random() < 0.5) blocks = blocks.filter(block => block !== hit)
      }
      for (let jobs = 0; ; jobs++) {
        expect(jobs).toBeLessThan(50)
        const job = nextJob(blocks, retention, open, now, undefined, damaged)
        if (job === undefined) break
        if (job.is === 'delete') {
          blocks = blocks.filter(block => !job.blocks.includes(block))
          for (const { name, of } of job.blocks) {
            const wanted = name.step === 0 ? [MINUTE, HOUR] : job.why === 'replaced' ? [name.step] : []
            for (const step of wanted) expect({ step, lost: [...of].filter(n => !has(step, n)) }).toEqual({ step, lost: [] })
          }
          damaged = damaged.filter(({ name }) => !job.blocks.some(block => block.name === name))
        } else if (job.is === 'merge') {
          expect(job.blocks.some(isDamaged)).toBe(false)
          blocks = blocks.filter(block => !job.blocks.includes(block))
          add(job.step, job.from, job.to, now, union(job.blocks), oldestOf(job.blocks))
        } else {
          expect([...job.blocks, ...job.before, ...job.late].some(isDamaged)).toBe(false)
          for (const step of job.steps) {
            const late = job.late.filter(({ name }) => name.step === step)
            add(step, job.from, job.to, now, union([...job.blocks, ...late]), oldestOf([...job.blocks, ...late]))
          }
          blocks = blocks.filter(block => !job.instead.includes(block))
        }
      }
      if (damaged.some(({ name }) => name.step === 0 && name.to < now - 2 * DAY)) held++
    }
    expect(generation).toBeGreaterThan(80)
    heldAtAll += held
  },
)
let heldAtAll = 0
test('in some of them a day was held for what was damaged', () => expect(heldAtAll).toBeGreaterThan(0))

test('a block is called what it is', () => {
  const name = { step: MINUTE, from: -DAY, to: 0, generation: 12 }
  expect(parseBlockFile(blockFile(name))).toEqual(name)
  expect(parseBlockFile('0-1-2-3.block.tmp')).toBeUndefined()
})
