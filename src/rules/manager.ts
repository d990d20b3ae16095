import type { DerivedSample } from '../component/derived.ts'
import type { Clock } from '../lib/clock.ts'
import type { Labels } from '../model/labels.ts'
import type { Queryable } from '../model/query.ts'
import type { FiringAlert, ResolvedAlert } from './alert-state.ts'
import type { AlertingRule, Transition } from './alerting-rule.ts'
import type { RuleFile, RuleGroup } from './file.ts'
import { Group, groupKey, type RuleState } from './group.ts'
import { type GroupStatus, statusOf } from './status.ts'
import type { RuleQuery } from './vector.ts'

/** Who hears what rules decide. Called in the course of an evaluation: whoever has much to do does it later. */
export interface AlertListener {
  /** Alerts to be told, again or for the first time, firing or resolved; `validUntil` is set. */
  readonly send?: (rule: AlertingRule, alerts: readonly (FiringAlert | ResolvedAlert)[]) => void
  /** An alert has changed its state. @param time epoch ms of the evaluation */
  readonly changed?: (group: Group, rule: AlertingRule, transition: Transition, time: number) => void
  /** The evaluation of a rule has failed; undefined: of what belongs to no rule any more. */
  readonly failed?: (group: Group, rule: RuleState | undefined, error: unknown) => void
}

export interface ManagerOptions {
  /** Evaluates expressions, cancelled by its signal. */
  readonly query: RuleQuery
  /** Where ALERTS_FOR_STATE of before a restart is; undefined: nowhere, at the moment. */
  readonly queryable: () => Queryable | undefined
  readonly clock: Clock
  /** Takes what rules compute. It resolves when the next rule can read it; a rejection is the rule's error. */
  readonly write: (samples: readonly DerivedSample[]) => Promise<void>
  readonly alerts: AlertListener
}

/** What a configuration says of rules. */
export interface RuleSettings {
  /** [ms] of groups that name none */
  readonly interval: number
  /** [ms] of groups that name none */
  readonly queryOffset: number
  /** [ms] after which an alert is told again */
  readonly resendDelay: number
  /** [ms] for how long an outage is bridged: `for` goes on after it */
  readonly outageTolerance: number
  /** [ms] that an alert waits at least, after a restart, before it fires */
  readonly forGracePeriod: number
  readonly externalUrl: string
  readonly externalLabels: Labels
  /** [rules] of one group that are evaluated side by side */
  readonly maxConcurrent: number
}

export interface NamedRuleFile {
  readonly path: string
  readonly file: RuleFile
}

/** Evaluates groups of rules on their ticks. */
export class RuleManager {
  readonly #options: ManagerOptions
  readonly #stopping = new AbortController()
  /** by key */
  #running = new Map<string, Loop>()
  /** what waits to end the series of groups that are gone */
  readonly #ending = new Set<Disposable>()
  /** Groups of the first files read what was before the restart; later ones begin anew. */
  #first = true
  #started = false

  constructor(options: ManagerOptions) {
    this.#options = options
  }

  #group(path: string, definition: RuleGroup, settings: RuleSettings): Group {
    const { clock, query, write, alerts } = this.#options
    const { signal } = this.#stopping
    const surroundings = {
      ...{ write, alerts, now: () => clock.now(), monotonic: () => clock.monotonic() },
      query: ((expr, text, time) => query(expr, text, time, signal)) satisfies RuleQuery,
    }
    return new Group(path, definition, settings, surroundings, !this.#first)
  }

