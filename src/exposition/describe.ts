/** What a series is to Prometheus, worked out once, when it is first seen: its family, its labels, its target. */

import type { Attributes, AttributeValue, ScopeEntry, SeriesEntry } from '../model/dictionary.ts'
import { type Label, showEach, showLabels } from './labels.ts'
import { type FamilyName, familyName, isPrometheus, labelName, type Translation } from './naming.ts'

/** The scope of what is scraped and names none of its own: no label, since the target has none. */
export const scrapedScope = 'thalamus/prometheus'
const isScraped = (entry: SeriesEntry): boolean => isPrometheus(entry) && entry.scope.name === scrapedScope

export interface Description {
  readonly family: FamilyName
  /** as `showEach` has them */
  readonly labels: readonly string[]
  /** the same by name, in no order, also those that are empty */
  readonly labelValues: ReadonlyMap<string, string>
  /** undefined where the resource does not name both a job and an instance */
  readonly target: Target | undefined
}

/** What `target_info` says of a resource. */
export interface Target {
  /** names the target: the job and the instance */
  readonly key: string
  readonly labels: string
  readonly labelValues: ReadonlyMap<string, string>
}

export interface Labelling extends Translation {
  readonly constLabels: readonly Label[]
  readonly scope: boolean
  /** resource attributes become labels: none, all, or all but the three that job and instance are made of */
  readonly resource: 'none' | 'all' | 'unless_service'
}

/** [entries] names are few and series are many: what a name becomes is remembered, up to this many */
const maxRemembered = 10_000

/** Series come in runs of one resource and one scope: what the last one said is remembered. */
export class Describer {
  readonly #labelling: Labelling
  readonly #families = new Map<string, FamilyName | undefined>()
  readonly #names = new Map<string, string>()
  /** the same, of attributes that were Prometheus's labels */
  readonly #kept = new Map<string, string>()
  #resource: { attributes: Attributes; identity: ReadonlyMap<string, string>; target: Target | undefined } | undefined
  #scope: { scope: ScopeEntry; labels: ReadonlyMap<string, string> } | undefined

  constructor(labelling: Labelling) {
    this.#labelling = labelling
  }

  /** @returns undefined where the metric's name leaves nothing that Prometheus would take */
  describe(entry: SeriesEntry): Description | undefined {
    const family = this.#familyOf(entry)
    if (family === undefined) return undefined
    const { identity, target } = this.#resourceOf(entry.resource.attributes)
    const reserved = family.type === 'histogram' ? 'le' : family.type === 'summary' ? 'quantile' : ''
    const labels = this.#join(pointAttributes(entry, this.#labelling), reserved, isPrometheus(entry))
    if (this.#labelling.scope && !isScraped(entry)) for (const [name, value] of this.#scopeOf(entry.scope)) labels.set(name, value)
    for (const [name, value] of identity) labels.set(name, value)
    for (const [name, value] of this.#labelling.constLabels) labels.set(name === reserved ? `exported_${name}` : name, value)
    return { family, labels: showEach(labels), labelValues: labels, target }
  }

  #familyOf(entry: SeriesEntry): FamilyName | undefined {
    const key = `${entry.type} ${entry.monotonic} ${entry.prometheusType} ${entry.unit} ${entry.name}`
    return remembered(this.#families, key, () => familyName(entry, this.#labelling))
  }

  #nameOf(key: string, prometheus: boolean): string {
    return remembered(prometheus ? this.#kept : this.#names, key, () => labelName(key, this.#labelling, prometheus))
  }

  /** Attributes whose names come out the same share a label, their values joined by `;` in the order of the attributes. */
  #join(attributes: Attributes, reserved = '', prometheus = false): Map<string, string> {
    // A Map for each: one that is kept and cleared takes its tables from the old generation, where they are garbage for long.
    const labels = new Map<string, string>()
    for (const [key, value] of attributes) {
      const plain = this.#nameOf(key, prometheus)
      const name = plain === reserved ? `exported_${plain}` : plain
      const text = showValue(value)
      const before = labels.get(name)
      labels.set(name, before === undefined ? text : `${before};${text}`)
    }
    return labels
  }

  #scopeOf(scope: ScopeEntry): ReadonlyMap<string, string> {
    if (this.#scope !== undefined && sameScope(this.#scope.scope, scope)) return this.#scope.labels
    const prefixed: Attributes = scope.attributes.map(([key, value]) => [`otel_scope_${key}`, value])
    const labels = this.#join(prefixed)
      .set('otel_scope_name', scope.name.toWellFormed())
      .set('otel_scope_version', scope.version.toWellFormed())
      .set('otel_scope_schema_url', scope.schemaUrl.toWellFormed())
    this.#scope = { scope, labels }
    return labels
  }

  #resourceOf(attributes: Attributes): { identity: ReadonlyMap<string, string>; target: Target | undefined } {
    if (this.#resource !== undefined && sameAttributes(this.#resource.attributes, attributes)) return this.#resource
    const identity = identityOf(attributes)
    this.#resource = { attributes, identity, target: this.#targetOf(attributes, identity) }
    return this.#resource
  }

  #targetOf(resource: Attributes, identity: ReadonlyMap<string, string>): Target | undefined {
    const job = identity.get('job') ?? ''
    const instance = identity.get('instance') ?? ''
    if (job === '' || instance === '') return undefined
    const others = resource.filter(([key]) => !serviceKeys.has(key))
    const labels = this.#join(others).set('job', job).set('instance', instance)
    return { key: JSON.stringify([job, instance]), labels: showLabels(labels), labelValues: labels }
  }
}

