/** Questions sent on, as they are, to another server that speaks Prometheus's API; its answers are passed through as they come. */
import { type IncomingMessage, type RequestOptions, request as requestOver, type ServerResponse } from 'node:http'
import { request as requestOverTls } from 'node:https'
import type { QueryConfig } from '../../component/configuration.ts'
import type { Clock } from '../../lib/clock.ts'
import { showDuration } from '../../lib/duration.ts'
import { ApiError, refusal } from './answer.ts'
import { Form } from './form.ts'
import { optionalDuration } from './times.ts'

/** Headers of one connection: they say nothing about the question or its answer. */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
])

const passed = (headers: IncomingMessage['headers']): Record<string, string | string[]> =>
  Object.fromEntries(
    Object.entries(headers).filter((entry): entry is [string, string | string[]] => entry[1] !== undefined && !hopByHop.has(entry[0])),
  )

type Backend = NonNullable<QueryConfig['backend']>

/** [ms] The backend keeps to the timeout itself: it gets so much longer to say so. */
const graceMs = 1000

/**
 * A path in the backend's URL comes before that of the question, as Mimir's and others' `/prometheus` do. The answer has to begin within
 * `timeoutMs`, or what the address of the question asks for, if that is less: a parameter in a body is the backend's to read.
 */
export function sendOn(
  { url, headers }: Backend,
  request: IncomingMessage,
  response: ServerResponse,
  clock: Clock,
  timeoutMs: number,
): void {
  const base = new URL(url)
  const path = `${base.pathname.replace(/\/+$/, '')}${request.url ?? '/'}`
  const options: RequestOptions = {
    ...{ protocol: base.protocol, hostname: base.hostname.replace(/^\[|\]$/g, ''), port: base.port, path, method: request.method ?? 'GET' },
    headers: { ...passed(request.headers), ...headers },
  }
  const asked = (base.protocol === 'https:' ? requestOverTls : requestOver)(options, answer => {
    timer[Symbol.dispose]()
    response.writeHead(answer.statusCode ?? 502, passed(answer.headers))
    answer.pipe(response)
    answer.on('error', () => response.destroy())
  })
  const patienceMs = Math.min(timeoutMs, timeoutIn(request.url)) + graceMs
  const late = () =>
    asked.destroy(new ApiError('timeout', `the query backend ${base.host} has not answered within ${showDuration(patienceMs)}`))
  const timer = clock.after(patienceMs, late)
  asked.on('error', error => {
    timer[Symbol.dispose]()
    if (response.headersSent) return void response.destroy()
    const problem =
      error instanceof ApiError
        ? error
        : new ApiError('unavailable', `the query backend ${base.host} does not answer: ${error.message}`, { status: 502 })
    response.writeHead(problem.status, { 'content-type': 'application/json' })
    response.end(refusal(problem))
  })
  // Whoever goes away takes the question along.
  response.once('close', () => {
    timer[Symbol.dispose]()
    asked.destroy()
  })
  request.pipe(asked)
}

/** [ms] Infinity where the address names none, or none that can be read: that is the backend's to say. */
function timeoutIn(url = ''): number {
  try {
    const [timeout] = new URLSearchParams(url.split('?')[1]).getAll('timeout')
    return optionalDuration(new Form(new Map(timeout === undefined ? [] : [['timeout', [timeout]]])), 'timeout') ?? Number.POSITIVE_INFINITY
  } catch {
    return Number.POSITIVE_INFINITY
  }
}
