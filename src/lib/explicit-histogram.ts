/** A histogram with given bounds; bucket i holds (bounds[i-1], bounds[i]], and the last what is above all bounds. */
export class Explicit {
  /** ascending */
  readonly bounds: Float64Array
  /** not cumulative */
  readonly buckets: Float64Array
  count = 0
  sum = 0

  constructor(bounds: Float64Array) {
    this.bounds = bounds
    this.buckets = new Float64Array(bounds.length + 1)
  }

  observe(value: number, times: number): void {
    this.count += times
    this.sum += value * times
    this.buckets[bucketOf(this.bounds, value)]! += times
  }
}

/** The bucket that `value` is counted in. */
export function bucketOf(bounds: Float64Array, value: number): number {
  let low = 0
  for (let high = bounds.length; low < high; ) {
    const middle = (low + high) >> 1
    if (bounds[middle]! < value) low = middle + 1
    else high = middle
  }
  return low
}
