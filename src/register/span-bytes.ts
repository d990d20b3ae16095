/**
 * Spans as OTLP, each written when it ends: what waits to be sent is bytes, a few hundred for each span, and a request is made by putting
 * them one after the other. The SDK's serializer writes a load of hundreds of spans at once, and the application stands still meanwhile.
 */
import type { Attributes, Link, SpanContext } from '@opentelemetry/api'
import type { InstrumentationScope } from '@opentelemetry/core'
import type { Resource } from '@opentelemetry/resources'
import type { ReadableSpan, TimedEvent } from '@opentelemetry/sdk-trace'
import { Resource as ResourceMessage, InstrumentationScope as ScopeMessage } from '../otlp/schema.ts'
import { BackWriter, encodeMessage } from '../otlp/write.ts'

export interface SpanBytes {
  readonly resource: Resource
  readonly scope: InstrumentationScope
  /** the field `spans` of ScopeSpans: tag, length and message */
  readonly bytes: Uint8Array
}

/** [bytes] that are had at once; a span has some hundreds */
const CHUNK = 32 * 1024
/** Wire types, in the low bits of a tag. */
const [VARINT, FIXED64, BYTES, FIXED32] = [0, 1, 2, 5]
/** of flags: whether the parent's place is known, and whether it is another process */
const [HAS_IS_REMOTE, IS_REMOTE] = [0x100, 0x200]

const out = new BackWriter(CHUNK)

/** Its attributes must be what is to leave the process: they are not looked at again. */
export function spanBytes(span: ReadableSpan): SpanBytes {
  out.rewind(0)
  writeSpan(span)
  close(out, 2, 0)
  return { resource: span.resource, scope: span.instrumentationScope, bytes: out.take() }
}

/** An ExportTraceServiceRequest. */
export function spansRequest(spans: readonly SpanBytes[]): Uint8Array {
  // Written from the back: the last comes first.
  const request = new BackWriter(spans.reduce((sum, { bytes }) => sum + bytes.length, 1024))
  for (const [resource, ofResource] of [...Map.groupBy(spans, span => span.resource)].reverse()) {
    const before = request.length
    schemaUrl(request, resource.schemaUrl)
    for (const [scope, ofScope] of [...Map.groupBy(ofResource, span => span.scope)].reverse()) {
      const beforeScope = request.length
      schemaUrl(request, scope.schemaUrl)

      for (let i = ofScope.length - 1; i >= 0; i--) request.bytes(ofScope[i]!.bytes)
      field(request, 1, bytesOf(scope))
      close(request, 2, beforeScope)
    }
    field(request, 1, resource.asyncAttributesPending === true ? resourceBytes(resource) : bytesOf(resource))
    close(request, 1, before)
  }
  return request.finish()
}

const known = new WeakMap<Resource | InstrumentationScope, Uint8Array>()

function bytesOf(of: Resource | InstrumentationScope): Uint8Array {
  let bytes = known.get(of)
  if (bytes === undefined) {
    bytes = 'name' in of ? encodeMessage(ScopeMessage, { name: of.name, version: of.version }) : resourceBytes(of)
    known.set(of, bytes)
  }
  return bytes
}

const resourceBytes = ({ attributes }: Resource) => encodeMessage(ResourceMessage, { attributes })

function close(to: BackWriter, number: number, before: number): void {
  to.varint(to.length - before)
  to.varint((number << 3) | BYTES!)
}

function field(to: BackWriter, number: number, bytes: Uint8Array): void {
  to.bytes(bytes)
  to.varint(bytes.length)
  to.varint((number << 3) | BYTES!)
}

function schemaUrl(to: BackWriter, url: string | undefined): void {
  if (url === undefined || url === '') return
  const before = to.length
  to.text(url)
  close(to, 3, before)
}

// A message, its fields from the last to the first. Numbers are those of opentelemetry/proto/trace/v1/trace.proto.

