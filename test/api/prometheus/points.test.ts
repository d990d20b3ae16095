import { describe, expect, test } from 'vitest'
import { maxPointBytes, pointsAtOnce, Stamps, writePoints, writePointsTwin } from '../../../src/api/prometheus/points.ts'
import { Labels } from '../../../src/model/labels.ts'
import { apiNumber } from '../../../src/promql/histogram/text.ts'
import { ABSENT, FLOAT, HISTOGRAM, type Row } from '../../../src/promql/value.ts'
import { seeded } from '../../kit/context.ts'

const bytes = Buffer.alloc(pointsAtOnce * maxPointBytes)
const grid = { start: 1_435_781_451_781, step: 15_000, steps: 2 * pointsAtOnce }
const stamps = new Stamps(grid)
const rowOf = (values: readonly number[], kind = (_: number) => FLOAT): Row => ({
  labels: Labels.empty,
  dropName: false,
  kind: Uint8Array.from(values, (_, i) => kind(i)),
  value: Float64Array.from(values),
  histograms: undefined,
})
const written = (write: typeof writePoints, row: Row, from = 0, to = row.kind.length): string =>
  bytes.toString('latin1', 0, write(bytes, 0, stamps, row, from, to))
/** The values as they are written, by WebAssembly. */
const shown = (values: readonly number[]): string[] => {
  const points = JSON.parse(`[${written(writePoints, rowOf(values)).slice(0, -1)}]`) as [number, string][]
  return points.map(([, text]) => text)
}

function expectAll(values: readonly number[]): void {
  for (let from = 0; from < values.length; from += pointsAtOnce) {
    const some = values.slice(from, from + pointsAtOnce)
    // Few would be left to the twin.
    while (some.length < 32) some.push(0.5)
    expect(shown(some)).toEqual(some.map(apiNumber))
  }
}

describe('the shortest decimal of', () => {
  const random = seeded(11)
  const many = (next: () => number) => Array.from({ length: 20 * pointsAtOnce }, next)
  const bits = new DataView(new ArrayBuffer(8))

  test('doubles of any bits', () => {
    expectAll(
      many(() => {
        bits.setUint32(0, random() * 2 ** 32)
        bits.setUint32(4, random() * 2 ** 32)
        return bits.getFloat64(0)
      }),
    )
  })

  test('fractions of any size', () => expectAll(many(() => (random() - 0.5) * 10 ** Math.floor(random() * 40 - 20))))
  test('decimals', () => expectAll(many(() => Math.round(random() * 1e9) / 10 ** Math.floor(random() * 20))))
  test('whole numbers', () => expectAll(many(() => Math.floor(random() * 2 ** Math.floor(random() * 70)))))

  test('powers of two and their neighbours, where distances change', () => {
    const powers = Array.from({ length: 2098 }, (_, i) => 2 ** (i - 1074))
    expectAll(powers.flatMap(power => [power, -power, power * (1 + 2 ** -52), power * (1 - 2 ** -53)]))
  })

  test('powers of ten, and what is half-way', () => {
    expectAll(Array.from({ length: 632 }, (_, i) => i - 323).flatMap(k => [Number(`1e${k}`), Number(`5e${k}`), Number(`9.5e${k}`)]))
  })

  test('what is no number, zeros, and where notation changes', () => {
    const { NaN: nan, POSITIVE_INFINITY: more, NEGATIVE_INFINITY: less, MAX_VALUE, MIN_VALUE, MAX_SAFE_INTEGER } = Number
    expectAll([nan, more, less, 0, -0, MAX_VALUE, MIN_VALUE, MAX_SAFE_INTEGER, 1e6, 1e9, 999_999_999.999_999, 1e-6, 9.99e-7, 1e21, 1e20])
    expectAll([2 ** 53, 2 ** 53 + 2, 1e22, 123_456_789_012_345_680_000, 1.5e-9, 1e100, 1e-100, 1.2e-100])
  })
})

test.each([0, 1, pointsAtOnce - 17])('from step %d on both write the same, whatever stands there', from => {
  const random = seeded(5 + from)
  const kinds = [ABSENT, FLOAT, FLOAT, FLOAT, HISTOGRAM]
  let value = 0
  const values = Array.from({ length: grid.steps }, () => (random() < 0.5 ? value : (value = Math.round(random() * 1e4) / 100)))
  const row = rowOf(values, () => kinds[Math.floor(random() * kinds.length)]!)
  for (const to of [from, from + 1, from + 15, from + 16, from + 400, from + pointsAtOnce]) {
    expect(written(writePoints, row, from, to)).toBe(written(writePointsTwin, row, from, to))
  }
})
