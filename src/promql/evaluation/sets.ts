import type { SetOp, VectorMatching } from '../ast.ts'
import { ABSENT, type Grid } from '../value.ts'
import { mergeAlike } from './merge.ts'
import type { Evaluation, VectorOperator } from './operator.ts'
import type { FlowingRow, Sink } from './rows.ts'
import { matchSignature, type Signature } from './signature.ts'

/** `and`, `or`, `unless`: which samples of one side pass, by whether the other has any that matches at that step. */
export class SetOperator implements VectorOperator {
  readonly grid: Grid
  readonly oneName: boolean
  readonly #cx: Evaluation
  readonly #op: SetOp
  readonly #left: VectorOperator
  readonly #right: VectorOperator
  readonly #signature: Signature

  constructor(cx: Evaluation, op: SetOp, matching: VectorMatching, left: VectorOperator, right: VectorOperator) {
    this.grid = left.grid
    this.oneName = op !== 'or' && left.oneName
    this.#cx = cx
    this.#op = op
    this.#left = left
    this.#right = right
    this.#signature = matchSignature(matching)
  }

  run(sink: Sink): Promise<void> {
    return this.#op === 'or' ? this.#union(sink) : this.#filter(sink, this.#op === 'and')
  }

  /** Of the right side only the presence is kept. */
  async #filter(sink: Sink, wanted: boolean): Promise<void> {
    const { pool, annotations } = this.#cx
    const present = new Map<string, Uint8Array>()
    const say = await annotations.later(() =>
      this.#right.run(row => {
        this.#mark(present, row)
        pool.give(row)
      }),
    )
    await this.#left.run(row => {
      const other = present.get(this.#signature(row.labels))
      if (other === undefined && !wanted) return sink(row)
      if (other === undefined) return pool.give(row)
      const own = pool.own(row)
      for (let i = 0; i < own.kind.length; i++) if ((other[i] !== 0) !== wanted) own.kind[i] = ABSENT
      if (pool.charge(own)) sink(own)
      else pool.give(own)
    })
    say()
  }

  /** Everything of the left, and of the right what matches nothing there. */
  async #union(sink: Sink): Promise<void> {
    const { pool } = this.#cx
    const present = new Map<string, Uint8Array>()
    const rows: FlowingRow[] = []
    await this.#left.run(row => {
      this.#mark(present, row)
      rows.push(row)
    })
    await this.#right.run(row => {
      const other = present.get(this.#signature(row.labels))
      if (other === undefined) {
        rows.push(row)
        return
      }
      const own = pool.own(row)
      for (let i = 0; i < own.kind.length; i++) if (other[i] !== 0) own.kind[i] = ABSENT
      if (pool.charge(own)) rows.push(own)
      else pool.give(own)
    })
    for (const row of mergeAlike(rows, pool, 'merge')) sink(row)
  }

  #mark(present: Map<string, Uint8Array>, row: FlowingRow): void {
    const signature = this.#signature(row.labels)
    const steps = present.get(signature)
    if (steps === undefined) present.set(signature, row.kind.slice())
    else for (let i = 0; i < steps.length; i++) steps[i]! |= row.kind[i]!
  }
}
