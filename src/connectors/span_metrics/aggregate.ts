/**
 * Spans → series. A series is found by what the decoder has interned (resource, name, kind, status) and, where dimensions are configured, by
 * the numbers of their values: a leaf of a tree. Texts are looked at when a leaf is made, and where a pattern or an event asks for it.
 */

import { adjustedCount, parseTraceState, toThreshold } from '../../lib/tracestate.ts'
import type { SpanBatch } from '../../model/batch.ts'
import type { Dictionary } from '../../model/dictionary.ts'
import { Finder, readTypedAttributes, showTyped, type TypedAttribute, type TypedValue, Values } from '../../otlp/find.ts'
import { ExponentialHistogramDataPoint, HistogramDataPoint, NumberDataPoint, Resource } from '../../otlp/schema.ts'
import { BYTES, Cursor, readText } from '../../otlp/wire.ts'
import { encodeField } from '../../otlp/write.ts'
import { chosen, type Dimensions, type Named, showDimension, toDimensions } from './dimensions.ts'
import { Leaves, ROOT } from './leaves.ts'
import { Counts, Explicits, Exponentials } from './numbers.ts'
import { type SeriesOptions, SeriesSet } from './series.ts'
import type { Settings } from './settings.ts'

/** What is counted for one resource. */
export interface ResourceState {
  readonly key: string
  readonly serviceName: string
  /** the fields of a Resource, encoded */
  readonly attributes: Uint8Array
  readonly byKey: ReadonlyMap<string, TypedValue>
  seenMs: number
  readonly calls: SeriesSet<Counts>
  readonly duration: SeriesSet<Explicits | Exponentials>
  readonly events: SeriesSet<Counts>
}

/** Where the spans of one combination are counted: rows of `calls` and `duration`, the latter -1 where durations are left out. */
interface Leaf {
  readonly calls: number
  readonly duration: number
}

/** What is known of a dictionary's ids, until they are freed. */
interface Known {
  sweeps: number
  epoch: number
  forgotten: number
  readonly places: (Place | undefined)[]
}
/** A resource of one dictionary. */
interface Place {
  /** undefined: without `service.name`, so nothing is counted */
  readonly state: ResourceState | undefined
  /** by name, kind, status and whether the span stands for others; then by the numbers of the dimensions' values, 0 where it has none */
  readonly leaves: Leaves
}

const SPAN = { traceState: 3, name: 5, attributes: 9, events: 11 } as const
const KIND = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'].map(kind => `SPAN_KIND_${kind}`)
const STATUS = ['UNSET', 'OK', 'ERROR'].map(status => `STATUS_CODE_${status}`)
/** [nodes, and values] More than this and the fast way is forgotten and found again. */
const mostNodes = 200_000

export interface Around {
  readonly now: () => number
  readonly random: () => number
  readonly instanceId: string
  /** [bytes] more or less is held */
  readonly charge: (bytes: number) => void
}

export class Aggregator {
  readonly #settings: Settings
  readonly #around: Around
  readonly #dimensions: Dimensions
  readonly #callsDimensions: Dimensions
  readonly #durationDimensions: Dimensions
  readonly #eventDimensions: Dimensions
  /** every span's attributes are read, since a pattern may match any */
  readonly #patterns: boolean
  readonly #named: readonly Named[]
  readonly #finder: Finder
  readonly #values: Values
  readonly #excluded: ReadonlySet<string>
  readonly #scopes: ReadonlySet<string>
  readonly #bounds: Float64Array
  /** [nanoseconds] */
  readonly #unit: number
  readonly #maxExemplars: number
  /** of all sets of series */
  readonly #options: Omit<SeriesOptions, 'point'>

  /** The least recently seen first. */
  readonly #resources = new Map<string, ResourceState>()
  /** No longer among those, and to be told once more. */
  readonly #evicted = new Map<string, ResourceState>()
  readonly #known = new Map<Dictionary, Known>()
  /** Another one whenever series were forgotten. */
  #epoch = 0
  /** of all trees */
  #nodes = 0
  #traceState = { text: '', threshold: '' }

