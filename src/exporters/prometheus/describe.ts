/** What a series is to Prometheus, worked out once, when it is first seen: its family, its labels, its target. */
import { type Label, showLabels } from '../../exposition/labels.ts'
import { type FamilyName, familyName, labelName, type Translation } from '../../exposition/naming.ts'
import type { Attributes, AttributeValue, SeriesEntry } from '../../model/dictionary.ts'

export interface Description {
  readonly family: FamilyName
  readonly labels: string
  /** undefined where the resource does not name both a job and an instance */
  readonly target: Target | undefined
}

/** What `target_info` says of a resource. */
export interface Target {
  /** names the target: the job and the instance */
  readonly key: string
  readonly labels: string
}

export interface Labelling extends Translation {
  readonly constLabels: readonly Label[]
  readonly scope: boolean
  /** resource attributes become labels: none, all, or all but the three that job and instance are made of */
  readonly resource: 'none' | 'all' | 'unless_service'
}

/** @returns undefined where the metric's name leaves nothing that Prometheus would take */
export function describe(entry: SeriesEntry, labelling: Labelling): Description | undefined {
  const family = familyName(entry, labelling)
  if (family === undefined) return undefined
  const identity = identityOf(entry.resource.attributes)
  const reserved = family.type === 'histogram' ? 'le' : family.type === 'summary' ? 'quantile' : ''
  const labels = joinedLabels(pointAttributes(entry, labelling), labelling, reserved)
  if (labelling.scope) for (const [name, value] of scopeLabels(entry, labelling)) labels.set(name, value)
  for (const [name, value] of identity) labels.set(name, value)
  for (const [name, value] of labelling.constLabels) labels.set(name, value)
  return { family, labels: showLabels(labels), target: targetOf(entry.resource.attributes, identity, labelling) }
}

const serviceKeys: ReadonlySet<string> = new Set(['service.name', 'service.namespace', 'service.instance.id'])

/** A resource attribute that becomes a label comes before the point's own of that name. */
function pointAttributes({ attributes, resource }: SeriesEntry, labelling: Labelling): Attributes {
  if (labelling.resource === 'none') return attributes
  const own = labelling.resource === 'all' ? resource.attributes : resource.attributes.filter(([key]) => !serviceKeys.has(key))
  const names = new Set(own.map(([key]) => key))
  return [...own, ...attributes.filter(([key]) => !names.has(key))].sort(([a], [b]) => (a < b ? -1 : 1))
}

/** Attributes whose names come out the same share a label, their values joined by `;` in the order of the attributes. */
function joinedLabels(attributes: Attributes, translation: Translation, reserved = ''): Map<string, string> {
  const labels = new Map<string, string>()
  for (const [key, value] of attributes) {
    const plain = labelName(key, translation)
    const name = plain === reserved ? `exported_${plain}` : plain
    const text = showValue(value)
    const before = labels.get(name)
    labels.set(name, before === undefined ? text : `${before};${text}`)
  }
  return labels
}

function scopeLabels({ scope }: SeriesEntry, translation: Translation): Map<string, string> {
  const prefixed: Attributes = scope.attributes.map(([key, value]) => [`otel_scope_${key}`, value])
  return joinedLabels(prefixed, translation)
    .set('otel_scope_name', scope.name.toWellFormed())
    .set('otel_scope_version', scope.version.toWellFormed())
    .set('otel_scope_schema_url', scope.schemaUrl.toWellFormed())
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

function targetOf(resource: Attributes, identity: ReadonlyMap<string, string>, translation: Translation): Target | undefined {
  const job = identity.get('job') ?? ''
  const instance = identity.get('instance') ?? ''
  if (job === '' || instance === '') return undefined
  const others = resource.filter(([key]) => !serviceKeys.has(key))
  const labels = joinedLabels(others, translation).set('job', job).set('instance', instance)
  return { key: JSON.stringify([job, instance]), labels: showLabels(labels) }
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
