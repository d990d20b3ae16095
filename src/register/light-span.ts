/**
 * Spans of requests and of libraries. To the application, to samplers and to span processors they are as the SDK's own: the same sampler, ids,
 * limits, resource and processors, and the same answers. But a text or a number is taken as it is: the SDK copies all attributes twice, with a
 * WeakSet for each against circles, and those are what its pauses for garbage are made of.
 */
import {
  type AnyValue,
  type Attributes,
  type Context,
  context,
  type Exception,
  type HrTime,
  INVALID_SPAN_CONTEXT,
  isSpanContextValid,
  type Link,
  type Span,
  type SpanContext,
  SpanKind,
  type SpanOptions,
  type SpanStatus,
  SpanStatusCode,
  type TimeInput,
  TraceFlags,
  type Tracer,
  type TracerProvider,
  trace,
} from '@opentelemetry/api'
import {
  AddAttributeDecision,
  addHrTimes,
  cleanAttributes,
  cleanSimpleAttributes,
  hrTimeDuration,
  type InstrumentationScope,
  isTimeInput,
  isTimeInputHrTime,
  isTracingSuppressed,
  maybeAddAttribute,
  millisToHrTime,
} from '@opentelemetry/core'
import type { Resource } from '@opentelemetry/resources'
import {
  type IdGenerator,
  type ReadableSpan,
  type Sampler,
  SamplingDecision,
  type SpanLimits,
  type SpanProcessor,
  type TimedEvent,
} from '@opentelemetry/sdk-trace'
import type { Clock } from '../lib/clock.ts'

type Time = Pick<Clock, 'now' | 'monotonic'>

/** What the SDK's tracer is made of. */
interface Parts {
  readonly instrumentationScope: InstrumentationScope
  readonly _resource: Resource
  readonly _sampler: Sampler
  readonly _spanLimits: Required<SpanLimits>
  readonly _idGenerator: IdGenerator
  readonly _spanProcessor: SpanProcessor
}

/** What all spans of one tracer have in common. */
interface Common {
  readonly scope: InstrumentationScope
  readonly resource: Resource
  readonly limits: Required<SpanLimits>
  readonly processor: SpanProcessor
  readonly time: Time
}

/** @returns tracers that make spans of ours; those of `provider` where they are built otherwise than is known, and a test says so */
export function lightTracers(provider: TracerProvider, time: Time): TracerProvider {
  return { getTracer: (...of) => lightTracer(provider.getTracer(...of), time) }
}

export function lightTracer(tracer: Tracer, time: Time): Tracer {
  const { instrumentationScope, _resource, _sampler, _spanLimits, _idGenerator, _spanProcessor } = tracer as Partial<Parts>
  const known =
    typeof instrumentationScope?.name === 'string' &&
    _resource?.attributes !== undefined &&
    typeof _sampler?.shouldSample === 'function' &&
    typeof _spanLimits?.attributeCountLimit === 'number' &&
    typeof _idGenerator?.generateTraceId === 'function' &&
    typeof _spanProcessor?.onEnd === 'function'
  if (!known) return tracer
  const common = { scope: instrumentationScope, resource: _resource, limits: _spanLimits, processor: _spanProcessor, time }
  return new LightTracer(common, _sampler, _idGenerator)
}

class LightTracer implements Tracer {
  readonly #common: Common
  readonly #sampler: Sampler
  readonly #ids: IdGenerator

  constructor(common: Common, sampler: Sampler, ids: IdGenerator) {
    this.#common = common
    this.#sampler = sampler
    this.#ids = ids
  }

