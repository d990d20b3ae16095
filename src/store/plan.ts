/** What is to be done with blocks next. Pure: what there is and what time it is in, one job out; asked again until there is none. */
import type { BlockName } from './block.ts'
import type { Retention } from './settings.ts'

export const MINUTE = 60_000
export const HOUR = 3_600_000
export const DAY = 86_400_000

/** What a plan knows of a block. */
export interface Planned {
  readonly name: BlockName
  /** epoch ms */
  readonly created: number
  /** the least generation of the blocks that its samples come from */
  readonly oldest: number
  /** [bytes] */
  readonly size: number
}

/** A block that cannot be read, perhaps not even opened. */
export type Damaged = Pick<Planned, 'name'> & Partial<Pick<Planned, 'oldest'>>

export type Job<B extends Planned = Planned> =
  | { readonly is: 'merge'; readonly step: number; readonly from: number; readonly to: number; readonly blocks: readonly B[] }
  /**
   * `blocks` hold the day as it came, `before` what came last before it, `instead` are buckets that were made of less. Of these, `late` are of a day that was
   * deleted since, or of many such days: what the blocks hold is put into them.
   */
  | {
      readonly is: 'thin'
      readonly steps: readonly number[]
      readonly from: number
      readonly to: number
      readonly blocks: readonly B[]
      readonly before: readonly B[]
      readonly instead: readonly B[]
      readonly late: readonly B[]
    }
  | { readonly is: 'delete'; readonly why: 'age' | 'size' | 'replaced'; readonly blocks: readonly B[] }

/** By step of the tier: the windows that blocks are merged to, the widest last. */
const windows: Readonly<Record<number, readonly number[]>> = { 0: [2 * HOUR, DAY], [MINUTE]: [10 * DAY], [HOUR]: [30 * DAY] }
/** [ms] blocks that come late to a window are waited for, so that it isn't merged anew for each */
const settleMs: Readonly<Record<number, number>> = { [2 * HOUR]: 10 * MINUTE, [DAY]: HOUR }

/**
 * @param blocks by age @param openMs how long after its end a window may still be written to
 * @param unwritten epoch ms, of the first sample that is in no block yet: a day that it belongs to isn't deleted before it is there, too
 * @param damaged blocks that cannot be read, of `blocks` or not. No job reads them, and their day waits as it is: buckets that were made without them would
 * pass for whole, and what can be saved of them would never come into any
 */
export function nextJob<B extends Planned>(
  blocks: readonly B[],
  retention: Retention,
  openMs: number,
  now: number,
  unwritten = Number.POSITIVE_INFINITY,
  damaged: readonly Damaged[] = [],
): Job<B> | undefined {
  const whole = without(blocks, damaged)
  return (
    replaced(blocks) ??
    takenIn(trusted(blocks, damaged), retention, now) ??
    merge(whole, 0, openMs, now, damaged) ??
    thinOut(whole, retention, openMs, now, damaged) ??
    merge(whole, MINUTE, openMs, now, damaged) ??
    merge(whole, HOUR, openMs, now, damaged) ??
    nextDeletion(blocks, retention, now, unwritten, damaged)
  )
}

/** The next job of those that change nothing but in how many blocks samples lie that are as they came. */
export const nextMerge = <B extends Planned>(
  blocks: readonly B[],
  openMs: number,
  now: number,
  damaged: readonly Damaged[] = [],
): Job<B> | undefined => merge(without(blocks, damaged), 0, openMs, now, damaged)

/** The next job of those that need no room: a disk that is full has none for the others, and these make some. It is told what `nextJob` is told. */
export function nextDeletion<B extends Planned>(
  blocks: readonly B[],
  retention: Retention,
  now: number,
  unwritten = Number.POSITIVE_INFINITY,
  damaged: readonly Damaged[] = [],
): Job<B> | undefined {
  const sure = trusted(blocks, damaged)
  return (
    replaced(blocks) ??
    takenIn(sure, retention, now) ??
    expired(blocks, sure, retention, now, unwritten) ??
    tooMuch(blocks, sure, retention, now)
  )
}

const without = <B extends Planned>(blocks: readonly B[], damaged: readonly Damaged[]): readonly B[] =>
  damaged.length === 0 ? blocks : blocks.filter(({ name }) => !damaged.some(other => other.name === name))
/** Buckets that are damaged have nothing. */
const trusted = <B extends Planned>(blocks: readonly B[], damaged: readonly Damaged[]): readonly B[] =>
  without(
    blocks,
    damaged.filter(({ name }) => name.step > 0),
  )
