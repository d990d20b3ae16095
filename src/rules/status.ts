import type { Labels } from '../model/labels.ts'
import { print } from '../promql/print.ts'
import type { Alert } from './alert-state.ts'
import type { Group, RuleState } from './group.ts'

/** What the API shows of rules and alerts. Times are epoch ms, undefined where nothing has happened yet; lengths are milliseconds. */
export interface GroupStatus {
  readonly name: string
  readonly file: string
  readonly interval: number
  readonly limit: number
  readonly rules: readonly RuleStatus[]
  readonly evaluationTime: number
  readonly lastEvaluation: number | undefined
}

interface CommonStatus {
  readonly name: string
  /** the expression */
  readonly query: string
  readonly labels: ReadonlyMap<string, string>
  readonly health: 'unknown' | 'ok' | 'err'
  /** empty: there is none */
  readonly lastError: string
  readonly evaluationTime: number
  readonly lastEvaluation: number | undefined
}

export type RuleStatus = RecordingStatus | AlertingStatus

export interface RecordingStatus extends CommonStatus {
  readonly type: 'recording'
}

export interface AlertingStatus extends CommonStatus {
  readonly type: 'alerting'
  /** that of the alert furthest on */
  readonly state: 'unknown' | 'inactive' | 'pending' | 'firing'
  /** `for` */
  readonly duration: number
  readonly keepFiringFor: number
  readonly annotations: ReadonlyMap<string, string>
  readonly alerts: readonly AlertStatus[]
}

export interface AlertStatus {
  readonly labels: Labels
  readonly annotations: ReadonlyMap<string, string>
  readonly state: 'pending' | 'firing'
  readonly activeAt: number
  readonly keepFiringSince: number | undefined
  readonly value: number
}

export function statusOf(group: Group): GroupStatus {
  const { definition, file, interval, evaluationTime, lastEvaluation } = group
  const { name, limit } = definition
  return { name, file, interval, limit, rules: group.rules.map(ruleStatus), evaluationTime, lastEvaluation }
}

function ruleStatus({ definition, alerting, health, lastError, evaluationTime, lastEvaluation }: RuleState): RuleStatus {
  const common = { query: print(definition.expr), labels: definition.labels, health, lastError, evaluationTime, lastEvaluation }
  if (definition.kind === 'recording') return { type: 'recording', name: definition.record, ...common }
  const alerts = alerting!.active.map(alertStatus)
  return {
    type: 'alerting',
    name: definition.alert,
    ...common,
    state: lastEvaluation === undefined ? 'unknown' : furthest(alerts),
    duration: definition.for,
    keepFiringFor: definition.keepFiringFor,
    annotations: definition.annotations,
    alerts,
  }
}

function alertStatus(alert: Alert): AlertStatus {
  const { labels, annotations, value, activeAt } = alert
  const keepFiringSince = alert.state === 'firing' ? alert.keepFiringSince : undefined
  return { labels, annotations, value, activeAt, keepFiringSince, state: alert.state === 'firing' ? 'firing' : 'pending' }
}

const furthest = (alerts: readonly AlertStatus[]): 'inactive' | 'pending' | 'firing' =>
  alerts.some(({ state }) => state === 'firing') ? 'firing' : alerts.length > 0 ? 'pending' : 'inactive'
