/**
 * OTLP/JSON ↔ protobuf. Its rules differ from protobuf's own JSON: trace and span ids are hex in either case, enums are numbers,
 * names are lowerCamelCase; otherwise 64-bit integers are strings or numbers, null means absent, unknown fields are ignored.
 * What is read may also say `resource_spans` and `SPAN_KIND_SERVER`, as protobuf's own JSON may: the Collector takes it, and
 * a name passed over as unknown would be a request lost with a 200.
 */
import { MalformedError } from '../model/batch.ts'
import type { Signal } from '../model/signal.ts'
import { decodeMessage, type JsonObject } from './decode.ts'
import { type Message, requestOf } from './schema.ts'
import { encodeMessage } from './write.ts'

/** @throws {MalformedError} naming the place: `resourceMetrics[0].scopeMetrics[2].metrics[0].name: must be a string, got 5` */
export function jsonToProtobuf(signal: Signal, body: Uint8Array): Uint8Array {
  return jsonToMessage(requestOf[signal], body)
}

/** In OTLP/JSON shape, ready for `JSON.stringify`. @throws {MalformedError} */
export function protobufToJson(signal: Signal, bytes: Uint8Array): JsonObject {
  return decodeMessage(requestOf[signal], bytes)
}

export function jsonToMessage(message: Message, body: Uint8Array): Uint8Array {
  const text = textOf(body)
  return encodeMessage(message, parseText(text), { strict: true, protoNames: protoName.test(text), sizeHint: body.length })
}

/** A key with an underscore (or, harmlessly, a text that looks so). */
const protoName = /[a-z]_[a-z_]+"\s*:/

/** Integers that a double cannot hold arrive as bigint. */
export function parseJson(body: Uint8Array): unknown {
  return parseText(textOf(body))
}

function textOf(body: Uint8Array): string {
  try {
    return utf8.decode(body)
  } catch (cause) {
    throw new MalformedError('request: is not UTF-8', { cause })
  }
}

function parseText(text: string): unknown {
  try {
    return longNumber.test(text) ? JSON.parse(text, exactly) : JSON.parse(text)
  } catch (cause) {
    if (cause instanceof RangeError) throw new MalformedError('request: is nested too deep', { cause })
    throw new MalformedError(`request: is not JSON: ${(cause as Error).message}`, { cause })
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** A number of sixteen digits or more that is not in quotes (or, harmlessly, within a text that looks so). */
const longNumber = /[:[,]\s*-?\d[\d.]{15}/

/** For JSON.parse: takes an integer beyond 2^53 from its digits, not from the double nearest to it. Costs a call per value. */
function exactly(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number' || Math.abs(value) <= Number.MAX_SAFE_INTEGER || Math.abs(value) > 2 ** 65) return value
  return integerOf(context?.source ?? '') ?? value
}

/** `12`, `-1.2e1`, `120e-1` → 12n, -12n, 12n; undefined where there is a fraction left. */
function integerOf(source: string): bigint | undefined {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(source)
  if (match === null) return undefined
  const [, sign, whole, fraction = '', exponent = '0'] = match
  const zeros = Number(exponent) - fraction.length
  const digits = `${whole}${fraction}`
  if (zeros >= 0) return zeros > 64 ? undefined : BigInt(`${sign}${digits}${'0'.repeat(zeros)}`)
  return /^0*$/.test(digits.slice(zeros)) ? BigInt(`${sign}${digits.slice(0, zeros) || '0'}`) : undefined
}
