/**
 * A target's series: what its page says becomes one request. Names are taken apart the first time that a line is seen; after that
 * a line costs a look into a map, and a family with the same lines as on the last page not even that (`Plan`).
 */
import type { Label } from '../../exposition/labels.ts'
import { ExpositionError, type Format, type NativeSample, type ReadExemplar, type Sample, type Visitor } from '../../exposition/read.ts'
import { readProtobufPage } from '../../exposition/read-protobuf.ts'
import { readTextLines, readTextPage } from '../../exposition/read-text.ts'
import { Active } from './active.ts'
import { Conflict, Drafts } from './drafts.ts'
import type { Entry } from './entry.ts'
import { FirstSight, LimitError, type SeriesSettings, type TargetLabels } from './first-sight.ts'
import { scopeName } from './identity.ts'
import { Known } from './known.ts'
import { put, tell } from './line.ts'
import { belongs } from './naming.ts'
import { withinLimits } from './native-limits.ts'
import { Order } from './order.ts'
import { bodyEnd } from './page-end.ts'
import { Piece } from './piece.ts'
import { Numbers, Plan, type Segment } from './plan.ts'
import { noteNumbers, piecesOf } from './planning.ts'
import { Reading } from './reading.ts'
import { type Described, type ResourceNode, ScopeNode, type Told } from './tree.ts'

/** What one page became. */
export interface Scraped {
  /** undefined where nothing is to be told */
  readonly request: Uint8Array | undefined
  /** [samples] on the page */
  readonly scraped: number
  /** [samples] after metric relabelling */
  readonly kept: number
  /** [series] not seen in the last good scrape */
  readonly added: number
  /** [samples] that no point could be made of, by reason */
  readonly left: Readonly<Record<string, number>>
}

/** [scrapes] of the same page, after which only its plan is kept */
const settledAfter = 5

/** [lines] that a piece should have: smaller ones side by side become one */
const pieceLines = 100

export class TargetSeries {
  readonly #settings: SeriesSettings
  readonly #sight: FirstSight
  readonly #known: Known
  readonly #active = new Active()
  readonly #order = new Order<Entry>()
  #recognized: Entry | undefined
  /** what the last page told, and will be missed */
  #told: readonly Told[] = []
  readonly #plans: boolean
  #plan: Plan | undefined
  /** what of the last page is in no piece of the plan */
  #loose: readonly Entry[] = []
  readonly #numbers = new Numbers()
  /** [lines] read one by one, ever */
  linesRead = 0
  /** counts the searches for pieces */
  #search = 0
  #size = 64 * 1024
  readonly #own: ResourceNode
  /** of the series about the scrape: not among the resource's scopes, whose series come and go with the page */
  readonly #ownScope: ScopeNode
  readonly #ownAttributes: readonly Label[]

  /** @param plans false: every page is read line by line, which makes no difference but of speed */
  constructor(settings: SeriesSettings, target: TargetLabels, plans = true) {
    this.#plans = plans
    this.#settings = settings
    this.#sight = new FirstSight(settings, target)
    this.#own = this.#sight.resource(target.job, target.instance)
    this.#known = new Known(this.#sight, this.#own)
    this.#ownScope = new ScopeNode(this.#own, scopeName, '', '', {})
    const labels = new Map([...target.labels, ...settings.externalLabels])
    this.#ownAttributes = [...labels].filter(([label, value]) => label !== 'job' && label !== 'instance' && value !== '')
  }

