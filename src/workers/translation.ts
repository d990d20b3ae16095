/**
 * What an ingest thread's ids are in the dictionary of the main thread. Both have read the same bytes once, row for row: from then on columns
 * are enough.
 */
import type { MetricBatch, PointColumns } from '../model/batch.ts'

/** Those that have rows. */
export const pointGroups = ({ numbers, histograms, exponentials, summaries }: MetricBatch): readonly PointColumns[] =>
  [numbers, histograms, exponentials, summaries].filter(({ length }) => length > 0)

export class Translation {
  #series = new Int32Array(0)
  #bounds = new Int32Array(0)

  /** Two readings of the same bytes. */
  learn(theirs: MetricBatch, ours: MetricBatch): void {
    const own = pointGroups(ours)
    pointGroups(theirs).forEach((group, g) => void (this.#series = learned(this.#series, group.series, own[g]!.series)))
    this.#bounds = learned(this.#bounds, theirs.histograms.bounds, ours.histograms.bounds)
  }

  /** Writes our ids over theirs, before anybody has seen the batch. */
  translate(theirs: MetricBatch): void {
    for (const { series } of pointGroups(theirs)) translated(series, this.#series)
    if (theirs.histograms.length > 0) translated(theirs.histograms.bounds, this.#bounds)
  }
}

function learned(known: Int32Array<ArrayBuffer>, theirs: Int32Array, ours: Int32Array): Int32Array<ArrayBuffer> {
  let most = -1
  for (const id of theirs) if (id > most) most = id
  const ids = most < known.length ? known : grown(known, 2 * most + 2)
  for (let i = 0; i < theirs.length; i++) if (theirs[i]! >= 0) ids[theirs[i]!] = ours[i]!
  return ids
}

function translated(ids: Int32Array, known: Int32Array): void {
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]!
    if (id >= 0) ids[i] = id < known.length ? known[id]! : -1
  }
}

function grown(values: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const wider = new Int32Array(length).fill(-1)
  wider.set(values)
  return wider
}
