/** What series there are, and what is known of them: series, labels, label values, metadata, exemplars. */
import { escapedByValue, unescapeName } from '../../exposition/escape.ts'
import { quote } from '../../lib/go-text.ts'
import { compareLabels, type Labels } from '../../model/labels.ts'
import type { Matcher } from '../../model/matcher.ts'
import type { Metadata } from '../../model/query.ts'
import type { Expr } from '../../promql/ast.ts'
import { apiNumber } from '../../promql/histogram/text.ts'
import { type Answer, badData, invalidParameter } from './answer.ts'
import { type Asking, queryOf, selectorsOf, spanOf, storeOf } from './asking.ts'
import { showTime } from './numbers.ts'
import { integer, limitParameter } from './times.ts'
import { labelsJson } from './write-value.ts'

const truncation = 'results truncated due to limit'

export async function series(asking: Asking): Promise<Answer> {
  const { form } = asking
  if (form.all('match[]').length === 0) throw badData('no match[] parameter provided')
  const limit = limitParameter(form)
  const { from, to } = spanOf(form)
  const selectors = selectorsOf(form, why => invalidParameter('match[]', why))
  if (to <= from) return { data: [] }
  const found = [...(await storeOf(asking).series(selectors, from, to))].sort(compareLabels)
  return cut(found, limit, labelsJson)
}

export async function labelNames(asking: Asking): Promise<Answer> {
  const { form } = asking
  const limit = limitParameter(form)
  const { from, to } = spanOf(form)
  const selectors = selectorsOf(form)
  return cut(await storeOf(asking).labelNames(selectors, from, to), limit, quoted)
}

/** @param escaped as it stands in the URL, decoded; a name of any characters may come as `U__…` */
export async function labelValues(asking: Asking, escaped: string): Promise<Answer> {
  const { form } = asking
  const name = escaped.startsWith(escapedByValue) ? unescapeName(escaped) : escaped
  if (name === '' || !name.isWellFormed()) throw badData(`invalid label name: ${quote(name)}`)
  const limit = limitParameter(form)
  const { from, to } = spanOf(form)
  const selectors = selectorsOf(form)
  return cut(await storeOf(asking).labelValues(name, selectors, from, to), limit, quoted)
}

const quoted = (text: string): string => JSON.stringify(text)

/** A list that may be long, as JSON. */
function cut<T>(all: readonly T[], limit: number, json: (item: T) => string): Answer {
  const over = limit > 0 && all.length > limit
  return { data: undefined, pieces: list(over ? all.slice(0, limit) : all, json), warnings: over ? [truncation] : [] }
}

/** [characters] */
const pieceLength = 64 * 1024

function* list<T>(items: readonly T[], json: (item: T) => string): Generator<string, void> {
  let text = '['
  for (let i = 0; i < items.length; i++) {
    text += i === 0 ? json(items[i]!) : `,${json(items[i]!)}`
    if (text.length < pieceLength) continue
    yield text
    text = ''
  }
  yield `${text}]`
}

export async function metadata(asking: Asking): Promise<Answer> {
  const { form } = asking
  const limit = countParameter(asking, 'limit')
  const perMetric = countParameter(asking, 'limit_per_metric')
  const name = form.get('metric')
  const found = await storeOf(asking).metadata(name === '' ? undefined : name)
  const data: Record<string, Metadata[]> = {}
  let count = 0
  for (const [family, told] of found) {
    if (limit !== undefined && limit >= 0 && count++ >= limit) break
    const kept = perMetric !== undefined && perMetric > 0 ? told.slice(0, perMetric) : told
    data[family] = kept.map(({ type, help, unit }) => ({ type, help, unit }))
  }
  return { data }
}

function countParameter({ form }: Asking, name: string): number | undefined {
  const text = form.get(name)
  if (text === '') return undefined
  const count = integer(text)
  if (count === undefined) throw badData(`${name} must be a number`)
  return count
}

export async function queryExemplars(asking: Asking): Promise<Answer> {
  const { from, to } = spanOf(asking.form)
  if (to <= from) throw badData('end timestamp must not be before start timestamp')
  const selectors = selectorsIn(queryOf(asking, badData).expr)
  if (selectors.length === 0) return { data: undefined }
  const found = [...(await storeOf(asking).exemplars(selectors, from, to))].sort((a, b) => compareLabels(a.labels, b.labels))
  return cut(found, 0, ({ labels, exemplars }) => {
    const shown = exemplars.map(one => exemplarJson(one))
    return `{"seriesLabels":${labelsJson(labels)},"exemplars":[${shown.join(',')}]}`
  })
}

const exemplarJson = ({ labels, value, time }: { labels: Labels; value: number; time: number }): string =>
  `{"labels":${labelsJson(labels)},"value":"${apiNumber(value)}","timestamp":${showTime(Math.trunc(time))}}`

/** The matchers of every selector in an expression. */
export function selectorsIn(expr: Expr): readonly (readonly Matcher[])[] {
  switch (expr.kind) {
    case 'number':
    case 'string':
      return []
    case 'vector_selector':
      return [expr.matchers]
    case 'matrix_selector':
      return [expr.selector.matchers]
    case 'binary':
      return [...selectorsIn(expr.left), ...selectorsIn(expr.right)]
    case 'call':
      return expr.args.flatMap(selectorsIn)
    case 'aggregate':
      return [...(expr.param === undefined ? [] : selectorsIn(expr.param)), ...selectorsIn(expr.expr)]
    default:
      return selectorsIn(expr.expr)
  }
}
