import type { FloatHistogram } from '../../model/float-histogram.ts'

/** What stands at a place of a series as a test writes it. */
export const MISSING = 0
export const NUMBER = 1
export const STALE = 2
export const NATIVE = 3

/** [values] A test is written by hand; a repetition past this is a slip of the pen, or wants our memory. */
export const MAX_VALUES = 2_000_000

export const tooMany = (): RangeError => new RangeError(`more than ${MAX_VALUES} values in one series`)

/** The values that a test gives a series, one at each interval. Columns of one length. */
export class Sequence {
  /** MISSING, NUMBER, STALE or NATIVE */
  readonly kind: number[] = []
  /** where NUMBER; 0 elsewhere */
  readonly value: number[] = []
  /** where NATIVE */
  readonly histograms: (FloatHistogram | undefined)[] = []
  /** whether the histogram's counter reset hint was written, and so is compared */
  readonly hinted: boolean[] = []

  get length(): number {
    return this.kind.length
  }

  add(kind: number, value = 0, histogram?: FloatHistogram, hinted = false): void {
    if (this.length >= MAX_VALUES) throw tooMany()
    this.kind.push(kind)
    this.value.push(value)
    this.histograms.push(histogram)
    this.hinted.push(hinted)
  }
}
