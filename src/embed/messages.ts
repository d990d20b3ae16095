/** What an application's main thread and the thread of its embedded pipeline say to each other. Everything in it can be sent between threads. */
import type { Texts } from '../component/config/texts.ts'
import type { Undelivered } from '../component/ledger.ts'
import type { Place } from '../component/listen.ts'
import type { Series } from '../instruments/series.ts'
import type { Signal } from '../model/signal.ts'
import type { Unheard } from '../pipeline/graph.ts'
import type { SentError } from './errors.ts'

/** What the pipeline's thread begins with. */
export interface Seat {
  readonly configured: Configured
  /** what the application's typed instruments have bound so far */
  readonly series: readonly Series[]
  /** [bytes] that the thread may use; a memory limiter goes by it */
  readonly memoryBytes: number
  /** [ms] how long a shutdown drains, at the most */
  readonly drainMs: number
}

export type Configured =
  /** as `start()` has it; only then it is asked anything, and tells what happens */
  | { readonly by: 'texts'; readonly texts: Texts }
  /** files, read by the thread */
  | { readonly by: 'files'; readonly paths: readonly string[]; readonly env: Env }
  /** what is embedded where nobody says what; `moves`: ports that are taken are left for the next free ones */
  | { readonly by: 'default'; readonly forward: Forward | undefined; readonly moves: boolean }

export type Env = Readonly<Record<string, string | undefined>>
export interface Forward {
  readonly endpoint: string
  readonly headers: Readonly<Record<string, string>>
}

export type ToPipeline =
  | { readonly is: 'request'; readonly ticket: number; readonly signal: Signal; readonly body: Uint8Array<ArrayBuffer> }
  | { readonly is: 'series'; readonly list: readonly Series[] }
  /** Something that the library asks of what runs: `answered` or `unanswered` comes back. */
  | { readonly is: 'ask'; readonly ticket: number; readonly question: unknown }
  /** Nobody waits for the answer any more. */
  | { readonly is: 'withdraw'; readonly ticket: number }
  /** Drain, and end; what came of it is also written where a thread that stands still can read it. */
  | { readonly is: 'stop'; readonly ending: SharedArrayBuffer; readonly tickets: readonly number[] }

export type FromPipeline =
  | {
      readonly is: 'started'
      readonly listening: readonly Place[]
      readonly unheard: readonly Unheard[]
      /** what an otlp receiver takes */
      readonly takes: readonly Signal[]
    }
  | {
      readonly is: 'failure'
      readonly error: SentError
    }
  | { readonly is: 'settled'; readonly ticket: number; readonly problem: string | undefined }
  | { readonly is: 'answered'; readonly ticket: number; readonly answer: unknown }
  | { readonly is: 'unanswered'; readonly ticket: number; readonly error: SentError }
  /** what the library tells handlers */
  | { readonly is: 'event'; readonly event: string; readonly of: unknown }
  | { readonly is: 'stopped'; readonly undelivered: readonly Undelivered[] }

/** What a drain came to, in memory that both threads share. */
export class Ending {
  readonly shared: SharedArrayBuffer
  /** whether it is over, then for each ticket 0: not known, 1: taken, 2: refused */
  readonly #words: Int32Array<SharedArrayBuffer>
  /** [rows] undelivered, by signal */
  readonly #rows: Float64Array<SharedArrayBuffer>

  constructor(shared: SharedArrayBuffer) {
    this.shared = shared
    this.#rows = new Float64Array(shared, 0, signalsInOrder.length)
    this.#words = new Int32Array(shared, this.#rows.byteLength)
  }

  static of(tickets: number): Ending {
    return new Ending(new SharedArrayBuffer(8 * signalsInOrder.length + 4 * (tickets + 1)))
  }

  write(verdicts: readonly (0 | 1 | 2)[], undelivered: readonly Undelivered[]): void {
    for (const { signal, rows } of undelivered) this.#rows[signalsInOrder.indexOf(signal)]! += rows
    for (const [i, verdict] of verdicts.entries()) this.#words[i + 1] = verdict
    Atomics.store(this.#words, 0, 1)
    Atomics.notify(this.#words, 0)
  }

  /** Stands still until it is over, `ms` at the most. @returns whether it is */
  wait(ms: number): boolean {
    return Atomics.wait(this.#words, 0, 0, ms) !== 'timed-out'
  }

  verdict(i: number): 0 | 1 | 2 {
    return this.#words[i + 1] as 0 | 1 | 2
  }

  get undelivered(): readonly { readonly signal: Signal; readonly rows: number }[] {
    return signalsInOrder.map((signal, i) => ({ signal, rows: this.#rows[i]! })).filter(({ rows }) => rows > 0)
  }
}

const signalsInOrder = ['traces', 'metrics', 'logs'] as const satisfies readonly Signal[]
