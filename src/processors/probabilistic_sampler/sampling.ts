import type { Counter } from '@opentelemetry/api'
import type { Consumer, Context, Processor } from '../../component/component.ts'
import type { Room } from '../../component/room.ts'
import type { BatchOf } from '../../model/batch.ts'
import { Raw } from '../../model/raw.ts'
import { type Change, GONE, rewrite } from '../../otlp/edit.ts'

/** What decides over the rows of a batch. */
export interface Sampler<S extends 'traces' | 'logs'> {
  begin(batch: BatchOf[S]): void
  /**
   * Whether the row is kept. What is to be changed in it, so that it tells how it was sampled, goes to `changes`; the reason, for the counter,
   * into `policy`.
   */
  keeps(row: number, changes: Change[]): boolean
  readonly policy: string
}

/** Drops the rows that its sampler does not keep; the others tell from then on how many they stand for. */
export class Sampling<S extends 'traces' | 'logs'> implements Processor<S> {
  readonly #signal: S
  readonly #cx: Context
  readonly #next: Consumer<S>
  readonly #sampler: Sampler<S>
  readonly #decisions: Counter

  constructor(signal: S, cx: Context, next: Consumer<S>, sampler: Sampler<S>) {
    this.#signal = signal
    this.#cx = cx
    this.#next = next
    this.#sampler = sampler
    cx.account(signal).mayDrop('sampled')
    this.#decisions = cx.meter.createCounter(`otelcol_processor_probabilistic_sampler_count_${signal}_sampled`, {
      description: `${signal === 'traces' ? 'Spans' : 'Log records'} by what decided over them and how.`,
      unit: '1',
    })
  }

  reserve(bytes: number, room: Room): void {
    this.#next.reserve(bytes, room)
  }

  async consume(batch: BatchOf[S], room?: Room): Promise<void> {
    const { rows } = batch
    const { kept, changes, policies } = this.#decide(batch)
    const changed = kept > 0 ? this.#changed(batch, changes) : undefined
    if (changed !== undefined) await this.#next.consume(changed, room)
    if (changed !== batch) batch.raw.release()
    const account = this.#cx.account(this.#signal)
    account.accepted += rows
    account.taken += kept
    account.drop('sampled', rows - kept)
    for (const [policy, [dropped, sampled]] of policies) {
      if (sampled > 0) this.#decisions.add(sampled, { policy, sampled: 'true' })
      if (dropped > 0) this.#decisions.add(dropped, { policy, sampled: 'false' })
    }
  }

  #decide(batch: BatchOf[S]): { kept: number; changes: Change[]; policies: Map<string, [dropped: number, sampled: number]> } {
    const { from, to } = batch.signal === 'traces' ? batch.spans : batch.records
    const changes: Change[] = []
    const policies = new Map<string, [number, number]>()
    let kept = 0
    this.#sampler.begin(batch)
    for (let row = 0; row < batch.rows; row++) {
      const keeps = this.#sampler.keeps(row, changes)
      if (keeps) kept++
      else changes.push({ from: from[row]!, to: to[row]!, bytes: GONE })
      const { policy } = this.#sampler
      let counts = policies.get(policy)
      if (counts === undefined) policies.set(policy, (counts = [0, 0]))
      counts[keeps ? 1 : 0]++
    }
    return { kept, changes, policies }
  }

  #changed(batch: BatchOf[S], changes: Change[]): BatchOf[S] {
    if (changes.length === 0) return batch
    const bytes = rewrite(this.#signal, batch.raw.bytes(), changes)
    return this.#cx.reader.read(this.#signal, Raw.owning([bytes]))
  }
}
