/** The parameters of a request: those of its body, if it is a form, before those of its URL. */
import type { IncomingMessage } from 'node:http'
import { ApiError, badData } from './answer.ts'

/** Parameters that nobody asks for are no error, as with Prometheus, where nobody looks at `names`. */
export class Form {
  readonly #values: ReadonlyMap<string, readonly string[]>

  constructor(values: ReadonlyMap<string, readonly string[]>) {
    this.#values = values
  }

  /** The first; empty where it was not given. */
  get(name: string): string {
    return this.#values.get(name)?.[0] ?? ''
  }

  /** of all that was given, each once */
  get names(): readonly string[] {
    return [...this.#values.keys()]
  }

  all(name: string): readonly string[] {
    return this.#values.get(name) ?? []
  }
}

/** [bytes] as Go's own bound for forms */
const maxFormBytes = 10 * 2 ** 20
/** A query has a handful; this many match[] are more than any client sends. */
const maxParameters = 10_000

/** @throws {ApiError} {@link AbortError} when the client goes away before the end of its body */
export async function readForm(request: IncomingMessage): Promise<Form> {
  const url = request.url ?? '/'
  const at = url.indexOf('?')
  const values = new Map<string, string[]>()
  if (isPosted(request, 'application/x-www-form-urlencoded')) gather(values, await bodyOf(request, maxFormBytes, 'the form'))
  else if (isPosted(request, 'multipart/form-data')) await gatherParts(values, request)
  else request.resume()
  if (at >= 0) gather(values, Buffer.from(url.slice(at + 1)))
  return new Form(values)
}

const isPosted = ({ method, headers }: IncomingMessage, type: string): boolean =>
  method === 'POST' && (headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase() === type

/** The whole body. @throws {ApiError} 413 where it is larger than `limit`: what is left is read and forgotten. */
export function bodyOf(request: IncomingMessage, limit: number, what: string): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const chunks: Buffer[] = []
  let size = 0
  request.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size <= limit) return chunks.push(chunk)
    chunks.length = 0
    // A connection that is cut while it sends loses the answer; one that never ends is cut all the same.
    if (size > 2 * limit + 2 ** 20) request.destroy()
    return reject(new ApiError('bad_data', `${what} is larger than the ${limit} bytes that are allowed`, { status: 413 }))
  })
  request.on('end', () => resolve(Buffer.concat(chunks)))
  request.on('error', reject)
  request.on('close', () => reject(new ApiError('canceled', 'the request was not sent to its end')))
  return promise
}

/** `a=1&b=2` with percent signs, as bytes: what they decode to must be UTF-8. */
function gather(values: Map<string, string[]>, bytes: Buffer): void {
  let count = 0
  for (let from = 0; from < bytes.length; ) {
    const found = bytes.indexOf(0x26, from)
    const to = found < 0 ? bytes.length : found
    const equals = bytes.indexOf(0x3d, from)
    const nameTo = equals < 0 || equals > to ? to : equals
    if (to > from) {
      if (++count > maxParameters) throw tooMany()
      add(values, decoded(bytes, from, nameTo), decoded(bytes, Math.min(nameTo + 1, to), to))
    }
    from = to + 1
  }
}

/** As `curl -F` sends it. Files are passed over, since no parameter is one. */
async function gatherParts(values: Map<string, string[]>, request: IncomingMessage): Promise<void> {
  const body = new Response(await bodyOf(request, maxFormBytes, 'the form'), {
    headers: { 'content-type': request.headers['content-type'] ?? '' },
  })
  const parts = await body.formData().catch(() => {
    throw badData('error parsing form values: the multipart form cannot be read')
  })
  let count = 0
  for (const [name, value] of parts) {
    if (++count > maxParameters) throw tooMany()
    if (typeof value === 'string') add(values, name, value)
  }
}

function add(values: Map<string, string[]>, name: string, value: string): void {
  const list = values.get(name)
  if (list === undefined) values.set(name, [value])
  else list.push(value)
}

const tooMany = () => badData(`more than ${maxParameters} parameters`)

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decoded(bytes: Buffer, from: number, to: number): string {
  const out = Buffer.allocUnsafe(to - from)
  let size = 0
  for (let at = from; at < to; at++) {
    const byte = bytes[at]!
    if (byte === 0x2b) out[size++] = 0x20
    else if (byte === 0x25) {
      const value = at + 2 < to ? hex(bytes[at + 1]!) * 16 + hex(bytes[at + 2]!) : Number.NaN
      if (Number.isNaN(value))
        throw badData(`error parsing form values: invalid URL escape ${JSON.stringify(bytes.toString('latin1', at, Math.min(at + 3, to)))}`)
      out[size++] = value
      at += 2
    } else out[size++] = byte
  }
  try {
    return utf8.decode(out.subarray(0, size))
  } catch {
    throw badData('error parsing form values: a parameter is not UTF-8')
  }
}

function hex(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : Number.NaN
}
