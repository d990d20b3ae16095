/** Rules as the running application has them: files of its configuration, on ticks, over whoever answers queries. */
import type { Meter } from '@opentelemetry/api'
import type { Files, Logger } from '../component/component.ts'
import type { QueryConfig, RulesConfig } from '../component/configuration.ts'
import type { Derived } from '../component/derived.ts'
import { ConfigError, type Problem } from '../component/errors.ts'
import type { Clock } from '../lib/clock.ts'
import { glob } from '../lib/glob.ts'
import { Labels } from '../model/labels.ts'
import type { Queryable } from '../model/query.ts'
import type { Engine, EngineOptions } from '../promql/engine.ts'
import { engineFeatures, parseOptions } from '../promql/features.ts'
import type { ParseOptions } from '../promql/parse.ts'
import { backendQuery } from './backend.ts'
import { parseRuleFile } from './file.ts'
import { type AlertListener, type NamedRuleFile, RuleManager, type RuleSettings } from './manager.ts'
import { measure } from './metrics.ts'
import type { GroupStatus } from './status.ts'
import { engineQuery, type RuleQuery } from './vector.ts'

export interface RulesOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly meter: Meter
  readonly files: Pick<Files, 'read' | 'list'>
  readonly derived: Derived
  readonly store: () => Queryable | undefined
  readonly engine: (options: Partial<EngineOptions>) => Engine
  /** who is told of alerts */
  readonly alerts?: Pick<AlertListener, 'send' | 'changed'>
}

/** What a configuration says of rules, read. */
export interface ReadRules {
  readonly files: readonly NamedRuleFile[]
  readonly settings: RuleSettings
  readonly query: QueryConfig
}

const origin = 'rules'

export class Rules {
  readonly #options: RulesOptions
  readonly #manager: RuleManager
  #query: RuleQuery = async () => []
  readonly #unmeter: () => void
  /** by expression: the error that was told last */
  readonly #told = new Map<string, string>()
  #unheard = false

  constructor(options: RulesOptions) {
    this.#options = options
    const { clock, log, alerts } = options
    this.#manager = new RuleManager({
      clock,
      query: (expr, text, time, signal) => this.#query(expr, text, time, signal),
      queryable: options.store,
      write: samples => this.#write(samples),
      alerts: {
        send: (rule, sent) => alerts?.send?.(rule, sent),
        changed: (group, rule, transition, time) => {
          const { alert, from, to } = transition
          const facts = { group: group.definition.name, alert: rule.definition.alert, labels: alert.labels.toJSON(), from, to }
          // What is pending may never be more.
          if (to === 'firing' || from === 'firing') log.info(facts, 'alert changed its state')
          else log.debug(facts, 'alert changed its state')
          alerts?.changed?.(group, rule, transition, time)
        },
        failed: (group, rule, error) => this.#failed(group.definition.name, rule?.definition.text ?? '', error),
      },
    })
    this.#unmeter = measure(options.meter, () => this.#manager.groups)
  }

  /** @throws {ConfigError} with everything that is wrong with any file */
  async read(config: RulesConfig, query: QueryConfig): Promise<ReadRules> {
    return { files: await readRuleFiles(config, query, this.#options.files), settings: settingsOf(config, query), query }
  }

  /** From here on these rules are evaluated. Alerts of rules that are there again go on. */
  async run({ files, settings, query }: ReadRules): Promise<void> {
    this.#query = this.#asks(settings, query)
    this.#told.clear()
    await this.#manager.update(files, settings)
    this.#manager.start()
  }

  /** The store, or the backend that answers instead of it. */
  #asks({ interval }: RuleSettings, query: QueryConfig): RuleQuery {
    const { clock, engine, store } = this.#options
    const { backend, lookbackMs: lookback, timeoutMs: timeout, maxSamples, features } = query
    if (backend !== undefined) return backendQuery(backend, timeout, clock)
    return engineQuery(engine({ lookback, timeout, maxSamples, defaultStep: interval, ...engineFeatures(features) }), store)
  }

  /** Resolves when nothing is evaluated any more. */
  async stop(): Promise<void> {
    await this.#manager.stop()
    this.#unmeter()
  }

  status(): readonly GroupStatus[] {
    return this.#manager.status()
  }

  async #write(samples: Parameters<Derived['write']>[1]): Promise<void> {
    const heard = await this.#options.derived.write(origin, samples)
    if (!heard && !this.#unheard) {
      const remedy = 'list the receiver "derived" in a metrics pipeline that leads to an exporter'
      this.#options.log.warn({ remedy }, 'what rules compute is kept nowhere')
    }
    this.#unheard = !heard
  }

  /** The same error of the same rule is told once. */
  #failed(group: string, expr: string, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error)
    const key = `${group} ${expr}`
    if (this.#told.get(key) === reason) return
    this.#told.set(key, reason)
    this.#options.log.warn({ group, expr, error: reason }, 'a rule could not be evaluated')
  }
}

/** All files that a configuration names. @throws {ConfigError} with everything that is wrong with any of them */
export async function readRuleFiles(
  config: RulesConfig,
  query: QueryConfig,
  { read, list }: RulesOptions['files'],
): Promise<readonly NamedRuleFile[]> {
  const problems: Problem[] = []
  const files: NamedRuleFile[] = []
  for (const [i, pattern] of config.files.entries()) {
    for (const path of await glob(pattern, folder => list(folder).catch(() => []))) {
      if (files.some(file => file.path === path)) continue
      const found = await readRuleFile(path, read, parseOptions(query.features))
      if ('file' in found) files.push(found)
      else
        problems.push(...found.problems.map(message => ({ path: ['service', 'rules', 'rule_files', i], message: `${path}: ${message}` })))
    }
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return files
}

/** @returns the file, or what is wrong with it */
async function readRuleFile(
  path: string,
  read: Files['read'],
  options: Partial<ParseOptions>,
): Promise<NamedRuleFile | { readonly problems: readonly string[] }> {
  try {
    const text = new TextDecoder().decode(await read(path))
    const result = parseRuleFile(text, { parseOptions: options })
    return 'file' in result ? { path, file: result.file } : result
  } catch (error) {
    if (!(error instanceof Error)) throw error
    return { problems: ['code' in error && error.code === 'ENOENT' ? 'there is no such file' : error.message] }
  }
}

const settingsOf = (config: RulesConfig, query: QueryConfig): RuleSettings => ({
  interval: config.intervalMs,
  queryOffset: config.queryOffsetMs,
  resendDelay: config.resendDelayMs,
  outageTolerance: config.outageToleranceMs,
  forGracePeriod: config.gracePeriodMs,
  externalUrl: config.externalUrl,
  externalLabels: Labels.from(query.externalLabels),
  maxConcurrent: config.maxConcurrent,
})
