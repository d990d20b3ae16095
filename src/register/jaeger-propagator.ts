/** Jaeger's own headers, `uber-trace-id` and `uberctx-…`, for services that know no other. */
import {
  type Context,
  isSpanContextValid,
  propagation,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
  TraceFlags,
  trace,
} from '@opentelemetry/api'
import { isTracingSuppressed } from '@opentelemetry/core'

const header = 'uber-trace-id'
const baggagePrefix = 'uberctx-'

export class JaegerPropagator implements TextMapPropagator {
  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    const span = trace.getSpanContext(context)
    if (span !== undefined && isSpanContextValid(span) && !isTracingSuppressed(context))
      // The third part was the parent's id, and is 0 since nobody reads it.
      setter.set(carrier, header, `${span.traceId}:${span.spanId}:0:0${(span.traceFlags & TraceFlags.SAMPLED).toString(16)}`)
    for (const [key, { value }] of propagation.getBaggage(context)?.getAllEntries() ?? [])
      setter.set(carrier, `${baggagePrefix}${key}`, encodeURIComponent(value))
  }

  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    const given = [getter.get(carrier, header)].flat()[0]
    const parts = /^([0-9a-f]{1,32}):([0-9a-f]{1,16}):[0-9a-f]{0,16}:([0-9a-f]{1,2})$/i.exec(decoded(given ?? ''))
    let into = context
    if (parts !== null) {
      const [, traceId = '', spanId = '', flags = ''] = parts
      const span = {
        // Leading zeros may be left out.
        traceId: traceId.toLowerCase().padStart(32, '0'),
        spanId: spanId.toLowerCase().padStart(16, '0'),
        traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED,
        isRemote: true,
      }
      if (isSpanContextValid(span)) into = trace.setSpanContext(into, span)
    }
    const names = getter.keys(carrier).filter(name => name.toLowerCase().startsWith(baggagePrefix))
    if (names.length === 0) return into
    let baggage = propagation.getBaggage(into) ?? propagation.createBaggage()
    for (const name of names) {
      const value = [getter.get(carrier, name)].flat()[0]
      if (value !== undefined) baggage = baggage.setEntry(name.slice(baggagePrefix.length), { value: decoded(value) })
    }
    return propagation.setBaggage(into, baggage)
  }

  fields(): string[] {
    return [header]
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
