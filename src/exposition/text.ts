/** Prometheus' text format 0.0.4, and what it shares with OpenMetrics: one sample a line, the labels of a series written once. */
import { toClassic } from './exponential.ts'
import { type Exemplar, type Family, newRow, type Row } from './families.ts'
import { escapeValue } from './labels.ts'
import { type FamilyType, legacyMetric } from './naming.ts'
import { showCount, showFloat, wholeMs } from './number.ts'

/** Where the two text formats differ. */
export interface Dialect {
  /** the lines above a family's samples */
  head(family: Family): string
  /** a value that is not a count */
  float(value: number): string
  /** after the labels: `le` and `quantile` */
  bound(value: number): string
  /** [ms] with the space in front */
  time(ms: number): string
  /** with the space in front; '' where the format has none */
  exemplar(exemplar: Exemplar): string
  /** Which totals of a histogram are written; the bucket +Inf holds the count in any case. `sum`: NaN where unknown. `bounds`: ascending. */
  totals(sum: number, bounds: Float64Array): Totals
  readonly end: string
}

type Totals = 'sum and count' | 'count' | 'none'

export const classic: Dialect = {
  head({ name, type, help }) {
    const shown = showMetricName(name)
    const text = help === '' ? '' : `# HELP ${shown} ${help.replace(/[\\\n]/g, c => (c === '\n' ? '\\n' : '\\\\'))}\n`
    return `${text}# TYPE ${shown} ${classicTypes[type]}\n`
  },
  float: showFloat,
  bound: showFloat,
  time: ms => ` ${wholeMs(ms)}`,
  exemplar: () => '',
  totals: sum => (Number.isNaN(sum) ? 'count' : 'sum and count'),
  end: '',
}
const classicTypes: Readonly<Record<FamilyType, string>> = {
  counter: 'counter',
  gauge: 'gauge',
  histogram: 'histogram',
  summary: 'summary',
  unknown: 'untyped',
}

/** [characters] a piece of a page; between two, others may run */
const pieceLength = 64 * 1024

/** The page, in pieces: each took well under a millisecond to make. */
export function* textPage(families: Iterable<Family>, dialect: Dialect): Generator<Uint8Array> {
  const row = newRow()
  let text = ''
  for (const family of families) {
    const names = new Names(family.name)
    let head = dialect.head(family)
    for (let i = 0; i < family.length; i++) {
      if (!family.read(i, row)) continue
      text += head
      head = ''
      text += lines[row.shape](names, row, dialect)
      if (text.length < pieceLength) continue
      yield Buffer.from(text)
      text = ''
    }
  }
  text += dialect.end
  if (text !== '') yield Buffer.from(text)
}

/** What stands before the labels of a family's samples, and of those with a suffix. */
class Names {
  readonly #name: string
  readonly plain: Opening
  constructor(name: string) {
    this.#name = name
    this.plain = opening(name)
  }
  #bucket: Opening | undefined
  #sum: Opening | undefined
  #count: Opening | undefined
  get bucket(): Opening {
    return (this.#bucket ??= opening(`${this.#name}_bucket`))
  }
  get sum(): Opening {
    return (this.#sum ??= opening(`${this.#name}_sum`))
  }
  get count(): Opening {
    return (this.#count ??= opening(`${this.#name}_count`))
  }
}

interface Opening {
  /** `name{` or `{"näme",` */
  readonly labelled: string
  /** `name` or `{"näme"}` */
  readonly bare: string
}
const opening = (name: string): Opening =>
  legacyMetric.test(name)
    ? { labelled: `${name}{`, bare: name }
    : { labelled: `{"${escapeValue(name)}",`, bare: `{"${escapeValue(name)}"}` }

/** A metric name on a comment line. */
export const showMetricName = (name: string): string => (legacyMetric.test(name) ? name : `"${escapeValue(name)}"`)

const series = (name: Opening, labels: string): string => (labels === '' ? name.bare : `${name.labelled}${labels}}`)
const seriesWith = (name: Opening, labels: string, key: string, value: string): string =>
  `${name.labelled}${labels === '' ? '' : `${labels},`}${key}="${value}"}`

const lines: Readonly<Record<Row['shape'], (names: Names, row: Row, dialect: Dialect) => string>> = {
  number(names, row, dialect) {
    const exemplar = row.exemplars.length === 0 ? '' : dialect.exemplar(row.exemplars[0]!)
    return `${series(names.plain, row.labels)} ${dialect.float(row.value)}${timeOf(row, dialect)}${exemplar}\n`
  },
  histogram: (names, row, dialect) => bucketLines(names, row, row.bounds, row.buckets, dialect),
  exponential(names, row, dialect) {
    const { bounds, buckets } = toClassic(row.exponential)
    return bucketLines(names, row, bounds, buckets, dialect)
  },
  native: () => '',
  summary(names, row, dialect) {
    const time = timeOf(row, dialect)
    let text = ''
    for (let k = 0; k < row.quantiles.length; k += 2) {
      const quantile = dialect.bound(row.quantiles[k]!)
      text += `${seriesWith(names.plain, row.labels, 'quantile', quantile)} ${dialect.float(row.quantiles[k + 1]!)}${time}\n`
    }
    return text + totals(names, row, time, dialect, Number.isNaN(row.sum) ? 'count' : 'sum and count')
  },
}

const timeOf = (row: Row, dialect: Dialect): string => (Number.isNaN(row.time) ? '' : dialect.time(row.time))

/** Cumulative; without buckets there is only +Inf. */
function bucketLines(names: Names, row: Row, bounds: Float64Array, buckets: ArrayLike<number>, dialect: Dialect): string {
  const time = timeOf(row, dialect)
  const exemplars = placed(row.exemplars, bounds)
  let text = ''
  let sum = 0
  for (let k = 0; k < bounds.length && k < buckets.length; k++) {
    sum += buckets[k]!
    const exemplar = exemplars?.[k]
    text += `${seriesWith(names.bucket, row.labels, 'le', dialect.bound(bounds[k]!))} ${showCount(sum)}${time}${exemplar === undefined ? '' : dialect.exemplar(exemplar)}\n`
  }
  const last = exemplars?.[bounds.length]
  text += `${seriesWith(names.bucket, row.labels, 'le', '+Inf')} ${showCount(row.count)}${time}${last === undefined ? '' : dialect.exemplar(last)}\n`
  return text + totals(names, row, time, dialect, dialect.totals(row.sum, bounds))
}

function totals(names: Names, row: Row, time: string, dialect: Dialect, which: Totals): string {
  if (which === 'none') return ''
  const sum = which === 'count' ? '' : `${series(names.sum, row.labels)} ${dialect.float(row.sum)}${time}\n`
  return `${sum}${series(names.count, row.labels)} ${showCount(row.count)}${time}\n`
}

/** The newest exemplar of each bucket; undefined where there is none at all. */
export function placed(exemplars: readonly Exemplar[], bounds: Float64Array): (Exemplar | undefined)[] | undefined {
  if (exemplars.length === 0) return undefined
  const found: (Exemplar | undefined)[] = new Array(bounds.length + 1).fill(undefined)
  for (const exemplar of exemplars) {
    let k = 0
    while (k < bounds.length && exemplar.value > bounds[k]!) k++
    if (found[k] === undefined || exemplar.time >= found[k]!.time) found[k] = exemplar
  }
  return found
}
