import { quote } from '../../lib/go-text.ts'
import { Labels } from '../../model/labels.ts'
import { type Matcher, valueTest } from '../../model/matcher.ts'
import type { Expr } from '../ast.ts'
import type { FunctionContext, MutableRow, WholeFunction } from '../kernel.ts'
import { QueryError } from '../query-error.ts'
import { ABSENT, FLOAT, type Grid, HISTOGRAM, type Row } from '../value.ts'
import { emptyRow } from './rows.ts'

/**
 * info(): series get the labels of the info series (`target_info`, or what the second argument selects) that have the same `instance` and `job`. Of several
 * of one name the newest sample counts. Which info series stands at a step may change, so that a series may come out as several, each with steps of its own.
 */
export const info: WholeFunction = {
  kind: 'whole',
  async run([vector], cx) {
    const base = vector?.type === 'vector' ? vector.rows : []
    const wanted = wantedOf(cx.args[1])
    const isInfo = ({ labels }: Row) => wanted.names.every(({ op, value }) => valueTest({ name: '__name__', op, value })(labels.name))
    // Info series themselves stay as they are.
    const plain = base.filter(isInfo)
    const enriched = base.filter(row => !isInfo(row))
    const infos = await infoSeries(enriched, wanted, cx)
    return [...plain, ...enriched.flatMap(row => withInfo(row, infos, wanted, cx.grid))]
  },
}

/** The labels that info series are found and joined by. */
const identifying = ['instance', 'job']

interface Wanted {
  /** matchers of the info series' names */
  readonly names: readonly Matcher[]
  /** matchers of their other labels; only these labels are taken, all where there is none */
  readonly data: readonly Matcher[]
  readonly labels: ReadonlySet<string>
  /** A series is kept without an info series. */
  readonly optional: boolean
}

function wantedOf(selector: Expr | undefined): Wanted {
  const matchers = selector?.kind === 'vector_selector' ? selector.matchers : []
  const names = matchers.filter(({ name }) => name === '__name__')
  const data = matchers.filter(({ name }) => name !== '__name__')
  const labels = new Set(data.map(({ name }) => name))
  return { names: positive(names), data, labels, optional: data.every(matcher => valueTest(matcher)('')) }
}

/** What only says which names are not meant is about all that end in _info. */
function positive(names: readonly Matcher[]): readonly Matcher[] {
  if (names.length === 0) return [{ name: '__name__', op: '=', value: 'target_info' }]
  return names.some(({ op }) => op === '=' || op === '=~') ? names : [{ name: '__name__', op: '=~', value: '.+_info' }, ...names]
}

/** The info series of one name and the same identifying labels. */
interface InfoSeries {
  readonly name: string
  readonly byIdentity: ReadonlyMap<string, readonly Row[]>
}

async function infoSeries(base: readonly Row[], wanted: Wanted, cx: FunctionContext): Promise<readonly InfoSeries[]> {
  if (!base.some(({ labels }) => isIdentified(labels))) return []
  const matchers = identifying.map(name => {
    const values = new Set(base.filter(({ labels }) => isIdentified(labels)).map(({ labels }) => labels.get(name)))
    return { name, op: '=~', value: [...values].map(quoteMeta).join('|') } as const
  })
  const found = await cx.selectTimes([...matchers, ...wanted.data, ...wanted.names])
  const rows = found.filter(({ labels }) => isIdentified(labels))
  return [...Map.groupBy(rows, ({ labels }) => labels.name)].map(([name, of]) => ({
    name,
    byIdentity: Map.groupBy(of, ({ labels }) => identityOf(labels)),
  }))
}

const identifyingSet: ReadonlySet<string> = new Set(identifying)
const identityOf = (labels: Labels): string => labels.keep(identifyingSet).key

/** What has neither label is joined with nothing. */
const isIdentified = (labels: Labels): boolean => identifying.some(name => labels.has(name))

const quoteMeta = (text: string): string => text.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&')

/** A series with the labels of its info series, as many rows as there are combinations of these. */
function withInfo(row: Row, infos: readonly InfoSeries[], wanted: Wanted, grid: Grid): readonly Row[] {
  const identity = identityOf(row.labels)
  const candidates = infos.map(({ byIdentity }) => byIdentity.get(identity) ?? [])
  const rows = new Map<string, MutableRow>()
  const chosen: Row[] = []
  for (let step = 0; step < grid.steps; step++) {
    if (row.kind[step] === ABSENT) continue
    chosen.length = 0
    for (const each of candidates) {
      const newest = newestAt(each, step)
      if (newest !== undefined) chosen.push(newest)
    }
    if (chosen.length === 0 && !wanted.optional) continue
    const labels = joined(row.labels, chosen, wanted)
    let out = rows.get(labels.key)
    if (out === undefined) rows.set(labels.key, (out = emptyRow(grid, labels, row.dropName)))
    copyStep(row, out, step)
  }
  return [...rows.values()]
}

function newestAt(rows: readonly Row[], step: number): Row | undefined {
  let newest: Row | undefined
  for (const row of rows) {
    if (row.kind[step] === ABSENT) continue
    if (row.kind[step] === HISTOGRAM) throw new QueryError('execution', 'info sample should be float')
    if (newest === undefined || row.value[step]! > newest.value[step]!) newest = row
    else if (row.value[step] === newest.value[step]) {
      const [had, got] = [newest, row].map(({ labels, value }) => `${show(labels)} @ ${value[step]}`)
      throw new QueryError('execution', `found duplicate series for info metric: existing ${had}, new ${got}`)
    }
  }
  return newest
}

function joined(labels: Labels, infos: readonly Row[], { labels: only }: Wanted): Labels {
  const added = new Map<string, string>()
  for (const info of infos)
    for (const [name, value] of info.labels) {
      if (name === '__name__' || (only.size > 0 && !only.has(name))) continue
      const known = added.get(name)
      if (known !== undefined && known !== value) throw new QueryError('execution', `conflicting label: ${name}`)
      if (!labels.has(name)) added.set(name, value)
    }
  return added.size === 0 ? labels : Labels.of([...labels, ...added])
}

function copyStep({ kind, value, histograms }: Row, out: MutableRow, step: number): void {
  out.kind[step] = kind[step]!
  out.value[step] = value[step]!
  if (kind[step] === FLOAT) return
  const all = (out.histograms ?? new Array(kind.length).fill(undefined)) as NonNullable<MutableRow['histograms']>
  all[step] = histograms![step]
  out.histograms = all
}

const show = (labels: Labels): string => `{${[...labels].map(([name, value]) => `${name}=${quote(value)}`).join(', ')}}`
