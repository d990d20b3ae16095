/** One line for a series that is left out, at most one each half minute and reason; how many were held back is in it. */
import type { Logger } from '../../component/component.ts'
import type { Clock } from '../../lib/clock.ts'
import type { SeriesEntry } from '../../model/dictionary.ts'
import type { Reason } from '../../translation/translate.ts'

const quietMs = 30_000

const messages: Readonly<Partial<Record<Reason, string>>> = {
  series_limit: 'a series is not stored: max_series is reached',
  invalid_name: 'a series is not stored: nothing of its name is left in Prometheus, translation_strategy NoTranslation would keep it',
  unspecified_temporality: 'a series is not stored: it does not say whether its points are deltas',
}

export class Refusals {
  readonly #log: Logger
  readonly #clock: Clock
  readonly #said = new Map<Reason, { at: number; suppressed: number }>()

  constructor(log: Logger, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  say(reason: Reason, { name, type, unit }: SeriesEntry): void {
    const now = this.#clock.monotonic()
    const before = this.#said.get(reason)
    if (before !== undefined && now - before.at < quietMs) {
      before.suppressed++
      return
    }
    this.#said.set(reason, { at: now, suppressed: 0 })
    const suppressed = before === undefined || before.suppressed === 0 ? {} : { suppressed: before.suppressed }
    this.#log.warn({ reason, metric: name, type, unit, ...suppressed }, messages[reason] ?? 'a series is not stored')
  }
}