  /** These files, and no others, from here on. Groups that are as they were go on; others keep what their rules of the same name and labels know. */
  async update(files: readonly NamedRuleFile[], settings: RuleSettings): Promise<void> {
    if (this.#stopping.signal.aborted) return
    const before = this.#running
    const after = new Map<string, Loop>()
    for (const { path, file } of files) {
      for (const definition of file.groups) {
        const group = this.#group(path, definition, settings)
        const loop = await this.#successor(group, before.get(group.key))
        before.delete(group.key)
        after.set(group.key, loop)
      }
    }
    this.#first = false
    this.#running = after
    for (const loop of before.values()) void this.#retire(loop)
    if (this.#started) for (const loop of after.values()) loop.start()
  }

  async #successor(group: Group, predecessor: Loop | undefined): Promise<Loop> {
    if (predecessor?.group.equals(group)) return predecessor
    if (predecessor !== undefined) {
      await predecessor.stop()
      group.copyState(predecessor.group)
    }
    return new Loop(group, this.#options)
  }

  /** Waits two intervals, in which a rule that was renamed may begin to give the same series, and ends what nobody gives. */
  async #retire(loop: Loop): Promise<void> {
    const { clock } = this.#options
    const time = clock.now()
    await loop.stop()
    const timer = clock.after(2 * loop.group.interval, async () => {
      this.#ending.delete(timer)
      const groups = [...this.#running.values()]
      await loop.group.endAll(time, key => groups.some(({ group }) => group.gives(key))).catch(() => undefined)
    })
    this.#ending.add(timer)
    if (this.#stopping.signal.aborted) timer[Symbol.dispose]()
  }

  /** Ticks begin. */
  start(): void {
    this.#started = true
    for (const loop of this.#running.values()) loop.start()
  }

  /** Resolves when the evaluations that were under way have ended; queries are cancelled. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    for (const timer of this.#ending) timer[Symbol.dispose]()
    await Promise.all([...this.#running.values()].map(loop => loop.stop()))
  }

  /** By file, then by name. */
  get groups(): readonly Group[] {
    const groups = [...this.#running.values()].map(({ group }) => group)
    return groups.sort((a, b) => (groupKey(a.file, a.definition.name) < groupKey(b.file, b.definition.name) ? -1 : 1))
  }

  /** What the API shows. */
  status(): readonly GroupStatus[] {
    return this.groups.map(statusOf)
  }
}

/** The ticks of one group: on its slots, never two at once; those that come meanwhile are left out, counted. */
class Loop {
  readonly group: Group
  readonly #options: ManagerOptions
  #timer: Disposable | undefined
  #evaluating: Promise<void> | undefined
  #stopped = false
  #evaluations = 0

  constructor(group: Group, options: ManagerOptions) {
    this.group = group
    this.#options = options
  }

  start(): void {
    if (this.#timer !== undefined || this.#evaluating !== undefined || this.#stopped) return
    this.#await(this.group.slot(this.#options.clock.now()) + this.group.interval)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.[Symbol.dispose]()
    await this.#evaluating
  }

  #await(slot: number): void {
    if (this.#stopped) return
    const { clock } = this.#options
    this.#timer = clock.after(Math.max(0, slot - clock.now()), () => {
      this.#timer = undefined
      this.#evaluating = this.#tick(slot)
      return this.#evaluating
    })
  }

  async #tick(slot: number): Promise<void> {
    const { clock, queryable } = this.#options
    const { group } = this
    const { outageTolerance, forGracePeriod } = group.settings
    // A timer may be a little early; where it is late by an interval or more, or the clock was set, the slot is the clock's.
    const current = group.slot(clock.now())
    const time = current === slot - group.interval ? slot : current
    group.missed += Math.max(0, Math.round((time - slot) / group.interval))
    await group.evaluate(time, () => this.#stopped).catch(error => this.#options.alerts.failed?.(group, undefined, error))
    // After the first evaluation little was scraped, and rules that others read have given nothing yet.
    if (++this.#evaluations === 2 && group.needsRestoring && !this.#stopped) {
      await group.restore(queryable(), clock.now(), outageTolerance, forGracePeriod).catch(() => undefined)
    }
    this.#evaluating = undefined
    const next = group.slot(clock.now()) + group.interval
    group.missed += Math.max(0, Math.round((next - time) / group.interval) - 1)
    this.#await(next === time ? time + group.interval : next)
  }
}
