import type { DerivedSample } from '../component/derived.ts'
import { Labels } from '../model/labels.ts'
import type { Queryable, SelectedSeries } from '../model/query.ts'
import { restoredActiveAt } from './alert-state.ts'
import { AlertingRule } from './alerting-rule.ts'
import { batchesOf } from './dependencies.ts'
import type { RuleDefinition, RuleGroup } from './file.ts'
import type { AlertListener, RuleSettings } from './manager.ts'
import { record } from './recording-rule.ts'
import type { Evaluation } from './rule.ts'
import type { RuleQuery } from './vector.ts'

/** What groups reach the world by. */
export interface Surroundings {
  readonly query: RuleQuery
  /** Takes samples of one rule; a rejection is the rule's error. */
  readonly write: (samples: readonly DerivedSample[]) => Promise<void>
  readonly alerts: AlertListener
  /** Never goes back [ms]; how long evaluations take is measured with it. */
  readonly monotonic: () => number
  /** Wall time, epoch ms. */
  readonly now: () => number
}

/** A rule and how its last evaluation went. */
export interface RuleState {
  readonly definition: RuleDefinition
  /** undefined: it records */
  readonly alerting: AlertingRule | undefined
  health: 'unknown' | 'ok' | 'err'
  lastError: string
  /** epoch ms; undefined: it was not evaluated yet */
  lastEvaluation: number | undefined
  /** [ms] */
  evaluationTime: number
  /** what it gave at its last evaluation that succeeded, by key: what is missing in the next one ends */
  previous: ReadonlyMap<string, Labels>
}

/** Rules that are evaluated together, at one time, one after the other. */
export class Group {
  readonly file: string
  readonly definition: RuleGroup
  readonly rules: readonly RuleState[]
  /** [ms] */
  readonly interval: number
  readonly settings: RuleSettings
  readonly #around: Surroundings
  readonly #batches: readonly (readonly number[])[]
  /** Series of rules that are gone: they end at the next evaluation, unless a rule gives them then. */
  #orphans = new Map<string, Labels>()
  /** epoch ms; undefined: it was not evaluated yet */
  lastEvaluation: number | undefined
  /** [ms] */
  evaluationTime = 0
  /** [evaluations] that were due, and those of them that were left out since another one was still running */
  iterations = 0
  missed = 0
  /** [samples] of the last evaluation */
  samples = 0
  /** [rules] evaluated so far, and those of them that failed */
  evaluations = 0
  failures = 0

  constructor(file: string, definition: RuleGroup, settings: RuleSettings, around: Surroundings, restored: boolean) {
    this.file = file
    this.definition = definition
    this.interval = definition.interval ?? settings.interval
    this.settings = settings
    this.#around = around
    this.rules = definition.rules.map(rule => ({
      definition: rule,
      alerting: rule.kind === 'alerting' ? new AlertingRule(rule, settings.externalLabels, restored) : undefined,
      health: 'unknown',
      lastError: '',
      lastEvaluation: undefined,
      evaluationTime: 0,
      previous: new Map(),
    }))
    this.#batches = (settings.maxConcurrent > 1 ? batchesOf(definition.rules) : undefined) ?? this.rules.map((_, i) => [i])
  }

  /** Names of groups are unique in their file only. */
  get key(): string {
    return groupKey(this.file, this.definition.name)
  }

  get queryOffset(): number {
    return this.definition.queryOffset ?? this.settings.queryOffset
  }

  /** The last time at or before `now` at which this group is due: groups are spread over their interval by their names, and stay where they are. */
  slot(now: number): number {
    const offset = hash(this.key) % this.interval
    return now - ((((now - offset) % this.interval) + this.interval) % this.interval)
  }