  startSpan(name: string, options: SpanOptions = {}, around: Context = context.active()): Span {
    const within = options.root === true ? trace.deleteSpan(around) : around
    if (isTracingSuppressed(within)) return trace.wrapSpanContext(INVALID_SPAN_CONTEXT)
    const above = trace.getSpanContext(within)
    const parent = above !== undefined && isSpanContextValid(above) ? above : undefined
    const spanId = this.#ids.generateSpanId()
    const traceId = parent?.traceId ?? this.#ids.generateTraceId()
    const { kind = SpanKind.INTERNAL } = options
    const { limits, processor } = this.#common
    const given = copied(options.attributes)
    const links = options.links?.map(link => linkWithin(limits, link)) ?? []
    const sampled = this.#sampler.shouldSample(within, traceId, name, kind, given.attributes, links)
    const traceState = sampled.traceState ?? parent?.traceState
    const traceFlags = sampled.decision === SamplingDecision.RECORD_AND_SAMPLED ? TraceFlags.SAMPLED : TraceFlags.NONE
    const is: SpanContext = traceState === undefined ? { traceId, spanId, traceFlags } : { traceId, spanId, traceFlags, traceState }
    if (sampled.decision === SamplingDecision.NOT_RECORD) return trace.wrapSpanContext(is)
    const span = new LightSpan(this.#common, is, parent, name, kind, options.startTime)
    span.has(given.attributes, given.count, given.dropped)
    if (
      sampled.attributes !== undefined ||
      given.count > limits.attributeCountLimit ||
      limits.attributeValueLengthLimit !== Number.POSITIVE_INFINITY
    )
      span.limit(sampled.attributes)
    for (const link of links) span.keepLink(link)
    processor.onStart(span, within)
    return span
  }

  startActiveSpan<F extends (span: Span) => unknown>(name: string, run: F): ReturnType<F>
  startActiveSpan<F extends (span: Span) => unknown>(name: string, options: SpanOptions, run: F): ReturnType<F>
  startActiveSpan<F extends (span: Span) => unknown>(name: string, options: SpanOptions, around: Context, run: F): ReturnType<F>
  startActiveSpan<F extends (span: Span) => unknown>(name: string, ...rest: unknown[]): ReturnType<F> {
    const run = rest.pop() as F
    const [options, around = context.active()] = rest as [SpanOptions?, Context?]
    const span = this.startSpan(name, options, around)
    return context.with(trace.setSpan(around, span), () => run(span) as ReturnType<F>)
  }
}
/** Of texts, numbers and booleans a copy, with how many they are; everything else is looked at by the SDK. */
function copied(given: Attributes | undefined): { readonly attributes: Attributes; readonly count: number; readonly dropped: number } {
  let count = 0
  for (const name in given) {
    if (name === '' || !isPlain(given[name])) {
      const { attributes = {}, droppedAttributesCount = 0 } = cleanAttributes(given, unlimited)
      return { attributes, count: Object.keys(attributes).length, dropped: droppedAttributesCount }
    }
    count++
  }
  return { attributes: { ...given }, count, dropped: 0 }
}

const unlimited = { attributeCountLimit: Number.POSITIVE_INFINITY, attributeValueLengthLimit: Number.POSITIVE_INFINITY }

const isPlain = (value: AnyValue | undefined): value is string | number | boolean =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'

function linkWithin(limits: Required<SpanLimits>, { context: to, attributes }: Link): Link {
  const { attributePerLinkCountLimit: attributeCountLimit, attributeValueLengthLimit } = limits
  return { context: to, ...cleanAttributes(attributes, { attributeCountLimit, attributeValueLengthLimit }) }
}

class LightSpan implements Span, ReadableSpan {
  readonly #common: Common
  readonly #is: SpanContext
  /** [ms] */
  readonly #startMonotonic: number
  /** [ms] from a reading of the clock that never goes back to one of the other, as it was at the beginning */
  readonly #offset: number
  /** its beginning was given: then what has no time is now, and not so much later than that */
  readonly #startGiven: boolean
  readonly kind: SpanKind
  readonly parentSpanContext?: SpanContext
  readonly startTime: HrTime
  readonly links: Link[] = []
  readonly events: TimedEvent[] = []
  /** [attributes] */
  #count = 0
  name: string
  attributes: Attributes = {}
  status: SpanStatus = { code: SpanStatusCode.UNSET }
  endTime: HrTime = [0, 0]
  ended = false
  droppedAttributesCount = 0
  droppedEventsCount = 0
  droppedLinksCount = 0

  constructor(
    common: Common,
    is: SpanContext,
    parent: SpanContext | undefined,
    name: string,
    kind: SpanKind,
    startTime: TimeInput | undefined,
  ) {
    this.#common = common
    this.#is = is
    this.#startMonotonic = common.time.monotonic()
    this.#startGiven = startTime !== undefined
    this.kind = kind
    if (parent !== undefined) this.parentSpanContext = parent
    this.name = name
    const now = common.time.now()
    this.#offset = now - this.#startMonotonic
    this.startTime = startTime === undefined ? millisToHrTime(now) : this.#at(startTime)
  }

  get resource(): Resource {
    return this.#common.resource
  }
  get instrumentationScope(): InstrumentationScope {
    return this.#common.scope
  }
  get duration(): HrTime {
    return this.ended ? hrTimeDuration(this.startTime, this.endTime) : [-1, -1]
  }
  spanContext(): SpanContext {
    return this.#is
  }
  isRecording(): boolean {
    return !this.ended
  }

  /** What it begins with. */
  has(attributes: Attributes, count: number, dropped: number): void {
    this.attributes = attributes
    this.#count = count
    this.droppedAttributesCount = dropped
  }

