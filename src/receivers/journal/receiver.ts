/** Follows the journal, hands on what comes in batches, and keeps its place in the journal. */
import type { Consumer, Context, Receiver } from '../../component/component.ts'
import { RetryableError } from '../../component/errors.ts'
import { sleep } from '../../lib/clock.ts'
import { type Entry, type EntryKind, entryKinds, type Journal } from '../../model/journal.ts'
import { Raw } from '../../model/raw.ts'
import { encode } from '../../otlp/write.ts'
import { logsRequest } from './event.ts'
import type { Settings } from './index.ts'

/** [ms] between two looks for a journal, or two attempts; doubled each time, up to the second */
const againMs = 1000
const longestMs = 30_000
/** [ms] the place is written at most so often */
const bookmarkMs = 5000

export class JournalReceiver implements Receiver {
  readonly #cx: Context
  readonly #next: Consumer<'logs'> | undefined
  readonly #settings: Settings
  readonly #kinds: readonly EntryKind[]
  readonly #over = new AbortController()
  #running: Promise<void> | undefined
  /** id of the last entry that was handed on */
  #place = 0
  #kept = 0
  #keptAt = Number.NEGATIVE_INFINITY
  #said = false

  constructor(cx: Context, settings: Settings, next: Consumer<'logs'> | undefined) {
    this.#cx = cx
    this.#settings = settings
    this.#next = next
    this.#kinds = settings.kinds.length === 0 ? entryKinds : settings.kinds
  }

  async start(): Promise<void> {
    if (this.#next !== undefined) this.#running = this.#run(this.#next)
  }

  async shutdown(signal: AbortSignal): Promise<void> {
    this.#over.abort()
    const given = Promise.withResolvers<void>()
    signal.addEventListener('abort', () => given.resolve(), { once: true })
    if (signal.aborted) given.resolve()
    await Promise.race([this.#running, given.promise])
  }

  get #isOver(): boolean {
    return this.#over.signal.aborted
  }

  async #run(next: Consumer<'logs'>): Promise<void> {
    const { clock, log } = this.#cx
    while (!this.#isOver) {
      const journal = this.#cx.journals.get(this.#settings.journal)
      try {
        if (journal === undefined) this.#missing()
        else await this.#follow(journal, next)
      } catch (error) {
        log.error({ error: String(error) }, 'the journal cannot be followed')
      }
      if (!this.#isOver) await sleep(clock, againMs, this.#over.signal)
    }
  }

  #missing(): void {
    if (this.#said) return
    this.#said = true
    this.#cx.log.warn({ journal: this.#settings.journal }, 'there is no journal to follow')
  }

  /** Ends when the journal is closed, or this is. */
  async #follow(journal: Journal, next: Consumer<'logs'>): Promise<void> {
    this.#said = false
    await this.#begin(journal)
    try {
      for (let first = await this.#first(journal); first !== undefined; first = await this.#first(journal)) {
        const entries = await this.#gather(journal, first)
        if (!(await this.#handOver(entries, next))) return
        this.#place = entries.at(-1)!.id
        if (this.#cx.clock.monotonic() - this.#keptAt >= bookmarkMs) await this.#keep(journal)
      }
    } finally {
      await this.#keep(journal)
    }
  }

  async #begin(journal: Journal): Promise<void> {
    const bookmark = await journal.snapshot(this.#reader)
    if (bookmark === undefined && this.#settings.start_at === 'end') this.#place = journal.last
    else this.#place = bookmark?.position ?? 0
    this.#kept = bookmark?.position ?? -1
    if (bookmark !== undefined && bookmark.position + 1 < journal.first)
      this.#cx.log.warn(
        { from: bookmark.position + 1, to: journal.first - 1 },
        'entries of the journal were deleted, some of which may not have been handed on',
      )
    if (bookmark === undefined) await this.#keep(journal)
  }

  get #reader(): string {
    return `receiver ${this.#cx.id}`
  }

  async #first(journal: Journal): Promise<Entry | undefined> {
    for await (const entry of journal.follow(this.#kinds, this.#place + 1, this.#over.signal)) return entry
    return undefined
  }

  /** What else is there already. */
  async #gather(journal: Journal, first: Entry): Promise<Entry[]> {
    const entries = [first]
    if (this.#settings.max_batch === 1) return entries
    for await (const entry of journal.replay(this.#kinds, first.id + 1)) {
      entries.push(entry)
      if (entries.length >= this.#settings.max_batch) break
    }
    return entries
  }

  /** @returns whether they are somebody's, or were refused for good; else this is over */
  async #handOver(entries: readonly Entry[], next: Consumer<'logs'>): Promise<boolean> {
    const { budget, clock, log, reader } = this.#cx
    const raw = Raw.of(encode('logs', logsRequest(entries, clock.now())))
    for (let waitMs = againMs; !this.#isOver; waitMs = Math.min(2 * waitMs, longestMs)) {
      if (!budget.exceeded) {
        budget.charge(raw.size)
        try {
          await next.consume(reader.read('logs', raw))
          this.#cx.account('logs').receive(entries.length, 0)
          return true
        } catch (error) {
          // What comes again later is no row that was refused: nobody else has it.
          if (!(error instanceof RetryableError)) {
            this.#cx.account('logs').receive(0, entries.length)
            log.error({ entries: entries.length, error: String(error) }, 'entries of the journal were refused')
            return true
          }
          waitMs = Math.max(waitMs, error.retryAfterMs)
        } finally {
          budget.refund(raw.size)
        }
      }
      await sleep(clock, waitMs, this.#over.signal)
    }
    return false
  }

  async #keep(journal: Journal): Promise<void> {
    if (this.#place === this.#kept) return
    try {
      await journal.saveSnapshot(this.#reader, { position: this.#place, state: null }, false)
      this.#kept = this.#place
      this.#keptAt = this.#cx.clock.monotonic()
    } catch (error) {
      this.#cx.log.warn({ error: String(error) }, 'the place in the journal could not be kept: after a restart entries come again')
    }
  }
}
