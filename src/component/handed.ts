/**
 * Requests that the process around us hands over in memory, past the network. Whoever receives OTLP takes them as if they had come by its
 * door; of several the last that started does, so that after a reload it is the new one.
 */
import type { Signal } from '../model/signal.ts'
import { PermanentError } from './errors.ts'

/** `body`: one OTLP request as protobuf, never written to again. `settle` is called once; undefined: the rows are held downstream. */
export type Take = (body: Uint8Array, settle: (problem: unknown) => void) => void

export class Handed {
  readonly #takers = new Map<Signal, Take[]>()

  /** `take` has the requests of `signal` until disposed of. */
  takenBy(signal: Signal, take: Take): Disposable {
    const takers = this.#takers.get(signal) ?? []
    this.#takers.set(signal, takers)
    takers.push(take)
    return { [Symbol.dispose]: () => void takers.splice(takers.indexOf(take), 1) }
  }

  takes(signal: Signal): boolean {
    return (this.#takers.get(signal)?.length ?? 0) > 0
  }

  offer(signal: Signal, body: Uint8Array, settle: (problem: unknown) => void): void {
    const take = this.#takers.get(signal)?.at(-1)
    if (take === undefined) settle(new PermanentError(`no otlp receiver is in a pipeline of ${signal}`))
    else take(body, settle)
  }
}
