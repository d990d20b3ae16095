/**
 * What stands between two components, so that what comes after one can change while it runs: whoever hands on keeps the link,
 * and the link is led elsewhere in one turn of the event loop. While it leads nowhere (a component is being replaced that could not
 * run beside its successor) whoever comes waits: nothing is dropped for it.
 */
import type { Consumer } from '../component/component.ts'
import type { Leaf, Room } from '../component/room.ts'
import type { BatchOf } from '../model/batch.ts'
import type { Signal } from '../model/signal.ts'

export class Link<S extends Signal = Signal> implements Consumer<S>, Leaf {
  #to: Consumer<S> | undefined
  #waiting: (() => void)[] = []

  lead(to: Consumer<S>): void {
    this.#to = to
    for (const wake of this.#waiting.splice(0)) wake()
  }

  /** Until it is led somewhere again. */
  hold(): void {
    this.#to = undefined
  }

  reserve(bytes: number, room: Room): void {
    if (this.#to === undefined) room.refuse(this, true)
    else this.#to.reserve(bytes, room)
  }

  consume(batch: BatchOf[S], room?: Room): Promise<void> {
    return this.#to === undefined ? this.#consumeLater(batch, room) : this.#to.consume(batch, room)
  }

  release(): void {}

  freed(signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      if (signal.aborted || this.#to !== undefined) return resolve()
      signal.addEventListener('abort', () => resolve(), { once: true })
      this.#waiting.push(resolve)
    })
  }

  async #consumeLater(batch: BatchOf[S], room: Room | undefined): Promise<void> {
    await new Promise<void>(resolve => this.#waiting.push(resolve))
    return this.consume(batch, room)
  }
}
