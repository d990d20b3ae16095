/** What each type of policy says of a trace. Spans are looked at in their order of arrival, as far as needed; columns before bytes. */
import { Re2 } from '../../lib/re2.ts'
import { Finder, readTyped } from '../../otlp/find.ts'
import { Scan } from '../../otlp/scan.ts'
import { readText } from '../../otlp/wire.ts'
import { anyOf, type ErrorMode } from '../../ottl/ask.ts'
import { condition, ValueError } from '../../ottl/condition.ts'
import { Place } from '../../ottl/place.ts'
import type { Held, Run, Trace } from './held.ts'
import type { InnerSettings, PolicySettings } from './settings.ts'

export type Answer = 'sampled' | 'not_sampled' | 'dropped'

export interface Policy {
  /** @throws {ValueError} where it cannot say */
  ask(trace: Trace): Answer
}

export interface Around {
  /** ms, monotonic */
  readonly monotonic: () => number
  /** ms, wall time */
  readonly now: () => number
  /** hears of a condition that could not be evaluated and counts as not holding */
  readonly onError: (mode: ErrorMode) => (error: Error, text: string) => void
}

const answer = (yes: boolean): Answer => (yes ? 'sampled' : 'not_sampled')

export function policyOf(settings: PolicySettings, around: Around): Policy {
  switch (settings.type) {
    case 'composite':
      return new Composite(settings.composite!, around)
    case 'and':
      return all(settings.and!.and_sub_policy, 'sampled', around)
    case 'drop':
      return all(settings.drop!.drop_sub_policy, 'dropped', around)
    case 'not':
      return opposite(settings.not!.not_sub_policy as InnerSettings, around)
    default:
      return simple(settings as InnerSettings, around)
  }
}

function innerOf(settings: InnerSettings, around: Around): Policy {
  return settings.type === 'not' ? opposite(settings.not!.not_sub_policy as InnerSettings, around) : simple(settings, around)
}

/** `yes` where all of them keep the trace. */
function all(settings: readonly InnerSettings[], yes: Answer, around: Around): Policy {
  const policies = settings.map(one => innerOf(one, around))
  return { ask: trace => (policies.every(policy => policy.ask(trace) !== 'not_sampled') ? yes : 'not_sampled') }
}

function opposite(settings: InnerSettings, around: Around): Policy {
  const policy = simple(settings, around)
  return { ask: trace => answer(policy.ask(trace) === 'not_sampled') }
}

function simple(settings: InnerSettings, around: Around): Policy {
  switch (settings.type) {
    case 'always_sample':
      return { ask: () => 'sampled' }
    case 'latency':
      return new Latency(settings.latency?.threshold_ms ?? 0, settings.latency?.upper_threshold_ms ?? 0)
    case 'numeric_attribute': {
      const { key, min_value, max_value, invert_match } = settings.numeric_attribute!
      const least = min_value === 0 ? Number.NEGATIVE_INFINITY : min_value
      const most = max_value === 0 ? Number.POSITIVE_INFINITY : max_value
      return new Attribute(key, invert_match, (bytes, from, to) => {
        const value = integerOf(bytes, from, to)
        return value >= least && value <= most
      })
    }
    case 'boolean_attribute': {
      const { key, value, invert_match } = settings.boolean_attribute!
      return new Attribute(key, invert_match, (bytes, from, to) => (readTyped(bytes, from, to).boolValue ?? false) === value)
    }
    case 'string_attribute':
      return texts(settings.string_attribute!)
    case 'status_code': {
      const wanted = new Set(settings.status_code!.status_codes.map(code => ['UNSET', 'OK', 'ERROR'].indexOf(code)))
      return new Spans((held, row) => wanted.has(held.batch.spans.status[row]!))
    }
    case 'trace_state': {
      const { key, values } = settings.trace_state!
      // A member has no more than 256 characters.
      const wanted = new Set(values.filter(value => value !== '' && key.length + value.length < 256))
      return new Spans(({ batch: { spans }, bytes }, row) => {
        const [from, to] = [spans.traceStateFrom[row]!, spans.traceStateTo[row]!]
        return to > 0 && wanted.has(memberOf(readText(bytes, from, to), key) ?? '')
      })
    }
    case 'trace_flags':
      return new Spans((held, row) => (flagsOf(held, row) & 1) === 1)
    case 'probabilistic':
      return probabilistic(settings.probabilistic?.sampling_percentage ?? 0, settings.probabilistic?.hash_salt ?? '')
    case 'span_count': {
      const { min_spans = 0, max_spans = 0 } = settings.span_count ?? {}
      return { ask: ({ spans }) => answer(spans >= min_spans && (max_spans === 0 || spans <= max_spans)) }
    }
    case 'rate_limiting': {
      const { spans_per_second = 0, burst_capacity = 0 } = settings.rate_limiting ?? {}
      const bucket = new Bucket(spans_per_second, burst_capacity || 2 * spans_per_second, around.monotonic)
      return { ask: ({ spans }) => answer(bucket.take(spans)) }
    }
    case 'bytes_limiting': {
      const { bytes_per_second = 0, burst_capacity = 0 } = settings.bytes_limiting ?? {}
      const bucket = new Bucket(bytes_per_second, burst_capacity || 2 * bytes_per_second, around.monotonic)
      return { ask: ({ size }) => answer(bucket.take(size)) }
    }
    case 'ottl_condition':
      return ottl(settings.ottl_condition!, around)
    default:
      throw new Error(`no policy is called ${settings.type}`)
  }
}

