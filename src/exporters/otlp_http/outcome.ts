/** What an OTLP/HTTP answer means for the rows that were sent. */

import type { Outcome } from '../../component/destination.ts'
import type { Answer } from '../../component/http-post.ts'
import { retryAfterMs } from '../../component/retry.ts'
import type { Signal } from '../../model/signal.ts'
import { decodeResponse, decodeStatus, type Encoding } from '../../otlp/status.ts'

const retryable = new Set([429, 502, 503, 504])
/** What no part of the request would change: not let in, wrong address, wrong kind. All else may be the fault of some row in it. */
const permanent = new Set([401, 402, 403, 404, 405, 406, 407, 410, 411, 415, 421, 426, 431, 451, 501, 505, 511])
const maxWords = 300

export function outcomeOf({ status, headers, body }: Answer, signal: Signal, nowMs: number): Outcome {
  const encoding: Encoding = headers['content-type']?.startsWith('application/json') ? 'json' : 'protobuf'
  if (status >= 200 && status < 300) return delivered(signal, body, encoding)
  const why = `HTTP ${status}${wordsOf(body, encoding, headers['content-type'])}`
  if (retryable.has(status)) {
    return { is: 'retryable', why, retryAfterMs: retryAfterMs(headers['retry-after'], nowMs), lost: false, stale: false }
  }
  if (status === 413) return { is: 'too_large', why }
  if (status >= 300 && status < 400) return { is: 'permanent', why: `HTTP ${status}: redirects are not followed; set the final address` }
  return { is: permanent.has(status) ? 'permanent' : 'rejected', why }
}

function delivered(signal: Signal, body: Uint8Array, encoding: Encoding): Outcome {
  if (body.length === 0) return complete
  try {
    const { rejected, message } = decodeResponse(signal, body, encoding)
    return rejected === 0 && message === '' ? complete : { is: 'delivered', rejected, message: message.slice(0, maxWords) }
  } catch {
    // It said yes; what else it said cannot be read.
    return complete
  }
}

const complete: Outcome = { is: 'delivered', rejected: 0, message: '' }

/** The message of google.rpc.Status, or the beginning of a text; '' where there is neither. */
function wordsOf(body: Uint8Array, encoding: Encoding, type: string | undefined): string {
  const words = type?.startsWith('text/') ? Buffer.from(body.subarray(0, maxWords)).toString() : messageOf(body, encoding)
  const clean = words
    .replaceAll(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, maxWords)
  return clean === '' ? '' : `: ${clean}`
}

function messageOf(body: Uint8Array, encoding: Encoding): string {
  try {
    return body.length === 0 ? '' : decodeStatus(body, encoding).message
  } catch {
    return ''
  }
}
