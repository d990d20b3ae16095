/** Remembers what is decided: alerts, notices, silences, incidents, actions. Whoever decides appends here before it takes effect. */
import { z } from 'zod'
import { type Component, type Context, extension } from '../../component/component.ts'
import { bytes, duration } from '../../component/settings.ts'
import { DiskJournal } from '../../store/journal/journal.ts'

const config = z.strictObject({
  directory: z
    .string()
    .min(1)
    .default('/var/lib/thalamus/journal')
    .describe('Where it lies; made where it does not exist. For one process alone.'),
  retention: duration({ min: 60_000 })
    .prefault('90d')
    .describe('How long entries are kept at least. What follows a snapshot that somebody goes on from is kept in any case.'),
  max_size: bytes()
    .prefault('1GiB')
    .describe('The most bytes that entries take; past it the oldest are deleted, but for what a snapshot needs. 0: no bound.'),
})
type Settings = z.infer<typeof config>

export default extension({
  type: 'journal',
  stability: 'alpha',
  config,
  create: (cx, settings) => new JournalExtension(cx, settings),
})

class JournalExtension implements Component {
  readonly #cx: Context
  readonly #settings: Settings
  #journal: DiskJournal | undefined
  #offer: Disposable | undefined
  #unmeter: (() => void) | undefined

  constructor(cx: Context, settings: Settings) {
    this.#cx = cx
    this.#settings = settings
  }

  async start(): Promise<void> {
    const { disk, clock, random, log } = this.#cx
    const { directory, retention: retentionMs, max_size: maxBytes } = this.#settings
    const place = directory.replace(/(?<=.)\/+$/, '')
    const journal = await DiskJournal.open({ directory: place, retentionMs, maxBytes }, { disk, clock, random, log })
    journal.onTrouble = problem => this.#cx.health(problem)
    journal.start()
    this.#journal = journal
    this.#unmeter = measure(this.#cx, journal)
    this.#offer = this.#cx.journals.offer(this.#cx.id, journal)
  }

  async shutdown(): Promise<void> {
    this.#offer?.[Symbol.dispose]()
    this.#unmeter?.()
    this.#unmeter = undefined
    await this.#journal?.close()
  }
}

function measure({ meter, id }: Context, journal: DiskJournal): () => void {
  const attributes = { extension: id }
  const gauge = (name: string, unit: string, description: string) =>
    meter.createObservableGauge(`thalamus_journal_${name}`, { unit, description })
  const counter = (name: string, unit: string, description: string) =>
    meter.createObservableCounter(`thalamus_journal_${name}`, { unit, description })
  const entries = gauge('entries', '{entry}', 'Entries that are kept.')
  const size = gauge('size', 'By', 'Bytes that they take on the disk.')
  const forgotten = counter('forgotten', '{entry}', 'Entries that were deleted because they were old, or too many.')
  const damaged = counter('damaged', '{place}', 'Places that were damaged when the journal was opened.')
  const all = [entries, size, forgotten, damaged]
  const observe: Parameters<typeof meter.addBatchObservableCallback>[0] = result => {
    const { figures } = journal
    result.observe(entries, figures.entries, attributes)
    result.observe(size, figures.bytes, attributes)
    result.observe(forgotten, figures.forgotten, attributes)
    result.observe(damaged, figures.damaged, attributes)
  }
  meter.addBatchObservableCallback(observe, all)
  return () => meter.removeBatchObservableCallback(observe, all)
}