/** Kept if any span matches. */
class Spans implements Policy {
  readonly #matches: (held: Held, row: number) => boolean
  constructor(matches: (held: Held, row: number) => boolean) {
    this.#matches = matches
  }

  ask({ runs }: Trace): Answer {
    for (const { held, from, to } of runs) for (let row = from; row < to; row++) if (this.#matches(held, row)) return 'sampled'
    return 'not_sampled'
  }
}

const SPAN_ATTRIBUTES = 9
const [NO, YES] = [1, 2]

/** Kept if the attribute of a resource or of a span matches; inverted: if none does. What it says of a resource is kept with the request. */
class Attribute implements Policy {
  readonly #finder: Finder
  readonly #inverted: boolean
  readonly #matches: (bytes: Uint8Array, from: number, to: number, ofSpan: boolean) => boolean

  constructor(key: string, inverted: boolean, matches: (bytes: Uint8Array, from: number, to: number, ofSpan: boolean) => boolean) {
    this.#finder = new Finder([key])
    this.#inverted = inverted
    this.#matches = matches
  }

  ask({ runs }: Trace): Answer {
    return answer(runs.some(run => this.#in(run)) !== this.#inverted)
  }

  #in({ held, from, to }: Run): boolean {
    const { spans, scopes } = held.batch
    let answers = held.resources.get(this)
    if (answers === undefined) held.resources.set(this, (answers = new Uint8Array(held.batch.resources.length)))
    let scope = -1
    for (let row = from; row < to; row++) {
      if (spans.scope[row] !== scope) {
        scope = spans.scope[row]!
        const resource = scopes.parent[scope]!
        if ((answers[resource] ||= this.#inResource(held, resource) ? YES : NO) === YES) return true
      }
      const [start, end] = [spans.attributesFrom[row]!, spans.attributesTo[row]!]
      if (start !== end && this.#at(held.bytes, start, end, SPAN_ATTRIBUTES, true)) return true
    }
    return false
  }

  #inResource({ batch, bytes }: Held, resource: number): boolean {
    const scan = new Scan().over(bytes, batch.resources.from[resource]!, batch.resources.to[resource]!)
    scan.next()
    for (scan.over(bytes, scan.start, scan.end); scan.next(); ) {
      if (scan.number === 1 && this.#at(bytes, scan.start, scan.end, 1, false)) return true
    }
    return false
  }

  #at(bytes: Uint8Array, from: number, to: number, field: number, ofSpan: boolean): boolean {
    if (this.#finder.find(bytes, from, to, field) === 0) return false
    return this.#matches(bytes, this.#finder.ranges[0]!, this.#finder.ranges[1]!, ofSpan)
  }
}

/** What is no integer is 0. */
function integerOf(bytes: Uint8Array, from: number, to: number): number {
  const { intValue } = readTyped(bytes, from, to)
  return intValue === undefined ? 0 : Number(intValue)
}

function texts({
  key,
  values,
  enabled_regex_matching,
  cache_max_size,
  invert_match,
}: NonNullable<InnerSettings['string_attribute']>): Policy {
  const matches = enabled_regex_matching ? patterns(values, cache_max_size || 128) : exactly(values)
  return new Attribute(key, invert_match, (bytes, from, to, ofSpan) => {
    // What is no text is an empty one, which a span does not have.
    const text = readTyped(bytes, from, to).stringValue ?? ''
    return (!ofSpan || text !== '') && matches(text)
  })
}

function exactly(values: readonly string[]): (text: string) => boolean {
  const wanted = new Set(values.filter(value => value !== ''))
  return text => wanted.has(text)
}

/** Answers are remembered, the least recently asked forgotten first. */
function patterns(values: readonly string[], most: number): (text: string) => boolean {
  const compiled = values.map(value => new Re2(value))
  const known = new Map<string, boolean>()
  return text => {
    const before = known.get(text)
    const now = before ?? compiled.some(pattern => pattern.test(text))
    known.delete(text)
    known.set(text, now)
    if (known.size > most) for (const oldest of known.keys()) return known.delete(oldest) && now
    return now
  }
}

const member =
  /^(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/

/** The value of a member of a tracestate; undefined where there is none, or where the tracestate is not one. */
function memberOf(tracestate: string, key: string): string | undefined {
  const found = new Map<string, string>()
  for (const part of tracestate.split(',')) {
    const text = part.replace(/^[ \t]+|[ \t]+$/g, '')
    if (text === '') continue
    const at = text.indexOf('=')
    if (!member.test(text) || found.has(text.slice(0, at)) || found.size === 32) return undefined
    found.set(text.slice(0, at), text.slice(at + 1))
  }
  return found.get(key)
}

const scan = new Scan()

function flagsOf({ batch, bytes }: Held, row: number): number {
  scan.over(bytes, batch.spans.from[row]!, batch.spans.to[row]!)
  scan.next()
  let flags = 0
  for (scan.over(bytes, scan.start, scan.end); scan.next(); )
    if (scan.number === 16 && scan.end - scan.start === 4) flags = bytes[scan.start]!
  return flags
}

/** [ns] start and end, exactly. */
function timesOf({ batch, bytes }: Held, row: number): [start: bigint, end: bigint] {
  scan.over(bytes, batch.spans.from[row]!, batch.spans.to[row]!)
  scan.next()
  const times: [bigint, bigint] = [0n, 0n]
  for (scan.over(bytes, scan.start, scan.end); scan.next(); ) {
    if ((scan.number !== 7 && scan.number !== 8) || scan.end - scan.start !== 8) continue
    times[scan.number - 7] = new DataView(bytes.buffer, bytes.byteOffset + scan.start, 8).getBigUint64(0, true)
  }
  return times
}

/**
 * From the earliest start to the latest end of the spans looked at so far, in whole milliseconds; the first that lies within decides, as in the
 * Collector. Columns are good to a quarter of a microsecond; where that may be too little, the nanoseconds are read from the bytes.
 */
class Latency implements Policy {
  readonly #least: number
  readonly #most: number
  constructor(least: number, most: number) {
    this.#least = least
    this.#most = most
  }

  ask({ runs }: Trace): Answer {
    let first = 0
    let last = 0
    for (const { held, from, to } of runs) {
      const { start, duration } = held.batch.spans
      for (let row = from; row < to; row++) {
        const [begins, ends] = [start[row]!, start[row]! + duration[row]!]
        if (first === 0 || begins < first) first = begins
        if (last === 0 || ends > last) last = ends
        const took = last - first
        const whole = Math.round(took)
        if (
          Math.abs(took - whole) < 0.002 &&
          (whole === this.#least || whole === this.#least + 1 || whole === this.#most || whole === this.#most + 1)
        )
          return this.#exactly(runs)
        if (this.#within(Math.trunc(took))) return 'sampled'
      }
    }
    return 'not_sampled'
  }

  #within(ms: number): boolean {
    return this.#most === 0 ? ms >= this.#least : this.#least < ms && ms <= this.#most
  }

  #exactly(runs: readonly Run[]): Answer {
    let first = 0n
    let last = 0n
    for (const { held, from, to } of runs) {
      for (let row = from; row < to; row++) {
        const [begins, ends] = timesOf(held, row)
        if (first === 0n || begins < first) first = begins
        if (last === 0n || ends > last) last = ends
        if (this.#within(Number((last - first) / 1_000_000n))) return 'sampled'
      }
    }
    return 'not_sampled'
  }
}

const MASK = 2n ** 64n - 1n

/** A trace is kept whose hash (FNV-1a, 64 bits) is not above that share of all hashes. */
function probabilistic(percent: number, salt: string): Policy {
  const threshold = shareOf(percent / 100)
  let begun = 0xcbf2_9ce4_8422_2325n
  for (const byte of Buffer.from(salt === '' ? 'default-hash-seed' : salt)) begun = ((begun ^ BigInt(byte)) * 0x100_0000_01b3n) & MASK
  return {
    ask({ id }) {
      let hash = begun
      for (let i = 0; i < 16; i++) hash = ((hash ^ BigInt(id.charCodeAt(i))) * 0x100_0000_01b3n) & MASK
      return answer(hash <= threshold)
    },
  }
}

/** ratio · (2^64 - 1), rounded to 64 significant bits and then down: what the Collector's arithmetic gives. */
function shareOf(ratio: number): bigint {
  if (ratio <= 0) return 0n
  if (ratio >= 1) return MASK
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, ratio)
  const bits = view.getBigUint64(0)
  const mantissa = (bits & (2n ** 52n - 1n)) | (2n ** 52n)
  // ratio = mantissa · 2^-down
  const down = 1075 - Number(bits >> 52n)
  let product = MASK * mantissa
  const extra = Math.max(0, product.toString(2).length - 64)
  if (extra > 0) {
    const half = 1n << BigInt(extra - 1)
    const rest = product & ((1n << BigInt(extra)) - 1n)
    let top = product >> BigInt(extra)
    if (rest > half || (rest === half && (top & 1n) === 1n)) top += 1n
    product = top << BigInt(extra)
  }
  return product >> BigInt(down)
}

/** Tokens that come at a rate and are kept up to a number. */
class Bucket {
  readonly #perSecond: number
  readonly #most: number
  readonly #monotonic: () => number
  #tokens: number
  #at: number

  constructor(perSecond: number, most: number, monotonic: () => number) {
    this.#perSecond = perSecond
    this.#most = this.#tokens = most
    this.#monotonic = monotonic
    this.#at = monotonic()
  }

  take(count: number): boolean {
    const now = this.#monotonic()
    this.#tokens = Math.min(this.#most, this.#tokens + ((now - this.#at) / 1000) * this.#perSecond)
    this.#at = now
    if (count > this.#tokens) return false
    this.#tokens -= count
    return true
  }
}

/** The first policy that keeps a trace decides: whether it has spans left in this second. */
class Composite implements Policy {
  readonly #policies: { readonly policy: Policy; readonly allowed: number; used: number }[]
  readonly #total: number
  readonly #now: () => number
  #second = -1

  constructor(settings: NonNullable<PolicySettings['composite']>, around: Around) {
    const { max_total_spans_per_second: total, policy_order, composite_sub_policy: inside, rate_allocation } = settings
    this.#total = total
    this.#now = around.now
    this.#policies = policy_order.map(name => {
      const one = inside.find(policy => policy.name === name)!
      const share = rate_allocation.findLast(({ policy }) => policy === name)
      const allowed = share === undefined ? 0 : share.percent > 0 ? (share.percent / 100) * total : total / inside.length
      const policy = one.type === 'and' ? all(one.and!.and_sub_policy, 'sampled', around) : simple(one as InnerSettings, around)
      return { policy, allowed: Math.trunc(allowed), used: 0 }
    })
  }

  ask(trace: Trace): Answer {
    const second = Math.floor(this.#now() / 1000)
    if (second !== this.#second) {
      this.#second = second
      for (const one of this.#policies) one.used = 0
    }
    for (const one of this.#policies) {
      if (one.policy.ask(trace) !== 'sampled') continue
      const used = one.used + trace.spans
      if (used > one.allowed || used > this.#total) return 'not_sampled'
      one.used = used
      return 'sampled'
    }
    return 'not_sampled'
  }
}

const EVENTS = 11

function ottl({ span, spanevent, error_mode }: NonNullable<InnerSettings['ottl_condition']>, around: Around): Policy {
  // The Collector's default is to give up on the trace.
  const mode = error_mode === '' ? 'propagate' : error_mode
  const onError = (error: Error, text: string) => {
    if (mode === 'propagate') throw new ValueError(`${text}: ${error.message}`)
    around.onError(mode)(error, text)
  }
  const ofSpan = anyOf(
    span.map(text => condition(text, { among: ['span', 'scope', 'resource'] })),
    onError,
  )
  const ofEvent = anyOf(
    spanevent.map(text => condition(text, { among: ['spanevent', 'span', 'scope', 'resource'] })),
    onError,
  )
  const place = new Place()
  const events = new Scan()
  return new Spans((held, row) => {
    if (place.batch !== held.batch) place.open(held.batch)
    place.toRow(0, row)
    if (span.length > 0 && ofSpan(place)) return true
    if (spanevent.length === 0) return false
    const { from, to } = held.batch.spans
    events.over(held.bytes, from[row]!, to[row]!)
    events.next()
    let number = 0
    for (events.over(held.bytes, events.start, events.end); events.next(); ) {
      if (events.number === EVENTS && ofEvent(place.toEvent(number++, events.from, events.end))) return true
    }
    return false
  })
}
