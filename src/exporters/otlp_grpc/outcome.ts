/** What the status of an OTLP/gRPC call means for the rows that were sent. */
import type { IncomingHttpHeaders } from 'node:http2'
import type { Outcome } from '../../component/destination.ts'
import type { Signal } from '../../model/signal.ts'
import { decodeResponse, decodeStatus } from '../../otlp/status.ts'
import type { Answer } from './call.ts'

const names = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
]
const codeOf = (name: string) => names.indexOf(name)
/** as OTLP says; RESOURCE_EXHAUSTED only with a RetryInfo */
const retryable = new Set(['CANCELLED', 'DEADLINE_EXCEEDED', 'ABORTED', 'OUT_OF_RANGE', 'UNAVAILABLE', 'DATA_LOSS'].map(codeOf))
/** What no part of the request would change. */
const permanent = new Set(['PERMISSION_DENIED', 'RESOURCE_EXHAUSTED', 'UNIMPLEMENTED', 'UNAUTHENTICATED'].map(codeOf))
const exhausted = codeOf('RESOURCE_EXHAUSTED')
/** How servers say that a message is over their limit. */
const aboutSize = /larger than max|too large|message size|exceeds? .*(limit|maximum|size)/i
const maxWords = 300

export function outcomeOf(answer: Answer, signal: Signal): Outcome {
  const { trailers } = answer
  const code = trailers['grpc-status'] === undefined ? codeOfHttp(answer.status) : Number(trailers['grpc-status'])
  if (code === 0) return delivered(signal, answer.message)
  const words = wordsOf(trailers['grpc-message'])
  const why = `${names[code] ?? `code ${code}`}${words === '' ? '' : `: ${words}`}`
  const waitMs = retryInfo(trailers)
  if (retryable.has(code) || (code === exhausted && waitMs !== undefined)) {
    return { is: 'retryable', why, retryAfterMs: waitMs ?? 0, lost: code === codeOf('DEADLINE_EXCEEDED'), stale: false }
  }
  if (code === exhausted && aboutSize.test(words)) return { is: 'too_large', why }
  return { is: permanent.has(code) ? 'permanent' : 'rejected', why }
}

function delivered(signal: Signal, message: Uint8Array): Outcome {
  try {
    const partial = decodeResponse(signal, message, 'protobuf')
    return { is: 'delivered', rejected: partial.rejected, message: partial.message.slice(0, maxWords) }
  } catch {
    // It said yes; what else it said cannot be read.
    return { is: 'delivered', rejected: 0, message: '' }
  }
}

/** What answers in the place of a gRPC server is a proxy, or something else altogether. */
function codeOfHttp(status: number): number {
  const name = { 400: 'INTERNAL', 401: 'UNAUTHENTICATED', 403: 'PERMISSION_DENIED', 404: 'UNIMPLEMENTED' }[status]
  if (name !== undefined) return codeOf(name)
  return codeOf([429, 502, 503, 504].includes(status) ? 'UNAVAILABLE' : 'UNKNOWN')
}

/** [ms]; undefined where the status carries none */
function retryInfo(trailers: IncomingHttpHeaders): number | undefined {
  const details = trailers['grpc-status-details-bin']
  if (typeof details !== 'string') return undefined
  try {
    return decodeStatus(Buffer.from(details, 'base64'), 'protobuf').retryAfterMs
  } catch {
    return undefined
  }
}

/** gRPC sends it percent-encoded. */
function wordsOf(message: string | string[] | undefined): string {
  const text = String(message ?? '')
  let words = text
  try {
    words = decodeURIComponent(text)
  } catch {
    // Shown as it is.
  }
  return words
    .replaceAll(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, maxWords)
}
