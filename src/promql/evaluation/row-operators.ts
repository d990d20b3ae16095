import { negate } from '../histogram/arithmetic.ts'
import { ABSENT, FLOAT, type Grid, HISTOGRAM } from '../value.ts'
import type { Operation, Side } from './operation.ts'
import type { Evaluation, ScalarOperator, VectorOperator } from './operator.ts'
import { type FlowingRow, type Sink, withoutName } from './rows.ts'

/** Takes the name away: now, or in the end. */
export function dropName(row: FlowingRow, cx: Evaluation): void {
  if (cx.delayedNameRemoval) row.dropName = true
  else row.labels = withoutName(row.labels)
}

/** `vector op scalar` and `scalar op vector`. */
export class WithScalar implements VectorOperator {
  readonly grid: Grid
  readonly oneName: boolean
  readonly #cx: Evaluation
  readonly #operation: Operation
  readonly #vector: VectorOperator
  readonly #scalar: ScalarOperator
  readonly #vectorSide: 'left' | 'right'

  constructor(cx: Evaluation, operation: Operation, vector: VectorOperator, scalar: ScalarOperator, vectorSide: 'left' | 'right') {
    this.grid = vector.grid
    this.oneName = vector.oneName
    this.#cx = cx
    this.#operation = operation
    this.#vector = vector
    this.#scalar = scalar
    this.#vectorSide = vectorSide
  }

  async run(sink: Sink): Promise<void> {
    const { pool } = this.#cx
    const operation = this.#operation
    const drops = operation.dropsName || operation.bool
    const value = await this.#scalar.values()
    const scalar: Side = { kind: new Uint8Array(value.length).fill(FLOAT), value, histograms: undefined }
    await this.#vector.run(row => {
      const own = pool.own(row)
      if (this.#vectorSide === 'left') operation.apply(own, scalar, own)
      else operation.apply(scalar, own, own, 'right')
      if (drops) dropName(own, this.#cx)
      if (pool.charge(own)) sink(own)
      else pool.give(own)
    })
  }
}

/** `-vector` */
export class Negated implements VectorOperator {
  readonly grid: Grid
  readonly oneName: boolean
  readonly #cx: Evaluation
  readonly #vector: VectorOperator

  constructor(cx: Evaluation, vector: VectorOperator) {
    this.grid = vector.grid
    this.oneName = vector.oneName
    this.#cx = cx
    this.#vector = vector
  }

  async run(sink: Sink): Promise<void> {
    await this.#vector.run(row => {
      const own = this.#cx.pool.own(row)
      const { kind, value } = own
      for (let i = 0; i < kind.length; i++) value[i] = -value[i]!
      if (own.histograms !== undefined) own.histograms = own.histograms.map(histogram => histogram && negate(histogram))
      dropName(own, this.#cx)
      sink(own)
    })
  }
}

/** What is evaluated once and true of every step: an expression all of whose selectors have `@`. */
export class Invariant implements VectorOperator {
  readonly grid: Grid
  readonly oneName: boolean
  readonly #cx: Evaluation
  readonly #once: VectorOperator
  readonly #done: () => void

  /** @param done called when it has been evaluated */
  constructor(cx: Evaluation, grid: Grid, once: VectorOperator, done: () => void) {
    this.grid = grid
    this.oneName = once.oneName
    this.#cx = cx
    this.#once = once
    this.#done = done
  }

  async run(sink: Sink): Promise<void> {
    const { pool } = this.#cx
    const { steps } = this.grid
    await this.#once.run(row => {
      const kind = row.kind[0]!
      if (kind !== ABSENT) {
        const spread = pool.take(row.labels, steps)
        spread.dropName = row.dropName
        spread.kind.fill(kind)
        spread.value.fill(row.value[0]!)
        if (kind === HISTOGRAM) spread.histograms = new Array(steps).fill(row.histograms![0])
        pool.charge(spread)
        sink(spread)
      }
      pool.give(row)
    })
    this.#done()
  }
}

/** [steps] of all rows that are kept for a second asker: 90 MB. Where there are more, they are worked out again. */
const mostKept = 10_000_000

/**
 * One that several places of an expression ask for, worked out once: its rows are kept, shared, until the last has had them.
 */
export class Shared implements VectorOperator {
  readonly grid: Grid
  readonly oneName: boolean
  readonly #from: VectorOperator
  #uses = 0
  #rows: FlowingRow[] | undefined

  constructor(from: VectorOperator) {
    this.grid = from.grid
    this.oneName = from.oneName
    this.#from = from
  }

  /** Called while planning, for each place. */
  use(): this {
    this.#uses++
    return this
  }

  async run(sink: Sink): Promise<void> {
    const last = --this.#uses <= 0
    const kept = this.#rows
    if (kept === undefined) return last ? this.#from.run(sink) : this.#keep(sink)
    if (last) this.#rows = undefined
    for (const row of kept) sink(view(row))
  }

  async #keep(sink: Sink): Promise<void> {
    const most = Math.floor(mostKept / this.grid.steps)
    let rows: FlowingRow[] | undefined = []
    await this.#from.run(row => {
      if (rows !== undefined && rows.length >= most) rows = undefined
      if (rows === undefined) return sink(row)
      rows.push(row)
      sink(view(row))
    })
    this.#rows = rows
  }
}

/** Whoever has it reads only: others have the same columns. */
const view = (row: FlowingRow): FlowingRow => ({ ...row, shared: true, samples: 0 })
