/**
 * What the exporter remembers of every series: one slot each, one column for each fact. A point that arrives is a few writes
 * into typed arrays; names, labels and attributes are worked out when a series is first seen and not again.
 *
 * A batch's series ids mean something in its own dictionary only, and only in one generation: `Known` maps them to slots.
 * Deltas are added up. Of several points of one series the newest stays.
 */

import { Describer, type Description, type Labelling } from '../../exposition/describe.ts'
import { ExponentialState, HistogramState, SummaryState } from '../../exposition/distributions.ts'
import { Exemplars, type Keeping } from '../../exposition/exemplars.ts'
import type { Row } from '../../exposition/families.ts'
import { isPrometheus, labelName } from '../../exposition/naming.ts'
import type { Clock } from '../../lib/clock.ts'
import { type MetricBatch, NO_RECORDED_VALUE, type PointColumns } from '../../model/batch.ts'
import type { Dictionary, SeriesEntry } from '../../model/dictionary.ts'
import { Page, type SlotFamily } from './page.ts'
import { Targets } from './targets.ts'

/** Why a row is not on the page. */
export const reasons = [
  'series_limit',
  'type_conflict',
  'invalid_name',
  'unspecified_temporality',
  'unsupported_scale',
  'out_of_order',
  'duplicate_series',
] as const
export type Reason = (typeof reasons)[number]
const code = Object.fromEntries(reasons.map((reason, i) => [reason, i])) as Record<Reason, number>

/** What a slot does with a point. */
const LAST = 1
const SUM_OF_DELTAS = 2
const HISTOGRAM = 3
const EXPONENTIAL = 4
const SUMMARY = 5

/** How one dictionary's ids map to slots. */
interface Known {
  readonly dictionary: Dictionary
  /** by series: a slot, or -1 - the code of the reason why there is none */
  slots: Int32Array
  /** by series: which generation `slots` speaks of; NaN: none */
  generations: Float64Array
  /** [ms, monotonic] when its last batch came */
  usedAt: number
}

export interface StateSettings extends Labelling {
  readonly maxSeries: number
  /** [ms] */
  readonly expirationMs: number
  readonly sendTimestamps: boolean
}

export class State {
  readonly #settings: StateSettings
  readonly #clock: Clock
  /** told once per series that finds no place */
  readonly #refused: (reason: Reason, entry: SeriesEntry) => void
  readonly #describer: Describer
  readonly page: Page
  readonly #targets: Targets
  /** `target_info` as it comes from Prometheus */
  readonly #told: SlotFamily
  readonly #exemplars: Exemplars
  readonly #known = new Map<Dictionary, Known>()
  #current: Known | undefined
  /** [ms] when the batch in hand came: by the wall, for points without a time of their own … */
  #now = 0
  /** … and by the clock that nobody sets, to know what is alive */
  #came = 0

  #kinds = new Uint8Array(0)
  #alive = new Uint8Array(0)
  /** more than one series of a dictionary has this slot */
  #shared = new Uint8Array(0)
  #counters = new Uint8Array(0)
  #times = new Float64Array(0)
  #starts = new Float64Array(0)
  #seen = new Float64Array(0)
  #values = new Float64Array(0)
  readonly #held: (HistogramState | ExponentialState | SummaryState | undefined)[] = []
  /** [rows] of the batch in hand, by reason */
  readonly dropped = new Float64Array(reasons.length)

