/** One unary call: a message out, a message or a status back. Never rejects. */
import { type ClientHttp2Stream, constants, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2'
import { gunzipSync } from 'node:zlib'
import type { Clock } from '../../lib/clock.ts'
import { showDuration } from '../../lib/duration.ts'
import type { Connection } from './connection.ts'

export interface Answer {
  /** of HTTP */
  readonly status: number
  /** the trailers, or the headers where the answer has nothing else */
  readonly trailers: IncomingHttpHeaders
  /** the message without its prefix; empty where there is none, or none that can be read */
  readonly message: Uint8Array
  /** the request had been written in full: nobody reads its bytes any more */
  readonly written: boolean
}
export interface NoAnswer {
  readonly why: string
  /** the request had been written in full */
  readonly lost: boolean
  /** the destination had not begun to look at it: the connection was on its way out */
  readonly stale: boolean
}

/** [bytes] as OTLP limits it */
const maxAnswerBytes = 4 * 2 ** 20
const prefixBytes = 5
const nothing = new Uint8Array()

export function call(
  connection: Connection,
  headers: OutgoingHttpHeaders,
  chunks: readonly Uint8Array[],
  timeoutMs: number,
  clock: Clock,
  stop: AbortSignal,
): Promise<Answer | NoAnswer> {
  if (stop.aborted) return Promise.resolve({ why: 'shutting down', lost: false, stale: false })
  return new Promise(resolve => {
    const stream = begin(connection, headers)
    // The connection was on its way out and had not said so: the next is a new one.
    if (stream instanceof Error) return resolve({ why: stream.message, lost: false, stale: true })
    const { session } = connection
    let written = false
    let failure: string | undefined
    let head: IncomingHttpHeaders = {}
    let trailers: IncomingHttpHeaders | undefined
    const pieces: Uint8Array[] = []
    let size = 0
    const giveUp = (why: string) => {
      failure ??= why
      if (stream.closed) stream.destroy()
      else stream.close(constants.NGHTTP2_CANCEL)
    }
    const onStop = () => {
      giveUp('shutting down')
      connection.abandon()
    }
    const onTimeout = () => {
      giveUp(`no answer within ${showDuration(timeoutMs)}`)
      connection.suspect(timeoutMs)
    }
    const timer = timeoutMs === 0 ? undefined : clock.after(timeoutMs, onTimeout)
    stop.addEventListener('abort', onStop, { once: true })
    connection.callBegan()
    stream.on('finish', () => {
      written = true
    })
    stream.on('response', received => {
      head = received
    })
    stream.on('trailers', received => {
      trailers = received
    })
    stream.on('data', (piece: Uint8Array) => {
      size += piece.length
      if (size <= maxAnswerBytes) pieces.push(piece)
    })
    // Ended by the destination before it had all of the request: node waits for what is left of that to be written, which it never is.
    stream.on('end', () => {
      if (stream.closed && !stream.writableFinished) stream.destroy()
    })
    stream.on('error', error => {
      failure ??= error.message
    })
    stream.on('close', () => {
      timer?.[Symbol.dispose]()
      stop.removeEventListener('abort', onStop)
      connection.callEnded()
      const last = trailers ?? (head['grpc-status'] === undefined ? undefined : head)
      const status = Number(head[':status'] ?? 0)
      if (last !== undefined || (status !== 0 && status !== 200)) {
        const message = size > maxAnswerBytes ? nothing : messageIn(Buffer.concat(pieces, size), head)
        resolve({ status, trailers: last ?? {}, message, written })
        return
      }
      const refused = stream.rstCode === constants.NGHTTP2_REFUSED_STREAM && session.closed
      resolve({ why: failure ?? 'the call broke off without a status', lost: written && !refused, stale: refused })
    })
    stream.cork()
    for (const chunk of chunks) stream.write(chunk)
    stream.end()
    stream.uncork()
  })
}

function begin(connection: Connection, headers: OutgoingHttpHeaders): ClientHttp2Stream | Error {
  try {
    return connection.session.request(headers)
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

/** gRPC's prefix: whether the message is compressed, and its length. */
export function prefix(compressed: boolean, length: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(prefixBytes)
  bytes[0] = compressed ? 1 : 0
  bytes.writeUInt32BE(length, 1)
  return bytes
}

/** The answer is a detail: where it cannot be read, the status says enough. */
function messageIn(body: Buffer, head: IncomingHttpHeaders): Uint8Array {
  if (body.length < prefixBytes || body.length !== prefixBytes + body.readUInt32BE(1)) return nothing
  const message = body.subarray(prefixBytes)
  if (body[0] === 0) return message
  try {
    return head['grpc-encoding'] === 'gzip' ? gunzipSync(message, { maxOutputLength: maxAnswerBytes }) : nothing
  } catch {
    return nothing
  }
}
