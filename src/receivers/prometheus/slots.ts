/** Where in the bytes the numbers of each line went, for the next scrape of the same page. */
export class Slots {
  /** whether it is written down at all */
  readonly on: boolean
  readonly doubles: number[] = []
  readonly counts: number[] = []
  readonly starts: number[] = []
  readonly times: number[] = []
  /** runs: offset of the bucket counts, line of the count, how many buckets' lines follow, those */
  readonly histograms: number[] = []

  constructor(on: boolean) {
    this.on = on
  }
}

export const noSlots = new Slots(false)