function writeSpan(span: ReadableSpan): void {
  const context = span.spanContext()
  const { status } = span
  flags(16, context.traceFlags, span.parentSpanContext?.isRemote)
  if (status.code !== 0 || status.message !== undefined) {
    const before = out.length
    if (status.code !== 0) number(3, status.code)
    if (status.message !== undefined) text(2, status.message)
    close(out, 15, before)
  }
  count(14, span.droppedLinksCount)
  for (let i = span.links.length - 1; i >= 0; i--) link(span.links[i]!)
  count(12, span.droppedEventsCount)
  for (let i = span.events.length - 1; i >= 0; i--) event(span.events[i]!)
  count(10, span.droppedAttributesCount)
  attributes(9, span.attributes)
  time(8, span.endTime)
  time(7, span.startTime)
  number(6, span.kind + 1)
  text(5, span.name)
  const parent = span.parentSpanContext?.spanId
  if (parent !== undefined && parent !== '') id(4, parent)
  traced(context)
}

function traced(context: SpanContext): void {
  const state = context.traceState?.serialize()
  if (state !== undefined && state !== '') text(3, state)
  id(2, context.spanId)
  id(1, context.traceId)
}

function event({ time: at, name, attributes: more, droppedAttributesCount }: TimedEvent): void {
  const before = out.length
  count(4, droppedAttributesCount)
  if (more !== undefined) attributes(3, more)
  text(2, name)
  time(1, at)
  close(out, 11, before)
}

function link({ context, attributes: more, droppedAttributesCount }: Link): void {
  const before = out.length
  flags(6, context.traceFlags, context.isRemote)
  count(5, droppedAttributesCount)
  if (more !== undefined) attributes(4, more)
  traced(context)
  close(out, 13, before)
}

function attributes(field: number, of: Attributes): void {
  const names = Object.keys(of)
  for (let i = names.length - 1; i >= 0; i--) {
    const name = names[i]!
    const value = of[name]
    const before = out.length
    const beforeValue = out.length
    anyValue(value)
    close(out, 2, beforeValue)
    text(1, name)
    close(out, field, before)
  }
}

function anyValue(value: unknown): void {
  switch (typeof value) {
    case 'string':
      return text(1, value)
    case 'boolean':
      return number(2, value ? 1 : 0)
    case 'number':
      if (Number.isSafeInteger(value)) {
        if (value >= 0) out.varint(value)
        else out.varint64(BigInt(value))
        return out.varint((3 << 3) | VARINT!)
      }
      out.double(value)
      return out.varint((4 << 3) | FIXED64!)
    case 'object':
      return objectValue(value)
  }
}

/** An array, bytes or a map: the SDK lets attributes be arrays, and instrumentations of others what they like. */
function objectValue(value: object | null): void {
  if (value === null) return
  const before = out.length
  if (value instanceof Uint8Array) {
    out.bytes(value)
    return close(out, 7, before)
  }
  if (!Array.isArray(value)) {
    attributes(1, value as Attributes)
    return close(out, 6, before)
  }
  for (let i = value.length - 1; i >= 0; i--) {
    const beforeItem = out.length
    anyValue(value[i])
    close(out, 1, beforeItem)
  }
  close(out, 5, before)
}

function text(field: number, value: string): void {
  const before = out.length
  out.text(value)
  close(out, field, before)
}

function number(field: number, value: number): void {
  out.varint(value)
  out.varint((field << 3) | VARINT!)
}

function count(field: number, value: number | undefined): void {
  if (value !== undefined && value > 0) number(field, value)
}

function flags(field: number, traceFlags: number, isRemote: boolean | undefined): void {
  out.fixed32((traceFlags & 0xff) | HAS_IS_REMOTE! | (isRemote === true ? IS_REMOTE! : 0))
  out.varint((field << 3) | FIXED32!)
}

function id(field: number, hex: string): void {
  const before = out.length
  out.hex(hex)
  close(out, field, before)
}

function time(field: number, [seconds, nanos]: readonly [number, number]): void {
  out.fixed64OfTime(seconds, nanos)
  out.varint((field << 3) | FIXED64!)
}
