/** How a reload is asked for over HTTP, and how its outcome is told: as an answer, and as own metrics on Prometheus's pattern. */
import type { Meter } from '@opentelemetry/api'
import type { Handler } from '../component/component.ts'
import { ConfigError, StartError } from '../component/errors.ts'
import type { Clock } from '../lib/clock.ts'
import { text } from './listener.ts'

/** As much as is told of what was done. */
interface Done {
  readonly added: readonly string[]
  readonly changed: readonly string[]
  readonly removed: readonly string[]
  readonly kept: number
  readonly undelivered: readonly { readonly exporter: string; readonly signal: string; readonly rows: number }[]
}

export function reloadHandler(reload: () => Promise<Done>): Handler {
  return (request, response) => {
    request.resume()
    if (request.method !== 'POST' && request.method !== 'PUT') {
      response.setHeader('allow', 'POST, PUT')
      return text(response, 405, 'only POST and PUT reload the configuration\n')
    }
    reload().then(
      done => text(response, 200, `${show(done)}\n`),
      // 400: the configuration is wrong; 503: it is right, and something cannot start.
      (error: unknown) =>
        text(response, error instanceof ConfigError ? 400 : 503, `not reloaded: the configuration before goes on\n${reasonOf(error)}\n`),
    )
  }
}

function show({ added, changed, removed, kept, undelivered }: Done): string {
  const list = (what: string, names: readonly string[]) => (names.length === 0 ? [] : [`  ${what.padEnd(8)} ${names.join(', ')}`])
  return [
    'reloaded',
    ...list('added', added),
    ...list('changed', changed),
    ...list('removed', removed),
    `  kept     ${kept}`,
    ...undelivered.map(({ exporter, signal, rows }) => `  ${exporter}: ${rows} rows of ${signal} dropped (shutdown)`),
  ].join('\n')
}

/** What the user reads; the second line of each problem says what to do. */
export function reasonOf(error: unknown): string {
  if (error instanceof StartError && error.remedy !== undefined) return `${error.message}\n  ${error.remedy}`
  return error instanceof Error ? error.message : String(error)
}

export class Reloads {
  readonly #clock: Clock
  readonly #count
  #successful = 1
  /** [s] Unix epoch */
  #at = 0

  constructor(meter: Meter, clock: Clock) {
    this.#clock = clock
    this.#count = meter.createCounter('thalamus_config_reloads', {
      unit: '{reload}',
      description: 'Times that the configuration was to be read again, by outcome.',
    })
    meter
      .createObservableGauge('thalamus_config_last_reload_successful', {
        description: 'Whether the last time that the configuration was read, it was taken: 1, or 0.',
      })
      .addCallback(result => result.observe(this.#successful))
    meter
      .createObservableGauge('thalamus_config_last_reload_success_timestamp_seconds', {
        unit: 's',
        description: 'When the configuration that runs was read.',
      })
      .addCallback(result => result.observe(this.#at))
    this.#count.add(0, { outcome: 'success' })
    this.#count.add(0, { outcome: 'failure' })
  }

  /** when the configuration that runs was read [epoch ms], and whether the last one that was to be read was taken */
  get last(): { readonly lastConfigTime: number; readonly reloadSucceeded: boolean } {
    return { lastConfigTime: this.#at * 1000, reloadSucceeded: this.#successful === 1 }
  }

  started(): void {
    this.#at = this.#clock.now() / 1000
  }
  succeeded(): void {
    this.started()
    this.#successful = 1
    this.#count.add(1, { outcome: 'success' })
  }
  failed(): void {
    this.#successful = 0
    this.#count.add(1, { outcome: 'failure' })
  }
}
