/** Questions sent on, as they are, to another server that speaks Prometheus's API; its answers are passed through as they come. */
import { type IncomingMessage, type RequestOptions, request as requestOver, type ServerResponse } from 'node:http'
import { request as requestOverTls } from 'node:https'
import type { QueryConfig } from '../../component/configuration.ts'
import { ApiError, refusal } from './answer.ts'

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

/** A path in the backend's URL comes before that of the question, as Mimir's and others' `/prometheus` do */
export function sendOn({ url, headers }: Backend, request: IncomingMessage, response: ServerResponse): void {
  const base = new URL(url)
  const path = `${base.pathname.replace(/\/+$/, '')}${request.url ?? '/'}`
  const options: RequestOptions = {
    ...{ protocol: base.protocol, hostname: base.hostname.replace(/^\[|\]$/g, ''), port: base.port, path, method: request.method ?? 'GET' },
    headers: { ...passed(request.headers), ...headers },
  }
  const asked = (base.protocol === 'https:' ? requestOverTls : requestOver)(options, answer => {
    response.writeHead(answer.statusCode ?? 502, passed(answer.headers))
    answer.pipe(response)
    answer.on('error', () => response.destroy())
  })
  asked.on('error', error => {
    if (response.headersSent) return void response.destroy()
    const problem = new ApiError('unavailable', `the query backend ${base.host} does not answer: ${error.message}`, { status: 502 })
    response.writeHead(problem.status, { 'content-type': 'application/json' })
    response.end(refusal(problem))
  })
  // Whoever goes away takes the question along.
  response.once('close', () => asked.destroy())
  request.pipe(asked)
}
