import type { FloatHistogram } from '../../../src/model/float-histogram.ts'
import { Labels } from '../../../src/model/labels.ts'
import type { Samples } from '../../../src/model/query.ts'
import { type Annotation, Annotations } from '../../../src/promql/annotations.ts'
import type { Position } from '../../../src/promql/ast.ts'
import { promqlFunctions } from '../../../src/promql/functions/index.ts'
import type { Argument, FunctionContext, MutableRow, Windows } from '../../../src/promql/kernel.ts'
import { ABSENT, FLOAT, type Grid, HISTOGRAM, type Row, timeOf } from '../../../src/promql/value.ts'

export const lookback = 300_000

export interface Point {
  readonly time: number
  readonly value: number
  readonly start?: number
  readonly histogram?: FloatHistogram
}

/** `[[seconds, value], …]` */
export const points = (list: readonly (readonly [seconds: number, value: number, start?: number])[]): Point[] =>
  list.map(([seconds, value, start]) => ({ time: seconds * 1000, value, start: (start ?? 0) * 1000 }))

export function samplesOf(list: readonly Point[]): Samples {
  const starts = list.some(({ start = 0 }) => start !== 0)
  return {
    time: Float64Array.from(list, ({ time }) => time),
    value: Float64Array.from(list, ({ value }) => value),
    stale: undefined,
    histograms: list.some(({ histogram }) => histogram !== undefined) ? list.map(({ histogram }) => histogram) : undefined,
    start: starts ? Float64Array.from(list, ({ start = 0 }) => start) : undefined,
  }
}

/** The windows of `range` [ms] that end at each step. */
export function windowsOf(samples: Samples, grid: Grid, range: number, modifier?: Windows['modifier'], labels = Labels.empty): Windows {
  const { time } = samples
  const count = (until: number) => time.filter(each => each <= until).length
  const to = Float64Array.from({ length: grid.steps }, (_, step) => timeOf(grid, step))
  const from = to.map(end => end - range)
  const lo = Int32Array.from(from, count)
  const hi = Int32Array.from(to, count)
  return { grid, labels, samples, lo, hi, from, to, range, modifier }
}

const nowhere: Position = { start: 0, end: 0 }

export function contextOf(grid: Grid, over: Partial<FunctionContext> = {}): FunctionContext & { readonly annotations: Annotations } {
  return {
    grid,
    scalars: [],
    strings: [],
    annotations: new Annotations(),
    position: nowhere,
    positions: Array.from({ length: 9 }, (_, i) => ({ start: i + 1, end: i + 2 })),
    args: [],
    instant: grid.steps === 1,
    delayedNameRemoval: true,
    lookback,
    selectTimes: () => Promise.resolve([]),
    breathe: () => undefined,
    ...over,
  }
}

export const constant = (grid: Grid, value: number): Float64Array => new Float64Array(grid.steps).fill(value)

/** What a function gives back: at each step a number, a histogram, or undefined where there is nothing. */
export type Cells = (number | FloatHistogram | undefined)[]

export const cellsOf = ({ kind, value, histograms }: Row): Cells =>
  Array.from(kind, (each, step) => (each === ABSENT ? undefined : each === HISTOGRAM ? histograms![step] : value[step]))

const emptyRow = (steps: number): MutableRow => ({
  labels: Labels.empty,
  dropName: false,
  kind: new Uint8Array(steps),
  value: new Float64Array(steps),
  histograms: undefined,
})

export function runWindows(name: string, windows: Windows, cx: FunctionContext = contextOf(windows.grid)): Cells {
  const found = promqlFunctions.get(name)
  if (found?.kind !== 'window') throw new Error(`${name} is no window function`)
  const out = emptyRow(windows.grid.steps)
  found.run(windows, out, cx)
  return cellsOf(out)
}

/** A row of one step or more from its cells. */
export function rowOf(labels: Readonly<Record<string, string>>, cells: Cells, dropName = false): Row {
  const isFloat = (cell: Cells[number]) => typeof cell === 'number'
  return {
    labels: Labels.from(labels),
    dropName,
    kind: Uint8Array.from(cells, cell => (cell === undefined ? ABSENT : isFloat(cell) ? FLOAT : HISTOGRAM)),
    value: Float64Array.from(cells, cell => (typeof cell === 'number' ? cell : Number.NaN)),
    histograms: cells.some(cell => typeof cell === 'object') ? cells.map(cell => (typeof cell === 'object' ? cell : undefined)) : undefined,
  }
}

export function runSample(name: string, row: Row, cx: FunctionContext): Cells {
  const found = promqlFunctions.get(name)
  if (found?.kind !== 'sample') throw new Error(`${name} is no sample function`)
  const out = emptyRow(cx.grid.steps)
  found.run(row, out, cx)
  return cellsOf(out)
}

export async function runWhole(name: string, args: readonly Argument[], cx: FunctionContext): Promise<readonly Row[]> {
  const found = promqlFunctions.get(name)
  if (found?.kind !== 'whole') throw new Error(`${name} is no whole function`)
  return found.run(args, cx)
}

/** Texts with the number of the argument they point at. */
export const saidOf = (annotations: Iterable<Annotation>): string[] =>
  [...annotations].map(({ text, position }) => `${position?.start}: ${text}`)
