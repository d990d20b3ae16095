/**
 * An embedded pipeline, seen from the application's main thread: a worker of the same process. It inherits nothing that the process
 * preloads, never keeps the process alive, and where it dies the application goes on.
 */
import { Worker } from 'node:worker_threads'
import { StartError } from '../component/errors.ts'
import type { Undelivered } from '../component/ledger.ts'
import type { Place } from '../component/listen.ts'
import type { Recorder } from '../instruments/recorder.ts'
import type { Series } from '../instruments/series.ts'
import type { Signal } from '../model/signal.ts'
import type { Unheard } from '../pipeline/graph.ts'
import { QueryError } from '../promql/query-error.ts'
import { received } from './errors.ts'
import { type Configured, Ending, type Env, type FromPipeline, type Seat, type ToPipeline } from './messages.ts'

export interface EmbeddingOptions {
  readonly configured: Configured
  /** what the thread sees of the process's environment */
  readonly env: Env
  /** [MiB] */
  readonly memoryMiB?: number
  /** their series are read where they are written, in shared memory */
  readonly recorders?: readonly Recorder[]
  /** the pipeline is gone, and nobody asked it to go */
  readonly died?: (why: string) => void
  /** what the library tells handlers */
  readonly told?: (event: string, of: unknown) => void
}

export interface Started {
  readonly listening: readonly Place[]
  readonly unheard: readonly Unheard[]
  readonly takes: readonly Signal[]
}

export const defaultMemoryMiB = 256
/** [MiB] with less V8 cannot begin, and ends the process */
export const leastMemoryMiB = 64
/** [ms] a process that ends waits no longer */
export const patienceMs = 2000
/** [ms] of it, what the pipeline has to drain: the rest is for saying what came of it */
const drainMs = 1700
/** What the process around it preloads, and talks through, is not the thread's. */
const notForThreads = ['NODE_OPTIONS', 'NODE_CHANNEL_FD', 'NODE_CHANNEL_SERIALIZATION_MODE', 'NODE_UNIQUE_ID']

const ended = () => new StartError('the embedded pipeline has ended')

type Done = (problem?: string) => void

export class Pipeline {
  /** @throws {ConfigFileError} {StartError} where it cannot start */
  readonly started: Promise<Started>
  readonly #worker: Worker
  readonly #died: ((why: string) => void) | undefined
  readonly #told: ((event: string, of: unknown) => void) | undefined
  readonly #asked = new Map<number, PromiseWithResolvers<unknown>>()
  readonly #open = new Map<number, Done>()
  readonly #stopped = Promise.withResolvers<readonly Undelivered[]>()
  readonly #following: Disposable[]
  #tickets = 0
  #fresh: Series[] = []
  /** undefined: it lives */
  #end: string | undefined
  #stopping = false
  /** who waits for an answer */
  #holding = 0

