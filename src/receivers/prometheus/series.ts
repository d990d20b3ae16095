/**
 * A target's series: what its page says becomes one request. Names are taken apart the first time that a line is seen; after that
 * a line costs a look into a map, and a page with the same lines as the last one not even that (`Plan`).
 */
import { coarser, width } from '../../exposition/exponential.ts'
import type { ExponentialBuckets } from '../../exposition/families.ts'
import type { Label } from '../../exposition/labels.ts'
import { legacyLabel, legacyMetric } from '../../exposition/naming.ts'
import {
  ExpositionError,
  type Format,
  type NativeSample,
  type ReadExemplar,
  readSeries,
  type Sample,
  type SampleType,
  show,
  type Visitor,
} from '../../exposition/read.ts'
import { numberOf } from '../../exposition/read-number.ts'
import { readProtobufPage } from '../../exposition/read-protobuf.ts'
import { readTextPage } from '../../exposition/read-text.ts'
import type { Relabelling } from '../../exposition/relabel.ts'
import { Output } from './bytes.ts'
import { belongs, pointTypeOf, suffixes, toUcum, trimSuffixes } from './naming.ts'
import { Order } from './order.ts'
import { Plan } from './plan.ts'
import { type Described, MetricNode, Point, ResourceNode, ScopeNode, Slots } from './tree.ts'

export interface SeriesSettings {
  readonly honorLabels: boolean
  readonly honorTimestamps: boolean
  readonly trackTimestampsStaleness: boolean
  readonly externalLabels: readonly Label[]
  readonly relabelling: Relabelling
  /** 0: none; likewise the following */
  readonly sampleLimit: number
  readonly labelLimit: number
  readonly labelNameLengthLimit: number
  readonly labelValueLengthLimit: number
  readonly bucketLimit: number
  /** the finest scale of native histograms */
  readonly maxScale: number
  /** names must be plain: no UTF-8 */
  readonly legacyNames: boolean
  readonly trimSuffixes: boolean
  readonly native: boolean
  readonly classic: boolean
}

export interface TargetLabels {
  /** without those that begin with `__` */
  readonly labels: readonly Label[]
  readonly job: string
  readonly instance: string
  /** of a resource, beside what comes from job and instance */
  readonly attributes: readonly Label[]
}

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

/** Why a scrape as a whole is refused. */
export class LimitError extends Error {
  override readonly name = 'LimitError'
}

type Role = 'value' | 'bucket' | 'sum' | 'count' | 'created' | 'target_info' | 'scope_info' | 'dropped' | 'native' | 'invalid'

/** What is known of a line. */
interface Entry {
  readonly role: Role
  readonly point: Point | undefined
  /** of a bucket or quantile */
  readonly bound: number
  /** of target_info and otel_scope_info: who it is about */
  readonly about: ResourceNode | ScopeNode | undefined
  readonly info: readonly Label[]
  /** as the page calls it */
  readonly family: string
  /** what is said of its family has not changed since */
  valid: boolean
  seen: number
}

/** [scrapes] of the same page, after which only its plan is kept */
const settledAfter = 5

const scopeName = 'thalamus/prometheus'

export class TargetSeries {
  readonly #settings: SeriesSettings
  readonly #target: TargetLabels
  readonly #known = new Map<string, Described>()
  readonly #entries = new Map<string, Entry>()
  readonly #order = new Order<Entry>()
  #recognized: Entry | undefined
  readonly #resources = new Map<string, ResourceNode>()
  #active: ResourceNode[] = []
  #iteration = 0
  /** what the last page told, and will be missed */
  #told: readonly Point[] = []
  #plan: Plan | undefined
  #size = 64 * 1024
  readonly #own: ResourceNode
  /** of the series about the scrape: not among the resource's scopes, whose series come and go with the page */
  readonly #ownScope: ScopeNode
  readonly #ownAttributes: readonly Label[]

