/** What a line is, worked out when it is first seen: its labels after relabelling, and its place in the tree of what is told. */
import type { Label } from '../../exposition/labels.ts'
import { legacyLabel, legacyMetric } from '../../exposition/naming.ts'
import { ExpositionError, readSeries, type SampleType, show } from '../../exposition/read.ts'
import { numberOf } from '../../exposition/read-number.ts'
import type { Relabelling } from '../../exposition/relabel.ts'
import { toUcum } from '../../exposition/units.ts'
import { type Entry, entryOf, type Role } from './entry.ts'
import { outside, resourceAttributes, type Scope, scopeOf, scopePrefix } from './identity.ts'
import { belongs, pointTypeOf, suffixes, trimSuffixes } from './naming.ts'
import { Point } from './point.ts'
import { type Described, MetricNode, ResourceNode, ScopeNode } from './tree.ts'

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

/** Why a scrape as a whole is refused. */
export class LimitError extends Error {
  override readonly name = 'LimitError'
}

export class FirstSight {
  readonly #settings: SeriesSettings
  readonly #target: TargetLabels
  /** what the page says of families */
  readonly known = new Map<string, Described>()
  /** families that entries were made of, and names that belonged to none */
  readonly used = new Set<string>()
  readonly resources = new Map<string, ResourceNode>()

  constructor(settings: SeriesSettings, target: TargetLabels) {
    this.#settings = settings
    this.#target = target
  }

  /** Everything that is decided once for a line. */
  meet(key: string, native: boolean): Entry {
    const { name: written, labels: page } = readSeries(key)
    const labels = this.#labels(written, page)
    if (!this.#settings.relabelling.apply(labels)) return entryOf('dropped')
    const { externalLabels } = this.#settings
    for (const [name, value] of externalLabels) labels.set(name, value)
    this.#check(labels)
    const name = labels.get('__name__')!
    labels.delete('__name__')
    const resource = this.resource(labels.get('job') || this.#target.job, labels.get('instance') || this.#target.instance)
    labels.delete('job')
    labels.delete('instance')
    const rest = [...labels].filter(([, value]) => value !== '').sort(([a], [b]) => (a < b ? -1 : 1))
    if (name === 'target_info') return { ...entryOf('target_info'), about: resource, info: rest, family: name }
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
    const { name: metric, about, family } = belongs(name, this.known)
    this.used.add(family)
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
    return { ...entryOf(role), point: this.point(scope, metric, { ...about, type }, role, attributes), bound, family }
  }

  point(scope: ScopeNode, name: string, about: Described, role: Role, attributes: readonly Label[]): Point {
    const type = role === 'native' ? 'exponential' : pointTypeOf(about.type)
    const key = `${type} ${name}`
    let metric = scope.metrics.get(key)
    if (metric === undefined || metric.about.help !== about.help || metric.about.unit !== about.unit || metric.about.type !== about.type) {
      const shown = this.#settings.trimSuffixes ? trimSuffixes(name, type, about.unit) : name
      metric = new MetricNode(scope, key, shown, type, about, toUcum(about.unit), shown !== name)
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

  resource(job: string, instance: string): ResourceNode {
    const key = JSON.stringify([job, instance])
    let resource = this.resources.get(key)
    if (resource === undefined) {
      resource = new ResourceNode([...resourceAttributes(job, instance), ...this.#target.attributes])
      this.resources.set(key, resource)
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
    return { ...entryOf('scope_info'), about: this.#scope(resource, scope), info, family: 'otel_scope_info' }
  }

  /** The families of lines that were met, and that mean something else if something else is said of `name`. */
  dependOn(name: string): readonly string[] {
    return [name, ...suffixes.map(suffix => name + suffix)].filter(family => this.used.has(family))
  }

  describe(name: string, what: 'type' | 'help' | 'unit', said: string): void {
    for (const family of this.dependOn(name)) this.used.delete(family)
    this.known.set(name, { type: 'unknown', help: '', unit: '', ...this.known.get(name), [what]: said } as Described)
  }

  /** @param own stays */
  forgetScopes(own: ResourceNode): void {
    for (const [key, resource] of this.resources) {
      for (const [name, scope] of resource.scopes) if (scope.metrics.size === 0) resource.scopes.delete(name)
      if (resource.scopes.size === 0 && resource !== own) this.resources.delete(key)
    }
  }

  /** Keeps only what was seen in this iteration. */
  forget(iteration: number, own: ResourceNode): void {
    for (const { scopes } of this.resources.values())
      for (const { metrics } of scopes.values())
        for (const [name, metric] of metrics) {
          for (const [id, point] of metric.points) if (point.seen !== iteration) metric.points.delete(id)
          if (metric.points.size === 0) metrics.delete(name)
        }
    this.forgetScopes(own)
  }
}

function roleOf(name: string, family: string, type: SampleType): Role {
  if (name === `${family}_created` && type !== 'gauge' && type !== 'unknown') return 'created'
  if (type !== 'histogram' && type !== 'summary') return 'value'
  if (name.endsWith('_sum')) return 'sum'
  return name.endsWith('_count') ? 'count' : 'bucket'
}
