/** Spans and log records, kept in a ring on the disk beside the samples. */
import type { Consumer, Context, Exporter } from '../../component/component.ts'
import { RetryableError } from '../../component/errors.ts'
import type { Account } from '../../component/ledger.ts'
import type { Offers } from '../../component/offers.ts'
import type { Leaf, Room } from '../../component/room.ts'
import type { BatchOf } from '../../model/batch.ts'
import type { QueryOf, Records } from '../../model/records.ts'
import { RecordRing } from '../../store/records/store.ts'
import { Awaiting } from './awaiting.ts'

export interface RecordSettings {
  readonly directory: string
  readonly sync_interval: number
  readonly spans: { readonly retention: number; readonly size: number }
  readonly logs: { readonly retention: number; readonly size: number }
}

/** Takes rows for good at `consume`: they are in the ring and can be asked for. */
export class RecordExporter<S extends keyof QueryOf> implements Exporter<S>, Consumer<S>, Leaf {
  readonly #signal: S
  readonly #cx: Context
  readonly #settings: RecordSettings
  readonly #account: Account
  readonly #awaiting = new Awaiting()
  #ring: RecordRing<S> | undefined
  #offer: Disposable | undefined
  #unmeter: (() => void) | undefined

  constructor(signal: S, cx: Context, settings: RecordSettings) {
    this.#signal = signal
    this.#cx = cx
    this.#settings = settings
    this.#account = cx.account(signal)
  }

  async start(): Promise<void> {
    const { disk, clock, random, log, records } = this.#cx
    const { directory, sync_interval: syncMs, ...settings } = this.#settings
    const folder = this.#signal === 'traces' ? 'spans' : 'logs'
    const { retention: retentionMs, size: maxBytes } = settings[folder]
    const place = `${directory.replace(/(?<=.)\/+$/, '')}/${folder}`
    const ring = await RecordRing.open(this.#signal, { directory: place, retentionMs, maxBytes, syncMs }, { disk, clock, random, log })
    ring.onTrouble = problem => this.#cx.health(problem)
    ring.onRoom = () => this.#awaiting.wake()
    ring.start()
    this.#ring = ring
    this.#unmeter = measure(this.#cx, this.#signal, ring)
    const offers = records[this.#signal] as Offers<Records<S>>
    this.#offer = offers.offer(this.#cx.id, ring)
  }

  async shutdown(): Promise<void> {
    this.#offer?.[Symbol.dispose]()
    this.#unmeter?.()
    this.#unmeter = undefined
    await this.#ring?.close()
    this.#awaiting.wake()
  }

  /** There is room unless the disk takes nothing, or is slower than what comes. */
  reserve(bytes: number, room: Room): void {
    if (this.#ring?.hasRoom(bytes) === false) room.refuse(this, false, this.#ring.trouble)
    else room.admit(this, 0)
  }
  release(): void {}
  freed(signal: AbortSignal): Promise<void> {
    return this.#awaiting.freed(signal)
  }

  async consume(batch: BatchOf[S], room?: Room): Promise<void> {
    room?.take(this)
    if (this.#ring === undefined) throw new RetryableError('the store is not open')
    if (batch.rows > 0) await this.#ring.append(batch)
    this.#account.accepted += batch.rows
    this.#account.taken += batch.rows
    batch.raw.release()
  }
}

function measure({ meter, id }: Context, signal: keyof QueryOf, ring: RecordRing<keyof QueryOf>): () => void {
  const attributes = { exporter: id, signal }
  const gauge = (name: string, unit: string, description: string) =>
    meter.createObservableGauge(`thalamus_store_records_${name}`, { unit, description })
  const rows = gauge('rows', '{row}', 'Spans or log records that can be asked for.')
  const size = gauge('size', 'By', 'Bytes that they take on the disk.')
  const memory = gauge('index_memory', 'By', 'Memory that their indexes take.')
  const forgotten = meter.createObservableCounter('thalamus_store_records_forgotten', {
    unit: '{row}',
    description: 'Spans or log records that were deleted because they were old (age), or too many (size).',
  })
  const damaged = meter.createObservableCounter('thalamus_store_records_damaged', {
    unit: '{place}',
    description: 'Places on the disk that could not be read.',
  })
  const all = [rows, size, memory, forgotten, damaged]
  const observe: Parameters<typeof meter.addBatchObservableCallback>[0] = result => {
    const { figures } = ring
    result.observe(rows, figures.rows, attributes)
    result.observe(size, figures.bytes, attributes)
    result.observe(memory, figures.memory, attributes)
    for (const reason of ['age', 'size'] as const) result.observe(forgotten, figures.forgotten[reason].rows, { ...attributes, reason })
    result.observe(damaged, figures.damaged, attributes)
  }
  meter.addBatchObservableCallback(observe, all)
  return () => meter.removeBatchObservableCallback(observe, all)
}
