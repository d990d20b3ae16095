/** A processor that edits attributes and drops nothing: what is not changed is handed on as it is, the same object if that is all of it. */
import type { Consumer, Context, Processor } from '../component/component.ts'
import type { Room } from '../component/room.ts'
import type { BatchOf } from '../model/batch.ts'
import { Raw } from '../model/raw.ts'
import type { Signal } from '../model/signal.ts'
import { type Change, rewrite } from '../otlp/edit.ts'

export class Editing<S extends Signal> implements Processor<S> {
  readonly #signal: S
  readonly #cx: Context
  readonly #next: Consumer<S>
  readonly #edit: (batch: BatchOf[S]) => readonly Change[]

  constructor(signal: S, cx: Context, next: Consumer<S>, edit: (batch: BatchOf[S]) => readonly Change[]) {
    this.#signal = signal
    this.#cx = cx
    this.#next = next
    this.#edit = edit
  }

  reserve(bytes: number, room: Room): void {
    this.#next.reserve(bytes, room)
  }

  async consume(batch: BatchOf[S], room?: Room): Promise<void> {
    const changes = this.#edit(batch)
    // One way in: what was edited is read again like everything that arrives.
    const edited =
      changes.length === 0 ? batch : this.#cx.reader.read(this.#signal, Raw.owning([rewrite(this.#signal, batch.raw.bytes(), changes)]))
    await this.#next.consume(edited, room)
    if (edited !== batch) batch.raw.release()
    const account = this.#cx.account(this.#signal)
    account.accepted += batch.rows
    account.taken += batch.rows
  }
}