/** Samples as they came, of that time, that cannot be read. */
const lacksSome = (damaged: readonly Damaged[], from: number, to: number): boolean =>
  damaged.some(({ name }) => name.step === 0 && name.from < to && name.to > from)

const of = <B extends Planned>(blocks: readonly B[], step: number): B[] => blocks.filter(({ name }) => name.step === step)
const within = ({ name }: Planned, from: number, to: number): boolean => name.from >= from && name.to <= to
const start = (time: number, width: number): number => Math.floor(time / width) * width

/** Buckets of a day that were made anew, where the end of the process came before the old ones were deleted. */
function replaced<B extends Planned>(blocks: readonly B[]): Job<B> | undefined {
  const old = blocks.filter(
    ({ name }) =>
      name.step > 0 &&
      blocks.some(
        ({ name: other }) =>
          other.step === name.step && other.from === name.from && other.to === name.to && other.generation > name.generation,
      ),
  )
  return old.length === 0 ? undefined : { is: 'delete', why: 'replaced', blocks: old }
}

/** Samples that came after their day was deleted, and are in its buckets now. */
function takenIn<B extends Planned>(blocks: readonly B[], retention: Retention, now: number): Job<B> | undefined {
  const raw = of(blocks, 0)
  const old = raw.filter(block => {
    const day = start(block.name.from, DAY)
    const inside = raw.filter(other => within(other, day, day + DAY))
    const isGone = blocks.some(
      buckets =>
        buckets.name.step > 0 && covers(buckets, day, day + DAY) && !lacks(buckets, block) && inside.every(other => isLate(other, buckets)),
    )
    return isGone && lacking(blocks, [block], day, day + DAY, retention, now).length === 0
  })
  return old.length === 0 ? undefined : { is: 'delete', why: 'replaced', blocks: old }
}

/** What came last before a day is in these: the last bucket of the day before has it, too, and an hour's is read sooner than samples are. */
const isBefore = ({ step, from, to }: BlockName, day: number): boolean => from < day && (step === 0 ? to > day - DAY : to >= day)
const bucketsOf = <B extends Planned>(blocks: readonly B[], day: number): B[] =>
  blocks.filter(({ name }) => name.step > 0 && name.from === day && name.to === day + DAY)
export const covers = ({ name }: Planned, from: number, to: number): boolean => name.from <= from && name.to >= to
/** Whether these samples are none of those that the buckets were first made of. */
const isLate = (raw: Planned, buckets: Planned): boolean => raw.oldest > buckets.oldest

/** Whether what these buckets were first made of is gone: what there is of their time as it came has come since. @param raw samples as they came */
export const standAlone = (buckets: Planned, raw: readonly Planned[]): boolean =>
  !raw.some(block => within(block, buckets.name.from, buckets.name.to) && !isLate(block, buckets))
/** Whether these buckets were made before those samples were in a block. */
export const lacks = (buckets: Planned, raw: Planned): boolean => raw.name.generation > buckets.name.generation

function merge<B extends Planned>(
  blocks: readonly B[],
  step: number,
  openMs: number,
  now: number,
  damaged: readonly Damaged[],
): Job<B> | undefined {
  const mine = of(blocks, step)
  for (const width of windows[step] ?? []) {
    for (const from of new Set(mine.map(({ name }) => start(name.from, width)))) {
      const to = from + width
      const inside = mine.filter(block => within(block, from, to))
      if (inside.length < 2 || to + openMs > now || lacksSome(damaged, from, to)) continue
      // What is of a later time than it is was made under a clock that was wrong, and is not waited for.
      if (inside.some(({ created }) => created <= now && created + (settleMs[width] ?? 0) > now)) continue
      // Buckets may be made anew while there are samples as they came.
      if (step > 0 && of(blocks, 0).some(({ name }) => name.from < to && name.to > from)) continue
      return { is: 'merge', step, from, to, blocks: inside }
    }
  }
  return undefined
}

const stepsOf = ({ minuteMs, hourMs }: Retention, to: number, now: number): number[] => [
  ...(minuteMs > 0 && to > now - minuteMs ? [MINUTE] : []),
  ...(hourMs > 0 && to > now - hourMs ? [HOUR] : []),
]

/** Which tiers lack the day, or have it without what came later. */
function lacking(
  blocks: readonly Planned[],
  raw: readonly Planned[],
  from: number,
  to: number,
  retention: Retention,
  now: number,
): number[] {
  const newest = Math.max(...raw.map(({ name }) => name.generation))
  return stepsOf(retention, to, now).filter(
    step => !of(blocks, step).some(buckets => covers(buckets, from, to) && buckets.name.generation > newest),
  )
}

