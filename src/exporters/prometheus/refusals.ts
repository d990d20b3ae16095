/** One line for a series that finds no place on the page, at most one each half minute and reason; how many were held back is in it. */
import type { Logger } from '../../component/component.ts'
import { ThrottledLog } from '../../component/throttled-log.ts'
import type { Clock } from '../../lib/clock.ts'
import type { SeriesEntry } from '../../model/dictionary.ts'
import type { Reason } from './state.ts'

const messages: Readonly<Partial<Record<Reason, string>>> = {
  series_limit: 'a series was left out: the page is full, max_series is reached',
  type_conflict: 'a series was left out: another metric has the same name in Prometheus',
  invalid_name: 'a series was left out: nothing of its name is left in Prometheus, translation_strategy NoTranslation would keep it',
  unspecified_temporality: 'a series was left out: it does not say whether its points are deltas',
}

export class Refusals {
  readonly #log: ThrottledLog

  constructor(log: Logger, clock: Clock) {
    this.#log = new ThrottledLog(log, clock)
  }

  say(reason: Reason, { name, type, unit }: SeriesEntry): void {
    this.#log.warn(reason, { reason, metric: name, type, unit }, messages[reason] ?? 'a series was left out')
  }

  /** For a scraper that does not take every name, some came out the same. */
  escaped(rows: number): void {
    this.#log.warn(
      'escaped',
      { rows },
      'series were left out of a page: their names are the same in the escaping that the scraper asks for',
    )
  }
}