  /** @param aborted whether what is left is to be left out */
  async evaluate(time: number, aborted: () => boolean = () => false): Promise<void> {
    const began = this.#around.monotonic()
    this.iterations++
    this.samples = 0
    const given = new Set<string>()
    for (const batch of this.#batches) {
      if (aborted()) return
      await concurrently(batch, this.settings.maxConcurrent, i => this.#evaluateRule(this.rules[i]!, time, given))
    }
    await this.#endOrphans(time, given)
    this.lastEvaluation = this.#around.now()
    this.evaluationTime = this.#around.monotonic() - began
  }

  async #evaluateRule(rule: RuleState, time: number, given: Set<string>): Promise<void> {
    const began = this.#around.monotonic()
    rule.lastEvaluation = this.#around.now()
    this.evaluations++
    try {
      const samples = await this.#computed(rule, time)
      await this.#write(rule, samples, time, given)
      this.samples += samples.length
      rule.health = 'ok'
      rule.lastError = ''
    } catch (error) {
      this.failures++
      rule.health = 'err'
      rule.lastError = error instanceof Error ? error.message : String(error)
      this.#around.alerts.failed?.(this, rule, error)
    }
    rule.evaluationTime = this.#around.monotonic() - began
  }

  async #computed({ definition, alerting }: RuleState, time: number): Promise<readonly DerivedSample[]> {
    const { query, alerts } = this.#around
    const { externalUrl, resendDelay } = this.settings
    const evaluation: Evaluation = { query, time, queryOffset: this.queryOffset, limit: this.definition.limit, externalUrl }
    if (alerting === undefined) return record(definition as Extract<RuleDefinition, { kind: 'recording' }>, evaluation)
    const { samples, transitions } = await alerting.evaluate(evaluation)
    for (const transition of transitions) alerts.changed?.(this, alerting, transition, time)
    const told = alerting.take(time, this.interval, resendDelay)
    if (told.length > 0) alerts.send?.(alerting, told)
    return samples
  }

  /** The samples of a rule, and the end of those of its series that are gone. */
  async #write(rule: RuleState, samples: readonly DerivedSample[], time: number, given: Set<string>): Promise<void> {
    const current = new Map(samples.map(({ labels }) => [labels.key, labels]))
    for (const key of current.keys()) given.add(key)
    const gone = [...rule.previous].filter(([key]) => !given.has(key)).map(([, labels]) => this.#end(labels, time))
    if (samples.length + gone.length > 0) await this.#around.write([...samples, ...gone])
    rule.previous = current
  }

  async #endOrphans(time: number, given: ReadonlySet<string>): Promise<void> {
    const ended = [...this.#orphans].filter(([key]) => !given.has(key)).map(([, labels]) => this.#end(labels, time))
    if (ended.length > 0) await this.#around.write(ended)
    this.#orphans.clear()
  }

  #end(labels: Labels, time: number): DerivedSample {
    return { labels, time: time - this.queryOffset, value: 0, stale: true }
  }

  /** Ends all its series: it is gone, and nothing has taken them over. @param isGiven whether another group gives a series now */
  async endAll(time: number, isGiven: (key: string) => boolean): Promise<void> {
    const series = this.rules.flatMap(({ previous }) => [...previous])
    await this.#endOrphans(time, new Set())
    const ended = series.filter(([key]) => !isGiven(key)).map(([, labels]) => this.#end(labels, time))
    if (ended.length > 0) await this.#around.write(ended)
  }

  gives(key: string): boolean {
    return this.rules.some(({ previous }) => previous.has(key))
  }

  /** Whether another group would do all the same. */
  equals(other: Group): boolean {
    return describe(this) === describe(other)
  }

  /** Goes on where a predecessor stopped: rules of the same name and labels keep alerts and series, the first with the first and so on. */
  copyState(from: Group): void {
    this.lastEvaluation = from.lastEvaluation
    this.iterations = from.iterations
    this.missed = from.missed
    this.evaluations = from.evaluations
    this.failures = from.failures
    this.evaluationTime = from.evaluationTime
    this.#orphans = new Map(from.#orphans)
    const left = new Map<string, RuleState[]>()
    for (const rule of from.rules) left.set(identity(rule), [...(left.get(identity(rule)) ?? []), rule])
    for (const rule of this.rules) {
      const predecessor = left.get(identity(rule))?.shift()
      if (predecessor === undefined) continue
      rule.previous = predecessor.previous
      if (rule.alerting !== undefined && predecessor.alerting !== undefined) rule.alerting.copyState(predecessor.alerting)
    }
    for (const rule of [...left.values()].flat()) for (const [key, labels] of rule.previous) this.#orphans.set(key, labels)
  }

  /** Whether there is a rule that has not read yet what ALERTS_FOR_STATE says. */
  get needsRestoring(): boolean {
    return this.rules.some(({ alerting }) => alerting !== undefined && !alerting.restored)
  }

  /**
   * Alerts that were pending or firing before a restart go on: since when they are active is read from ALERTS_FOR_STATE.
   * @param tolerance [ms] how far back
   * @param grace [ms] that an alert waits at least; rules with less `for` wait their time anew
   */
  async restore(queryable: Queryable | undefined, now: number, tolerance: number, grace: number): Promise<void> {
    for (const { alerting } of this.rules) {
      if (alerting === undefined || alerting.restored) continue
      // Whatever goes wrong there, the alert fires in the end; without its past it does so later.
      alerting.restored = true
      const { for: hold } = alerting.definition
      if (queryable === undefined || hold < grace || alerting.active.length === 0) continue
      const hints = { from: now - tolerance - 1, to: now, step: 0, range: tolerance, func: '' }
      const found = await queryable.select(alerting.forStateMatchers, hints)
      const past = seriesByLabels(found)
      alerting.restore(labels => {
        const samples = past(labels)?.read()
        const last = (samples?.time.length ?? 0) - 1
        if (samples === undefined || last < 0 || samples.stale?.[last] === 1) return undefined
        return restoredActiveAt(hold, grace, samples.time[last]!, Math.trunc(samples.value[last]!) * 1000, now)
      })
    }
  }
}