function thinOut<B extends Planned>(
  blocks: readonly B[],
  retention: Retention,
  openMs: number,
  now: number,
  damaged: readonly Damaged[],
): Job<B> | undefined {
  const raw = of(blocks, 0)
  for (const from of new Set(raw.map(({ name }) => start(name.from, DAY)))) {
    const to = from + DAY
    const inside = raw.filter(block => within(block, from, to))
    if (inside.length !== 1 || to + openMs > now || lacksSome(damaged, from, to) || standsIn(inside[0]!, damaged)) continue
    const lacked = lacking(blocks, inside, from, to, retention, now)
    const wide = blocks.find(buckets => lacked.includes(buckets.name.step) && covers(buckets, from, to) && isWide(buckets))
    if (wide !== undefined) {
      if (lacksSome(damaged, wide.name.from, wide.name.to)) continue
      const job = intoWide(blocks, wide)
      if (job === undefined) continue
      return job
    }
    if (lacked.length === 0) continue
    const instead = bucketsOf(blocks, from).filter(({ name }) => lacked.includes(name.step))
    const late = instead.filter(buckets => isLate(inside[0]!, buckets))
    return { is: 'thin', steps: lacked, from, to, blocks: inside, before: beforeOf(blocks, from), instead, late }
  }
  return undefined
}

/** Whether it is what came when buckets that cannot be read were made: made of it alone, others would take their place. */
const standsIn = (raw: Planned, damaged: readonly Damaged[]): boolean =>
  damaged.some(({ name: { step, from, to, generation }, oldest = generation }) => {
    return step > 0 && from <= raw.name.from && to >= raw.name.to && raw.oldest > oldest
  })

const isWide = ({ name }: Planned): boolean => name.to - name.from > DAY
const beforeOf = <B extends Planned>(blocks: readonly B[], from: number): B[] =>
  [HOUR, MINUTE, 0].map(step => of(blocks, step).filter(({ name }) => isBefore(name, from))).find(({ length }) => length > 0) ?? []

/** What came when its day was long merged into others: all of it at once, for the whole block is made anew, and is then younger than all of it. */
function intoWide<B extends Planned>(blocks: readonly B[], wide: B): Job<B> | undefined {
  const { step, from, to } = wide.name
  const inside = of(blocks, 0).filter(block => within(block, from, to))
  const days = new Set(inside.map(({ name }) => start(name.from, DAY)))
  if (days.size < inside.length) return undefined
  const late = inside.filter(block => lacks(wide, block))
  return { is: 'thin', steps: [step], from, to, blocks: late, before: beforeOf(blocks, from), instead: [wide], late: [wide] }
}

function expired<B extends Planned>(
  blocks: readonly B[],
  sure: readonly B[],
  retention: Retention,
  now: number,
  unwritten: number,
): Job<B> | undefined {
  const age: Readonly<Record<number, number>> = { 0: retention.rawMs, [MINUTE]: retention.minuteMs, [HOUR]: retention.hourMs }
  const old = blocks.filter(
    block =>
      block.name.to <= now - (age[block.name.step] ?? 0) &&
      (block.name.step > 0 || block.name.to < unwritten) &&
      isInBuckets(sure, block, retention, now),
  )
  return old.length === 0 ? undefined : { is: 'delete', why: 'age', blocks: old }
}

/** Of samples as they came: whether all tiers that are wanted have them. */
function isInBuckets(blocks: readonly Planned[], { name }: Planned, retention: Retention, now: number): boolean {
  if (name.step > 0) return true
  const day = start(name.from, DAY)
  const raw = of(blocks, 0).filter(other => within(other, day, day + DAY))
  return lacking(blocks, raw, day, day + DAY, retention, now).length === 0
}

/**
 * Samples that are in buckets, too, go first, then buckets of a minute; then whatever is oldest, for what is new would never come into buckets if it
 * went before them.
 */
function tooMuch<B extends Planned>(blocks: readonly B[], sure: readonly B[], retention: Retention, now: number): Job<B> | undefined {
  if (retention.maxBytes === 0) return undefined
  let over = blocks.reduce((sum, { size }) => sum + size, 0) - retention.maxBytes
  const rank = (block: B): number => (block.name.step > 0 ? block.name.step : isInBuckets(sure, block, retention, now) ? 0 : HOUR)
  const gone: B[] = []
  for (const { block } of blocks
    .map(block => ({ block, rank: rank(block) }))
    .sort((a, b) => a.rank - b.rank || a.block.name.to - b.block.name.to || a.block.name.generation - b.block.name.generation)) {
    if (over <= 0) break
    gone.push(block)
    over -= block.size
  }
  return gone.length === 0 ? undefined : { is: 'delete', why: 'size', blocks: gone }
}
