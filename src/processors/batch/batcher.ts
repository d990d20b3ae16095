import type { Consumer, Processor } from '../../component/component.ts'
import type { Account } from '../../component/ledger.ts'
import { Room } from '../../component/room.ts'
import type { BatchOf, Reader } from '../../model/batch.ts'
import { Raw } from '../../model/raw.ts'
import type { Signal } from '../../model/signal.ts'

interface Offered<S extends Signal> {
  readonly batch: BatchOf[S]
  readonly room: Room | undefined
}
interface Waiting<S extends Signal> extends Offered<S> {
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * Merges only while a hand-over downstream is under way; a free line is never waited for. A sender's `consume` settles when the
 * batch that carries its rows has settled, so nothing is acknowledged before it is safe and no error is swallowed. Batches are
 * merged by putting their bytes one after the other; only such whose room downstream is at the same leaves.
 */
export class Batcher<S extends Signal> implements Processor<S> {
  readonly #signal: S
  readonly #reader: Reader
  readonly #account: Account
  readonly #next: Consumer<S>
  /** [rows] 0: no limit */
  readonly #maxRows: number
  #busy = false
  #waiting: Waiting<S>[] = []

  constructor(signal: S, reader: Reader, account: Account, next: Consumer<S>, maxRows: number) {
    this.#signal = signal
    this.#reader = reader
    this.#account = account
    this.#next = next
    this.#maxRows = maxRows === 0 ? Number.POSITIVE_INFINITY : maxRows
  }

  reserve(bytes: number, room: Room): void {
    const below = new Room()
    this.#next.reserve(bytes, below)
    room.divide(this, below)
  }

  consume(batch: BatchOf[S], whole?: Room): Promise<void> {
    const room = whole?.partOf(this) ?? whole
    if (!this.#busy) return this.#send([{ batch, room }])
    return new Promise((resolve, reject) => this.#waiting.push({ batch, room, resolve, reject }))
  }

  /** Whatever goes wrong goes wrong for those whose rows these are: the line is free afterwards. */
  async #send(group: readonly Offered<S>[]): Promise<void> {
    this.#busy = true
    try {
      const batch = this.#merge(group)
      await this.#next.consume(batch, group[0]!.room)
      this.#account.accepted += batch.rows
      this.#account.taken += batch.rows
    } finally {
      this.#busy = false
      this.#sendNext()
    }
  }

  #sendNext(): void {
    if (this.#waiting.length === 0) return
    const group = this.#takeGroup()
    this.#send(group).then(
      () => {
        for (const { resolve } of group) resolve()
      },
      error => {
        for (const { reject } of group) reject(error)
      },
    )
  }

  /** The longest run from the front that may travel as one. */
  #takeGroup(): Waiting<S>[] {
    const [first] = this.#waiting
    let rows = 0
    let length = 0
    for (const { batch, room } of this.#waiting) {
      rows += batch.rows
      if (length > 0 && (rows > this.#maxRows || !sameLeaves(first!.room, room))) break
      length++
    }
    return this.#waiting.splice(0, length)
  }

  #merge(group: readonly Offered<S>[]): BatchOf[S] {
    const [first, ...others] = group
    if (others.length === 0) return first!.batch
    for (const { room } of others) if (room !== undefined) first!.room?.merge(room)
    return this.#reader.read(this.#signal, Raw.joined(group.map(({ batch }) => batch.raw)))
  }
}

function sameLeaves(a: Room | undefined, b: Room | undefined): boolean {
  return a === undefined || b === undefined ? a === b : a.sameLeaves(b)
}