export const groupKey = (file: string, name: string): string => `${file};${name}`

/** Finds a series by the labels of an alert. It may have more, which a store adds to all that it keeps. */
function seriesByLabels(found: readonly SelectedSeries[]): (labels: Labels) => SelectedSeries | undefined {
  const byNames = new Map<string, ReadonlyMap<string, SelectedSeries>>()
  return labels => {
    const names = new Set([...labels].map(([name]) => name))
    const key = JSON.stringify([...names])
    let series = byNames.get(key)
    if (series === undefined) byNames.set(key, (series = new Map(found.map(each => [each.labels.keep(names).key, each]))))
    return series.get(labels.key)
  }
}

const nameOf = (rule: RuleDefinition): string => (rule.kind === 'recording' ? rule.record : rule.alert)

const identity = ({ definition }: RuleState): string => `${nameOf(definition)} ${Labels.of(definition.labels).key}`

const describe = ({ definition, settings, interval, queryOffset }: Group): string =>
  JSON.stringify([
    settings,
    interval,
    queryOffset,
    definition.limit,
    definition.rules.map(rule => [
      rule.kind,
      nameOf(rule),
      rule.text,
      [...rule.labels],
      rule.kind === 'alerting' ? [rule.for, rule.keepFiringFor, [...rule.annotations]] : [],
    ]),
  ])

/** FNV-1a of 32 bits: only spreads groups over their interval. */
function hash(text: string): number {
  let sum = 0x811c9dc5
  for (let i = 0; i < text.length; i++) sum = Math.imul(sum ^ text.charCodeAt(i), 0x01000193)
  return sum >>> 0
}

/** Not more than so many at once. `run` handles its own errors. */
async function concurrently(items: readonly number[], limit: number, run: (item: number) => Promise<void>): Promise<void> {
  const queue = items.values()
  const worker = async (): Promise<void> => {
    for (const item of queue) await run(item)
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker))
}
