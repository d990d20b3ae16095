import type { Grid } from '../value.ts'
import type { ScalarOperator } from './operator.ts'

/** The same at every step. */
export class Constant implements ScalarOperator {
  readonly grid: Grid
  readonly value: number

  constructor(grid: Grid, value: number) {
    this.grid = grid
    this.value = value
  }

  async values(): Promise<Float64Array> {
    return new Float64Array(this.grid.steps).fill(this.value)
  }
}

/** One scalar worked out of others, step by step. */
export class Calculated implements ScalarOperator {
  readonly grid: Grid
  readonly #left: ScalarOperator
  readonly #right: ScalarOperator
  readonly #calculate: (left: number, right: number) => number

  constructor(left: ScalarOperator, right: ScalarOperator, calculate: (left: number, right: number) => number) {
    this.grid = left.grid
    this.#left = left
    this.#right = right
    this.#calculate = calculate
  }

  async values(): Promise<Float64Array> {
    const left = await this.#left.values()
    const right = await this.#right.values()
    return left.map((value, step) => this.#calculate(value, right[step]!))
  }
}

/** A scalar evaluated once and true of every step. */
export class ConstantScalar implements ScalarOperator {
  readonly grid: Grid
  readonly #once: ScalarOperator
  readonly #done: () => void

  /** @param done called when it has been evaluated */
  constructor(grid: Grid, once: ScalarOperator, done: () => void) {
    this.grid = grid
    this.#once = once
    this.#done = done
  }

  async values(): Promise<Float64Array> {
    const [value] = await this.#once.values()
    this.#done()
    return new Float64Array(this.grid.steps).fill(value!)
  }
}
