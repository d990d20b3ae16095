import { QueryError } from '../query-error.ts'
import { ABSENT, HISTOGRAM } from '../value.ts'
import type { Evaluation, VectorOperator } from './operator.ts'
import type { FlowingRow, RowPool, Sink } from './rows.ts'

/** Two rows of the same labels may be one series that changed its name on the way, as long as they never stand at the same step. */
export type Alike = 'merge' | 'refuse'

export const sameLabelset = (): QueryError => new QueryError('execution', 'vector cannot contain metrics with the same labelset')

/** Gathers the rows of an operator and makes those of the same labels one. */
export async function gatherMerged(operator: VectorOperator, pool: RowPool, alike: Alike): Promise<FlowingRow[]> {
  const rows: FlowingRow[] = []
  await operator.run(row => rows.push(row))
  return mergeAlike(rows, pool, alike)
}

/** @throws {QueryError} where two rows of the same labels stand at one step, or are not to be at all */
export function mergeAlike(rows: FlowingRow[], pool: RowPool, alike: Alike): FlowingRow[] {
  if (rows.length < 2) return rows
  const indexOf = new Map<string, number>()
  const merged: FlowingRow[] = []
  for (const row of rows) {
    const index = indexOf.get(row.labels.key)
    if (index === undefined) {
      indexOf.set(row.labels.key, merged.length)
      merged.push(row)
    } else if (alike === 'refuse') throw sameLabelset()
    else merged[index] = joined(merged[index]!, row, pool)
  }
  return merged
}

function joined(first: FlowingRow, second: FlowingRow, pool: RowPool): FlowingRow {
  const into = pool.own(first)
  const steps = into.kind.length
  // Whether the name goes at the end is what the sample says that comes first in time.
  if (firstStep(second) < firstStep(into)) into.dropName = second.dropName
  for (let i = 0; i < steps; i++) {
    const kind = second.kind[i]!
    if (kind === ABSENT) continue
    if (into.kind[i] !== ABSENT) throw sameLabelset()
    into.kind[i] = kind
    into.value[i] = second.value[i]!
    if (kind === HISTOGRAM) {
      into.histograms ??= new Array(steps).fill(undefined)
      into.histograms[i] = second.histograms![i]
    }
  }
  into.samples += second.samples
  second.samples = 0
  pool.give(second)
  return into
}

function firstStep({ kind }: FlowingRow): number {
  const step = kind.findIndex(kind => kind !== ABSENT)
  return step < 0 ? kind.length : step
}

/** An operator whose rows may have come to the same labels. */
export class Merged implements VectorOperator {
  readonly grid
  readonly oneName: boolean
  readonly #from: VectorOperator
  readonly #cx: Evaluation
  readonly #alike: Alike

  constructor(cx: Evaluation, from: VectorOperator, alike: Alike, oneName: boolean) {
    this.grid = from.grid
    this.oneName = oneName
    this.#cx = cx
    this.#from = from
    this.#alike = alike
  }

  async run(sink: Sink): Promise<void> {
    for (const row of await gatherMerged(this.#from, this.#cx.pool, this.#alike)) sink(row)
  }
}