  constructor(settings: SeriesSettings, target: TargetLabels) {
    this.#settings = settings
    this.#target = target
    this.#own = this.#resource(target.job, target.instance)
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
    const plan = this.#plan
    const request = plan?.run(page, time)
    if (plan !== undefined && request !== undefined) {
      this.#told = plan.points
      if (plan.hits === settledAfter) this.#letGo(plan)
      return { request, scraped: plan.scraped, kept: plan.kept, added: 0, left: {} }
    }
    this.#pickUp()
    this.#plan = undefined
    return this.#end(this.#read(page, format, time), page, format)
  }

  #read(page: Uint8Array, format: Format, time: number): Reading {
    const reading = new Reading(time)
    this.#begin()
    if (format === 'protobuf') readProtobufPage(page, this.#visitor(reading), this.#settings)
    else {
      this.#order.begin(page)
      readTextPage(page, { ...this.#visitor(reading), recognize: this.#recognize }, format === 'openmetrics')
      this.#order.end()
    }
    return reading
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
    this.#used.clear()
    this.#order.letGo()
    this.#forget(this.#iteration + 1)
    this.#active = []
    this.#told = []
    plan.points = []
    this.#letGoOf = plan
  }
  /** the plan that stands for what is known */
  #letGoOf: Plan | undefined

  /** The opposite: reads the page that the plan was made from. */
  #pickUp(): void {
    const plan = this.#letGoOf
    if (plan === undefined) return
    this.#letGoOf = undefined
    const reading = this.#read(plan.page(), plan.format, 0)
    this.#inform(reading)
    this.#told = this.#complete()
    plan.points = this.#told
  }

  /** Nothing came, or nothing that could be used: what was told before is no more. @returns undefined where there was nothing */
  miss(time: number): Uint8Array | undefined {
    this.#pickUp()
    this.#begin()
    const points = this.#vanished(time)
    this.#told = []
    return points === 0 ? undefined : this.#write(new Slots(false))
  }

  /** The series about the scrape itself; with undefined they are no more. */
  report(values: Readonly<Record<string, number>>, time: number, gone = false): Uint8Array {
    this.#begin()
    for (const [name, value] of Object.entries(values)) {
      const point = this.#point(this.#ownScope, name, belongs(name, noneKnown).about, 'value', this.#ownAttributes)
      this.#mark(point, time)
      point.value = value
      point.stale = gone
      point.valueLine = 0
    }
    return this.#write(new Slots(false))
  }

  #begin(): void {
    this.#said.clear()
    this.#iteration++
    this.#active = []
  }