  constructor({ configured, env, memoryMiB = defaultMemoryMiB, recorders = [], died, told }: EmbeddingOptions) {
    this.#died = died
    this.#told = told
    const seat: Seat = {
      configured,
      series: recorders.flatMap(recorder => recorder.series()),
      memoryBytes: memoryMiB * 2 ** 20,
      drainMs,
    }
    const file = new URL(import.meta.url.endsWith('.ts') ? '../embedded.ts' : '../embedded.js', import.meta.url)
    this.#worker = new Worker(file, {
      workerData: seat,
      name: 'thalamus',
      argv: [],
      // Not what the process was started with: what it preloads is not for this thread.
      execArgv: [],
      env: Object.fromEntries(Object.entries(env).filter(([name]) => !notForThreads.includes(name))),
      resourceLimits: { maxOldGenerationSizeMb: memoryMiB },
    })
    this.started = this.#hear()
    this.#following = recorders.map(recorder => recorder.follow(series => this.#tell(series)))
    this.#worker.unref()
  }

  /** One OTLP request as protobuf, which is the pipeline's from here on; `done` is called once. */
  hand(signal: Signal, body: Uint8Array, done: Done): void {
    if (this.#end !== undefined) return done(this.#end)
    const ticket = ++this.#tickets
    this.#open.set(ticket, done)
    // A view into something larger would take all of it along.
    const whole = body.byteLength === body.buffer.byteLength && body.buffer instanceof ArrayBuffer
    const own = whole ? (body as Uint8Array<ArrayBuffer>) : new Uint8Array(body)
    this.#post({ is: 'request', ticket, signal, body: own }, [own.buffer])
  }

  /** @throws what the thread throws; {StartError} where it has ended, or ends before there is an answer */
  async ask(question: unknown, signal?: AbortSignal): Promise<unknown> {
    if (this.#stopping) throw ended()
    const ticket = ++this.#tickets
    const answer = Promise.withResolvers<unknown>()
    this.#asked.set(ticket, answer)
    this.#post({ is: 'ask', ticket, question })
    const withdraw = () => {
      this.#post({ is: 'withdraw', ticket })
      answer.reject(new QueryError('canceled', 'query was canceled in expression evaluation'))
    }
    if (signal?.aborted === true) withdraw()
    signal?.addEventListener('abort', withdraw)
    try {
      return await this.held(answer.promise)
    } finally {
      signal?.removeEventListener('abort', withdraw)
      this.#asked.delete(ticket)
    }
  }

  /** Drains within its time and ends; safe twice. */
  stop(): Promise<readonly Undelivered[]> {
    if (!this.#stopping) {
      this.#close()
      this.#post({ is: 'stop', ending: Ending.of(0).shared, tickets: [] })
    }
    return this.held(this.#stopped.promise)
  }

  /**
   * As `stop`, for a process that ends: it stands still meanwhile. Everything that was handed over is settled when this returns.
   * @returns what was left in the pipeline, and why
   */
  stopNow(ms = patienceMs): {
    readonly undelivered: readonly { readonly signal: Signal; readonly rows: number }[]
    readonly late: boolean
  } {
    const nothing = { undelivered: [], late: false }
    if (this.#end !== undefined || this.#stopping) return nothing
    this.#close()
    const tickets = [...this.#open.keys()]
    const ending = Ending.of(tickets.length)
    this.#post({ is: 'stop', ending: ending.shared, tickets })
    const late = !ending.wait(ms)
    for (const [i, ticket] of tickets.entries()) {
      const verdict = ending.verdict(i)
      this.#settle(ticket, verdict === 1 ? undefined : verdict === 2 ? 'refused' : `no answer within ${ms / 1000} s`)
    }
    return { undelivered: ending.undelivered, late }
  }

  /** Somebody waits for it: until then the worker keeps the process alive. */
  async held<T>(answer: Promise<T>): Promise<T> {
    if (this.#holding++ === 0) this.#worker.ref()
    try {
      return await answer
    } finally {
      if (--this.#holding === 0) this.#worker.unref()
    }
  }

  #hear(): Promise<Started> {
    const started = Promise.withResolvers<Started>()
    // Whoever starts it hears of it; nobody else must.
    started.promise.catch(() => {})
    const answers: { readonly [K in FromPipeline['is']]: (message: FromPipeline & { is: K }) => void } = {
      started: ({ listening, unheard, takes }) => started.resolve({ listening, unheard, takes }),
      failure: ({ error }) => {
        this.#close()
        started.reject(received(error))
      },
      settled: ({ ticket, problem }) => this.#settle(ticket, problem),
      answered: ({ ticket, answer }) => this.#asked.get(ticket)?.resolve(answer),
      unanswered: ({ ticket, error }) => this.#asked.get(ticket)?.reject(received(error)),
      event: ({ event, of }) => this.#told?.(event, of),
      stopped: ({ undelivered }) => this.#stopped.resolve(undelivered),
    }
    let why = 'it ended'
    this.#worker.on('message', (message: FromPipeline) => (answers[message.is] as (message: FromPipeline) => void)(message))
    this.#worker.on('error', error => (why = error instanceof Error ? error.message : String(error)))
    this.#worker.on('exit', () => {
      const asked = this.#stopping
      this.#end = why
      this.#close()
      started.reject(new StartError(why))
      this.#stopped.resolve([])
      for (const ticket of [...this.#open.keys()]) this.#settle(ticket, 'the pipeline has ended')
      for (const asked of this.#asked.values()) asked.reject(ended())
      if (!asked) this.#died?.(why)
    })
    return started.promise
  }

  #settle(ticket: number, problem: string | undefined): void {
    const done = this.#open.get(ticket)
    this.#open.delete(ticket)
    done?.(problem)
  }

  /** Series are bound by the hundred: they are told together. */
  #tell(series: Series): void {
    if (this.#fresh.length === 0) {
      queueMicrotask(() => {
        const list = this.#fresh
        this.#fresh = []
        this.#post({ is: 'series', list })
      })
    }
    this.#fresh.push(series)
  }

  #post(message: ToPipeline, transfer: ArrayBuffer[] = []): void {
    if (this.#end === undefined) this.#worker.postMessage(message, transfer)
  }

  #close(): void {
    this.#stopping = true
    for (const one of this.#following?.splice(0) ?? []) one[Symbol.dispose]()
  }
}
