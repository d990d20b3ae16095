/** A question over HTTP that has one answer: GET, with parameters; errors are said as in Prometheus's API. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Handler, Logger } from '../component/component.ts'
import { ApiError, invalidParameter, refusal } from './prometheus/answer.ts'
import { type Form, readForm } from './prometheus/form.ts'
import { type Piece, send } from './prometheus/respond.ts'

export interface Asking {
  readonly form: Form
  readonly path: string
  /** what the client takes: its `accept` */
  readonly accept: string
  /** aborts when the client goes away */
  readonly signal: AbortSignal
}
export interface Reply {
  readonly type: string
  readonly pieces: Iterable<Piece>
  /** there is more than this: `X-Thalamus-More` */
  readonly more: boolean
}

/** @param ask throws {ApiError} */
export function answering(log: Logger, ask: (asking: Asking) => Promise<Reply>): Handler {
  return (request, response) => void exchange(log, ask, request, response)
}

/** A filter that is misspelled must not find everything. @throws {ApiError} */
export function onlyThese(form: Form, known: readonly string[]): void {
  const unknown = form.names.find(name => !known.includes(name))
  if (unknown === undefined) return
  throw invalidParameter(unknown.slice(0, 100), known.length === 0 ? 'there are none here' : `not known; known: ${known.join(', ')}`)
}

async function exchange(
  log: Logger,
  ask: (asking: Asking) => Promise<Reply>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const gone = new AbortController()
  response.once('close', () => gone.abort(new ApiError('canceled', 'the client has gone away')))
  try {
    if (request.method !== 'GET') return notAllowed(request, response)
    const form = await readForm(request)
    const path = (request.url ?? '').split('?')[0]!
    const { type, pieces, more } = await ask({ form, path, accept: request.headers.accept ?? '', signal: gone.signal })
    // Where it can be said of every format.
    if (more) response.setHeader('x-thalamus-more', 'true')
    await send(request, response, { status: 200, type, pieces })
  } catch (error) {
    await fail(log, request, response, error)
  }
}

function notAllowed(request: IncomingMessage, response: ServerResponse): void {
  request.resume()
  response.writeHead(405, { allow: 'GET', 'content-type': 'text/plain; charset=utf-8' }).end('Method Not Allowed\n')
}

async function fail(log: Logger, request: IncomingMessage, response: ServerResponse, error: unknown): Promise<void> {
  const problem = error instanceof ApiError ? error : new ApiError('internal', 'internal error: the log has it', { cause: error })
  if (problem.type === 'internal') log.error({ err: error, path: request.url?.split('?')[0] }, 'a question could not be answered')
  if (response.headersSent) return void response.destroy()
  if (response.destroyed) return
  await send(request, response, { status: problem.status, type: 'application/json', pieces: [refusal(problem)] }).catch(() =>
    response.destroy(),
  )
}
