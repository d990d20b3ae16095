import { warnMixedFloatsHistogramsAggregation } from '../annotations.ts'
import type { MutableRow } from '../kernel.ts'
import { FLOAT, HISTOGRAM, type Row } from '../value.ts'
import type { Column, ColumnContext } from './columns.ts'
import { HistogramSums } from './histogram-sums.ts'

/**
 * Compensated sums. Each addition's rounding error, which is itself a double, is gathered beside the sum (Kahan, Babuška, Neumaier). It is found without
 * asking which summand is larger (Knuth's TwoSum), which gives the same error and needs no branch. Once a sum is infinite its error is void.
 */
class SumsOfFloats {
  readonly sum: Float64Array
  readonly error: Float64Array

  constructor(steps: number) {
    this.sum = new Float64Array(steps)
    this.error = new Float64Array(steps)
  }

  add({ kind, value }: Row): void {
    const { sum, error } = this
    const steps = sum.length
    for (let i = 0; i < steps; i++) {
      if (kind[i] !== FLOAT) continue
      const x = value[i]!
      const was = sum[i]!
      const now = was + x
      const part = now - was
      error[i]! += was - (now - part) + (x - part)
      sum[i] = now
    }
  }

  at(step: number): number {
    const sum = this.sum[step]!
    return Number.isFinite(sum) ? sum + this.error[step]! : sum
  }
}

export class SumColumn implements Column {
  readonly #floats: SumsOfFloats
  /** [steps] FLOAT | HISTOGRAM as were seen */
  readonly #seen: Uint8Array
  readonly #cx: ColumnContext
  #histograms: HistogramSums | undefined

  constructor(cx: ColumnContext) {
    this.#cx = cx
    this.#floats = new SumsOfFloats(cx.steps)
    this.#seen = new Uint8Array(cx.steps)
  }

  add(row: Row): void {
    const seen = this.#seen
    const { kind } = row
    this.#floats.add(row)
    if (row.histograms !== undefined) this.#histograms ??= new HistogramSums(this.#cx, 'sum', seen)
    if (this.#histograms !== undefined) this.#histograms.add(row)
    else for (let i = 0; i < seen.length; i++) seen[i]! |= kind[i]!
  }

  finish(out: MutableRow): void {
    for (let i = 0; i < out.kind.length; i++) finishStep(i, this.#seen[i]!, this.#floats.at(i), this.#histograms, out, this.#cx)
  }
}

/** Sum over count, but where the sum would overflow a mean that is moved by each value. */
export class MeanColumn implements Column {
  readonly #floats: SumsOfFloats
  readonly #seen: Uint8Array
  /** [steps] of floats */
  readonly #count: Float64Array
  readonly #cx: ColumnContext
  #histograms: HistogramSums | undefined
  #means: Means | undefined

  constructor(cx: ColumnContext) {
    this.#cx = cx
    this.#floats = new SumsOfFloats(cx.steps)
    this.#seen = new Uint8Array(cx.steps)
    this.#count = new Float64Array(cx.steps)
  }

  add(row: Row): void {
    const seen = this.#seen
    const count = this.#count
    const { kind } = row
    if (row.histograms !== undefined) this.#histograms ??= new HistogramSums(this.#cx, 'avg', seen)
    if (this.#histograms !== undefined) this.#histograms.add(row)
    else for (let i = 0; i < seen.length; i++) seen[i]! |= kind[i]!
    for (let i = 0; i < seen.length; i++) if (kind[i] === FLOAT) count[i]!++
    if (this.#means === undefined && this.#fits(row)) this.#floats.add(row)
    else this.#addCarefully(row)
  }

  /** Whether no sum becomes infinite. */
  #fits({ kind, value }: Row): boolean {
    const { sum } = this.#floats
    let total = 0
    for (let i = 0; i < sum.length; i++) if (kind[i] === FLOAT) total += (sum[i]! + value[i]!) * 0
    return total === 0
  }

  #addCarefully({ kind, value }: Row): void {
    this.#means ??= new Means(this.#count.length)
    for (let i = 0; i < kind.length; i++) if (kind[i] === FLOAT) this.#means.add(i, value[i]!, this.#count[i]!, this.#floats)
  }

  finish(out: MutableRow): void {
    for (let i = 0; i < out.kind.length; i++) {
      const count = this.#count[i]!
      const { sum, error } = this.#floats
      const mean = this.#means?.moving[i] === 1 ? this.#means.at(i) : sum[i]! / count + error[i]! / count
      finishStep(i, this.#seen[i]!, mean, this.#histograms, out, this.#cx)
    }
  }
}

/** For the steps whose sum has overflowed: the mean so far, moved by each value. */
class Means {
  /** [steps] 1 where the mean is kept in place of the sum */
  readonly moving: Uint8Array
  readonly #mean: Float64Array
  readonly #error: Float64Array

  constructor(steps: number) {
    this.moving = new Uint8Array(steps)
    this.#mean = new Float64Array(steps)
    this.#error = new Float64Array(steps)
  }

  /** @param count with this value */
  add(step: number, x: number, count: number, floats: SumsOfFloats): void {
    if (this.moving[step] === 0) {
      const [sum, error] = plus(x, floats.sum[step]!, floats.error[step]!)
      if (Math.abs(sum) !== Number.POSITIVE_INFINITY) {
        floats.sum[step] = sum
        floats.error[step] = error
        return
      }
      if (count === 1) {
        floats.sum[step] = x
        return
      }
      this.moving[step] = 1
      this.#mean[step] = floats.sum[step]! / (count - 1)
      this.#error[step] = floats.error[step]! / (count - 1)
    }
    const share = (count - 1) / count
    const [mean, error] = plus(x / count, share * this.#mean[step]!, share * this.#error[step]!)
    this.#mean[step] = mean
    this.#error[step] = error
  }

  at(step: number): number {
    return this.#mean[step]! + this.#error[step]!
  }
}

function plus(x: number, sum: number, error: number): [sum: number, error: number] {
  const now = sum + x
  if (Math.abs(now) === Number.POSITIVE_INFINITY) return [now, 0]
  return [now, error + (Math.abs(sum) >= Math.abs(x) ? sum - now + x : x - now + sum)]
}

function finishStep(
  step: number,
  seen: number,
  float: number,
  histograms: HistogramSums | undefined,
  out: MutableRow,
  { annotations, position }: ColumnContext,
): void {
  if (seen === FLOAT) {
    out.kind[step] = FLOAT
    out.value[step] = float
  } else if (seen === (FLOAT | HISTOGRAM)) warnMixedFloatsHistogramsAggregation(annotations, position)
  else if (seen === HISTOGRAM) {
    const histogram = histograms!.at(step)
    if (histogram === undefined) return
    out.kind[step] = HISTOGRAM
    out.histograms ??= new Array(out.kind.length).fill(undefined)
    out.histograms[step] = histogram
  }
}
