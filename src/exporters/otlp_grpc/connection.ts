/**
 * One HTTP/2 connection, made when it is needed and kept. When it breaks, says that it is going away, or stops answering, it is
 * forgotten, and the next call makes another.
 */
import { type ClientHttp2Session, connect, type SecureClientSessionOptions } from 'node:http2'
import type { Clock } from '../../lib/clock.ts'

/** [bytes] what the destination may send us before it must wait; answers are small */
const windowBytes = 4 * 2 ** 20

export interface KeepAlive {
  /** [ms] between pings */
  readonly time: number
  /** [ms] for the answer */
  readonly timeout: number
  readonly permit_without_stream: boolean
}

export class Connection {
  readonly #authority: string
  #options: SecureClientSessionOptions = {}
  readonly #clock: Clock
  readonly #keepAlive: KeepAlive | undefined
  #session: ClientHttp2Session | undefined
  #calls = 0
  #probing = false
  /** The last attempt to connect failed: of several, others are better. */
  broken = false
  #timer: Disposable | undefined

  /** @param authority `http://host:port` or `https://host:port` */
  constructor(authority: string, options: SecureClientSessionOptions, clock: Clock, keepAlive: KeepAlive | undefined) {
    this.#authority = authority
    this.renew(options)
    this.#clock = clock
    this.#keepAlive = keepAlive
  }

  /** From now on connections begin with these; what was said of the address before stays. */
  renew(options: SecureClientSessionOptions): void {
    this.#options = { ...this.#options, ...options, settings: { enablePush: false, initialWindowSize: windowBytes } }
  }

  /** The connection to call on; perhaps not established yet. Why it broke, every call on it is told. */
  get session(): ClientHttp2Session {
    if (this.#session === undefined || this.#session.closed || this.#session.destroyed) this.#session = this.#connect()
    return this.#session
  }

  callBegan(): void {
    this.#calls++
  }
  callEnded(): void {
    this.#calls--
  }

  /** A call got no answer in time: a connection that does not answer a ping either is given up. */
  suspect(timeoutMs: number): void {
    const session = this.#session
    if (session === undefined || session.destroyed || this.#probing) return
    if (session.connecting) return session.destroy(new Error('no connection in time'))
    this.#probing = true
    const timer = this.#clock.after(timeoutMs, () => session.destroy(new Error('no answer to a ping')))
    const over = () => {
      this.#probing = false
      timer[Symbol.dispose]()
    }
    session.once('close', over)
    session.ping(() => {
      session.off('close', over)
      over()
    })
  }

  /** A call that is given up waits for the connection to be established, however long that takes: so that is given up too. */
  abandon(): void {
    if (this.#session?.connecting) this.#session.destroy(new Error('no connection yet'))
  }

  /** Nobody will call on it any more: calls that are under way are finished. */
  retire(): void {
    this.#timer?.[Symbol.dispose]()
    this.#timer = undefined
    this.#session?.close()
  }

  close(): void {
    this.#timer?.[Symbol.dispose]()
    this.#session?.destroy()
    this.#session = undefined
  }

  #connect(): ClientHttp2Session {
    const session = connect(this.#authority, this.#options)
    const forget = () => {
      if (this.#session === session) this.#session = undefined
    }
    // The calls hear of it by themselves.
    session.once('connect', () => (this.broken = false))
    session.on('error', () => {
      if (session.connecting) this.broken = true
      forget()
    })
    session.on('goaway', forget)
    session.on('close', forget)
    this.#armKeepAlive()
    return session
  }

  #armKeepAlive(): void {
    const keepAlive = this.#keepAlive
    if (keepAlive === undefined || this.#timer !== undefined) return
    this.#timer = this.#clock.after(keepAlive.time, () => {
      this.#timer = undefined
      if (this.#session === undefined) return
      if (this.#calls > 0 || keepAlive.permit_without_stream) this.suspect(keepAlive.timeout)
      this.#armKeepAlive()
    })
  }
}
