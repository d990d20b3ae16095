/**
 * One GET over node:http, with credentials, redirects and bounds: a page of metrics, or a list of targets. Connections are kept.
 */
import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { ConnectionOptions, SecureVersion } from 'node:tls'
import { gunzipSync } from 'node:zlib'
import type { Files } from '../../component/component.ts'
import { StartError } from '../../component/errors.ts'
import { Gunzip } from '../../component/gunzip.ts'
import { showBytes } from '../../lib/bytes.ts'
import type { Clock } from '../../lib/clock.ts'
import { showDuration } from '../../lib/duration.ts'
import type { HttpSettings } from './http-settings.ts'

export interface Page {
  /** gone when whoever reads it returns */
  readonly body: Uint8Array
  readonly contentType: string
}

/** Why there is no page: in words for the log. */
export class FetchError extends Error {
  override readonly name = 'FetchError'
  /** it was larger than it may be */
  readonly tooLarge: boolean
  constructor(message: string, tooLarge = false) {
    super(message)
    this.tooLarge = tooLarge
  }
}

const versions: Readonly<Record<HttpSettings['tls_config']['min_version'], SecureVersion>> = {
  TLS10: 'TLSv1',
  TLS11: 'TLSv1.1',
  TLS12: 'TLSv1.2',
  TLS13: 'TLSv1.3',
}
type Answer<T> = { readonly read: T } | { readonly status: number; readonly location: string }
/** [bytes] what is kept of the room for pages */
const maxRoom = 16 * 2 ** 20
class StaleError extends Error {}
/** what the reader of a page has thrown */
class ReadError extends Error {}
const maxStale = 5
const maxRedirects = 10
/** [bytes] of a page for which nobody has set a limit */
export const maxPage = 256 * 2 ** 20

export class HttpClient {
  readonly #settings: HttpSettings
  readonly #files: Files
  readonly #clock: Clock
  readonly #http = new HttpAgent({ keepAlive: true, scheduling: 'lifo' })
  #https = new HttpsAgent({ keepAlive: true, scheduling: 'lifo' })
  readonly #gunzip = new Gunzip()
  /** where pages are put together, one after the other */
  #room = Buffer.alloc(0)

  constructor(settings: HttpSettings, files: Files, clock: Clock) {
    this.#settings = settings
    this.#files = files
    this.#clock = clock
  }

  /** @param where the settings are, for messages. @throws {StartError} when a certificate cannot be read */
  async open(where: string): Promise<void> {
    const { tls_config: tls } = this.#settings
    const [ca, cert, key] = await Promise.all([
      this.#pem(tls.ca, tls.ca_file, `${where}.tls_config.ca_file`),
      this.#pem(tls.cert, tls.cert_file, `${where}.tls_config.cert_file`),
      this.#pem(tls.key, tls.key_file, `${where}.tls_config.key_file`),
    ])
    const options: ConnectionOptions = {
      minVersion: versions[tls.min_version],
      maxVersion: versions[tls.max_version],
      rejectUnauthorized: !tls.insecure_skip_verify,
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(tls.server_name === undefined ? {} : { servername: tls.server_name }),
    }
    this.#https = new HttpsAgent({ keepAlive: true, scheduling: 'lifo', ...options })
  }

  close(): void {
    this.#http.destroy()
    this.#https.destroy()
  }