  #visitor(reading: Reading): Visitor {
    return {
      type: (name, type) => this.#describe(name, 'type', type),
      help: (name, text) => this.#describe(name, 'help', text),
      unit: (name, unit) => this.#describe(name, 'unit', unit),
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
  #describe(name: string, what: 'type' | 'help' | 'unit', said: string): void {
    this.#said.add(name)
    const about = this.#known.get(name)
    if (about?.[what] === said) return
    const families = [name, ...suffixes.map(suffix => name + suffix)].filter(family => this.#used.delete(family))
    if (families.length > 0) this.#giveUp(new Set(families))
    this.#known.set(name, { type: 'unknown', help: '', unit: '', ...about, [what]: said } as Described)
  }

  /** families that the page in hand describes */
  #said = new Set<string>()
  /** families that entries were made of, and names that belonged to none */
  readonly #used = new Set<string>()
  /** entries were given up while their points are still there */
  #cleared = false

  #sample(sample: Sample, reading: Reading): void {
    reading.numbers.push(sample.valueFrom, sample.valueTo)
    const line = reading.scraped++
    const timed = this.#settings.honorTimestamps && !Number.isNaN(sample.time)
    if (!Number.isNaN(sample.time) || sample.exemplar !== undefined) reading.repeatable = false
    let entry = this.#recognized ?? this.#entries.get(sample.key)
    this.#recognized = undefined
    if (entry === undefined) {
      entry = this.#meet(sample.key, false)
      this.#entries.set(sample.key, entry)
      if (entry.role !== 'dropped') reading.added++
      reading.met++
    }
    if (sample.to > 0) this.#order.add(entry, sample.from, sample.to)
    if (entry.seen !== this.#iteration) reading.distinct++
    if (entry.role === 'dropped') {
      entry.seen = this.#iteration
      return
    }
    this.#keep(reading)
    const again = entry.seen === this.#iteration && !timed
    entry.seen = this.#iteration
    if (again) return reading.leave('duplicate')
    const { point } = entry
    if (point === undefined) {
      if (entry.role === 'target_info') reading.tellOf(entry.about as ResourceNode, entry.info)
      else if (entry.role === 'scope_info') (entry.about as ScopeNode).info = Object.fromEntries(entry.info)
      else reading.leave('invalid')
      return
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
        return
    }
    if (start !== 0) point.start = start
    if (exemplar !== undefined) (point.exemplars ??= []).push(exemplar)
  }

  #native(sample: NativeSample, reading: Reading): void {
    reading.scraped++
    const key = `native ${sample.key}`
    let entry = this.#entries.get(key)
    if (entry === undefined) {
      entry = this.#meet(sample.key, true)
      this.#entries.set(key, entry)
      if (entry.role !== 'dropped') reading.added++
      reading.met++
    }
    if (entry.seen !== this.#iteration) reading.distinct++
    const again = entry.seen === this.#iteration
    entry.seen = this.#iteration
    if (entry.role === 'dropped') return
    this.#keep(reading)
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

  #keep(reading: Reading): void {
    reading.kept++
    const { sampleLimit } = this.#settings
    if (sampleLimit > 0 && reading.kept > sampleLimit) throw new LimitError(`more than ${sampleLimit} samples (sample_limit)`)
  }

  /** Everything that is decided once for a line. */
  #meet(key: string, native: boolean): Entry {
    const { name: written, labels: page } = readSeries(key)
    const labels = this.#labels(written, page)
    if (!this.#settings.relabelling.apply(labels)) return entryOf('dropped')
    const { externalLabels } = this.#settings
    for (const [name, value] of externalLabels) labels.set(name, value)
    this.#check(labels)
    const name = labels.get('__name__')!
    labels.delete('__name__')
    const resource = this.#resource(labels.get('job') || this.#target.job, labels.get('instance') || this.#target.instance)
    labels.delete('job')
    labels.delete('instance')
    const rest = [...labels].filter(([, value]) => value !== '').sort(([a], [b]) => (a < b ? -1 : 1))
    if (name === 'target_info') return { ...entryOf('target_info'), about: resource, info: rest }
    if (name === 'otel_scope_info') return this.#scopeInfo(resource, rest)
    return this.#place(resource, name, rest, native)
  }

  /** The page's labels and the target's. */
  #labels(name: string, page: readonly Label[]): Map<string, string> {
    const labels = new Map<string, string>([['__name__', name], ...page.filter(([, value]) => value !== '')])
    const moved: Label[] = []
    for (const [label, value] of this.#target.labels) {
      const own = labels.get(label)
      if (this.#settings.honorLabels) {
        if (!page.some(([other]) => other === label)) labels.set(label, value)
        continue
      }
      if (own !== undefined) moved.push([label, own])
      labels.set(label, value)
    }
    for (const [label, value] of moved.sort(([a], [b]) => a.length - b.length)) {
      let free = `exported_${label}`
      while (labels.has(free)) free = `exported_${free}`
      labels.set(free, value)
    }
    return labels
  }

