/**
 * A target's series: what its page says becomes one request. Names are taken apart the first time that a line is seen; after that
 * a line costs a look into a map, and a family with the same lines as on the last page not even that (`Plan`).
 */
import { coarser, width } from '../../exposition/exponential.ts'
import type { ExponentialBuckets } from '../../exposition/families.ts'
import type { Label } from '../../exposition/labels.ts'
import { ExpositionError, type Format, type NativeSample, type ReadExemplar, type Sample, type Visitor } from '../../exposition/read.ts'
import { readProtobufPage } from '../../exposition/read-protobuf.ts'
import { readTextLines, readTextPage } from '../../exposition/read-text.ts'
import { Output } from './bytes.ts'
import { Conflict, type Draft, Drafts, type Owner } from './drafts.ts'
import type { Entry } from './entry.ts'
import { FirstSight, LimitError, type SeriesSettings, type TargetLabels } from './first-sight.ts'
import { scopeName } from './identity.ts'
import { belongs } from './naming.ts'
import { Order } from './order.ts'
import { Fragment, Numbers, Piece, Plan, type Segment } from './plan.ts'
import { Reading } from './reading.ts'
import { type Described, MetricNode, noSlots, type Point, ResourceNode, ScopeNode, Slots, type Told } from './tree.ts'

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
  readonly #entries = new Map<string, Entry>()
  readonly #order = new Order<Entry>()
  #recognized: Entry | undefined
  #active: ResourceNode[] = []
  #iteration = 0
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
    this.#ownScope = new ScopeNode(this.#own, scopeName, '', '', {})
    const labels = new Map([...target.labels, ...settings.externalLabels])
    this.#ownAttributes = [...labels].filter(([label, value]) => label !== 'job' && label !== 'instance' && value !== '')
  }

  /** [bytes] roughly, of what is kept for the next scrape */
  get size(): number {
    return (this.#plan?.size ?? 0) + this.#entries.size * 400
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
      for (const entry of reading.news) this.#drop(entry)
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
    for (const fragment of piece.fragments) {
      this.#markScope(fragment.scope)
      fragment.scope.active.push(fragment)
    }
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
    this.#entries.clear()
    this.#sight.used.clear()
    this.#families.clear()
    this.#order.letGo()
    this.#sight.forget(this.#iteration + 1, this.#own)
    this.#active = []
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
    this.#inform(reading)
    this.#told = this.#complete()
    reading.drafts?.release()
  }

  /** Nothing came, or nothing that could be used: what was told before is no more. @returns undefined where there was nothing */
  miss(time: number): Uint8Array | undefined {
    this.#pickUp()
    this.#begin()
    this.#search++
    const points = this.#vanished(time)
    this.#told = []
    this.#plan = undefined
    return points === 0 ? undefined : this.#write(time)
  }

  /** The series about the scrape itself; with undefined they are no more. */
  report(values: Readonly<Record<string, number>>, time: number, gone = false): Uint8Array {
    this.#begin()
    for (const [name, value] of Object.entries(values)) {
      const point = this.#sight.point(this.#ownScope, name, belongs(name, noneKnown).about, 'value', this.#ownAttributes)
      this.#mark(point, time)
      point.value = value
      point.stale = gone
      point.valueLine = 0
    }
    return this.#write(time)
  }

  #begin(): void {
    this.#said.clear()
    // A page that ended at a wrong number leaves one.
    this.#recognized = undefined
    this.#iteration++
    this.#active = []
  }

  #visitor(reading: Reading): Visitor {
    return {
      type: (name, type) => this.#describe(name, 'type', type, reading),
      help: (name, text) => this.#describe(name, 'help', text, reading),
      unit: (name, unit) => this.#describe(name, 'unit', unit, reading),
      sample: sample => this.#sample(sample, reading),
      native: sample => this.#native(sample, reading),
    }
  }

  #giveUp(families: ReadonlySet<string>): void {
    for (const [key, entry] of this.#entries) {
      if (!families.has(entry.family)) continue
      this.#entries.delete(key)
      entry.valid = false
    }
    this.#cleared = true
  }

  /** What lines mean depends on what is said of their families: where that changes, theirs are looked at anew. */
  #describe(name: string, what: 'type' | 'help' | 'unit', said: string, reading: Reading): void {
    const first = !this.#said.has(name)
    if (first) {
      this.#said.add(name)
      reading.said++
    }
    reading.drafts?.describe(this.#family(name), name, first)
    if (this.#sight.known.get(name)?.[what] === said) return
    const families = this.#sight.dependOn(name)
    if (families.length > 0) {
      if (reading.partly) throw new Conflict('what is said of a family has changed')
      this.#giveUp(new Set(families))
    }
    this.#sight.describe(name, what, said)
  }

  #family(name: string): Owner {
    let family = this.#families.get(name)
    if (family === undefined) {
      family = { draft: undefined, piece: undefined }
      this.#families.set(name, family)
    }
    return family
  }

  /** families that entries are of, or that were described */
  readonly #families = new Map<string, Owner>()
  /** families that the page in hand describes, but for those of pieces that were found */
  #said = new Set<string>()
  /** entries were given up while their points are still there */
  #cleared = false

  #sample(sample: Sample, reading: Reading): void {
    reading.numbers.push(sample.valueFrom, sample.valueTo)
    const line = reading.numbers.length / 2 - 1
    reading.scraped++
    this.linesRead++
    const timed = this.#settings.honorTimestamps && !Number.isNaN(sample.time)
    let entry = this.#recognized ?? this.#entries.get(sample.key)
    this.#recognized = undefined
    const met = entry === undefined
    if (entry === undefined) entry = this.#new(sample.key, sample.key, false, reading)
    reading.enter(entry, sample.end)
    const { draft } = reading
    if (draft !== undefined && (met || !Number.isNaN(sample.time) || sample.exemplar !== undefined)) draft.steady = false
    if (sample.to > 0) this.#order.add(entry, sample.from, sample.to)
    if (entry.seen !== this.#iteration) reading.distinct++
    if (entry.role === 'dropped') {
      entry.seen = this.#iteration
      return
    }
    this.#keep(reading, 1)
    if (draft !== undefined) draft.kept++
    const again = entry.seen === this.#iteration && !timed
    entry.seen = this.#iteration
    if (again) return reading.leave('duplicate')
    const { point } = entry
    if (point === undefined) {
      if (entry.about === undefined) return reading.leave('invalid')
      draft?.infos.push(entry)
      return tell(entry, reading)
    }
    const time = timed ? sample.time : reading.time
    if (point.seen !== this.#iteration) {
      this.#mark(point, time)
      point.tracked = !timed || this.#settings.trackTimestampsStaleness
    } else if (point.time !== time) {
      // One point has one time: of several values of one series the last one counts, as long as time goes on.
      if (entry.role !== 'value' || time < point.time) return reading.leave('time')
      reading.leave('time')
      point.time = time
    }
    this.#put(entry, point, sample, line, reading)
  }

  #put(entry: Entry, point: Point, { value, start, exemplar }: Sample, line: number, reading: Reading): void {
    switch (entry.role) {
      case 'value':
        if (point.valueLine >= 0 && reading.time === point.time) return reading.leave('duplicate')
        point.value = value
        point.valueLine = line
        break
      case 'bucket':
        point.bucket(entry.bound, value, line)
        break
      case 'sum':
        point.sum = value
        point.sumLine = line
        break
      case 'count':
        point.count = value
        point.countLine = line
        break
      case 'created':
        point.start = value * 1000
        point.startLine = line
        // Where it is none, nothing is written, and nothing can be put there the next time.
        if (value === 0 && reading.draft !== undefined) reading.draft.steady = false
        return
    }
    if (start !== 0) point.start = start
    if (exemplar !== undefined) (point.exemplars ??= []).push(exemplar)
  }

  #native(sample: NativeSample, reading: Reading): void {
    reading.scraped++
    const key = `native ${sample.key}`
    let entry = this.#entries.get(key)
    if (entry === undefined) entry = this.#new(key, sample.key, true, reading)
    if (entry.seen !== this.#iteration) reading.distinct++
    const again = entry.seen === this.#iteration
    entry.seen = this.#iteration
    if (entry.role === 'dropped') return
    this.#keep(reading, 1)
    const { point } = entry
    if (again || point === undefined) return reading.leave(again ? 'duplicate' : 'invalid')
    const timed = this.#settings.honorTimestamps && !Number.isNaN(sample.time)
    this.#mark(point, timed ? sample.time : reading.time)
    point.tracked = !timed || this.#settings.trackTimestampsStaleness
    point.count = sample.count
    point.sum = sample.sum
    point.start = sample.start
    point.native = withinLimits(sample.buckets, this.#settings)
    if (sample.exemplars.length > 0) point.exemplars = [...sample.exemplars] satisfies ReadExemplar[]
  }

  #new(key: string, written: string, native: boolean, reading: Reading): Entry {
    const entry = this.#sight.meet(written, native)
    entry.key = key
    if (entry.family !== '') entry.owner = this.#family(entry.family)
    this.#entries.set(key, entry)
    reading.news.push(entry)
    if (entry.role !== 'dropped') reading.added++
    return entry
  }

  #keep(reading: Reading, samples: number): void {
    reading.kept += samples
    const { sampleLimit } = this.#settings
    if (sampleLimit > 0 && reading.kept > sampleLimit) throw new LimitError(`more than ${sampleLimit} samples (sample_limit)`)
  }

  #mark(point: Point, time: number): void {
    const { metric } = point
    if (point.stale) this.#restore(point)
    point.begin(this.#iteration, time)
    if (metric.seen !== this.#iteration) {
      metric.seen = this.#iteration
      metric.slots = noSlots
      metric.active = []
      this.#markScope(metric.scope)
      metric.scope.active.push(metric)
    }
    metric.active.push(point)
  }

  #markScope(scope: ScopeNode): void {
    if (scope.seen === this.#iteration) return
    scope.seen = this.#iteration
    scope.active = []
    const { resource } = scope
    if (resource.seen !== this.#iteration) {
      resource.seen = this.#iteration
      resource.active = []
      this.#active.push(resource)
    }
    resource.active.push(scope)
  }

  /** It was said to be no more, while its line was remembered. */
  #restore(point: Point): void {
    const { metric, id } = point
    if (!metric.points.has(id)) metric.points.set(id, point)
    if (!metric.scope.metrics.has(metric.key)) metric.scope.metrics.set(metric.key, metric)
  }

  #end(reading: Reading, page: Uint8Array, format: Format, segments: readonly Segment[]): Scraped {
    try {
      this.#inform(reading)
      const told = this.#complete()
      this.#vanished(reading.time)
      this.#told = told
      this.#forgetGone(reading)
      const planned = !this.#forgetNames(reading, segments) && !this.#cleared && reading.drafts !== undefined
      this.#cleared = false
      if (!planned) this.#plan = undefined
      const request = planned ? this.#writePlan(reading, page, format, segments) : this.#writePage(reading.time)
      const { scraped, kept, added, left } = reading
      return { request, scraped, kept, added, left }
    } finally {
      reading.drafts?.release()
    }
  }

  #forgetGone(reading: Reading): void {
    if (reading.partly) return this.#forgetLoose()
    const gone = this.#entries.size !== reading.distinct
    if (gone) for (const entry of this.#entries.values()) if (entry.seen !== this.#iteration) this.#drop(entry)
    if (gone || this.#cleared) this.#sight.forget(this.#iteration, this.#own)
  }

  /** Names that were of use once. @returns whether pieces cannot be relied upon afterwards */
  #forgetNames(reading: Reading, segments: readonly Segment[]): boolean {
    if (this.#sight.known.size > 2 * reading.said + 100) {
      const said = new Set([...this.#said, ...segments.filter(isPiece).flatMap(piece => piece.said)])
      for (const name of this.#sight.known.keys()) if (!said.has(name)) this.#sight.known.delete(name)
    }
    if (this.#sight.used.size > 2 * this.#entries.size + 100) this.#forgetUsed()
    if (this.#families.size <= 2 * (this.#entries.size + this.#sight.known.size) + 1000) return false
    this.#families.clear()
    for (const entry of this.#entries.values()) if (entry.family !== '') entry.owner = this.#family(entry.family)
    return true
  }

  /** Writes the request, and makes pieces of what was read line by line and may be the same on the next page. */
  #writePlan(reading: Reading, page: Uint8Array, format: Format, segments: readonly Segment[]): Uint8Array {
    const drafts = reading.drafts!
    drafts.unite(pieceLines)
    for (const draft of drafts.list) if (draft.steady) for (const metrics of this.#metricsOf(draft)) noteIn(new Slots(true), metrics)
    const request = this.#writePage(reading.time)
    const loose: Draft[] = []
    const pieces: Piece[] = []
    let next = 0
    for (const segment of segments) {
      if (segment instanceof Piece) pieces.push(segment)
      else
        for (; next < drafts.list.length && drafts.list[next]!.from < segment.to; next++) {
          const draft = drafts.list[next]!
          const piece = draft.steady ? this.#piece(draft, page, request, reading) : undefined
          if (piece === undefined) loose.push(draft)
          else pieces.push(piece)
          for (const owner of draft.owners) owner.piece = piece
        }
    }
    this.#loose = loose.flatMap(({ first, lines }) => reading.entries.slice(first, first + lines))
    const same = pieces.length === this.#plan?.pieces.length && pieces.every((piece, i) => piece === this.#plan!.pieces[i])
    if (!same || this.#plan!.whole !== (loose.length === 0)) this.#plan = new Plan(format, pieces, loose.length === 0)
    return request
  }

  /** By scope, those that it is to be written with. */
  #metricsOf(draft: Draft): readonly (readonly MetricNode[])[] {
    const scopes = new Map<ScopeNode, MetricNode[]>()
    for (const owner of draft.owners) {
      if (!(owner instanceof MetricNode) || owner.seen !== this.#iteration) continue
      const metrics = scopes.get(owner.scope)
      if (metrics === undefined) scopes.set(owner.scope, [owner])
      else metrics.push(owner)
    }
    return [...scopes.values()]
  }

  /** @returns undefined where its metrics are not one after the other */
  #piece(draft: Draft, page: Uint8Array, request: Uint8Array, reading: Reading): Piece | undefined {
    const entries = reading.entries.slice(draft.first, draft.first + draft.lines)
    const piece = new Piece({ draft, page, numbers: reading.numbers, entries })
    const fragments: Fragment[] = []
    let apart = false
    for (const metrics of this.#metricsOf(draft)) {
      const { slots, from, scope } = metrics[0]!
      const { to } = metrics.at(-1)!
      apart ||= metrics.some((metric, i) => i > 0 && metric.from !== metrics[i - 1]!.to)
      const told = metrics.map(metric => metric.told!)
      noteIn(noSlots, metrics)
      fragments.push(new Fragment(piece, scope, told, new Uint8Array(request.subarray(from, to)), slots, from, draft.first))
    }
    if (apart) return undefined
    for (const { told } of fragments) for (const one of told) one.piece = piece
    piece.fragments = fragments
    return piece
  }

  /** Marks what was told and is not here any more. @returns how many */
  #vanished(time: number): number {
    let count = 0
    for (const { points, piece } of this.#told)
      if (piece?.used !== this.#search) for (const point of points) if (this.#vanish(point, time)) count++
    return count
  }

  #vanish(point: Point, time: number): boolean {
    const iteration = this.#iteration
    if (point.seen === iteration) return false
    // Described anew, a series is another object: but the same series.
    const { metric, bounds, buckets } = point
    const current = metric.scope.metrics.get(metric.key)
    const twin = current === metric ? undefined : current?.points.get(point.id)
    if (twin?.seen === iteration) return false
    this.#mark(point, time)
    point.bounds = bounds
    point.buckets = buckets
    point.stale = true
    metric.points.delete(point.id)
    const draft = metric.draft?.root
    if (draft !== undefined) draft.steady = false
    return true
  }

  #forgetUsed(): void {
    this.#sight.used.clear()
    for (const { family, about } of this.#entries.values()) if (about === undefined) this.#sight.used.add(family)
  }

  #inform(reading: Reading): void {
    for (const resource of this.#active) resource.info = reading.infoOf(resource)
    if (!this.#active.includes(this.#own)) this.#own.info = reading.infoOf(this.#own)
  }

  /** Leaves out the points that lack something. @returns those that will be missed */
  #complete(): Told[] {
    const told: Told[] = []
    for (const resource of this.#active)
      for (const scope of resource.active)
        for (const part of scope.active)
          if (part instanceof Fragment) for (const each of part.told) told.push(each)
          else told.push(completed(part))
    return told
  }

  #drop(entry: Entry): void {
    entry.valid = false
    if (this.#entries.get(entry.key) === entry) this.#entries.delete(entry.key)
  }

  /** Of what no piece was found of, keeps only what was seen in this iteration. */
  #forgetLoose(): void {
    let emptied = this.#forgetEntries(this.#loose)
    for (const { used, entries } of this.#plan!.pieces) if (used !== this.#search && this.#forgetEntries(entries)) emptied = true
    if (emptied) this.#sight.forgetScopes(this.#own)
  }

  /** @returns whether a scope has no metrics now */
  #forgetEntries(entries: readonly Entry[]): boolean {
    let emptied = false
    for (const entry of entries) {
      const { seen, point } = entry
      if (seen === this.#iteration) continue
      this.#drop(entry)
      if (point === undefined) {
        emptied ||= entry.about !== undefined
        continue
      }
      const { metric, id } = point
      const { metrics } = metric.scope
      if (point.seen !== this.#iteration && metric.points.get(id) === point) metric.points.delete(id)
      if (metric.points.size > 0 || metrics.get(metric.key) !== metric) continue
      metrics.delete(metric.key)
      if (metrics.size === 0) emptied = true
    }
    return emptied
  }

  /** A page becomes as much as the last one did, or a little more. */
  #writePage(time: number): Uint8Array {
    const request = this.#write(time, this.#size)
    this.#size = request.length + (request.length >> 6) + 1024
    return request
  }

  /** @param size [bytes] that it will have, roughly */
  #write(time: number, size = 4096): Uint8Array {
    const output = new Output(size, time)
    for (const resource of this.#active) resource.write(output, this.#numbers.values)
    return output.bytes.subarray(0, output.at)
  }
}

const isPiece = (segment: Segment): segment is Piece => segment instanceof Piece
const isComplete = (point: Point): boolean => point.complete
const noneKnown: ReadonlyMap<string, Described> = new Map()

/** Leaves out the points that lack something. @returns those that will be missed */
function completed(metric: MetricNode): Told {
  if (!metric.active.every(isComplete)) metric.active = metric.active.filter(isComplete)
  const points = metric.active.every(({ tracked }) => tracked) ? metric.active : metric.active.filter(({ tracked }) => tracked)
  const told = { points: [...points], piece: undefined }
  metric.told = told
  return told
}

function noteIn(slots: Slots, metrics: readonly MetricNode[]): void {
  for (const metric of metrics) metric.slots = slots
}

function tell({ about, info }: Entry, reading: Reading): void {
  if (about instanceof ResourceNode) reading.tellOf(about, info)
  else (about as ScopeNode).info = Object.fromEntries(info)
}

/** [bytes] of the page without the line that ends it; -1 where it does not end as it must */
function bodyEnd(page: Uint8Array, format: Format): number {
  const size = page.length
  if (format === 'text') return size === 0 || page[size - 1] === 0x0a ? size : -1
  const end = page[size - 1] === 0x0a ? size - 1 : size
  const from = end - eof.length
  if (format === 'protobuf' || from < 0 || (from > 0 && page[from - 1] !== 0x0a)) return -1
  return eof.every((byte, i) => page[from + i] === byte) ? from : -1
}
const eof = Buffer.from('# EOF')

function withinLimits(buckets: ExponentialBuckets, { bucketLimit, maxScale }: SeriesSettings): ExponentialBuckets {
  const positive = { offset: buckets.positiveOffset, counts: buckets.positive }
  const negative = { offset: buckets.negativeOffset, counts: buckets.negative }
  let by = Math.max(0, buckets.scale - maxScale)
  if (bucketLimit > 0) while (width(positive, by) + width(negative, by) > bucketLimit && buckets.scale - by > minScale) by++
  if (bucketLimit > 0 && width(positive, by) + width(negative, by) > bucketLimit)
    throw new LimitError(`a native histogram with more than ${bucketLimit} buckets (native_histogram_bucket_limit)`)
  if (by === 0) return buckets
  const [up, down] = [coarser(positive, by), coarser(negative, by)]
  return {
    ...buckets,
    scale: buckets.scale - by,
    positiveOffset: up.offset,
    positive: up.counts,
    negativeOffset: down.offset,
    negative: down.counts,
  }
}
const minScale = -4