  /** [bytes] roughly, of what is kept for the next scrape */
  get size(): number {
    return (this.#plan?.size ?? 0) + this.#known.entries.size * 400
  }

  /** @param time [ms] @throws {ExpositionError} {LimitError} and nothing has changed but what is remembered of names */
  scrape(page: Uint8Array, format: Format, time: number): Scraped {
    this.#search++
    const scraped = this.#patch(page, format, time)
    if (scraped !== undefined) return scraped
    this.#pickUp()
    this.#plan = undefined
    this.#search++
    return this.#end(this.#read(page, format, time), page, format, [{ from: 0, to: bodyEnd(page, format) }])
  }

  /** Only what is not as it was on the last page is read. @returns undefined where all of it must be */
  #patch(page: Uint8Array, format: Format, time: number): Scraped | undefined {
    const plan = this.#plan
    const end = bodyEnd(page, format)
    if (!this.#plans || plan === undefined || plan.format !== format || end < 0) return undefined
    const segments = plan.find(page, end, this.#numbers, this.#search)
    const same = plan.whole && segments.length === plan.pieces.length && segments.every((segment, i) => segment === plan.pieces[i])
    if (!same && (this.#letGoOf !== undefined || !segments.some(isPiece))) return undefined
    const drafts = new Drafts(this.#search)
    const reading = new Reading(time, drafts, true)
    try {
      this.#begin()
      for (const segment of segments) this.#segment(segment, page, format, reading)
    } catch (error) {
      if (!(error instanceof Conflict || error instanceof ExpositionError || error instanceof LimitError)) throw error
      drafts.release()
      for (const entry of reading.news) this.#known.drop(entry)
      return undefined
    }
    const scraped = this.#end(reading, page, format, segments)
    this.#order.letGo()
    if (same && ++plan.hits === settledAfter) this.#letGo(plan)
    return scraped
  }

  #segment(segment: Segment, page: Uint8Array, format: Format, reading: Reading): void {
    if (segment instanceof Piece) return this.#again(segment, reading)
    reading.drafts!.begin(segment.from)
    readTextLines(page, segment.from, segment.to, this.#visitor(reading), format === 'openmetrics')
    reading.drafts!.end(segment.to)
  }

  #again(piece: Piece, reading: Reading): void {
    reading.again(piece)
    this.#keep(reading, piece.kept)
    for (const entry of piece.infos) tell(entry, reading)
    for (const fragment of piece.fragments) this.#active.add(fragment)
  }

  #read(page: Uint8Array, format: Format, time: number): Reading {
    const reading = new Reading(time, format === 'protobuf' ? undefined : new Drafts(this.#search), false)
    this.#begin()
    if (format === 'protobuf') readProtobufPage(page, this.#visitor(reading), this.#settings)
    else this.#readText(page, format, reading)
    return reading
  }

  #readText(page: Uint8Array, format: Format, reading: Reading): void {
    this.#order.begin(page)
    const drafts = reading.drafts!
    drafts.begin(0)
    try {
      readTextPage(page, { ...this.#visitor(reading), recognize: this.#recognize }, format === 'openmetrics')
      drafts.end(bodyEnd(page, format))
    } catch (error) {
      drafts.release()
      throw error
    }
    this.#order.end()
  }

  readonly #recognize = (from: number, end: number): number => {
    const found = this.#order.guess(from, end)
    if (found?.entry.valid !== true) return 0
    this.#recognized = found.entry
    return found.to
  }

  /** A page that stays the same needs nothing but its plan: a hundred thousand objects less for the garbage collector to look at. */
  #letGo(plan: Plan): void {
    this.#known.letGo(this.#active.iteration + 1)
    this.#order.letGo()
    this.#active.letGo()
    this.#told = []
    plan.letGo()
    this.#letGoOf = plan
  }
  /** the plan that stands for what is known */
  #letGoOf: Plan | undefined

  /** The opposite: reads the page that the plan was made from. */
  #pickUp(): void {
    const plan = this.#letGoOf
    if (plan === undefined) return
    this.#letGoOf = this.#plan = undefined
    const reading = this.#read(plan.page(), plan.format, 0)
    this.#active.inform(reading, this.#own)
    this.#told = this.#active.complete()
    reading.drafts?.release()
  }

  /** Nothing came, or nothing that could be used: what was told before is no more. @returns undefined where there was nothing */
  miss(time: number): Uint8Array | undefined {
    this.#pickUp()
    this.#begin()
    this.#search++
    const points = this.#active.endMissing(this.#told, this.#search, time)
    this.#told = []
    this.#plan = undefined
    return points === 0 ? undefined : this.#active.write(time, this.#numbers.values)
  }

  /** The series about the scrape itself; with undefined they are no more. */
  report(values: Readonly<Record<string, number>>, time: number, gone = false): Uint8Array {
    this.#begin()
    for (const [name, value] of Object.entries(values)) {
      const point = this.#sight.point(this.#ownScope, name, belongs(name, noneKnown).about, 'value', this.#ownAttributes)
      this.#active.mark(point, time)
      point.value = value
      point.stale = gone
      point.valueLine = 0
    }
    return this.#active.write(time, this.#numbers.values)
  }

  #begin(): void {
    this.#known.begin()
    // A page that ended at a wrong number leaves one.
    this.#recognized = undefined
    this.#active.begin()
  }

  #visitor(reading: Reading): Visitor {
    return {
      type: (name, type) => this.#known.describe(name, 'type', type, reading),
      help: (name, text) => this.#known.describe(name, 'help', text, reading),
      unit: (name, unit) => this.#known.describe(name, 'unit', unit, reading),
      sample: sample => this.#sample(sample, reading),
      native: sample => this.#native(sample, reading),
    }
  }

  #sample(sample: Sample, reading: Reading): void {
    const { iteration } = this.#active
    reading.numbers.push(sample.valueFrom, sample.valueTo)
    const line = reading.numbers.length / 2 - 1
    reading.scraped++
    this.linesRead++
    const timed = this.#settings.honorTimestamps && !Number.isNaN(sample.time)
    let entry = this.#recognized ?? this.#known.entries.get(sample.key)
    this.#recognized = undefined
    const met = entry === undefined
    if (entry === undefined) entry = this.#known.meet(sample.key, sample.key, false, reading)
    reading.enter(entry, sample.end)
    const { draft } = reading
    if (draft !== undefined && (met || !Number.isNaN(sample.time) || sample.exemplar !== undefined)) draft.steady = false
    if (sample.to > 0) this.#order.add(entry, sample.from, sample.to)
    if (entry.seen !== iteration) reading.distinct++
    if (entry.role === 'dropped') {
      entry.seen = iteration
      return
    }
    this.#keep(reading, 1)
    if (draft !== undefined) draft.kept++
    const again = entry.seen === iteration && !timed
    entry.seen = iteration
    if (again) return reading.leave('duplicate')
    const { point } = entry
    if (point === undefined) {
      if (entry.about === undefined) return reading.leave('invalid')
      draft?.infos.push(entry)
      return tell(entry, reading)
    }
    const time = timed ? sample.time : reading.time
    if (point.seen !== iteration) {
      this.#active.mark(point, time)
      point.tracked = !timed || this.#settings.trackTimestampsStaleness
    } else if (point.time !== time) {
      // One point has one time: of several values of one series the last one counts, as long as time goes on.
      if (entry.role !== 'value' || time < point.time) return reading.leave('time')
      reading.leave('time')
      point.time = time
    }
    put(entry, point, sample, line, reading)
  }

  #native(sample: NativeSample, reading: Reading): void {
    const { iteration } = this.#active
    reading.scraped++
    const key = `native ${sample.key}`
    let entry = this.#known.entries.get(key)
    if (entry === undefined) entry = this.#known.meet(key, sample.key, true, reading)
    if (entry.seen !== iteration) reading.distinct++
    const again = entry.seen === iteration
    entry.seen = iteration
    if (entry.role === 'dropped') return
    this.#keep(reading, 1)
    const { point } = entry
    if (again || point === undefined) return reading.leave(again ? 'duplicate' : 'invalid')
    const timed = this.#settings.honorTimestamps && !Number.isNaN(sample.time)
    this.#active.mark(point, timed ? sample.time : reading.time)
    point.tracked = !timed || this.#settings.trackTimestampsStaleness
    point.count = sample.count
    point.sum = sample.sum
    point.start = sample.start
    point.native = withinLimits(sample.buckets, this.#settings)
    if (sample.exemplars.length > 0) point.exemplars = [...sample.exemplars] satisfies ReadExemplar[]
  }

  #keep(reading: Reading, samples: number): void {
    reading.kept += samples
    const { sampleLimit } = this.#settings
    if (sampleLimit > 0 && reading.kept > sampleLimit) throw new LimitError(`more than ${sampleLimit} samples (sample_limit)`)
  }

