/** One line for a series that is left out, at most one each half minute and reason; how many were held back is in it. */
import type { Logger } from '../../component/component.ts'
import { ThrottledLog } from '../../component/throttled-log.ts'
import type { Clock } from '../../lib/clock.ts'
import type { SeriesEntry } from '../../model/dictionary.ts'
import type { Reason } from '../../translation/translate.ts'

const messages: Readonly<Partial<Record<Reason, string>>> = {
  series_limit: 'a series is not stored: max_series is reached',
  invalid_name: 'a series is not stored: nothing of its name is left in Prometheus, translation_strategy NoTranslation would keep it',
  unspecified_temporality: 'a series is not stored: it does not say whether its points are deltas',
}

export class Refusals {
  readonly #log: ThrottledLog

  constructor(log: Logger, clock: Clock) {
    this.#log = new ThrottledLog(log, clock)
  }

  say(reason: Reason, { name, type, unit }: SeriesEntry): void {
    this.#log.warn(reason, { reason, metric: name, type, unit }, messages[reason] ?? 'a series is not stored')
  }
}
