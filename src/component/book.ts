/** Where it is written down what became of the rows of a request. */
import { PermanentError, RetryableError } from './errors.ts'
import type { Account } from './ledger.ts'

/** Where the rows of a load are written down: at once in the ledger, or for whoever waits for the outcome. */
export interface Book {
  taken(rows: number): void
  dropped(reason: string, rows: number, why: string): void
}

/** Keeps the account of a batch whose sender waits: if nothing of it was taken it goes back as an error, and is not counted here. */
export class Answer implements Book {
  readonly #account: Account
  readonly #dropped: { reason: string; rows: number; why: string }[] = []
  #taken = 0

  constructor(account: Account) {
    this.#account = account
  }

  taken(rows: number): void {
    this.#taken += rows
  }
  dropped(reason: string, rows: number, why: string): void {
    this.#dropped.push({ reason, rows, why })
  }

  /** @returns whether the sender heard yes: with an error the rows are still the sender's */
  give({ resolve, reject }: PromiseWithResolvers<void>): boolean {
    const error = this.#error()
    if (error !== undefined) {
      reject(error)
      return false
    }
    this.#account.accepted += this.#taken
    this.#account.taken += this.#taken
    for (const { reason, rows } of this.#dropped) {
      this.#account.accepted += rows
      this.#account.drop(reason, rows)
    }
    resolve()
    return true
  }

  #error(): Error | undefined {
    const later = this.#dropped.find(({ reason }) => reason === 'retry_exhausted' || reason === 'shutdown')
    if (later !== undefined) return new RetryableError(later.why)
    return this.#taken === 0 && this.#dropped[0] !== undefined ? new PermanentError(this.#dropped[0].why) : undefined
  }
}
