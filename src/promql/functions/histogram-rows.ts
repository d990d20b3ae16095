import { parseGoFloat } from '../../lib/go-text.ts'
import type { Labels } from '../../model/labels.ts'
import { warnBadBucketLabel, warnMixedClassicNativeHistograms } from '../annotations.ts'
import type { FunctionContext } from '../kernel.ts'
import { FLOAT, HISTOGRAM, type Row } from '../value.ts'
import { ClassicBuckets } from './classic-buckets.ts'

/**
 * What of a vector is histograms: classic ones, whose buckets are rows that differ in `le`, and native ones. Grouping and reading of `le` is done once,
 * not at each step.
 */
export interface HistogramRows {
  readonly classic: readonly ClassicHistogram[]
  readonly native: readonly NativeHistogram[]
}

export class ClassicHistogram {
  /** without `le` */
  readonly labels: Labels
  readonly #buckets: { readonly bound: number; readonly row: Row }[] = []
  #scratch: ClassicBuckets | undefined
  /** [steps] 1 where a native histogram of the same labels stands */
  #contested: Uint8Array | undefined

  constructor(labels: Labels) {
    this.labels = labels
  }

  add(bound: number, row: Row): void {
    this.#buckets.push({ bound, row })
  }

  sort(): void {
    this.#buckets.sort((a, b) => (a.bound === b.bound ? 0 : a.bound - b.bound))
  }

  /** @returns whether there is one at this step to be contested */
  contest(step: number, steps: number): boolean {
    if (!this.#buckets.some(({ row }) => row.kind[step] === FLOAT)) return false
    this.#contested ??= new Uint8Array(steps)
    this.#contested[step] = 1
    return true
  }

  /** Its buckets at a step, true until the next call; undefined where there are none. */
  at(step: number): ClassicBuckets | undefined {
    if (this.#contested?.[step] === 1) return undefined
    this.#scratch ??= new ClassicBuckets(this.#buckets.length)
    this.#scratch.clear()
    for (const { bound, row } of this.#buckets) if (row.kind[step] === FLOAT) this.#scratch.push(bound, row.value[step]!)
    return this.#scratch.length === 0 ? undefined : this.#scratch
  }
}

export interface NativeHistogram {
  readonly row: Row
  /** [steps] 1 where a classic histogram of the same labels stands */
  readonly contested: Uint8Array | undefined
}

/** @param argument which argument the rows are, for annotations */
export function histogramRows(rows: readonly Row[], argument: number, cx: FunctionContext): HistogramRows {
  const position = cx.positions[argument]!
  const groups = new Map<string, ClassicHistogram>()
  for (const row of rows) {
    if (!row.kind.includes(FLOAT)) continue
    const le = row.labels.get('le')
    const bound = parseGoFloat(le)
    if (bound === undefined || Number.isNaN(bound)) {
      warnBadBucketLabel(cx.annotations, nameOf(row.labels, cx), le, position)
      continue
    }
    const labels = row.labels.without(leLabel)
    let group = groups.get(labels.key)
    if (group === undefined) groups.set(labels.key, (group = new ClassicHistogram(labels)))
    group.add(bound, row)
  }
  for (const group of groups.values()) group.sort()
  const native = rows.filter(({ kind }) => kind.includes(HISTOGRAM)).map(row => ({ row, contested: contested(row, groups, cx) }))
  for (const { row, contested } of native)
    if (contested !== undefined) warnMixedClassicNativeHistograms(cx.annotations, nameOf(row.labels, cx), position)
  return { classic: [...groups.values()], native }
}

const leLabel: ReadonlySet<string> = new Set(['le'])

/** Where the labels are those of a classic histogram too, nobody knows which one counts: neither does. */
function contested(row: Row, groups: ReadonlyMap<string, ClassicHistogram>, { grid }: FunctionContext): Uint8Array | undefined {
  const classic = groups.get(row.labels.key)
  if (classic === undefined) return undefined
  const steps = new Uint8Array(grid.steps)
  for (let step = 0; step < grid.steps; step++) if (row.kind[step] === HISTOGRAM && classic.contest(step, grid.steps)) steps[step] = 1
  return steps.includes(1) ? steps : undefined
}

/** Annotations name the metric only where names stay to the end. */
export const nameOf = (labels: Labels, { delayedNameRemoval }: FunctionContext): string => (delayedNameRemoval ? labels.name : '')
