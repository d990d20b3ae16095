/** Rules and alerts as Prometheus's API shows them. */

import { createHash } from 'node:crypto'
import { formatE } from '../../lib/go-text.ts'
import { valueTest } from '../../model/matcher.ts'
import type { AlertStatus, GroupStatus, RuleStatus } from '../../rules/status.ts'
import { type Answer, badData, invalidParameter } from './answer.ts'
import { type Asking, selectorsOf } from './asking.ts'
import type { Form } from './form.ts'
import { integer, integerProblem } from './times.ts'

/** `/api/v1/rules`: by group, of those that the parameters choose. */
export function ruleGroups({ form }: Asking, groups: readonly GroupStatus[]): Answer {
  const chosen = chooser(form)
  const shown = groups.filter(chosen.group).map(group => ({ group, rules: group.rules.filter(chosen.rule) }))
  const page = pageOf(
    form,
    shown.filter(({ rules }) => rules.length > 0),
  )
  const showsAlerts = !excludesAlerts(form)
  return {
    data: {
      groups: page.groups.map(({ group, rules }) => ({
        name: group.name,
        file: group.file,
        rules: rules.map(rule => showRule(rule, showsAlerts)),
        interval: group.interval / 1000,
        limit: group.limit,
        evaluationTime: group.evaluationTime / 1000,
        lastEvaluation: showTime(group.lastEvaluation),
      })),
      groupNextToken: page.next,
    },
  }
}

/** `/api/v1/alerts`: those that are pending or firing. */
export function alerts(groups: readonly GroupStatus[]): Answer {
  const rules = groups.flatMap(group => group.rules)
  return { data: { alerts: rules.flatMap(rule => (rule.type === 'alerting' ? rule.alerts.map(showAlert) : [])) } }
}

interface Chooser {
  readonly group: (group: GroupStatus) => boolean
  readonly rule: (rule: RuleStatus) => boolean
}

/** @throws {ApiError} */
function chooser(form: Form): Chooser {
  const type = form.get('type').toLowerCase()
  if (type !== '' && type !== 'alert' && type !== 'record') throw invalidParameter('type', `not supported value ${JSON.stringify(type)}`)
  const [names, groups, files] = ['rule_name[]', 'rule_group[]', 'file[]'].map(name => new Set(form.all(name)))
  const selectors = selectorsOf(form).map(matchers => matchers.map(matcher => ({ name: matcher.name, test: valueTest(matcher) })))
  return {
    group: ({ name, file }) => isIn(groups!, name) && isIn(files!, file),
    rule: rule =>
      (type === '' || (type === 'alert') === (rule.type === 'alerting')) &&
      isIn(names!, rule.name) &&
      (selectors.length === 0 || selectors.some(tests => tests.every(({ name, test }) => test(rule.labels.get(name) ?? '')))),
  }
}

const isIn = (set: ReadonlySet<string>, text: string): boolean => set.size === 0 || set.has(text)

/** @throws {ApiError} */
function excludesAlerts(form: Form): boolean {
  const text = form.get('exclude_alerts').toLowerCase()
  if (text === '' || ['0', 'f', 'false'].includes(text)) return false
  if (['1', 't', 'true'].includes(text)) return true
  throw invalidParameter(
    'exclude_alerts',
    `error converting exclude_alerts: strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`,
  )
}

interface Shown {
  readonly group: GroupStatus
  readonly rules: readonly RuleStatus[]
}

/** `group_limit` groups from `group_next_token` on. @throws {ApiError} */
function pageOf(form: Form, groups: readonly Shown[]): { readonly groups: readonly Shown[]; readonly next: string | undefined } {
  const [limit, token] = [form.get('group_limit'), form.get('group_next_token')]
  if (limit === '' && token !== '')
    throw invalidParameter('group_next_token', 'group_limit needs to be present in order to paginate over the groups')
  if (limit === '') return { groups, next: undefined }
  const size = integer(limit, 32)
  if (size === undefined)
    throw invalidParameter('group_limit', `group_limit needs to be a valid number: strconv.ParseInt: ${integerProblem(limit)}`)
  if (size <= 0) throw invalidParameter('group_limit', 'group_limit needs to be greater than 0')
  const from = token === '' ? 0 : groups.findIndex(({ group }) => tokenOf(group) === token)
  if (from < 0) throw badData(`invalid parameter "group_next_token": invalid group_next_token '${token}'. were rule groups changed?`)
  const next = groups[from + size]
  return { groups: groups.slice(from, from + size), next: next === undefined ? undefined : tokenOf(next.group) }
}

/** Names a group, in letters that need no escaping. */
const tokenOf = ({ file, name }: GroupStatus): string => createHash('sha256').update(`${file};${name}`).digest('hex')

function showRule(rule: RuleStatus, showsAlerts: boolean): object {
  const { name, query, health, lastError } = rule
  const common = {
    ...{ name, query, labels: Object.fromEntries(rule.labels) },
    ...{ health, lastError: lastError === '' ? undefined : lastError },
    ...{ evaluationTime: rule.evaluationTime / 1000, lastEvaluation: showTime(rule.lastEvaluation), type: rule.type },
  }
  if (rule.type === 'recording') return common
  return {
    state: rule.state,
    duration: rule.duration / 1000,
    keepFiringFor: rule.keepFiringFor / 1000,
    annotations: Object.fromEntries(rule.annotations),
    alerts: showsAlerts ? rule.alerts.map(showAlert) : null,
    ...common,
  }
}

const showAlert = ({ labels, annotations, state, activeAt, keepFiringSince, value }: AlertStatus): object => ({
  labels: labels.toJSON(),
  annotations: Object.fromEntries(annotations),
  state,
  activeAt: showTime(activeAt),
  keepFiringSince: keepFiringSince === undefined ? undefined : showTime(keepFiringSince),
  value: formatE(value),
})

/** RFC 3339; what has not happened yet was, to Go, in the year 1. */
const showTime = (ms: number | undefined): string => (ms === undefined ? '0001-01-01T00:00:00Z' : new Date(ms).toISOString())