  constructor(settings: StateSettings, clock: Clock, refused: (reason: Reason, entry: SeriesEntry) => void) {
    this.#settings = settings
    this.#clock = clock
    this.#refused = refused
    this.#describer = new Describer(settings)
    this.#exemplars = new Exemplars()
    this.page = new Page((slot, row) => this.#show(slot, row))
    this.#targets = new Targets(targetInfo(settings), this.page.show)
    this.#told = this.page.behind(this.#targets.name)
    this.page.reserve(this.#targets)
  }

  /** Takes the whole batch in; `dropped` says afterwards what of it is not on the page. */
  take(batch: MetricBatch): void {
    this.dropped.fill(0)
    this.#now = this.#clock.now()
    this.#came = this.#clock.monotonic()
    const known = this.#of(batch.dictionary)
    this.#takeNumbers(known, batch)
    this.#takeHistograms(known, batch)
    this.#takeExponentials(known, batch)
    this.#takeSummaries(known, batch)
    if (batch.exemplars.length > 0) this.#takeExemplars(known, batch)
  }

  #takeNumbers(known: Known, { numbers, dictionary }: MetricBatch): void {
    const { series, time, start, value, flags, length } = numbers
    const now = this.#now
    for (let i = 0; i < length; i++) {
      const slot = this.#slot(known, dictionary, series[i]!)
      if (slot < 0) continue
      const kind = this.#kinds[slot]!
      const at = time[i]! || now
      if (kind > SUM_OF_DELTAS) this.dropped[code.type_conflict]!++
      else if (kind === LAST ? at < this.#times[slot]! : at <= this.#times[slot]!) this.#tooOld(slot)
      else if ((flags[i]! & NO_RECORDED_VALUE) !== 0) this.#end(slot, at)
      else {
        const from = start[i]!
        if (kind === SUM_OF_DELTAS && this.#goesOn(slot, from)) this.#values[slot]! += value[i]!
        else {
          this.#values[slot] = value[i]!
          this.#starts[slot] = from
        }
        this.#times[slot] = at
        this.#seen[slot] = this.#came
        this.#alive[slot] = 1
      }
    }
  }

  #takeHistograms(known: Known, batch: MetricBatch): void {
    const rows = batch.histograms
    for (let i = 0; i < rows.length; i++) {
      const slot = this.#accept(known, batch.dictionary, rows, i, HISTOGRAM)
      if (slot < 0) continue
      const held = this.#held[slot] as HistogramState
      this.#renew(slot, rows, i, held.take(batch, i, this.#goesOn(slot, rows.start[i]!), this.#came))
    }
  }

  #takeExponentials(known: Known, batch: MetricBatch): void {
    const rows = batch.exponentials
    for (let i = 0; i < rows.length; i++) {
      const slot = this.#accept(known, batch.dictionary, rows, i, EXPONENTIAL)
      if (slot < 0) continue
      const held = this.#held[slot] as ExponentialState
      if (!held.fits(rows.scale[i]!)) this.dropped[code.unsupported_scale]!++
      else this.#renew(slot, rows, i, held.take(batch, i, this.#goesOn(slot, rows.start[i]!)))
    }
  }

  #takeSummaries(known: Known, batch: MetricBatch): void {
    const rows = batch.summaries
    for (let i = 0; i < rows.length; i++) {
      const slot = this.#accept(known, batch.dictionary, rows, i, SUMMARY)
      if (slot < 0) continue
      ;(this.#held[slot] as SummaryState).take(batch, i)
      this.#renew(slot, rows, i, false)
    }
  }

  /** The slot for a row that changes it; -1 where the row is dropped, or ends the series. */
  #accept(known: Known, dictionary: Dictionary, rows: PointColumns, i: number, kind: number): number {
    const slot = this.#slot(known, dictionary, rows.series[i]!)
    if (slot < 0) return -1
    const at = rows.time[i]! || this.#now
    if (this.#kinds[slot] !== kind) this.dropped[code.type_conflict]!++
    else if (this.#isDelta(slot) ? at <= this.#times[slot]! : at < this.#times[slot]!) this.#tooOld(slot)
    else if ((rows.flags[i]! & NO_RECORDED_VALUE) !== 0) this.#end(slot, at)
    else return slot
    return -1
  }

  #isDelta(slot: number): boolean {
    return this.#held[slot]?.delta === true
  }

  /** Does a delta that begins at `start` add to what is there? Not where the stream has begun anew. */
  #goesOn(slot: number, start: number): boolean {
    return this.#alive[slot] === 1 && (start === 0 || start >= this.#starts[slot]!)
  }

