/** One POST over node:http: what was answered, or why nothing was. Never rejects. */
import type { IncomingHttpHeaders, IncomingMessage, RequestOptions } from 'node:http'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Clock } from '../lib/clock.ts'
import { showDuration } from '../lib/duration.ts'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** empty where it was longer than `maxAnswerBytes` or broke off */
  readonly body: Uint8Array
  /** the request had been written in full: nobody reads its bytes any more */
  readonly written: boolean
}
export interface NoAnswer {
  readonly why: string
  /** the request had been written in full */
  readonly lost: boolean
  /** a kept connection turned out to be closed */
  readonly stale: boolean
}

/** [bytes] as OTLP limits it */
export const maxAnswerBytes = 4 * 2 ** 20

/**
 * @param options with `headers` that carry the content-length
 * @param chunks written as they are, one after the other, in one system call where the socket allows
 */
export function post(
  options: RequestOptions,
  chunks: readonly Uint8Array[],
  timeoutMs: number,
  clock: Clock,
  stop: AbortSignal,
): Promise<Answer | NoAnswer> {
  if (stop.aborted) return Promise.resolve({ why: 'shutting down', lost: false, stale: false })
  return new Promise(resolve => {
    const request = options.protocol === 'https:' ? httpsRequest(options) : httpRequest(options)
    let written = false
    let gaveUp = false
    let heard: IncomingMessage | undefined
    const settle = (answer: Answer | NoAnswer) => {
      timer?.[Symbol.dispose]()
      stop.removeEventListener('abort', onStop)
      resolve(answer)
    }
    const giveUp = (why: string) => {
      gaveUp = true
      request.destroy(new Error(why))
    }
    const onStop = () => giveUp('shutting down')
    const timer = timeoutMs === 0 ? undefined : clock.after(timeoutMs, () => giveUp(`no answer within ${showDuration(timeoutMs)}`))
    stop.addEventListener('abort', onStop, { once: true })
    request.on('finish', () => {
      written = true
    })
    // Once the status is known, so is whether the destination has it; only the words are missing.
    const answer = ({ statusCode = 0, headers }: IncomingMessage, body: Uint8Array) =>
      settle({ status: statusCode, headers, body, written })
    request.on('error', (error: NodeJS.ErrnoException) => {
      if (heard !== undefined) return answer(heard, nothing)
      settle({ why: error.message, lost: written, stale: !gaveUp && request.reusedSocket && isReset(error) })
    })
    request.on('response', response => {
      heard = response
      const pieces: Uint8Array[] = []
      let size = 0
      response.on('data', (piece: Uint8Array) => {
        size += piece.length
        if (size > maxAnswerBytes) {
          answer(response, nothing)
          response.destroy()
        } else pieces.push(piece)
      })
      response.on('end', () => answer(response, size === 0 ? nothing : Buffer.concat(pieces, size)))
      response.on('error', () => answer(response, nothing))
    })
    // Who wants to speak another protocol is left without an error.
    request.on('upgrade', (_response, socket) => {
      socket.destroy()
      settle({ why: 'the connection was closed', lost: written, stale: false })
    })
    request.cork()
    for (const chunk of chunks) request.write(chunk)
    request.end()
    request.uncork()
  })
}

const nothing = new Uint8Array()
const isReset = (error: NodeJS.ErrnoException) => error.code === 'ECONNRESET' || error.code === 'EPIPE'
