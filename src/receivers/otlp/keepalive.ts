/**
 * How long connections over gRPC are kept, as gRPC's `keepalive` has it: those that are idle or old are told to go, those that do
 * not answer are given up, and those that ask too often whether we are there are disconnected.
 */
import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import { type Clock, every } from '../../lib/clock.ts'
import type { GrpcSettings } from './settings.ts'

type Words = GrpcSettings['keepalive']

/** Times are in ms, monotonic. */
interface Visit {
  /** calls under way */
  calls: number
  /** whether there were any */
  called: boolean
  /** when the last call began, or the connection */
  calledAt: number
  /** when it is to go; Infinity: never */
  readonly goesAt: number
  askedAt: number
  /** we have asked, and wait */
  asking: boolean
  /** when we were last asked */
  pingedAt: number
  /** how often in a row too soon */
  strikes: number
}

/** As gRPC has it: a third question too soon ends the connection. */
const mostStrikes = 2
/** [ms] between two questions, where none is under way and none is permitted */
const restMs = 2 * 3_600_000
/** share of its age by which connections that began together are told apart */
const ageJitter = 0.1
/** [ms] how closely ages and silences are watched at the least */
const coarsestMs = 10_000

export class Keepalive {
  readonly #clock: Clock
  readonly #random: () => number
  readonly #server: Words['server_parameters']
  readonly #policy: Words['enforcement_policy']
  readonly #visits = new Map<ServerHttp2Session, Visit>()
  #sweep: Disposable | undefined

  constructor(clock: Clock, random: () => number, keepalive: Words) {
    this.#clock = clock
    this.#random = random
    this.#server = keepalive.server_parameters
    this.#policy = keepalive.enforcement_policy
  }

  watch(): void {
    const { max_connection_idle, max_connection_age, max_connection_age_grace, time } = this.#server
    const lengths = [max_connection_idle, max_connection_age, max_connection_age_grace, time].filter(ms => ms > 0)
    if (lengths.length === 0) return
    this.#sweep = every(this.#clock, Math.min(coarsestMs, ...lengths.map(ms => ms / 2)), () => this.#look())
  }

  welcome(session: ServerHttp2Session): void {
    const now = this.#clock.monotonic()
    const age = this.#server.max_connection_age
    const goesAt = age === 0 ? Number.POSITIVE_INFINITY : now + age * (1 + ageJitter * (2 * this.#random() - 1))
    const visit: Visit = {
      ...{ calls: 0, called: false, calledAt: now, goesAt },
      ...{ askedAt: now, asking: false, pingedAt: Number.NEGATIVE_INFINITY, strikes: 0 },
    }
    this.#visits.set(session, visit)
    session.on('close', () => this.#visits.delete(session))
    if (this.#policy !== undefined) session.on('ping', () => this.#asked(session, visit))
  }

  called(stream: ServerHttp2Stream): void {
    const session = stream.session as ServerHttp2Session | undefined
    const visit = session && this.#visits.get(session)
    if (visit === undefined) return
    visit.calls++
    visit.called = true
    visit.calledAt = this.#clock.monotonic()
    stream.on('close', () => {
      // What ends with its connection was under way.
      if (!session?.destroyed) visit.calls--
      // What was sent to the client shows that it had reason to ask.
      visit.strikes = 0
    })
  }

  /** There were calls, and none is under way. */
  mayGo(session: ServerHttp2Session): boolean {
    const visit = this.#visits.get(session)
    return visit?.called === true && visit.calls === 0
  }

  /** GOAWAY to all. */
  close(): void {
    this.#sweep?.[Symbol.dispose]()
    for (const session of this.#visits.keys()) session.close()
  }

  #look(): void {
    const now = this.#clock.monotonic()
    const { max_connection_idle: idle, max_connection_age_grace: grace } = this.#server
    for (const [session, visit] of this.#visits) {
      if (grace > 0 && now >= visit.goesAt + grace) session.destroy()
      // GOAWAY; calls that are under way are finished.
      else if (now >= visit.goesAt) session.close()
      else if (idle > 0 && visit.calls === 0 && now - visit.calledAt > idle) session.close()
      else this.#ask(session, visit, now)
    }
  }

  #ask(session: ServerHttp2Session, visit: Visit, now: number): void {
    const { time, timeout } = this.#server
    if (time === 0 || visit.asking || now - Math.max(visit.askedAt, visit.calledAt) < time) return
    visit.asking = true
    visit.askedAt = now
    const giveUp = this.#clock.after(timeout, () => session.destroy())
    const over = () => {
      visit.asking = false
      giveUp[Symbol.dispose]()
    }
    session.once('close', over)
    session.ping(() => {
      session.off('close', over)
      over()
    })
  }

  #asked(session: ServerHttp2Session, visit: Visit): void {
    const { min_time, permit_without_stream } = this.#policy!
    const now = this.#clock.monotonic()
    const atLeast = visit.calls === 0 && !permit_without_stream ? restMs : min_time
    if (now - visit.pingedAt < atLeast) visit.strikes++
    visit.pingedAt = now
    if (visit.strikes <= mostStrikes) return
    session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, Buffer.from('too_many_pings'))
    // The reason shall be on its way before the connection is cut.
    setImmediate(() => session.destroy())
  }
}