function remembered<T>(known: Map<string, T>, key: string, compute: () => T): T {
  if (known.has(key)) return known.get(key) as T
  if (known.size >= maxRemembered) known.clear()
  const value = compute()
  known.set(key, value)
  return value
}

/** Lists, maps and bytes are never the same: better once too often than deep. */
const sameAttributes = (a: Attributes, b: Attributes): boolean =>
  a === b || (a.length === b.length && a.every(([key, value], i) => key === b[i]![0] && value === b[i]![1]))

const sameScope = (a: ScopeEntry, b: ScopeEntry): boolean =>
  a === b || (a.name === b.name && a.version === b.version && a.schemaUrl === b.schemaUrl && sameAttributes(a.attributes, b.attributes))

const serviceKeys: ReadonlySet<string> = new Set(['service.name', 'service.namespace', 'service.instance.id'])

/** A resource attribute that becomes a label comes before the point's own of that name. */
function pointAttributes({ attributes, resource }: SeriesEntry, labelling: Labelling): Attributes {
  if (labelling.resource === 'none') return attributes
  const own = labelling.resource === 'all' ? resource.attributes : resource.attributes.filter(([key]) => !serviceKeys.has(key))
  const names = new Set(own.map(([key]) => key))
  return [...own, ...attributes.filter(([key]) => !names.has(key))].sort(([a], [b]) => (a < b ? -1 : 1))
}

/** service.namespace/service.name → job, service.instance.id → instance. */
function identityOf(resource: Attributes): Map<string, string> {
  const found = new Map(resource.filter(([key]) => serviceKeys.has(key)).map(([key, value]) => [key, showValue(value)]))
  const name = found.get('service.name')
  const namespace = found.get('service.namespace')
  const instance = found.get('service.instance.id')
  const identity = new Map<string, string>()
  if (name !== undefined) identity.set('job', namespace === undefined ? name : `${namespace}/${name}`)
  if (instance !== undefined) identity.set('instance', instance)
  return identity
}

/** As the Collector shows a value: plain text as it is, bytes in base64, lists and maps as JSON. */
export function showValue(value: AttributeValue): string {
  if (typeof value === 'string') return value.toWellFormed()
  if (value === null) return ''
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (typeof value === 'object') return JSON.stringify(value, jsonValue).toWellFormed()
  return String(value)
}

function jsonValue(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return rawJson(String(value))
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
  }
  return value
}

/** Digits as they are: an integer that no double can hold. TypeScript's library does not know it yet. */
const rawJson = (JSON as unknown as { rawJSON: (text: string) => unknown }).rawJSON
