import { z } from 'zod'
import { type Connector, type Consumer, type Consumers, type Context, connector } from '../../component/component.ts'
import type { Account } from '../../component/ledger.ts'
import type { Room } from '../../component/room.ts'
import type { BatchOf } from '../../model/batch.ts'
import type { Signal } from '../../model/signal.ts'

const config = z.strictObject({})

/** What comes goes, as it is. */
class Forward<S extends Signal> implements Connector<S> {
  readonly #next: Consumer<S>
  readonly #account: Account

  constructor(next: Consumer<S>, account: Account) {
    this.#next = next
    this.#account = account
  }

  reserve(bytes: number, room: Room): void {
    this.#next.reserve(bytes, room)
  }

  async consume(batch: BatchOf[S], room?: Room): Promise<void> {
    await this.#next.consume(batch, room)
    this.#account.accepted += batch.rows
    this.#account.taken += batch.rows
  }
}

const create = <S extends Signal>(signal: S) => {
  return (cx: Context, _: z.infer<typeof config>, next: Consumers): Connector<S> => {
    // The configuration's check demands a pipeline that lists it; of another signal it is none of ours.
    return new Forward<S>((next[signal] as Consumer<S> | undefined) ?? new Nobody(cx.account(signal)), cx.account(signal))
  }
}

/** No pipeline of this signal lists it: counted, and answered with yes, because that is what was configured. */
class Nobody<S extends Signal> implements Consumer<S> {
  readonly #account: Account
  constructor(account: Account) {
    this.#account = account
  }
  reserve(): void {}
  async consume(batch: BatchOf[S]): Promise<void> {
    // Forward counts them as taken, for they did leave it.
    this.#account.taken -= batch.rows
    this.#account.drop('no_pipeline', batch.rows)
    batch.raw.release()
  }
}

export default connector({
  type: 'forward',
  stability: 'beta',
  config,
  create: { metrics: create('metrics'), traces: create('traces'), logs: create('logs') },
})
