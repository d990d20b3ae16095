/**
 * Spans of requests. To the application, to samplers and to span processors they are as the SDK's own: the same sampler, ids, limits, resource and
 * processors, and the same answers. But what is known to be an attribute is not looked at again: the SDK copies all attributes twice, with a
 * WeakSet for each against circles, and those are what its pauses for garbage are made of.
 */
import {
  type AnyValue,
  type Attributes,
  type Context,
  type Exception,
  type HrTime,
  INVALID_SPAN_CONTEXT,
  isSpanContextValid,
  type Link,
  type Span,
  type SpanContext,
  type SpanKind,
  type SpanStatus,
  SpanStatusCode,
  type TimeInput,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import {
  AddAttributeDecision,
  addHrTimes,
  cleanAttributes,
  cleanSimpleAttributes,
  hrTimeDuration,
  hrTimeToMilliseconds,
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

/** Begins spans of requests; a tracer is one. */
export interface RequestTracer {
  /** `attributes` are the span's from here on; their values are texts, numbers and booleans. */
  startSpan(name: string, options: { readonly kind: SpanKind; readonly attributes: Attributes }, within: Context): Span
}

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

/** @returns `tracer` itself where it is built otherwise than is known; a test says so */
export function requestTracer(tracer: Tracer, time: Time): RequestTracer {
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
  return new OwnTracer(common, _sampler, _idGenerator)
}

/** [attributes] of a request are never more: with a lower limit each is counted */
const manyAttributes = 32

class OwnTracer implements RequestTracer {
  readonly #common: Common
  readonly #sampler: Sampler
  readonly #ids: IdGenerator
  readonly #limited: boolean

  constructor(common: Common, sampler: Sampler, ids: IdGenerator) {
    this.#common = common
    this.#sampler = sampler
    this.#ids = ids
    const { attributeCountLimit, attributeValueLengthLimit } = common.limits
    this.#limited = attributeCountLimit < manyAttributes || attributeValueLengthLimit !== Number.POSITIVE_INFINITY
  }

  startSpan(name: string, { kind, attributes }: { readonly kind: SpanKind; readonly attributes: Attributes }, within: Context): Span {
    if (isTracingSuppressed(within)) return trace.wrapSpanContext(INVALID_SPAN_CONTEXT)
    const around = trace.getSpanContext(within)
    const parent = around !== undefined && isSpanContextValid(around) ? around : undefined
    const spanId = this.#ids.generateSpanId()
    const traceId = parent?.traceId ?? this.#ids.generateTraceId()
    const sampled = this.#sampler.shouldSample(within, traceId, name, kind, attributes, [])
    const traceState = sampled.traceState ?? parent?.traceState
    const traceFlags = sampled.decision === SamplingDecision.RECORD_AND_SAMPLED ? TraceFlags.SAMPLED : TraceFlags.NONE
    const is: SpanContext = traceState === undefined ? { traceId, spanId, traceFlags } : { traceId, spanId, traceFlags, traceState }
    if (sampled.decision === SamplingDecision.NOT_RECORD) return trace.wrapSpanContext(is)
    const span = new RequestSpan(this.#common, is, parent, name, kind, attributes)
    if (sampled.attributes !== undefined || this.#limited) span.limit(sampled.attributes)
    this.#common.processor.onStart(span, within)
    return span
  }
}

class RequestSpan implements Span, ReadableSpan {
  readonly #common: Common
  readonly #is: SpanContext
  /** [ms] */
  readonly #startMonotonic: number
  readonly kind: SpanKind
  readonly parentSpanContext?: SpanContext
  readonly startTime: HrTime
  readonly links: Link[] = []
  readonly events: TimedEvent[] = []
  name: string
  attributes: Attributes
  status: SpanStatus = { code: SpanStatusCode.UNSET }
  endTime: HrTime = [0, 0]
  ended = false
  droppedAttributesCount = 0
  droppedEventsCount = 0
  droppedLinksCount = 0

  constructor(common: Common, is: SpanContext, parent: SpanContext | undefined, name: string, kind: SpanKind, attributes: Attributes) {
    this.#common = common
    this.#is = is
    this.#startMonotonic = common.time.monotonic()
    this.kind = kind
    if (parent !== undefined) this.parentSpanContext = parent
    this.startTime = millisToHrTime(common.time.now())
    this.name = name
    this.attributes = attributes
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

  /** Keeps what it began with within the limits, what the sampler adds among it. */
  limit(more: Readonly<Attributes> | undefined): void {
    const { attributes = {}, droppedAttributesCount = 0 } = cleanAttributes({ ...this.attributes, ...more }, this.#common.limits)
    this.attributes = attributes
    this.droppedAttributesCount = droppedAttributesCount
  }

  setAttribute(key: string, value: AnyValue | undefined): this {
    if (this.ended) return this
    const { attributes } = this
    const { limits } = this.#common
    const isPlain =
      typeof value === 'number' ||
      typeof value === 'boolean' ||
      (typeof value === 'string' && value.length <= limits.attributeValueLengthLimit)
    if (isPlain && Object.hasOwn(attributes, key)) {
      attributes[key] = value
      return this
    }
    const currentAttributesCount = Object.keys(attributes).length
    if (isPlain && key !== '' && currentAttributesCount < limits.attributeCountLimit) attributes[key] = value
    else if (
      maybeAddAttribute({ key, value: value as AnyValue, attributes, limits, currentAttributesCount }) ===
      AddAttributeDecision.DROP_LIMIT_REACHED
    )
      this.droppedAttributesCount++
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

  addLink({ context: to, attributes }: Link): this {
    if (this.ended) return this
    const { linkCountLimit, attributePerLinkCountLimit, attributeValueLengthLimit } = this.#common.limits
    if (this.links.length >= linkCountLimit) {
      this.droppedLinksCount++
      if (this.links.shift() === undefined) return this
    }
    this.links.push({
      context: to,
      ...cleanAttributes(attributes, { attributeCountLimit: attributePerLinkCountLimit, attributeValueLengthLimit }),
    })
    return this
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
    const { monotonic } = this.#common.time
    if (time === undefined) return addHrTimes(this.startTime, millisToHrTime(monotonic() - this.#startMonotonic))
    if (typeof time === 'number')
      return millisToHrTime(time <= monotonic() ? hrTimeToMilliseconds(this.startTime) + time - this.#startMonotonic : time)
    return isTimeInputHrTime(time) ? time : millisToHrTime((time as Date).getTime())
  }
}
