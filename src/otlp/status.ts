/** What an OTLP endpoint answers: the export response with its partial success, and `google.rpc.Status`, both in either encoding. */
import { MalformedError } from '../model/batch.ts'
import type { Signal } from '../model/signal.ts'
import { decodeMessage, type JsonObject } from './decode.ts'
import { jsonToMessage, parseJson } from './json.ts'
import { type Message, RetryInfo, RpcStatus, rejectedField, responseOf } from './schema.ts'
import { encodeMessage } from './write.ts'

export type Encoding = 'protobuf' | 'json'

export interface PartialSuccess {
  /** [rows] that were not taken and must not be sent again */
  readonly rejected: number
  /** why; with `rejected` 0, a warning */
  readonly message: string
}

export interface RpcStatusFields {
  readonly code: number
  readonly message: string
  /** [ms] from RetryInfo; absent where the server gave none */
  readonly retryAfterMs?: number
}

/** Full success (`undefined`) is 0 bytes of protobuf, and `{}` in JSON. */
export function encodeResponse(signal: Signal, partial: PartialSuccess | undefined, encoding: Encoding): Uint8Array {
  const body: JsonObject = {}
  if (partial !== undefined && (partial.rejected !== 0 || partial.message !== '')) {
    body['partialSuccess'] = { [rejectedField[signal]]: String(partial.rejected), errorMessage: partial.message }
  }
  return encoding === 'json' ? Buffer.from(JSON.stringify(body)) : encodeMessage(responseOf[signal], body)
}

/** `rejected` 0 and `message` '' on full success, also for an empty body. @throws {MalformedError} */
export function decodeResponse(signal: Signal, bytes: Uint8Array, encoding: Encoding): PartialSuccess {
  if (bytes.length === 0) return { rejected: 0, message: '' }
  const response = decodeAnswer(responseOf[signal], bytes, encoding)
  const partial = (response['partialSuccess'] ?? {}) as JsonObject
  return { rejected: Number(partial[rejectedField[signal]] ?? 0), message: String(partial['errorMessage'] ?? '') }
}

/** `code` is a gRPC status code. `retryAfterMs` becomes a RetryInfo among the details. */
export function encodeStatus(code: number, message: string, encoding: Encoding, retryAfterMs?: number): Uint8Array {
  if (encoding === 'json') {
    const details = retryAfterMs === undefined ? {} : { details: [{ '@type': retryInfoType, retryDelay: `${retryAfterMs / 1000}s` }] }
    return Buffer.from(JSON.stringify({ code, message, ...details }))
  }
  const details =
    retryAfterMs === undefined
      ? []
      : [{ typeUrl: retryInfoType, value: encodeMessage(RetryInfo, { retryDelay: toDuration(retryAfterMs) }) }]
  return encodeMessage(RpcStatus, { code, message, details })
}

/** @throws {MalformedError} */
export function decodeStatus(bytes: Uint8Array, encoding: Encoding): RpcStatusFields {
  return encoding === 'json' ? statusFromJson(parseJson(bytes)) : statusFromProtobuf(decodeMessage(RpcStatus, bytes))
}

const retryInfoType = 'type.googleapis.com/google.rpc.RetryInfo'

function decodeAnswer(message: Message, bytes: Uint8Array, encoding: Encoding): JsonObject {
  return decodeMessage(message, encoding === 'json' ? jsonToMessage(message, bytes) : bytes)
}

function statusFromProtobuf(status: JsonObject): RpcStatusFields {
  const found = listOf(status['details']).find(d => d['typeUrl'] === retryInfoType)
  const fields = { code: Number(status['code'] ?? 0), message: String(status['message'] ?? '') }
  if (found === undefined) return fields
  const info = decodeMessage(RetryInfo, Buffer.from(String(found['value'] ?? ''), 'base64'))
  const delay = (info['retryDelay'] ?? {}) as JsonObject
  return { ...fields, retryAfterMs: Number(delay['seconds'] ?? 0) * 1000 + Number(delay['nanos'] ?? 0) / 1e6 }
}

/** In JSON a detail is its message with its type beside it, and a duration is text. */
function statusFromJson(status: unknown): RpcStatusFields {
  if (typeof status !== 'object' || status === null) throw new MalformedError('status: must be an object')
  const { code, message, details } = status as Record<string, unknown>
  const fields = { code: Number.isInteger(code) ? Number(code) : 2, message: typeof message === 'string' ? message : '' }
  const found = listOf(details).find(d => d['@type'] === retryInfoType)
  const seconds = /^(\d+(?:\.\d+)?)s$/.exec(String(found?.['retryDelay']))
  return seconds === null ? fields : { ...fields, retryAfterMs: Number(seconds[1]) * 1000 }
}

const listOf = (value: unknown): JsonObject[] =>
  Array.isArray(value) ? value.filter(item => typeof item === 'object' && item !== null) : []

const toDuration = (ms: number) => ({ seconds: Math.floor(ms / 1000), nanos: Math.round((ms % 1000) * 1e6) })
