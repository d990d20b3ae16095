import type { Samples, SelectedSeries } from '../../model/query.ts'
import type { MutableRow } from '../kernel.ts'
import { FLOAT, type Grid, HISTOGRAM } from '../value.ts'
import type { Evaluation, VectorOperator } from './operator.ts'
import type { Sink } from './rows.ts'
import { seek } from './seek.ts'

/** When an instant selector looks: the time of a step is `first` + step × `step` [epoch ms], offsets and `@` reckoned in. */
export interface Look {
  readonly first: number
  readonly step: number
  /** [ms] */
  readonly lookback: number
}

/** What of a sample becomes the value: itself, its time [epoch s], [epoch ms], or its start timestamp [epoch s]. */
export type Wanted = 'value' | 'seconds' | 'milliseconds' | 'start'

/** An instant selector: of each series, at every step, the newest sample of (time − lookback, time], unless it is a stale marker. */
export class InstantSelector implements VectorOperator {
  readonly grid: Grid
  readonly oneName: boolean
  readonly #cx: Evaluation
  readonly #series: Promise<readonly SelectedSeries[]>
  readonly #look: Look
  readonly #wanted: Wanted

  constructor(
    cx: Evaluation,
    grid: Grid,
    selection: { readonly series: Promise<readonly SelectedSeries[]>; readonly oneName: boolean },
    look: Look,
    wanted: Wanted,
  ) {
    this.grid = grid
    this.oneName = selection.oneName
    this.#cx = cx
    this.#series = selection.series
    this.#look = look
    this.#wanted = wanted
  }

  async run(sink: Sink): Promise<void> {
    const { pool, budget } = this.#cx
    for (const series of await this.#series) {
      const samples = series.read(true)
      if (samples.tier !== undefined) budget.tier = Math.max(budget.tier, samples.tier.step)
      const row = pool.take(series.labels, this.grid.steps)
      fill(samples, row, this.#look, this.#wanted)
      if (pool.charge(row)) sink(row)
      else pool.give(row)
      if (budget.due) await budget.pause()
    }
  }
}

function fill(samples: Samples, row: MutableRow, look: Look, wanted: Wanted): void {
  const lookback = Math.max(look.lookback, samples.tier?.step ?? 0)
  const patient = { ...look, lookback }
  switch (wanted) {
    case 'value':
      if (samples.stale === undefined && samples.histograms === undefined) fillFloats(samples, row, patient)
      else fillMixed(samples, row, patient)
      break
    case 'seconds':
      fillFrom(samples, row, patient, index => samples.time[index]! / 1000)
      break
    case 'milliseconds':
      fillFrom(samples, row, patient, index => samples.time[index]!)
      markHistograms(samples, row)
      break
    case 'start':
      fillFrom(samples, row, patient, index => (samples.start?.[index] ?? 0) / 1000)
  }
}

/** The plain case of `fillMixed`, which is most of what is asked. */
function fillFloats({ time, value }: Samples, row: MutableRow, { first, step, lookback }: Look): void {
  const { kind, value: out } = row
  const steps = kind.length
  const length = time.length
  let next = 0
  let stride = 0
  let at = first
  for (let i = 0; i < steps; i++, at += step) {
    const before = next
    next = seek(time, next, length, at, stride)
    stride = next - before
    if (next > 0 && time[next - 1]! > at - lookback) {
      kind[i] = FLOAT
      out[i] = value[next - 1]!
    }
  }
}

function fillMixed({ time, value, stale, histograms }: Samples, row: MutableRow, { first, step, lookback }: Look): void {
  const { kind, value: out } = row
  const steps = kind.length
  let next = 0
  let at = first
  for (let i = 0; i < steps; i++, at += step) {
    while (next < time.length && time[next]! <= at) next++
    if (next === 0 || time[next - 1]! <= at - lookback || stale?.[next - 1] === 1) continue
    const histogram = histograms?.[next - 1]
    if (histogram === undefined) {
      kind[i] = FLOAT
      out[i] = value[next - 1]!
    } else {
      kind[i] = HISTOGRAM
      row.histograms ??= new Array(steps).fill(undefined)
      ;(row.histograms as (typeof histogram)[])[i] = histogram
    }
  }
}

/** Says of a row of times which are those of histograms; these themselves are not given. */
function markHistograms({ time, histograms }: Samples, { kind, value }: MutableRow): void {
  if (histograms === undefined) return
  const times = new Set(time.filter((_, i) => histograms[i] !== undefined))
  for (let step = 0; step < kind.length; step++) if (kind[step] === FLOAT && times.has(value[step]!)) kind[step] = HISTOGRAM
}

function fillFrom({ time, stale }: Samples, row: MutableRow, { first, step, lookback }: Look, told: (index: number) => number): void {
  const { kind, value: out } = row
  const steps = kind.length
  let next = 0
  let at = first
  for (let i = 0; i < steps; i++, at += step) {
    while (next < time.length && time[next]! <= at) next++
    if (next === 0 || time[next - 1]! <= at - lookback || stale?.[next - 1] === 1) continue
    kind[i] = FLOAT
    out[i] = told(next - 1)
  }
}