  #end(reading: Reading, page: Uint8Array, format: Format, segments: readonly Segment[]): Scraped {
    try {
      this.#active.inform(reading, this.#own)
      const told = this.#active.complete()
      this.#active.endMissing(this.#told, this.#search, reading.time)
      this.#told = told
      this.#forgetGone(reading)
      const saidElsewhere = () => segments.filter(isPiece).flatMap(piece => piece.said)
      const planned = !this.#known.forgetNames(reading, saidElsewhere) && !this.#known.cleared && reading.drafts !== undefined
      this.#known.cleared = false
      if (!planned) this.#plan = undefined
      const request = planned ? this.#writePlan(reading, page, format, segments) : this.#writePage(reading.time)
      const { scraped, kept, added, left } = reading
      return { request, scraped, kept, added, left }
    } finally {
      reading.drafts?.release()
    }
  }

  #forgetGone(reading: Reading): void {
    const { iteration } = this.#active
    if (!reading.partly) return this.#known.forgetUnseen(reading, iteration)
    // Of what no piece was found of.
    const missed = this.#plan!.pieces.filter(({ used }) => used !== this.#search).map(({ entries }) => entries)
    this.#known.forgetUnseenOf([this.#loose, ...missed], iteration)
  }

  /** Writes the request, and makes pieces of what was read line by line. */
  #writePlan(reading: Reading, page: Uint8Array, format: Format, segments: readonly Segment[]): Uint8Array {
    const drafts = reading.drafts!
    const { iteration } = this.#active
    drafts.unite(pieceLines)
    noteNumbers(drafts.list, iteration)
    const request = this.#writePage(reading.time)
    const { pieces, loose } = piecesOf(segments, drafts.list, { page, request, reading, iteration })
    this.#loose = loose.flatMap(({ first, lines }) => reading.entries.slice(first, first + lines))
    const same = pieces.length === this.#plan?.pieces.length && pieces.every((piece, i) => piece === this.#plan!.pieces[i])
    if (!same || this.#plan!.whole !== (loose.length === 0)) this.#plan = new Plan(format, pieces, loose.length === 0)
    return request
  }

  /** A page becomes as much as the last one did, or a little more. */
  #writePage(time: number): Uint8Array {
    const request = this.#active.write(time, this.#numbers.values, this.#size)
    this.#size = request.length + (request.length >> 6) + 1024
    return request
  }
}

const isPiece = (segment: Segment): segment is Piece => segment instanceof Piece
const noneKnown: ReadonlyMap<string, Described> = new Map()
