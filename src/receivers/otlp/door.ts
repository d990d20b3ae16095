/** What both protocols lead to: bytes of one signal are read, handed over, and counted when it is known what became of them. */

import type { Budget } from '../../component/budget.ts'
import type { Authenticator, Consumer, Consumers, Context, Logger } from '../../component/component.ts'
import { StartError } from '../../component/errors.ts'
import type { Account } from '../../component/ledger.ts'
import type { BatchOf, Reader } from '../../model/batch.ts'
import { Raw } from '../../model/raw.ts'
import type { Signal } from '../../model/signal.ts'

/** Called once for each request that was offered; `problem` is undefined when the rows are held downstream. */
export type Settle = (problem: unknown) => void

export class Intake<S extends Signal = Signal> {
  readonly signal: S
  readonly #reader: Reader
  readonly #next: Consumer<S>
  readonly #account: Account

  constructor(signal: S, reader: Reader, next: Consumer<S>, account: Account) {
    this.signal = signal
    this.#reader = reader
    this.#next = next
    this.#account = account
  }

  /** `bytes`: one request as protobuf, never written to again. */
  offer(bytes: readonly Uint8Array[], settle: Settle): void {
    let batch: BatchOf[S]
    let taken: Promise<void>
    try {
      batch = this.#reader.read(this.signal, new Raw(bytes))
      if (batch.rows === 0) return settle(undefined)
    } catch (malformed) {
      return settle(malformed)
    }
    try {
      taken = this.#next.consume(batch)
    } catch (error) {
      taken = Promise.reject(error)
    }
    const { rows } = batch
    const account = this.#account
    taken.then(
      () => {
        account.received += rows
        account.accepted += rows
        settle(undefined)
      },
      problem => {
        account.received += rows
        account.refused += rows
        settle(problem)
      },
    )
  }
}

export class Door {
  /** one for each signal that somebody listens to */
  readonly intakes: { readonly [S in Signal]?: Intake }
  readonly budget: Budget
  readonly log: Logger
  /** What is begun is finished, nothing else. */
  draining = false

  constructor(cx: Context, next: Consumers) {
    this.budget = cx.budget
    this.log = cx.log
    const intake = <S extends Signal>(signal: S): Intake | undefined => {
      const consumer: Consumer<S> | undefined = next[signal]
      return consumer && (new Intake(signal, cx.reader, consumer, cx.account(signal)) as unknown as Intake)
    }
    const [metrics, traces, logs] = [intake('metrics'), intake('traces'), intake('logs')]
    this.intakes = { ...(metrics && { metrics }), ...(traces && { traces }), ...(logs && { logs }) }
  }
}

/** @throws {StartError} when the extension that the setting names is not running, or does not authenticate. */
export function findAuthenticator(
  cx: Context,
  auth: { readonly authenticator: string } | undefined,
  where: string,
): Authenticator | undefined {
  if (auth === undefined) return undefined
  const found = cx.authenticator(auth.authenticator)
  if (found === undefined) {
    throw new StartError(`${where}.auth.authenticator: no running extension ${JSON.stringify(auth.authenticator)} authenticates`, {
      remedy: 'define it under extensions, and list it in service.extensions',
    })
  }
  return found
}
