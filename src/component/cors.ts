/** Pages in browsers: which origins may send, and what they may set (the Fetch standard's CORS protocol). */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { z } from 'zod'

export const corsSettings = () =>
  z.strictObject({
    allowed_origins: z
      .array(z.string())
      .default([])
      .describe('Origins of pages that may send, such as `https://*.example.com`; `*` stands for any text. Empty: none.'),
    allowed_headers: z
      .array(z.string())
      .default([])
      .describe('Request headers that such pages may set besides `Accept`, `Content-Type` and the like; `*`: any.'),
    exposed_headers: z.array(z.string()).default([]).describe('Response headers that such pages may read.'),
    max_age: z.number().int().min(0).default(0).describe('[s] How long a browser keeps the answer; 0: its own default.'),
  })
type CorsSettings = z.infer<ReturnType<typeof corsSettings>>

export interface Cors {
  allows(origin: string): boolean
  readonly anyHeader: boolean
  /** lower case */
  readonly headers: readonly string[]
  readonly exposed: string
  /** [s] 0: unsaid */
  readonly maxAge: number
}

/** What OTLP needs, and what browsers' SDKs add. */
const always = ['accept', 'accept-language', 'content-language', 'content-type', 'content-encoding', 'x-requested-with']

export function createCors(settings: CorsSettings | undefined): Cors | undefined {
  if (settings === undefined || settings.allowed_origins.length === 0) return undefined
  const patterns = settings.allowed_origins.map(pattern => pattern.toLowerCase())
  return {
    allows: origin => patterns.some(pattern => matches(pattern.split('*'), origin.toLowerCase())),
    anyHeader: settings.allowed_headers.includes('*'),
    headers: [...new Set([...always, ...settings.allowed_headers.map(name => name.toLowerCase()).filter(name => name !== '*')])],
    exposed: settings.exposed_headers.join(', '),
    maxAge: settings.max_age,
  }
}

/** The texts between the stars appear in this order, the first at the start, the last at the end. */
function matches(parts: readonly string[], text: string): boolean {
  const [first, ...rest] = parts as [string, ...string[]]
  const last = rest.pop()
  if (last === undefined) return text === first
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false
  let at = first.length
  for (const part of rest) {
    const found = text.indexOf(part, at)
    if (found < 0 || found + part.length > text.length - last.length) return false
    at = found + part.length
  }
  return at <= text.length - last.length
}

/** A flat list of headers for an answer to a page of `origin`; a browser withholds an answer without them from the page. */
export function corsHeaders(cors: Cors, origin: string): readonly string[] {
  if (!cors.allows(origin)) return ['vary', 'origin']
  const headers = ['vary', 'origin', 'access-control-allow-origin', origin, 'access-control-allow-credentials', 'true']
  return cors.exposed === '' ? headers : [...headers, 'access-control-expose-headers', cors.exposed]
}

export function answerPreflight(cors: Cors, request: IncomingMessage, response: ServerResponse, methods = 'POST'): void {
  const { origin } = request.headers
  response.setHeader('vary', 'origin, access-control-request-method, access-control-request-headers')
  response.setHeader('content-length', 0)
  if (origin !== undefined && cors.allows(origin)) {
    const asked = String(request.headers['access-control-request-headers'] ?? '')
    response.setHeader('access-control-allow-origin', origin)
    response.setHeader('access-control-allow-credentials', 'true')
    response.setHeader('access-control-allow-methods', methods)
    response.setHeader('access-control-allow-headers', cors.anyHeader && asked !== '' ? asked : cors.headers.join(', '))
    if (cors.maxAge > 0) response.setHeader('access-control-max-age', cors.maxAge)
  }
  response.writeHead(204).end()
  request.resume()
}
