/** What an application's typed instruments record, read in another thread: the memory is shared, and a list says what lies where. */
import { emptyResource } from '@opentelemetry/resources'
import type { Recorded } from '../component/telemetry.ts'
import { scopeName } from '../instruments/recorder.ts'
import { metricsOf, type Series } from '../instruments/series.ts'
import type { Clock } from '../lib/clock.ts'

export class Mirror implements Recorded {
  readonly #clock: Pick<Clock, 'now'>
  readonly #series: Series[]

  constructor(series: readonly Series[], clock: Pick<Clock, 'now'>) {
    this.#series = [...series]
    this.#clock = clock
  }

  add(series: readonly Series[]): void {
    this.#series.push(...series)
  }

  /** All of them: nothing is left to be observed. */
  readonly producer: Recorded['producer'] = {
    collect: async () => {
      const metrics = metricsOf(this.#series, this.#clock.now()).filter(({ dataPoints }) => dataPoints.length > 0)
      const scopeMetrics = metrics.length === 0 ? [] : [{ scope: { name: scopeName }, metrics }]
      return { resourceMetrics: { resource: emptyResource(), scopeMetrics }, errors: [] }
    },
  }

  observe = (): Disposable => ({ [Symbol.dispose]() {} })
}