  constructor(settings: Settings, around: Around) {
    const { histogram } = settings
    this.#settings = settings
    this.#around = around
    this.#dimensions = toDimensions(settings.dimensions)
    this.#callsDimensions = toDimensions(settings.calls_dimensions)
    this.#durationDimensions = toDimensions(histogram.disable ? [] : histogram.dimensions)
    this.#eventDimensions = toDimensions(settings.events.dimensions)
    const direct = [this.#dimensions, this.#callsDimensions, this.#durationDimensions]
    this.#patterns = direct.some(({ globs }) => globs.length > 0)
    this.#named = direct.flatMap(({ named }) => named)
    this.#finder = new Finder(this.#named.map(({ name }) => name))
    this.#values = new Values(mostNodes, around.random() * 2 ** 32)
    this.#excluded = new Set(settings.exclude_dimensions)
    this.#scopes = new Set(settings.include_instrumentation_scope)
    this.#unit = histogram.unit === 's' ? 1e9 : 1e6
    this.#bounds = Float64Array.from(histogram.explicit?.buckets ?? defaultBuckets, ms => (ms * 1e6) / this.#unit)
    this.#maxExemplars = settings.exemplars.enabled ? settings.exemplars.max_per_data_point : 0
    this.#options = { limit: settings.aggregation_cardinality_limit, exemplars: this.#maxExemplars, charge: around.charge }
  }

  /** All that is told at a flush. */
  get resources(): readonly ResourceState[] {
    return [...this.#resources.values(), ...this.#evicted.values()]
  }

  /** Counts every span whose resource names a service. @returns how many were not counted */
  add(batch: SpanBatch): number {
    const { spans, scopes, dictionary, raw } = batch
    const known = this.#of(dictionary)
    const now = this.#around.now()
    const { events } = this.#settings
    const bytesNeeded = this.#named.length > 0 || this.#patterns || events.enabled
    const bytes = bytesNeeded ? raw.bytes() : new Uint8Array()
    const { scope, name, kind, status, duration, traceStateFrom, traceStateTo, attributesFrom, attributesTo, ids } = spans
    const { parent } = scopes
    const { rows } = batch
    const exemplars = this.#maxExemplars > 0
    let uncounted = 0
    let resource = -1
    let place: Place | undefined
    for (let i = 0; i < rows; i++) {
      if (parent[scope[i]!] !== resource) {
        resource = parent[scope[i]!]!
        place = this.#place(known, batch, resource, now)
      }
      const { state, leaves } = place!
      if (state === undefined) {
        uncounted++
        continue
      }
      let times = 1
      let adjusted = 0
      if (traceStateTo[i] !== 0) {
        const threshold = this.#thresholdOf(raw.bytes(), traceStateFrom[i]!, traceStateTo[i]!)
        if (threshold !== '') {
          times = adjustedCount(threshold, this.#around.random)
          adjusted = 1
        }
      }
      // A name without a number, and patterns that any attribute may match, are looked at each time.
      let leaf = -1
      if (name[i] !== -1 && !this.#patterns) {
        leaf = leaves.next(ROOT, ((name[i]! * 8 + kind[i]!) * 4 + status[i]!) * 2 + adjusted)
        if (this.#named.length > 0) leaf = this.#follow(leaves, leaf, bytes, attributesFrom[i]!, attributesTo[i]!, known)
      }
      let calls: number
      let took: number
      if (leaf >= 0 && leaves.has(leaf)) {
        calls = leaves.calls[leaf]!
        took = leaves.durations[leaf]!
      } else {
        const made = this.#make(batch, i, state, adjusted, now)
        calls = made.calls
        took = made.duration
        if (leaf >= 0) leaves.put(leaf, calls, took)
      }
      // Ends before it begins: no time has passed.
      const ns = duration[i]! > 0 ? Math.round(duration[i]! * 1e6) : 0
      const value = ns / this.#unit
      count(state.calls, calls, times, now)
      if (exemplars) state.calls.exemplify(calls, ids, i, value)
      if (took >= 0) {
        state.duration.numbers.add(took, times, value)
        state.duration.see(took, now)
        if (exemplars) state.duration.exemplify(took, ids, i, value)
      }
      if (events.enabled) this.#addEvents(batch, i, state, adjusted, times, value, now)
    }
    return uncounted
  }

  /** After a flush: forgets what is told no more. */
  settle(): void {
    const { aggregation_temporality, metrics_expiration, series_expiration } = this.#settings
    if (aggregation_temporality === 'AGGREGATION_TEMPORALITY_DELTA') return this.clear()
    let forgotten = this.#evicted.size
    for (const state of this.#evicted.values()) this.#drop(state)
    this.#evicted.clear()
    const now = this.#around.now()
    for (const state of this.#resources.values()) {
      if (series_expiration > 0) {
        for (const set of [state.calls, state.duration, state.events]) forgotten += set.expire(now - series_expiration)
      }
      if (metrics_expiration > 0 && state.seenMs <= now - metrics_expiration) {
        this.#resources.delete(state.key)
        this.#drop(state)
        forgotten++
      }
    }
    if (forgotten > 0) this.#forgetLeaves()
  }

  clear(): void {
    for (const state of this.resources) this.#drop(state)
    this.#resources.clear()
    this.#evicted.clear()
    this.#forgetLeaves()
  }

  #drop({ calls, duration, events }: ResourceState): void {
    for (const set of [calls, duration, events]) set.clear()
  }

  #forgetLeaves(): void {
    this.#epoch++
    this.#nodes = 0
  }

  #of(dictionary: Dictionary): Known {
    let known = this.#known.get(dictionary)
    if (known === undefined) this.#known.set(dictionary, (known = { sweeps: 0, epoch: -1, forgotten: 0, places: [] }))
    if (this.#nodes > mostNodes) this.#forgetLeaves()
    const { forgotten } = this.#values
    if (known.sweeps !== dictionary.sweeps || known.epoch !== this.#epoch || known.forgotten !== forgotten) {
      known.places.length = 0
      Object.assign(known, { sweeps: dictionary.sweeps, epoch: this.#epoch, forgotten })
    }
    return known
  }

  /** The leaf behind `first` of the values that the attributes in `[from, to)` have, or -1. */
  #follow(leaves: Leaves, first: number, bytes: Uint8Array, from: number, to: number, known: Known): number {
    const { ranges } = this.#finder
    this.#finder.find(bytes, from, to, SPAN.attributes)
    let leaf = first
    for (let k = 0; k < this.#named.length; k++) {
      const id = ranges[2 * k + 1] === 0 ? 0 : this.#values.of(bytes, ranges[2 * k]!, ranges[2 * k + 1]!)
      // Numbers have come to mean something else, so this tree leads nowhere.
      if (known.forgotten !== this.#values.forgotten) return -1
      leaf = leaves.next(leaf, id)
    }
    return leaf
  }

  #place(known: Known, batch: SpanBatch, resource: number, now: number): Place {
    const id = batch.resources.id[resource]!
    let place = id < 0 ? undefined : known.places[id]
    if (place?.state !== undefined) {
      this.#touch(place.state, now)
      return place
    }
    if (place === undefined) {
      place = { state: this.#resource(batch, resource, now), leaves: new Leaves(() => this.#nodes++) }
      if (id >= 0) known.places[id] = place
    }
    return place
  }

  /** Resources that are many push out the one that is idle the longest. */
  #touch(state: ResourceState, now: number): void {
    state.seenMs = now
    this.#evicted.delete(state.key)
    this.#resources.delete(state.key)
    this.#resources.set(state.key, state)
    if (this.#resources.size <= this.#settings.resource_metrics_cache_size) return
    const [idle] = this.#resources.values()
    this.#resources.delete(idle!.key)
    this.#evicted.set(idle!.key, idle!)
  }

  #resource(batch: SpanBatch, resource: number, now: number): ResourceState | undefined {
    const attributes = resourceAttributes(batch.raw.bytes(), batch.resources.from[resource]!, batch.resources.to[resource]!)
    const byKey = new Map(attributes.map(({ key, value }) => [key, value]))
    const service = byKey.get('service.name')
    if (service === undefined) return undefined
    const { resource_metrics_key_attributes: keys } = this.#settings
    const key = JSON.stringify(
      attributes
        .filter(attribute => keys.length === 0 || keys.includes(attribute.key))
        .map(({ key, value }) => [key, Object.keys(value)[0] ?? '', showTyped(value)])
        .sort(([a], [b]) => (a! < b! ? -1 : 1)),
    )
    let state = this.#resources.get(key) ?? this.#evicted.get(key)
    if (state === undefined) {
      state = {
        ...{ key, serviceName: service.stringValue ?? '', byKey, seenMs: now },
        attributes: encodeField(Resource, 'attributes', attributes),
        calls: this.#counts(),
        duration: this.#durations(),
        events: this.#counts(),
      }
    }
    this.#touch(state, now)
    return state
  }

  #counts(): SeriesSet<Counts> {
    const zeroFirst = this.#settings.aggregation_temporality === 'AGGREGATION_TEMPORALITY_CUMULATIVE'
    return new SeriesSet(new Counts(zeroFirst), { ...this.#options, point: NumberDataPoint })
  }

  #durations(): SeriesSet<Explicits | Exponentials> {
    const { exponential } = this.#settings.histogram
    if (exponential === undefined) return new SeriesSet(new Explicits(this.#bounds), { ...this.#options, point: HistogramDataPoint })
    const numbers = new Exponentials(Math.max(2, exponential.max_size || 160))
    return new SeriesSet(numbers, { ...this.#options, point: ExponentialHistogramDataPoint })
  }

  #make(batch: SpanBatch, row: number, state: ResourceState, adjusted: number, now: number): Leaf {
    const span = this.#read(batch, row)
    const own = this.#ownDimensions(batch, row, state, adjusted)
    const common = [...chosen(this.#dimensions, span, state.byKey)]
    const of = (dimensions: Dimensions) => [...common, ...chosen(dimensions, span, state.byKey)]
    const calls = of(this.#callsDimensions)
    const durations = of(this.#durationDimensions)
    return {
      calls: state.calls.of(keyOf(own, calls), () => attributesOf(own, calls), now),
      duration: this.#settings.histogram.disable ? -1 : state.duration.of(keyOf(own, durations), () => attributesOf(own, durations), now),
    }
  }

  /** The span's attributes, as far as dimensions may ask for them. */
  #read({ raw, spans }: SpanBatch, row: number): ReadonlyMap<string, TypedValue> {
    const [from, to] = [spans.attributesFrom[row]!, spans.attributesTo[row]!]
    if (from === to || (this.#named.length === 0 && !this.#patterns && !this.#settings.events.enabled)) return new Map()
    return new Map(readTypedAttributes(raw.bytes(), from, to, SPAN.attributes).map(({ key, value }) => [key, value]))
  }

  /** Of these the first `told` make the key. */
  #ownDimensions(batch: SpanBatch, row: number, { serviceName }: ResourceState, adjusted: number): Own {
    const { spans, dictionary, scopes } = batch
    const name = spans.name[row] === -1 ? nameOf(batch, row) : dictionary.text(spans.name[row]!)
    const told = Object.entries({
      'service.name': serviceName,
      'span.name': name,
      'span.kind': KIND[spans.kind[row]!]!,
      'status.code': STATUS[spans.status[row]!]!,
    }).filter(([key]) => !this.#excluded.has(key))
    if (this.#settings.enable_metrics_sampling_method) told.push(['sampling.method', adjusted === 1 ? 'extrapolated' : 'counted'])
    const untold: [string, string][] = []
    if (!this.#excluded.has('collector.instance.id')) untold.push(['collector.instance.id', this.#around.instanceId])
    if (this.#scopes.size > 0) {
      const scope = dictionary.scope(scopes.id[spans.scope[row]!]!)
      if (scope.name !== '' && this.#scopes.has(scope.name)) {
        untold.push(['span.instrumentation.scope.name', scope.name])
        if (scope.version !== '') untold.push(['span.instrumentation.scope.version', scope.version])
      }
    }
    return { told, untold }
  }

  #addEvents(batch: SpanBatch, row: number, state: ResourceState, adjusted: number, times: number, value: number, now: number): void {
    const bytes = batch.raw.bytes()
    let read: { span: ReadonlyMap<string, TypedValue>; own: Own } | undefined
    for (const field = spanFields(batch, row); field.next(); ) {
      if (!field.is(SPAN.events, BYTES)) continue
      read ??= { span: this.#read(batch, row), own: this.#ownDimensions(batch, row, state, adjusted) }
      const { span, own } = read
      const other = new Map(state.byKey)
      for (const { key, value } of readTypedAttributes(bytes, field.start, field.end, 3)) other.set(key, value)
      const dimensions = [...chosen(this.#dimensions, span, other), ...chosen(this.#eventDimensions, span, other)]
      const series = state.events.of(keyOf(own, dimensions), () => attributesOf(own, dimensions), now)
      count(state.events, series, times, now)
      state.events.exemplify(series, batch.spans.ids, row, value)
    }
  }

  /** The sampling threshold that a tracestate says; '' for none. Spans of one trace follow one another, so the last text is kept. */
  #thresholdOf(bytes: Uint8Array, from: number, to: number): string {
    const text = readText(bytes, from, to)
    if (text !== this.#traceState.text) {
      const said = text.includes('ot=') ? parseTraceState(text)?.threshold : undefined
      this.#traceState = { text, threshold: said === undefined || said === '' ? '' : toThreshold(said)! }
    }
    return this.#traceState.threshold
  }
}

function count(series: SeriesSet<Counts>, row: number, times: number, now: number): void {
  series.numbers.add(row, times)
  series.see(row, now)
}

/** What the span itself tells; only `told` is part of the key, as in the Collector. */
interface Own {
  readonly told: readonly (readonly [string, string])[]
  readonly untold: readonly (readonly [string, string])[]
}

const keyOf = ({ told }: Own, dimensions: readonly TypedAttribute[]): string =>
  [...told.map(([, value]) => value), ...dimensions.map(showDimension)].join('\0')

function attributesOf({ told, untold }: Own, dimensions: readonly TypedAttribute[]): readonly TypedAttribute[] {
  const attributes = new Map<string, TypedValue>()
  for (const [key, stringValue] of [...told, ...untold]) attributes.set(key, { stringValue })
  for (const { key, value } of dimensions) attributes.set(key, value)
  return [...attributes].map(([key, value]) => ({ key, value }))
}

/** [ms] */
const defaultBuckets = [2, 4, 6, 8, 10, 50, 100, 200, 400, 800, 1000, 1400, 2000, 5000, 10_000, 15_000]

/** Of the ResourceSpans field in `[from, to)`. */
function resourceAttributes(bytes: Uint8Array, from: number, to: number): TypedAttribute[] {
  const field = new Cursor(bytes, from, to, 'resource entry')
  if (!field.next()) return []
  const attributes: TypedAttribute[] = []
  for (const inner = field.message('resource entry'); inner.next(); ) {
    if (inner.is(1, BYTES)) attributes.push(...readTypedAttributes(bytes, inner.start, inner.end, 1))
  }
  return attributes
}

function spanFields({ raw, spans }: SpanBatch, row: number): Cursor {
  const field = new Cursor(raw.bytes(), spans.from[row]!, spans.to[row]!, 'span')
  field.next()
  return field.message('span')
}

/** The name of a span whose name the dictionary has no room for. */
function nameOf(batch: SpanBatch, row: number): string {
  let name = ''
  for (const field = spanFields(batch, row); field.next(); ) {
    if (field.is(SPAN.name, BYTES)) name = readText(batch.raw.bytes(), field.start, field.end)
  }
  return name
}
