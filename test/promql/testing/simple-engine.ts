/** An engine that knows literals, selectors without modifiers but `@`, and sort(): enough to see what the runner of tests does with answers. */

import { compareLabels, Labels } from '../../../src/model/labels.ts'
import type { Matcher } from '../../../src/model/matcher.ts'
import type { Queryable, Samples } from '../../../src/model/query.ts'
import type { Annotation } from '../../../src/promql/annotations.ts'
import type { Expr, VectorSelector } from '../../../src/promql/ast.ts'
import { type Engine, QueryError, type QueryResult } from '../../../src/promql/engine.ts'
import { ABSENT, FLOAT, type Grid, HISTOGRAM, type QueryValue, type Row, timeOf } from '../../../src/promql/value.ts'

const LOOKBACK = 300_000

export const simpleEngine: Engine = {
  async instant(queryable, { expr, time }) {
    const grid = { start: time, step: 1, steps: 1 }
    if (expr.kind === 'number') return result({ type: 'scalar', time, value: expr.value })
    if (expr.kind === 'string') return result({ type: 'string', time, value: expr.value })
    if (expr.kind === 'matrix_selector') {
      const to = typeof expr.selector.at === 'number' ? expr.selector.at : time
      const found = await select(queryable, expr.selector.matchers, to - (expr.range as number), to)
      return result({
        type: 'series',
        series: found.map(({ labels, samples }) => ({ labels, ...samples, histograms: samples.histograms })),
      })
    }
    return result({ type: 'vector', time, rows: (await rows(expr, queryable, grid)).filter(({ kind }) => kind[0] !== ABSENT) }, expr)
  },
  async range(queryable, { expr, start, end, step }) {
    const grid = { start, step, steps: Math.floor((end - start) / step) + 1 }
    if (expr.kind === 'string') throw new QueryError('bad_data', 'a string has no range')
    const all = (await rows(expr, queryable, grid)).filter(({ kind }) => kind.some(kind => kind !== ABSENT))
    return result({ type: 'matrix', grid, rows: all.toSorted((a, b) => compareLabels(a.labels, b.labels)) }, expr)
  },
}

/** A metric called `warns` or `informs` does. */
function result(value: QueryValue, expr?: Expr): QueryResult {
  const name = expr?.kind === 'vector_selector' ? expr.name : ''
  const annotations: Annotation[] = []
  if (name === 'warns') annotations.push({ severity: 'warning', text: 'PromQL warning: beware', position: expr!.position })
  if (name === 'informs') annotations.push({ severity: 'info', text: 'PromQL info: by the way', position: expr!.position })
  return { value, annotations, stats: { samples: 0, samplesRead: 0, steps: undefined, peakSamples: 0, tier: 0, elapsed: 0 } }
}

async function rows(expr: Expr, queryable: Queryable, grid: Grid): Promise<Row[]> {
  if (expr.kind === 'vector_selector') return selected(expr, queryable, grid)
  if (expr.kind === 'number') {
    const kind = new Uint8Array(grid.steps).fill(FLOAT)
    return [{ labels: Labels.empty, dropName: false, kind, value: new Float64Array(grid.steps).fill(expr.value), histograms: undefined }]
  }
  if (expr.kind === 'call' && expr.func === 'sort') {
    const sorted = await rows(expr.args[0]!, queryable, grid)
    return sorted.toSorted((a, b) => a.value[0]! - b.value[0]!)
  }
  throw new QueryError('execution', `nothing is known of a ${expr.kind}`)
}

async function selected({ matchers, at }: VectorSelector, queryable: Queryable, grid: Grid): Promise<Row[]> {
  const found = await select(queryable, matchers, -1e15, 1e15)
  return found.map(({ labels, samples }) => {
    const kind = new Uint8Array(grid.steps)
    const value = new Float64Array(grid.steps)
    const histograms = Array.from({ length: grid.steps }, () => undefined) as Row['histograms'] & object
    for (let step = 0; step < grid.steps; step++) {
      const time = typeof at === 'number' ? at : timeOf(grid, step)
      const i = samples.time.findLastIndex(t => t <= time && t > time - LOOKBACK)
      if (i < 0 || samples.stale?.[i] === 1) continue
      histograms[step] = samples.histograms?.[i]
      kind[step] = histograms[step] === undefined ? FLOAT : HISTOGRAM
      value[step] = samples.value[i]!
    }
    return { labels, dropName: false, kind, value, histograms }
  })
}

async function select(queryable: Queryable, matchers: readonly Matcher[], from: number, to: number) {
  const found = await queryable.select(matchers, { from, to, step: 0, range: 0, func: '' })
  return found.map(series => ({ labels: series.labels, samples: series.read() as Samples }))
}