  /**
   * @param timeout [ms] for all of it, redirects too
   * @param limit [bytes] of the body, unpacked
   * @param read is given the page, and must be done with it when it returns
   * @throws {FetchError} and what `read` throws
   */
  async get<T>(
    url: string,
    headers: Readonly<Record<string, string>>,
    { timeout, limit, stop }: { timeout: number; limit: number; stop: AbortSignal },
    read: (page: Page) => T,
  ): Promise<T> {
    const late = new AbortController()
    using _timer = this.#clock.after(timeout, () => late.abort())
    const ended = AbortSignal.any([late.signal, stop])
    try {
      const all = { ...headers, ...(await this.#headers()) }
      let at = new URL(url)
      for (let redirects = 0; ; redirects++) {
        // Who was given credentials for one host gives them to no other.
        const same = at.host === new URL(url).host
        const answer = await this.#asked(at, same ? all : headers, limit, ended, read)
        if ('read' in answer) return answer.read
        if (!this.#settings.follow_redirects) throw new FetchError(`HTTP ${answer.status}: redirects are not followed (follow_redirects)`)
        if (redirects === maxRedirects) throw new FetchError(`more than ${maxRedirects} redirects`)
        at = new URL(answer.location, at)
        if (!/^https?:$/.test(at.protocol)) throw new FetchError(`a redirect to ${at.protocol} is not followed`)
      }
    } catch (error) {
      if (error instanceof ReadError) throw error.cause
      if (late.signal.aborted) throw new FetchError(`no answer within ${showDuration(timeout)}`)
      if (error instanceof FetchError) throw error
      throw new FetchError(stop.aborted ? 'shutting down' : error instanceof Error ? error.message : String(error))
    }
  }

  /** A kept connection may turn out to be closed; nothing was asked then, and it is asked anew. */
  async #asked<T>(url: URL, headers: object, limit: number, ended: AbortSignal, read: (page: Page) => T): Promise<Answer<T>> {
    for (let stale = 0; ; stale++) {
      try {
        return await this.#ask(url, headers, limit, ended, read)
      } catch (error) {
        if (!(error instanceof StaleError) || stale === maxStale) throw error
      }
    }
  }

  #ask<T>(url: URL, headers: object, limit: number, ended: AbortSignal, read: (page: Page) => T): Promise<Answer<T>> {
    const secure = url.protocol === 'https:'
    const options = { agent: secure ? this.#https : this.#http, headers: { ...headers }, signal: ended }
    return new Promise((resolve, reject) => {
      const request: ClientRequest = secure ? httpsRequest(url, options) : httpRequest(url, options)
      let heard = false
      request.on('error', (error: NodeJS.ErrnoException) => {
        const closed = error.code === 'ECONNRESET' || error.code === 'EPIPE'
        reject(!heard && request.reusedSocket && closed ? new StaleError(error.message) : error)
      })
      request.on('response', response => {
        heard = true
        const status = response.statusCode ?? 0
        const location = response.headers.location
        if (status >= 300 && status < 400 && location !== undefined) {
          response.resume()
          resolve({ status, location })
        } else if (status !== 200) {
          response.resume()
          reject(new FetchError(`HTTP ${status}${response.statusMessage ? ` ${response.statusMessage}` : ''}`))
        } else this.#read(response, limit, read).then(resolve, reject)
      })
      request.end()
    })
  }

  #read<T>(response: IncomingMessage, limit: number, read: (page: Page) => T): Promise<{ read: T }> {
    const packed = response.headers['content-encoding'] === 'gzip'
    const pieces: Uint8Array[] = []
    let size = 0
    return new Promise((resolve, reject) => {
      const tooLarge = () => new FetchError(`the page is larger than ${showBytes(limit)} (body_size_limit)`, true)
      response.on('data', (piece: Uint8Array) => {
        size += piece.length
        pieces.push(piece)
        if (size <= limit) return
        reject(tooLarge())
        response.destroy()
      })
      response.on('error', reject)
      response.on('end', () => {
        let body: Uint8Array
        try {
          body = packed ? this.#unpack(Buffer.concat(pieces, size), limit) : this.#join(pieces, size)
        } catch (error) {
          const large = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
          return reject(
            large ? tooLarge() : new FetchError(`the page cannot be unpacked: ${error instanceof Error ? error.message : String(error)}`),
          )
        }
        try {
          resolve({ read: read({ body, contentType: response.headers['content-type'] ?? '' }) })
        } catch (cause) {
          reject(new ReadError('', { cause }))
        }
      })
    })
  }

  #join(pieces: readonly Uint8Array[], size: number): Uint8Array {
    if (pieces.length === 1) return pieces[0]!
    const room = this.#roomFor(size)
    let at = 0
    for (const piece of pieces) {
      room.set(piece, at)
      at += piece.length
    }
    return room.subarray(0, size)
  }

  #unpack(body: Buffer, limit: number): Uint8Array {
    // The last four bytes say how long it was. Whatever is odd about it is gunzipSync's to find out.
    const size = body.length < 18 ? limit + 1 : body.readUInt32LE(body.length - 4)
    const found = size > limit || size > 1040 * body.length ? undefined : this.#gunzip.inflate(body, size, this.#roomFor(size + 1))
    return found ?? gunzipSync(body, { maxOutputLength: limit })
  }

  #roomFor(size: number): Buffer {
    if (size > maxRoom) return Buffer.allocUnsafeSlow(size)
    if (size > this.#room.length) this.#room = Buffer.allocUnsafeSlow(size + (size >> 3))
    return this.#room
  }

  /** Files are read each time: who rotates a password need not restart anything. */
  async #headers(): Promise<Record<string, string>> {
    const { basic_auth: basic, authorization, bearer_token, bearer_token_file, http_headers } = this.#settings
    const headers: Record<string, string> = {}
    for (const [name, { values, secrets, files }] of Object.entries(http_headers)) {
      const all = [...values, ...secrets, ...(await Promise.all(files.map(file => this.#file(file))))]
      if (all.length > 0) headers[name.toLowerCase()] = all.join(', ')
    }
    if (basic !== undefined) {
      const user = basic.username ?? (basic.username_file === undefined ? '' : await this.#file(basic.username_file))
      const password = basic.password ?? (basic.password_file === undefined ? '' : await this.#file(basic.password_file))
      headers['authorization'] = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
    }
    const token = authorization?.credentials ?? bearer_token
    const file = authorization?.credentials_file ?? bearer_token_file
    if (token !== undefined || file !== undefined)
      headers['authorization'] = `${authorization?.type || 'Bearer'} ${token ?? (await this.#file(file!))}`
    return headers
  }

  async #file(path: string): Promise<string> {
    try {
      return Buffer.from(await this.#files.read(path))
        .toString()
        .trim()
    } catch (error) {
      throw new FetchError(`cannot read ${JSON.stringify(path)}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  async #pem(given: string | undefined, path: string | undefined, setting: string): Promise<string | undefined> {
    if (path === undefined) return given
    try {
      return Buffer.from(await this.#files.read(path)).toString()
    } catch (cause) {
      throw new StartError(`${setting}: cannot read ${JSON.stringify(path)}: ${cause instanceof Error ? cause.message : String(cause)}`, {
        cause,
        remedy: 'give a file that exists and that this user may read',
      })
    }
  }
}
