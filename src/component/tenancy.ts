/** What one instance of a component holds of the whole, and gives back when it is gone: a reload leaves nothing of it behind. */
import type { Meter } from '@opentelemetry/api'
import type { Signal } from '../model/signal.ts'
import type { Derived } from './derived.ts'
import { KeptMeter } from './kept-meter.ts'
import type { Account } from './ledger.ts'
import type { Offers } from './offers.ts'

export class Tenancy {
  readonly #accounts = new Map<Signal, Account>()
  readonly #kept: Disposable[] = []

  keep(thing: Disposable): void {
    this.#kept.push(thing)
  }

  meter(of: Meter): Meter {
    const kept = new KeptMeter(of)
    this.keep({ [Symbol.dispose]: () => kept.close() })
    return kept.meter
  }

  /** What this instance offers there is taken back with the rest. */
  offers<T>(of: Offers<T>): Offers<T> {
    return {
      offer: (id, thing) => {
        const offer = of.offer(id, thing)
        this.keep(offer)
        return offer
      },
      get: id => of.get(id),
      get ids() {
        return of.ids
      },
    }
  }

  derived(of: Derived): Derived {
    return {
      offer: take => {
        const offer = of.offer(take)
        this.keep(offer)
        return offer
      },
      write: (origin, samples) => of.write(origin, samples),
    }
  }

  /** The same for as long as the instance lives. */
  account(signal: Signal, open: () => Account, close: (account: Account) => void): Account {
    const known = this.#accounts.get(signal)
    if (known !== undefined) return known
    const account = open()
    this.#accounts.set(signal, account)
    this.keep({ [Symbol.dispose]: () => close(account) })
    return account
  }
  has(account: Account): boolean {
    return this.#accounts.get(account.signal) === account
  }

  close(): void {
    for (const thing of this.#kept.splice(0)) thing[Symbol.dispose]()
  }
}
