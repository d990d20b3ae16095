/** One line for a series or a sample that is left out, at most one each half minute and reason; how many were held back is in it. */
import type { Logger } from '../../component/component.ts'
import { ThrottledLog } from '../../component/throttled-log.ts'
import type { Clock } from '../../lib/clock.ts'
import type { SeriesEntry } from '../../model/dictionary.ts'
import type { Incoming } from '../../store/incoming.ts'
import type { Reason } from '../../translation/translate.ts'

const messages: Readonly<Partial<Record<Reason, string>>> = {
  series_limit: 'a series is not stored: max_series is reached',
  invalid_name: 'a series is not stored: nothing of its name is left in Prometheus, translation_strategy NoTranslation would keep it',
  unspecified_temporality: 'a series is not stored: it does not say whether its points are deltas',
}

/** Of samples whose time is why. */
const times: Readonly<Partial<Record<Reason, string>>> = {
  duplicate_timestamp: 'a sample is not stored: there is another value of its series at that time',
  too_old: 'a sample is not stored: it is older than out_of_order_window allows, or than anything that is kept',
  too_far_ahead: 'a sample is not stored: it is further ahead of the clock than max_ahead_time allows',
}

export class Refusals {
  readonly #log: ThrottledLog

  constructor(log: Logger, clock: Clock) {
    this.#log = new ThrottledLog(log, clock)
  }

  say(reason: Reason, { name, type, unit }: SeriesEntry): void {
    this.#log.warn(reason, { reason, metric: name, type, unit }, messages[reason] ?? 'a series is not stored')
  }

  /** @param i the first sample of the row that is refused */
  sayTime(reason: Reason, { series, samples }: Incoming, i: number): void {
    const facts = { reason, metric: series[i]!.labels.name, timestampMs: samples.time[i] }
    this.#log.warn(reason, facts, times[reason] ?? 'a sample is not stored')
  }
}
