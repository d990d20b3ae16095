import type { DerivedSample } from '../component/derived.ts'
import { Labels } from '../model/labels.ts'
import type { Matcher } from '../model/matcher.ts'
import { showHistogram } from '../promql/histogram/text.ts'
import { ParseError, parseExpr } from '../promql/parse.ts'
import { TemplateError } from '../template/errors.ts'
import { alertData, alertDefinitions, expand, type TemplateQuery } from '../template/expand.ts'
import { type Alert, type FiringAlert, needsSending, type ResolvedAlert, type Seen, sent, step } from './alert-state.ts'
import type { AlertingDefinition } from './file.ts'
import { type Evaluation, RuleError } from './rule.ts'
import type { RuleQuery, VectorSample } from './vector.ts'

/** An alert that has changed its state. */
export interface Transition {
  readonly alert: Alert
  readonly from: 'inactive' | 'pending' | 'firing'
  readonly to: 'inactive' | 'pending' | 'firing'
}

/** The alerts of one alerting rule, from evaluation to evaluation. What an evaluation decides, `step` says. */
export class AlertingRule {
  readonly definition: AlertingDefinition
  readonly #externalLabels: Labels
  /** by the key of their labels */
  #alerts = new Map<string, Alert>()
  /** From here on ALERTS and ALERTS_FOR_STATE are written: what they say of the time before a restart has been read. */
  restored: boolean

  constructor(definition: AlertingDefinition, externalLabels: Labels, restored: boolean) {
    this.definition = definition
    this.#externalLabels = externalLabels
    this.restored = restored
  }

  /** @throws {RuleError | QueryError}, and then nothing has changed, but where the limit was exceeded: then all alerts are gone */
  async evaluate(
    evaluation: Evaluation,
  ): Promise<{ readonly samples: readonly DerivedSample[]; readonly transitions: readonly Transition[] }> {
    const { time, queryOffset, query } = evaluation
    const { expr, text } = this.definition
    const vector = await query(expr, text, time - queryOffset)
    const seen = await this.#seen(vector, evaluation)
    const [alerts, transitions] = this.#stepped(seen, time)
    const active = [...alerts.values()].filter(({ state }) => state !== 'inactive')
    if (evaluation.limit > 0 && active.length > evaluation.limit) {
      this.#alerts = new Map()
      throw new RuleError(`exceeded limit of ${evaluation.limit} with ${active.length} alerts`)
    }
    this.#alerts = alerts
    return { samples: this.restored ? active.flatMap(alert => [...this.#series(alert, time - queryOffset)]) : [], transitions }
  }

  /** By the key of their final labels. */
  async #seen(vector: readonly VectorSample[], evaluation: Evaluation): Promise<ReadonlyMap<string, Seen>> {
    const seen = new Map<string, Seen>()
    for (const sample of vector) {
      const expandAll = this.#expander(sample, evaluation)
      const own = await expandAll(this.definition.labels)
      const labels = Labels.of([...sample.labels, ['__name__', ''], ...own, ['alertname', this.definition.alert]])
      const annotations = await expandAll(this.definition.annotations)
      if (seen.has(labels.key)) {
        throw new RuleError('vector contains metrics with the same labelset after applying alert labels')
      }
      seen.set(labels.key, { labels, annotations, value: sample.value })
    }
    return seen
  }

  /** Carries templates out. What goes wrong stands where the text would. */
  #expander(sample: VectorSample, { time, externalUrl, query }: Evaluation) {
    const { histogram, value, labels } = sample
    const data = alertData({
      labels,
      externalLabels: this.#externalLabels,
      externalUrl,
      value: histogram === undefined ? value : { toString: () => showHistogram(histogram) },
    })
    const options = { name: `__alert_${this.definition.alert}`, data, time, externalUrl, query: templateQuery(query) }
    return async (templates: ReadonlyMap<string, string>): Promise<ReadonlyMap<string, string>> => {
      const expanded = new Map<string, string>()
      for (const [name, template] of templates) {
        const text = template.includes('{{') ? await expand(alertDefinitions + template, options).catch(expansionError) : template
        expanded.set(name, text)
      }
      return expanded
    }
  }

  #stepped(seen: ReadonlyMap<string, Seen>, now: number): readonly [Map<string, Alert>, Transition[]] {
    const alerts = new Map<string, Alert>()
    const transitions: Transition[] = []
    for (const key of new Set([...this.#alerts.keys(), ...seen.keys()])) {
      const was = this.#alerts.get(key)
      const alert = step(this.definition, was, seen.get(key), now)
      if (alert !== undefined) alerts.set(key, alert)
      const [from, to] = [was?.state ?? 'inactive', alert?.state ?? 'inactive']
      if (from !== to) transitions.push({ alert: alert ?? was!, from, to })
    }
    return [alerts, transitions]
  }

  *#series(alert: Alert, time: number): Generator<DerivedSample> {
    const labels = [...this.definition.labels, ...alert.labels, ['alertname', this.definition.alert] as const]
    yield { labels: Labels.of([...labels, ['__name__', 'ALERTS'], ['alertstate', alert.state]]), time, value: 1 }
    yield { labels: Labels.of([...labels, ['__name__', 'ALERTS_FOR_STATE']]), time, value: Math.floor(alert.activeAt / 1000) }
  }

  /** Which of the series of ALERTS_FOR_STATE are this rule's. A label that is a template has another value for each alert. */
  get forStateMatchers(): readonly Matcher[] {
    const fixed = [...this.definition.labels].filter(([, value]) => !value.includes('{{') && value !== '')
    const labels = [...fixed, ['__name__', 'ALERTS_FOR_STATE'], ['alertname', this.definition.alert]] as const
    return labels.map(([name, value]) => ({ name: name!, op: '=', value: value! }))
  }

  /** Since when each alert is active: what `activeAt` gives for its labels, where it gives anything. */
  restore(activeAt: (labels: Labels) => number | undefined): void {
    for (const [key, alert] of this.#alerts) {
      const at = activeAt(alert.labels)
      if (at !== undefined) this.#alerts.set(key, { ...alert, activeAt: at })
    }
  }

  /** The alerts that are to be told now, which from here on count as told. */
  take(now: number, interval: number, resendDelay: number): readonly (FiringAlert | ResolvedAlert)[] {
    const taken: (FiringAlert | ResolvedAlert)[] = []
    for (const [key, alert] of this.#alerts) {
      if (!needsSending(alert, now, resendDelay)) continue
      const told = sent(alert, now, interval, resendDelay)
      this.#alerts.set(key, told)
      taken.push(told)
    }
    return taken
  }

  /** Pending and firing ones. */
  get active(): readonly Alert[] {
    return [...this.#alerts.values()].filter(({ state }) => state !== 'inactive')
  }

  /** Goes on with the alerts of a predecessor of the same name and labels. */
  copyState(from: AlertingRule): void {
    for (const [key, alert] of from.#alerts) this.#alerts.set(key, alert)
  }
}

function expansionError(error: unknown): string {
  if (error instanceof TemplateError) return `<error expanding template: ${error.message}>`
  throw error
}

/** A query of a template, which is a text. */
function templateQuery(query: RuleQuery): TemplateQuery {
  return async (text, time) => {
    const samples = await query(parsed(text), text, time)
    return samples.map(({ labels, value, histogram }) => ({
      labels,
      value: histogram === undefined ? value : { toString: () => showHistogram(histogram) },
    }))
  }
}

function parsed(text: string) {
  try {
    return parseExpr(text)
  } catch (error) {
    throw error instanceof ParseError ? new TemplateError(error.message, { cause: error }) : error
  }
}