  /** Keeps what it began with within the limits, what the sampler adds among it. */
  limit(more: Readonly<Attributes> | undefined): void {
    const { attributes = {}, droppedAttributesCount = 0 } = cleanAttributes(Object.assign(this.attributes, more), this.#common.limits)
    this.has(attributes, Object.keys(attributes).length, this.droppedAttributesCount + droppedAttributesCount)
  }

  setAttribute(key: string, value: AnyValue | undefined): this {
    if (this.ended) return this
    const { attributes } = this
    const { limits } = this.#common
    const simple = isPlain(value) && (typeof value !== 'string' || value.length <= limits.attributeValueLengthLimit)
    if (simple && Object.hasOwn(attributes, key)) {
      attributes[key] = value
      return this
    }
    if (simple && key !== '' && this.#count < limits.attributeCountLimit) {
      attributes[key] = value
      this.#count++
      return this
    }
    const how = maybeAddAttribute({ key, value: value as AnyValue, attributes, limits, currentAttributesCount: this.#count })
    if (how === AddAttributeDecision.ADD_NEW) this.#count++
    else if (how === AddAttributeDecision.DROP_LIMIT_REACHED) this.droppedAttributesCount++
    return this
  }

  setAttributes(attributes: Attributes): this {
    for (const key in attributes) if (Object.hasOwn(attributes, key)) this.setAttribute(key, attributes[key])
    return this
  }

  addEvent(name: string, attributesOrTime?: Attributes | TimeInput, time?: TimeInput): this {
    if (this.ended) return this
    const { eventCountLimit, attributePerEventCountLimit, attributeValueLengthLimit } = this.#common.limits
    if (this.events.length >= eventCountLimit) {
      this.droppedEventsCount++
      // The oldest makes room.
      if (this.events.shift() === undefined) return this
    }
    const isTime = isTimeInput(attributesOrTime)
    const limits = { attributeCountLimit: attributePerEventCountLimit, attributeValueLengthLimit }
    this.events.push({
      name,
      time: this.#at(time ?? (isTime ? attributesOrTime : undefined)),
      ...cleanSimpleAttributes(isTime ? undefined : attributesOrTime, limits),
    })
    return this
  }

  addLink(link: Link): this {
    if (!this.ended) this.keepLink(linkWithin(this.#common.limits, link))
    return this
  }

  /** The oldest makes room. */
  keepLink(link: Link): void {
    const { linkCountLimit } = this.#common.limits
    if (this.links.length >= linkCountLimit) {
      this.droppedLinksCount++
      if (this.links.shift() === undefined) return
    }
    this.links.push(link)
  }

  addLinks(links: Link[]): this {
    for (const link of links) this.addLink(link)
    return this
  }

  /** What is well stays well, and nothing is unset again. */
  setStatus({ code, message }: SpanStatus): this {
    if (this.ended || code === SpanStatusCode.UNSET || this.status.code === SpanStatusCode.OK) return this
    this.status = code === SpanStatusCode.ERROR && typeof message === 'string' ? { code, message } : { code }
    return this
  }

  updateName(name: string): this {
    if (!this.ended) this.name = name
    return this
  }

  recordException(exception: Exception, time?: TimeInput): void {
    const { code, name, message, stack } = (typeof exception === 'string' ? { message: exception } : exception) as Partial<Error> & {
      code?: string | number
    }
    const attributes: Attributes = {}
    const type = code ? String(code) : name
    if (type) attributes['exception.type'] = type
    if (message) attributes['exception.message'] = message
    if (stack) attributes['exception.stacktrace'] = stack
    if (type || message) this.addEvent('exception', attributes, time)
  }

  end(time?: TimeInput): void {
    if (this.ended) return
    const at = this.#at(time)
    // A clock that was set back makes no negative duration.
    this.endTime = hrTimeDuration(this.startTime, at)[0] < 0 ? [...this.startTime] : at
    this.#common.processor.onEnding?.(this)
    this.ended = true
    this.#common.processor.onEnd(this)
  }

  /** A small number is one of `performance.now()`. */
  #at(time: TimeInput | undefined): HrTime {
    const { now, monotonic } = this.#common.time
    if (time === undefined)
      return this.#startGiven ? millisToHrTime(now()) : addHrTimes(this.startTime, millisToHrTime(monotonic() - this.#startMonotonic))
    if (typeof time === 'number') return millisToHrTime(time <= monotonic() ? this.#offset + time : time)
    return isTimeInputHrTime(time) ? time : millisToHrTime((time as Date).getTime())
  }
}