  /** `added`: the row was added to what was there, whose start stays. */
  #renew(slot: number, rows: PointColumns, i: number, added: boolean): void {
    if (!added) this.#starts[slot] = rows.start[i]!
    this.#times[slot] = rows.time[i]! || this.#now
    this.#seen[slot] = this.#came
    this.#alive[slot] = 1
  }

  #tooOld(slot: number): void {
    this.dropped[this.#shared[slot] === 1 ? code.duplicate_series : code.out_of_order]!++
  }

  /** The sender says that the series has ended. */
  #end(slot: number, at: number): void {
    this.#alive[slot] = 0
    this.#times[slot] = at
    this.#exemplars.forget(slot)
  }

  /** -1 for a row that has none: it is counted as dropped. */
  #slot(known: Known, dictionary: Dictionary, series: number): number {
    if (series < 0) {
      this.dropped[code.series_limit]!++
      return -1
    }
    let slot = known.slots[series]!
    if (known.generations[series] !== dictionary.generation(series)) slot = this.#meet(known, series)
    if (slot >= 0) return slot
    this.dropped[-1 - slot]!++
    return -1
  }

  #takeExemplars(known: Known, batch: MetricBatch): void {
    const { exemplars } = batch
    const groups = [batch.numbers, batch.histograms, batch.exponentials]
    const bytes = batch.raw.bytes()
    for (let i = 0; i < exemplars.length; i++) {
      const series = groups[exemplars.group[i]!]!.series[exemplars.row[i]!]!
      const slot = series < 0 ? -1 : known.slots[series]!
      if (slot < 0 || this.#alive[slot] === 0) continue
      const keeping = this.#keeping(slot)
      if (keeping !== undefined) this.#exemplars.keep(slot, keeping, exemplars, i, bytes)
    }
  }

  #keeping(slot: number): Keeping | undefined {
    const held = this.#held[slot]
    if (held instanceof HistogramState) return { is: 'buckets', bounds: held.bounds }
    if (held instanceof ExponentialState) return { is: 'newest' }
    return this.#counters[slot] === 1 ? { is: 'one' } : undefined
  }

  #of(dictionary: Dictionary): Known {
    let known = this.#current
    if (known?.dictionary !== dictionary) {
      known = this.#known.get(dictionary) ?? {
        dictionary,
        slots: new Int32Array(0),
        generations: new Float64Array(0),
        usedAt: 0,
      }
      this.#known.set(dictionary, known)
      this.#current = known
    }
    known.usedAt = this.#came
    if (known.slots.length < dictionary.capacity) {
      const size = roomFor(dictionary.capacity)
      known.slots = grown(known.slots, new Int32Array(size))
      known.generations = grown(known.generations, new Float64Array(size).fill(Number.NaN))
    }
    return known
  }

  /** First sight of a series: finds it a place, or the reason why there is none. */
  #meet(known: Known, series: number): number {
    const entry = known.dictionary.series(series)
    const found = this.#place(entry, this.#formerSlot(known, series))
    const slot = typeof found === 'number' ? found : -1 - code[found]
    if (typeof found === 'string') this.#refused(found, entry)
    known.slots[series] = slot
    known.generations[series] = known.dictionary.generation(series)
    return slot
  }

  /** Of a series that has got its type, or of another that had the id; -1 where there is none. */
  #formerSlot({ generations, slots }: Known, series: number): number {
    return Number.isNaN(generations[series]!) ? -1 : slots[series]!
  }

  /** @param former where it was, if it is one that has got its type */
  #place(entry: SeriesEntry, former: number): number | Reason {
    if (entry.type !== 'gauge' && entry.type !== 'summary' && entry.temporality === 'unspecified') return 'unspecified_temporality'
    const description = this.#describer.describe(entry)
    if (description === undefined) return 'invalid_name'
    const family = this.#isTold(entry, description) ? this.#told : this.page.family(description.family, entry.description.toWellFormed())
    if (family === undefined) return 'type_conflict'
    const existing = this.page.find(family, description.labels)
    if (existing !== undefined) return this.#share(existing, entry, description, former)
    if (this.page.size >= this.#settings.maxSeries) {
      this.page.removeIfEmpty(family)
      return 'series_limit'
    }
    const slot = this.page.add(family, description.labels)
    this.#begin(slot, entry, description)
    return slot
  }

  /** A `target_info` that Prometheus has made is what ours would be. What somebody else calls so is not. */
  #isTold(entry: SeriesEntry, { family }: Description): boolean {
    return family.name === this.#targets.name && isPrometheus(entry) && kindOf(entry) === LAST
  }

  /** Two series that look the same: both write here, unless they write differently. Or one that has got its type. */
  #share(slot: number, entry: SeriesEntry, { family }: Description, former: number): number | Reason {
    const delta = this.#kinds[slot] === SUM_OF_DELTAS || this.#isDelta(slot)
    if (kindOf(entry) !== this.#kinds[slot] || (isDelta(entry) && !delta) || (!isDelta(entry) && delta)) return 'type_conflict'
    if (slot !== former) this.#shared[slot] = 1
    if (family.type === 'counter') this.#counters[slot] = 1
    return slot
  }

  #begin(slot: number, entry: SeriesEntry, description: Description): void {
    if (slot >= this.#kinds.length) this.#grow(roomFor(slot + 1))
    this.#kinds[slot] = kindOf(entry)
    this.#alive[slot] = 0
    this.#shared[slot] = 0
    this.#counters[slot] = description.family.type === 'counter' ? 1 : 0
    this.#times[slot] = Number.NEGATIVE_INFINITY
    this.#starts[slot] = 0
    this.#seen[slot] = this.#came
    this.#held[slot] = heldFor(entry)
    if (this.#isTold(entry, description)) this.#targets.enterTold(slot, description.target)
    else if (description.target !== undefined) this.#targets.enter(slot, description.target)
  }

  #grow(size: number): void {
    this.#kinds = grown(this.#kinds, new Uint8Array(size))
    this.#alive = grown(this.#alive, new Uint8Array(size))
    this.#shared = grown(this.#shared, new Uint8Array(size))
    this.#counters = grown(this.#counters, new Uint8Array(size))
    this.#times = grown(this.#times, new Float64Array(size))
    this.#starts = grown(this.#starts, new Float64Array(size))
    this.#seen = grown(this.#seen, new Float64Array(size))
    this.#values = grown(this.#values, new Float64Array(size))
  }

  #show(slot: number, row: Row): boolean {
    if (this.#alive[slot] === 0 || this.#expired(slot)) return false
    row.time = this.#settings.sendTimestamps ? this.#times[slot]! : Number.NaN
    row.start = this.#starts[slot]!
    row.exemplars = this.#exemplars.of(slot)
    const held = this.#held[slot]
    if (held === undefined) {
      row.shape = 'number'
      row.value = this.#values[slot]!
    } else held.show(row)
    return true
  }

  #expired(slot: number): boolean {
    return this.#seen[slot]! < this.#clock.monotonic() - this.#settings.expirationMs
  }

  /** Frees what has not been seen for long, and gives every series that found no place another try. Returns how many were freed. */
  sweep(): number {
    const freed = new Set<number>()
    const oldest = this.#clock.monotonic() - this.#settings.expirationMs
    for (let slot = 0; slot < this.page.capacity; slot++) {
      if (!(this.#seen[slot]! < oldest) || !this.page.inUse(slot)) continue
      freed.add(slot)
      this.page.remove(slot)
      this.#targets.leave(slot)
      this.#exemplars.forget(slot)
      this.#held[slot] = undefined
    }
    for (const known of this.#known.values()) this.#forget(known, freed)
    return freed.size
  }

  #forget(known: Known, freed: ReadonlySet<number>): void {
    const { slots, generations } = known
    for (let series = 0; series < slots.length; series++) {
      const slot = slots[series]!
      if (slot < 0 || freed.has(slot)) generations[series] = Number.NaN
    }
    if (this.#clock.monotonic() - known.usedAt <= this.#settings.expirationMs) return
    this.#known.delete(known.dictionary)
    if (this.#current === known) this.#current = undefined
  }
}

/** With its namespace, as the Collector writes it. */
function targetInfo(labelling: Labelling): string {
  return labelling.namespace === '' ? 'target_info' : `${labelName(labelling.namespace, labelling)}_target_info`
}

const isDelta = (entry: SeriesEntry): boolean => entry.type !== 'gauge' && entry.type !== 'summary' && entry.temporality === 'delta'

function kindOf(entry: SeriesEntry): number {
  if (entry.type === 'histogram') return HISTOGRAM
  if (entry.type === 'exponential_histogram') return EXPONENTIAL
  if (entry.type === 'summary') return SUMMARY
  return isDelta(entry) ? SUM_OF_DELTAS : LAST
}

function heldFor(entry: SeriesEntry): HistogramState | ExponentialState | SummaryState | undefined {
  if (entry.type === 'histogram') return new HistogramState(isDelta(entry))
  if (entry.type === 'exponential_histogram') return new ExponentialState(isDelta(entry))
  return entry.type === 'summary' ? new SummaryState() : undefined
}

/** Columns grow by doubling. */
const roomFor = (length: number): number => 2 ** Math.ceil(Math.log2(Math.max(length, 64)))

function grown<T extends { set(from: T): void }>(from: T, to: T): T {
  to.set(from)
  return to
}
