import { type Annotations, infoHistogramIgnoredInAggregation } from '../annotations.ts'
import type { Aggregation, Position } from '../ast.ts'
import type { MutableRow } from '../kernel.ts'
import { ABSENT, FLOAT, HISTOGRAM, type Row } from '../value.ts'
import { MeanColumn, SumColumn } from './sums.ts'

export type Streamed = Extract<Aggregation, 'sum' | 'avg' | 'count' | 'min' | 'max' | 'group' | 'stddev' | 'stdvar'>

/** What a group knows at every step, of the rows that it has seen so far. */
export interface Column {
  add(row: Row): void
  /** Fills a row whose steps are all ABSENT. */
  finish(out: MutableRow): void
}

export interface ColumnContext {
  readonly steps: number
  readonly annotations: Annotations
  /** of what is aggregated */
  readonly position: Position
}

export const streamed: ReadonlySet<Aggregation> = new Set<Streamed>(['sum', 'avg', 'count', 'min', 'max', 'group', 'stddev', 'stdvar'])

export function columnOf(op: Streamed, cx: ColumnContext): Column {
  switch (op) {
    case 'sum':
      return new SumColumn(cx)
    case 'avg':
      return new MeanColumn(cx)
    case 'count':
      return new CountColumn(cx)
    case 'group':
      return new GroupColumn(cx)
    case 'min':
    case 'max':
      return new ExtremeColumn(cx, op)
    case 'stddev':
    case 'stdvar':
      return new VarianceColumn(cx, op)
  }
}

class CountColumn implements Column {
  readonly #count: Uint32Array

  constructor({ steps }: ColumnContext) {
    this.#count = new Uint32Array(steps)
  }

  add({ kind }: Row): void {
    const count = this.#count
    for (let i = 0; i < count.length; i++) if (kind[i] !== ABSENT) count[i]!++
  }

  finish({ kind, value }: MutableRow): void {
    for (let i = 0; i < kind.length; i++) {
      if (this.#count[i] === 0) continue
      kind[i] = FLOAT
      value[i] = this.#count[i]!
    }
  }
}

class GroupColumn implements Column {
  readonly #seen: Uint8Array

  constructor({ steps }: ColumnContext) {
    this.#seen = new Uint8Array(steps)
  }

  add({ kind }: Row): void {
    const seen = this.#seen
    for (let i = 0; i < seen.length; i++) seen[i]! |= kind[i]!
  }

  finish({ kind, value }: MutableRow): void {
    for (let i = 0; i < kind.length; i++) {
      if (this.#seen[i] === 0) continue
      kind[i] = FLOAT
      value[i] = 1
    }
  }
}

/** min and max: NaN gives way to any number. */
class ExtremeColumn implements Column {
  readonly #seen: Uint8Array
  readonly #value: Float64Array
  readonly #op: 'min' | 'max'
  readonly #cx: ColumnContext

  constructor(cx: ColumnContext, op: 'min' | 'max') {
    this.#cx = cx
    this.#op = op
    this.#seen = new Uint8Array(cx.steps)
    this.#value = new Float64Array(cx.steps).fill(Number.NaN)
  }

  add(row: Row): void {
    if (row.histograms !== undefined) ignoreHistograms(row, this.#op, this.#cx)
    const seen = this.#seen
    const extreme = this.#value
    const { kind, value } = row
    const steps = seen.length
    if (this.#op === 'max') {
      for (let i = 0; i < steps; i++) {
        if (kind[i] !== FLOAT) continue
        seen[i] = 1
        // Written so that it holds where the extreme is NaN.
        if (!(extreme[i]! >= value[i]!)) extreme[i] = Number.isNaN(value[i]!) ? extreme[i]! : value[i]!
      }
    } else {
      for (let i = 0; i < steps; i++) {
        if (kind[i] !== FLOAT) continue
        seen[i] = 1
        if (!(extreme[i]! <= value[i]!)) extreme[i] = Number.isNaN(value[i]!) ? extreme[i]! : value[i]!
      }
    }
  }

  finish({ kind, value }: MutableRow): void {
    kind.set(this.#seen)
    value.set(this.#value)
  }
}

/** Welford's running mean and sum of squared distances from it. */
class VarianceColumn implements Column {
  readonly #count: Float64Array
  readonly #mean: Float64Array
  readonly #squares: Float64Array
  readonly #op: 'stddev' | 'stdvar'
  readonly #cx: ColumnContext

  constructor(cx: ColumnContext, op: 'stddev' | 'stdvar') {
    this.#cx = cx
    this.#op = op
    this.#count = new Float64Array(cx.steps)
    this.#mean = new Float64Array(cx.steps)
    this.#squares = new Float64Array(cx.steps)
  }

  add(row: Row): void {
    if (row.histograms !== undefined) ignoreHistograms(row, this.#op, this.#cx)
    const { kind, value } = row
    const count = this.#count
    const mean = this.#mean
    const squares = this.#squares
    for (let i = 0; i < count.length; i++) {
      if (kind[i] !== FLOAT) continue
      const x = value[i]!
      if (count[i] === 0) {
        count[i] = 1
        mean[i] = x
        squares[i] = Number.isFinite(x) ? 0 : Number.NaN
        continue
      }
      const n = ++count[i]!
      const delta = x - mean[i]!
      mean[i]! += delta / n
      squares[i]! += delta * (x - mean[i]!)
    }
  }

  finish({ kind, value }: MutableRow): void {
    for (let i = 0; i < kind.length; i++) {
      if (this.#count[i] === 0) continue
      const variance = this.#squares[i]! / this.#count[i]!
      kind[i] = FLOAT
      value[i] = this.#op === 'stdvar' ? variance : Math.sqrt(variance)
    }
  }
}

export function ignoreHistograms(
  row: Row,
  op: Aggregation,
  { annotations, position }: Pick<ColumnContext, 'annotations' | 'position'>,
): void {
  if (row.kind.includes(HISTOGRAM)) infoHistogramIgnoredInAggregation(annotations, op, position)
}
