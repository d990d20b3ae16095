import type { DerivedSample } from '../../src/component/derived.ts'
import { Labels } from '../../src/model/labels.ts'
import { createEngine } from '../../src/promql/engine.ts'
import { AppendError, MemoryStorage } from '../../src/promql/testing/memory.ts'
import { MISSING, STALE } from '../../src/promql/testing/sequence.ts'
import { parseSeries } from '../../src/promql/testing/series.ts'
import type { FiringAlert, ResolvedAlert } from '../../src/rules/alert-state.ts'
import { parseRuleFile, type RuleFile } from '../../src/rules/file.ts'
import { type ManagerOptions, RuleManager, type RuleSettings } from '../../src/rules/manager.ts'
import { engineQuery } from '../../src/rules/vector.ts'
import { VirtualClock } from '../kit/clock.ts'

export const minute = 60_000

export function rules(text: string): RuleFile {
  const result = parseRuleFile(text)
  if ('problems' in result) throw new Error(result.problems.join('\n'))
  return result.file
}

/** Rules on a virtual clock over samples in memory, and what they told. */
export class Setting {
  readonly clock: VirtualClock
  readonly storage: MemoryStorage
  readonly written: DerivedSample[] = []
  readonly sent: { readonly at: number; readonly alert: FiringAlert | ResolvedAlert }[] = []
  readonly transitions: string[] = []
  readonly failures: string[] = []
  readonly manager: RuleManager
  readonly start: number
  readonly #settings: RuleSettings

  constructor(start = 1_700_000_040_000, options: Partial<ManagerOptions & RuleSettings> = {}, storage = new MemoryStorage()) {
    this.start = start
    this.storage = storage
    this.clock = new VirtualClock(start)
    this.manager = new RuleManager({
      query: engineQuery(createEngine(), options.queryable ?? (() => this.storage)),
      queryable: () => this.storage,
      clock: this.clock,
      write: async samples => this.#write(samples),
      alerts: {
        send: (_, alerts) => this.sent.push(...alerts.map(alert => ({ at: this.clock.now(), alert }))),
        changed: (_, rule, { alert, from, to }, time) => {
          const instance = alert.labels.get('instance')
          this.transitions.push(
            `${(time - this.start) / 1000}s ${rule.definition.alert}${instance === '' ? '' : ` ${instance}`} ${from} -> ${to}`,
          )
        },
        failed: (_, rule, error) =>
          this.failures.push(`${rule?.definition.text}: ${String(error instanceof Error ? error.message : error)}`),
      },
      ...options,
    })
    this.#settings = {
      interval: minute,
      queryOffset: 0,
      resendDelay: minute,
      outageTolerance: 60 * minute,
      forGracePeriod: 10 * minute,
      externalUrl: 'http://here:9090',
      externalLabels: Labels.empty,
      maxConcurrent: 1,
      ...options,
    }
  }

  #write(samples: readonly DerivedSample[]): void {
    this.written.push(...samples)
    for (const { labels, time, ...sample } of samples) {
      try {
        this.storage.append(labels, time, sample)
      } catch (error) {
        // A store counts such samples, and goes on.
        if (!(error instanceof AppendError)) throw error
      }
    }
  }

  /** Samples at the start and every `interval` after it. */
  load(interval: number, ...lines: readonly string[]): void {
    for (const line of lines) {
      const { labels, values } = parseSeries(line)
      for (let i = 0; i < values.length; i++) {
        if (values.kind[i] === MISSING) continue
        this.storage.append(labels, this.start + i * interval, { value: values.value[i]!, stale: values.kind[i] === STALE })
      }
    }
  }

  async run(files: Readonly<Record<string, string>>): Promise<void> {
    await this.manager.update(
      Object.entries(files).map(([path, text]) => ({ path, file: rules(text) })),
      this.#settings,
    )
    this.manager.start()
  }
}
