import { describe, expect, test } from 'vitest'
import { Labels } from '../../../src/model/labels.ts'
import { Annotations } from '../../../src/promql/annotations.ts'
import { columnOf, type Streamed, streamed } from '../../../src/promql/evaluation/columns.ts'
import { quantile } from '../../../src/promql/evaluation/quantiles.ts'
import { ABSENT, FLOAT, type Row } from '../../../src/promql/value.ts'
import { Chance } from '../../kit/otlp.ts'

/** Every aggregation as a textbook has it, over the values of one step. */
const textbook: Readonly<Record<Streamed, (values: readonly number[]) => number>> = {
  sum: neumaier,
  avg: values => {
    const sum = neumaier(values)
    return Number.isFinite(sum) || !values.every(Number.isFinite)
      ? sum / values.length
      : values.reduce((mean, x) => mean + x / values.length, 0)
  },
  count: values => values.length,
  group: () => 1,
  min: values => values.filter(x => !Number.isNaN(x)).reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
  max: values => values.filter(x => !Number.isNaN(x)).reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY),
  stdvar: variance,
  stddev: values => Math.sqrt(variance(values)),
}

function neumaier(values: readonly number[]): number {
  let sum = 0
  let lost = 0
  for (const x of values) {
    const next = sum + x
    if (Math.abs(next) === Number.POSITIVE_INFINITY) lost = 0
    else lost += Math.abs(sum) >= Math.abs(x) ? sum - next + x : x - next + sum
    sum = next
  }
  return sum + lost
}

function variance(values: readonly number[]): number {
  if (!values.every(Number.isFinite)) return Number.NaN
  const mean = neumaier(values) / values.length
  return values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length
}

const steps = 40
const kinds: readonly ((chance: Chance) => number | undefined)[] = [
  chance => chance.int(100),
  chance => (chance.next() - 0.5) * 10 ** chance.int(20),
  () => undefined,
  () => Number.NaN,
  () => Number.POSITIVE_INFINITY,
  () => Number.NEGATIVE_INFINITY,
  () => -0,
  chance => (chance.next() - 0.3) * Number.MAX_VALUE,
]

/** Rows of one group; the more of `kinds`, the odder. */
function rows(chance: Chance, odd: number): Row[] {
  return Array.from({ length: 1 + chance.int(9) }, () => {
    const values = Array.from({ length: steps }, () => kinds[chance.int(odd)]!(chance))
    return {
      labels: Labels.empty,
      dropName: false,
      kind: Uint8Array.from(values, value => (value === undefined ? ABSENT : FLOAT)),
      value: Float64Array.from(values, value => value ?? 7),
      histograms: undefined,
    }
  })
}

const near = (a: number, b: number): boolean =>
  Object.is(a, b) ||
  a === b ||
  Math.abs(a - b) <= 1e-9 * Math.max(Math.abs(a), Math.abs(b)) ||
  (Math.abs(a) < 1e-300 && Math.abs(b) < 1e-300)

describe.each([...streamed])('%s, whatever the values', op => {
  test.each([2, 3, 6, 7, 8])('of %i kinds', odd => {
    const chance = new Chance(odd)
    for (let round = 0; round < 60; round++) {
      const group = rows(chance, odd)
      const column = columnOf(op as Streamed, { steps, annotations: new Annotations(), position: { start: 0, end: 0 } })
      for (const row of group) column.add(row)
      const out = {
        labels: Labels.empty,
        dropName: false,
        kind: new Uint8Array(steps),
        value: new Float64Array(steps),
        histograms: undefined,
      }
      column.finish(out)
      for (let step = 0; step < steps; step++) {
        const values = group.filter(({ kind }) => kind[step] === FLOAT).map(({ value }) => value[step]!)
        expect(out.kind[step]).toBe(values.length === 0 ? ABSENT : FLOAT)
        if (values.length === 0) continue
        const huge = values.some(value => Math.abs(value) > 1e150 && Number.isFinite(value))
        // Squares of these overflow, each way in its own order.
        if (huge && op.startsWith('std')) continue
        const allNaN = values.every(Number.isNaN)
        const expected = allNaN && (op === 'min' || op === 'max') ? Number.NaN : textbook[op as Streamed](values)
        if (!near(out.value[step]!, expected) && !rounded(op, values, out.value[step]!, expected))
          expect({ values, got: out.value[step] }).toEqual({ values, got: expected })
      }
    }
  })
})

/** What cancels leaves rounding errors of the size of the largest value. */
const rounded = (op: string, values: readonly number[], a: number, b: number): boolean =>
  op !== 'count' && Math.abs(a - b) <= 1e-12 * Math.max(...values.map(Math.abs)) ** (op === 'stdvar' ? 2 : 1)

describe('quantile', () => {
  test.each([
    [0.5, [3, 1, 2], 2],
    [0, [3, 1, 2], 1],
    [1, [3, 1, 2], 3],
    [0.25, [1, 2], 1.25],
    [0.5, [], Number.NaN],
    [Number.NaN, [1], Number.NaN],
    [-0.1, [1], Number.NEGATIVE_INFINITY],
    [1.1, [1], Number.POSITIVE_INFINITY],
    [0, [1, Number.NaN, 2], Number.NaN],
    [1, [Number.NaN, Number.NaN, -5], -5],
    [0.9, [Number.NEGATIVE_INFINITY, 5], 5 * 0.9 + Number.NEGATIVE_INFINITY],
  ])('%d of %j', (q, values, expected) => {
    expect(quantile(q, Float64Array.from(values))).toBe(expected)
  })
})

describe('to the last digit', () => {
  test.each<[op: Streamed, values: readonly number[], expected: number]>([
    ['sum', [1, 1e100, 1, -1e100], 2],
    ['avg', [1, 1e100, 1, -1e100], 0.5],
    ['sum', [0.1, 0.2, 0.3, -0.6], 2.7755575615628914e-17],
    ['avg', [2 ** 1023, 2 ** 1023, 2 ** 1023, 2 ** 1023], 2 ** 1023],
    ['avg', [2 ** 1023, 2 ** 1023, -(2 ** 1023), -(2 ** 1023)], 0],
    ['avg', [Number.POSITIVE_INFINITY, 1], Number.POSITIVE_INFINITY],
    ['sum', [Number.POSITIVE_INFINITY, 1, Number.POSITIVE_INFINITY], Number.POSITIVE_INFINITY],
    ['sum', [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY], Number.NaN],
    ['sum', [-0], 0],
    ['max', [Number.NaN, -1], -1],
    ['min', [5, Number.NaN], 5],
    ['stddev', [1e9, 1e9 + 2], 1],
  ])('%s of %j', (op, values, expected) => {
    const column = columnOf(op, { steps: 1, annotations: new Annotations(), position: { start: 0, end: 0 } })
    for (const value of values)
      column.add({
        labels: Labels.empty,
        dropName: false,
        kind: Uint8Array.of(FLOAT),
        value: Float64Array.of(value),
        histograms: undefined,
      })
    const out = { labels: Labels.empty, dropName: false, kind: new Uint8Array(1), value: new Float64Array(1), histograms: undefined }
    column.finish(out)
    expect(out.value[0]).toBe(expected)
  })
})
