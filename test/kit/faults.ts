/** What may go wrong downstream, in words. */
import type { Consumer } from '../../src/component/component.ts'
import { PermanentError, RetryableError } from '../../src/component/errors.ts'
import type { Leaf, Room } from '../../src/component/room.ts'
import { type Clock, sleep } from '../../src/lib/clock.ts'
import type { AnyBatch, BatchOf } from '../../src/model/batch.ts'
import type { Signal } from '../../src/model/signal.ts'
import { rowIds } from './rows.ts'

/** yes: takes it · later: refuses for now · never: refuses for good · full: has no room · slow: takes it a second later · hang: never settles */
export const answers = ['yes', 'later', 'never', 'full', 'slow', 'hang'] as const
export type Answer = (typeof answers)[number]

/** A destination that keeps the ids it took, and answers as planned; past the plan's end, as its last word says. */
export class Downstream<S extends Signal> implements Consumer<S>, Leaf {
  readonly taken: number[] = []
  /** what was offered and not taken: refused, hung */
  readonly offered: AnyBatch[] = []
  readonly #clock: Clock
  #plan: () => Answer
  #reserved = 0
  #wake: (() => void)[] = []

  constructor(clock: Clock, plan: () => Answer = () => 'yes') {
    this.#clock = clock
    this.#plan = plan
  }

  set plan(plan: () => Answer) {
    this.#plan = plan
    for (const wake of this.#wake.splice(0)) wake()
  }

  /** [bytes] reserved here and neither used nor released */
  get reserved(): number {
    return this.#reserved
  }

  reserve(bytes: number, room: Room): void {
    if (this.#plan() === 'full') return room.refuse(this, false)
    this.#reserved += bytes
    room.admit(this, bytes)
  }
  release(bytes: number): void {
    this.#reserved -= bytes
  }
  freed(signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      this.#wake.push(resolve)
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }

  async consume(batch: BatchOf[S], room?: Room): Promise<void> {
    if (room !== undefined) this.#reserved -= room.take(this)
    this.offered.push(batch)
    switch (this.#plan()) {
      case 'later':
        throw new RetryableError('not now')
      case 'never':
        throw new PermanentError('not ever')
      case 'hang':
        return new Promise(() => {})
      case 'slow':
        await sleep(this.#clock, 1000)
    }
    this.taken.push(...rowIds(batch))
  }
}

/** One answer after the other; the last one for ever. */
export function inTurn(...list: readonly Answer[]): () => Answer {
  let at = 0
  return () => list[Math.min(at++, list.length - 1)]!
}

export function atRandom(random: () => number, list: readonly Answer[]): () => Answer {
  return () => list[Math.floor(random() * list.length)]!
}