  #check(labels: ReadonlyMap<string, string>): void {
    const { legacyNames, labelLimit, labelNameLengthLimit, labelValueLengthLimit } = this.#settings
    const name = labels.get('__name__') ?? ''
    if (name === '') throw new ExpositionError('metric relabelling took away the name of a series')
    if (legacyNames) {
      if (!legacyMetric.test(name)) throw new ExpositionError(`${show(name)} is no name without UTF-8 (metric_name_validation_scheme)`)
      for (const label of labels.keys())
        if (!legacyLabel.test(label)) throw new ExpositionError(`${show(label)} is no label without UTF-8 (metric_name_validation_scheme)`)
    }
    if (labelLimit > 0 && labels.size > labelLimit)
      throw new LimitError(`${show(name)} has ${labels.size} labels, and at most ${labelLimit} may be (label_limit)`)
    if (labelNameLengthLimit === 0 && labelValueLengthLimit === 0) return
    for (const [label, value] of labels) {
      if (labelNameLengthLimit > 0 && Buffer.byteLength(label) > labelNameLengthLimit)
        throw new LimitError(`a label of ${show(name)} has a name of more than ${labelNameLengthLimit} bytes (label_name_length_limit)`)
      if (labelValueLengthLimit > 0 && Buffer.byteLength(value) > labelValueLengthLimit)
        throw new LimitError(
          `label ${show(label)} of ${show(name)} is longer than ${labelValueLengthLimit} bytes (label_value_length_limit)`,
        )
    }
  }

  #place(resource: ResourceNode, name: string, labels: readonly Label[], native: boolean): Entry {
    const { name: metric, about, family } = belongs(name, this.#known)
    this.#used.add(family)
    const type = native ? 'histogram' : about.type
    const role = native ? 'native' : roleOf(name, family, type)
    const edge = type === 'histogram' ? 'le' : type === 'summary' ? 'quantile' : ''
    let bound = 0
    if (role === 'bucket') {
      bound = numberOf(labels.find(([label]) => label === edge)?.[1] ?? '') ?? Number.NaN
      if (Number.isNaN(bound)) return { ...entryOf('invalid'), family }
    }
    const scope = this.#scope(resource, scopeOf(labels))
    const attributes = labels.filter(([label]) => !outside.has(label) && !label.startsWith(scopePrefix) && (label !== edge || native))
    return { ...entryOf(role), point: this.#point(scope, metric, { ...about, type }, role, attributes), bound, family }
  }

  #point(scope: ScopeNode, name: string, about: Described, role: Role, attributes: readonly Label[]): Point {
    const type = role === 'native' ? 'exponential' : pointTypeOf(about.type)
    const key = `${type} ${name}`
    let metric = scope.metrics.get(key)
    if (metric === undefined || metric.about.help !== about.help || metric.about.unit !== about.unit || metric.about.type !== about.type) {
      const shown = this.#settings.trimSuffixes ? trimSuffixes(name, type, about.unit) : name
      metric = new MetricNode(scope, key, shown, type, about, toUcum(about.unit))
      scope.metrics.set(key, metric)
    }
    const id = JSON.stringify(attributes)
    let point = metric.points.get(id)
    if (point === undefined) {
      point = new Point(metric, id, attributes)
      metric.points.set(id, point)
    }
    return point
  }

  #resource(job: string, instance: string): ResourceNode {
    const key = JSON.stringify([job, instance])
    let resource = this.#resources.get(key)
    if (resource === undefined) {
      resource = new ResourceNode([...resourceAttributes(job, instance), ...this.#target.attributes])
      this.#resources.set(key, resource)
    }
    return resource
  }

  #scope(resource: ResourceNode, { name, version, schemaUrl, attributes }: Scope): ScopeNode {
    const key = JSON.stringify([name, version, schemaUrl, attributes])
    let scope = resource.scopes.get(key)
    if (scope === undefined) {
      scope = new ScopeNode(resource, name, version, schemaUrl, Object.fromEntries(attributes))
      resource.scopes.set(key, scope)
    }
    return scope
  }

  #scopeInfo(resource: ResourceNode, labels: readonly Label[]): Entry {
    const of = (key: string) => labels.find(([label]) => label === key)?.[1] ?? ''
    const scope = { name: of('otel_scope_name'), version: of('otel_scope_version'), schemaUrl: of('otel_scope_schema_url'), attributes: [] }
    const info = labels.filter(([label]) => !['otel_scope_name', 'otel_scope_version', 'otel_scope_schema_url'].includes(label))
    return { ...entryOf('scope_info'), about: this.#scope(resource, scope), info }
  }

  #mark(point: Point, time: number): void {
    point.begin(this.#iteration, time)
    const { metric } = point
    if (metric.seen !== this.#iteration) {
      metric.seen = this.#iteration
      metric.active = []
      const { scope } = metric
      if (scope.seen !== this.#iteration) {
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
      scope.active.push(metric)
    }
    metric.active.push(point)
  }

  #end(reading: Reading, page: Uint8Array, format: Format): Scraped {
    this.#inform(reading)
    const points = this.#complete()
    const stale = this.#vanished(reading.time)
    const gone = this.#entries.size !== reading.distinct
    if (gone) for (const [key, entry] of this.#entries) if (entry.seen !== this.#iteration) this.#entries.delete(key)
    if (gone || this.#cleared) this.#forget(this.#iteration)
    if (this.#known.size > 2 * this.#said.size + 100)
      for (const name of this.#known.keys()) if (!this.#said.has(name)) this.#known.delete(name)
    if (this.#used.size > 2 * this.#entries.size + 100) this.#forgetUsed()
    this.#cleared = false
    // A page that goes on changing has no use for a plan.
    const repeated = reading.repeatable && reading.met === 0 && stale === 0 && !gone && format !== 'protobuf'
    const slots = new Slots(repeated)
    const request = this.#write(slots)
    this.#told = points
    const { scraped, kept, added, left } = reading
    if (repeated) this.#plan = new Plan({ page, numbers: reading.numbers, request, slots, scraped, kept, points, format })
    return { request, scraped, kept, added, left }
  }

  /** Marks what was told and is not here any more. @returns how many */
  #vanished(time: number): number {
    let count = 0
    const iteration = this.#iteration
    for (const point of this.#told) {
      if (point.seen === iteration) continue
      // Described anew, a series is another object: but the same series.
      const current = point.metric.scope.metrics.get(point.metric.key)
      const twin = current === point.metric ? undefined : current?.points.get(point.id)
      if (twin?.seen === iteration) continue
      const { bounds, buckets } = point
      this.#mark(point, time)
      point.bounds = bounds
      point.buckets = buckets
      point.stale = true
      point.metric.points.delete(point.id)
      count++
    }
    return count
  }

  #forgetUsed(): void {
    this.#used.clear()
    for (const { family } of this.#entries.values()) this.#used.add(family)
  }

  #inform(reading: Reading): void {
    for (const resource of this.#active) resource.info = reading.infoOf(resource)
    if (!this.#active.includes(this.#own)) this.#own.info = reading.infoOf(this.#own)
  }

  /** Leaves out the points that lack something. @returns those that will be missed */
  #complete(): Point[] {
    const points: Point[] = []
    this.#each(metric => {
      if (!metric.active.every(isComplete)) metric.active = metric.active.filter(isComplete)
      for (const point of metric.active) if (point.tracked) points.push(point)
    })
    return points
  }

  /** Keeps only what was seen in this iteration. */
  #forget(iteration: number): void {
    for (const [key, resource] of this.#resources) {
      for (const [name, scope] of resource.scopes) {
        for (const [metricName, metric] of scope.metrics) {
          for (const [id, point] of metric.points) if (point.seen !== iteration) metric.points.delete(id)
          if (metric.points.size === 0) scope.metrics.delete(metricName)
        }
        if (scope.metrics.size === 0) resource.scopes.delete(name)
      }
      if (resource.scopes.size === 0 && resource !== this.#own) this.#resources.delete(key)
    }
  }

  #each(use: (metric: MetricNode) => void): void {
    for (const resource of this.#active) for (const scope of resource.active) for (const metric of scope.active) use(metric)
  }

  #write(slots: Slots): Uint8Array {
    const output = new Output(this.#size)
    for (const resource of this.#active) resource.write(output, slots)
    this.#size = Math.max(4096, output.at + (output.at >> 3))
    return output.bytes.subarray(0, output.at)
  }
}

/** What is found while one page is read. */
class Reading {
  /** [ms] of samples that have no time of their own */
  readonly time: number
  /** pairs: where each value stands on the page */
  readonly numbers: number[] = []
  scraped = 0
  kept = 0
  added = 0
  /** [lines] not known from the last page */
  met = 0
  /** [lines] each counted once */
  distinct = 0
  readonly left: Record<string, number> = {}
  /** nothing but plain values: the next page may be of the same kind */
  repeatable = true
  readonly #infos = new Map<ResourceNode, Label[]>()

  constructor(time: number) {
    this.time = time
  }

  leave(reason: string): void {
    this.left[reason] = (this.left[reason] ?? 0) + 1
  }

  tellOf(resource: ResourceNode, info: readonly Label[]): void {
    this.#infos.set(resource, [...(this.#infos.get(resource) ?? []), ...info])
  }
  infoOf(resource: ResourceNode): readonly Label[] {
    return this.#infos.get(resource) ?? []
  }
}

const isComplete = (point: Point): boolean => point.complete
const noLabels: readonly Label[] = []
const noneKnown: ReadonlyMap<string, Described> = new Map()

const entryOf = (role: Role): Entry => ({
  role,
  point: undefined,
  bound: 0,
  about: undefined,
  info: noLabels,
  family: '',
  valid: true,
  seen: -1,
})

function roleOf(name: string, family: string, type: SampleType): Role {
  if (name === `${family}_created` && type !== 'gauge' && type !== 'unknown') return 'created'
  if (type !== 'histogram' && type !== 'summary') return 'value'
  if (name.endsWith('_sum')) return 'sum'
  return name.endsWith('_count') ? 'count' : 'bucket'
}

/** Labels that are no attributes of a point. */
const outside: ReadonlySet<string> = new Set(['__scheme__', '__metrics_path__'])
const scopePrefix = 'otel_scope_'

interface Scope {
  readonly name: string
  readonly version: string
  readonly schemaUrl: string
  readonly attributes: readonly Label[]
}

const defaultScope: Scope = { name: scopeName, version: '', schemaUrl: '', attributes: [] }

function scopeOf(labels: readonly Label[]): Scope {
  const of = new Map(
    labels.filter(([label]) => label.startsWith(scopePrefix)).map(([label, value]) => [label.slice(scopePrefix.length), value]),
  )
  if (of.size === 0) return defaultScope
  const { name = '', version = '', schema_url: schemaUrl = '', ...rest } = Object.fromEntries(of)
  return { name, version, schemaUrl, attributes: Object.entries(rest) }
}

/** What a job and an instance are in OpenTelemetry's words. */
function resourceAttributes(job: string, instance: string): Label[] {
  const split = /^(?:\[([^\]]*)\]|([^:]*)):([^:]*)$/.exec(instance)
  const host = split === null ? instance : (split[1] ?? split[2] ?? '')
  return [
    ['service.name', job],
    ...(tellsWhere(host) ? [['server.address', host] as const] : []),
    ['service.instance.id', instance],
    ['server.port', split?.[3] ?? ''],
  ]
}

/** Not where every host has that name. */
function tellsWhere(host: string): boolean {
  return host !== 'localhost' && !/^127\.\d+\.\d+\.\d+$/.test(host) && !['::1', '0.0.0.0', '::'].includes(host)
}

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
