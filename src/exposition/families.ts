/**
 * What a page is made of: families of series, read row by row into one reused `Row`, so that a page of a hundred thousand
 * series makes no objects. The writers (text, OpenMetrics, protobuf) know nothing of where rows come from.
 */
import type { FloatHistogram } from '../model/float-histogram.ts'
import type { Label } from './labels.ts'
import type { FamilyType } from './naming.ts'

export interface Exemplar {
  readonly labels: readonly Label[]
  readonly value: number
  /** ms, 0 where unknown */
  readonly time: number
}

/** One series at one moment. Only the fields of its shape mean something. */
export interface Row {
  /** as `showLabels` writes them */
  labels: string
  shape: 'number' | 'histogram' | 'exponential' | 'native' | 'summary'
  /** ms; NaN: not to be written */
  time: number
  /** ms; 0 where unknown */
  start: number
  value: number
  count: number
  /** NaN where unknown */
  sum: number
  /** ascending, without +Inf */
  bounds: Float64Array
  /** not cumulative, one more than there are bounds, or none */
  buckets: ArrayLike<number>
  exponential: ExponentialBuckets
  /** as a store of Prometheus has it, exponential: protobuf alone has a form for it */
  native: FloatHistogram | undefined
  /** pairs: quantile, value */
  quantiles: ArrayLike<number>
  exemplars: readonly Exemplar[]
}

/** Bucket k of a side holds (base^(offset+k), base^(offset+k+1)], base = 2^(2^-scale); below zero mirrored. */
export interface ExponentialBuckets {
  readonly scale: number
  readonly zeroCount: number
  readonly zeroThreshold: number
  readonly positiveOffset: number
  readonly positive: ArrayLike<number>
  readonly negativeOffset: number
  readonly negative: ArrayLike<number>
}

export interface Family {
  readonly name: string
  readonly type: FamilyType
  readonly unit: string
  readonly help: string
  /** how many rows `read` may be asked for, at this moment */
  readonly length: number
  /** Fills `row` with series `i`; false where there is nothing to show. */
  read(i: number, row: Row): boolean
}

const none = new Float64Array(0)
const noBuckets: ExponentialBuckets = {
  scale: 0,
  zeroCount: 0,
  zeroThreshold: 0,
  positiveOffset: 0,
  positive: none,
  negativeOffset: 0,
  negative: none,
}

export const newRow = (): Row => ({
  labels: '',
  shape: 'number',
  time: Number.NaN,
  start: 0,
  value: 0,
  count: 0,
  sum: Number.NaN,
  bounds: none,
  buckets: none,
  exponential: noBuckets,
  native: undefined,
  quantiles: none,
  exemplars: [],
})

/** Who writes which sample names, so that no two families write the same. First come, first served. */
export class SampleNames<F> {
  readonly #owners = new Map<string, F>()

  /** @returns false, and nothing is taken, where one of the names is another family's */
  claim(family: F, name: string, type: FamilyType): boolean {
    const names = sampleNames(name, type)
    if (names.some(sample => this.#owners.has(sample))) return false
    for (const sample of names) this.#owners.set(sample, family)
    return true
  }

  release(name: string, type: FamilyType): void {
    for (const sample of sampleNames(name, type)) this.#owners.delete(sample)
  }
}

/** Every name that samples of such a family have, and its own. */
export function sampleNames(name: string, type: FamilyType): string[] {
  const names = [name]
  if (type === 'histogram') names.push(`${name}_bucket`)
  if (type === 'histogram' || type === 'summary') names.push(`${name}_sum`, `${name}_count`)
  return names
}
