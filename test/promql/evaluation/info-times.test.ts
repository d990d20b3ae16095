import { expect, test } from 'vitest'
import { typeOf } from '../../../src/promql/check.ts'
import { infoTimes } from '../../../src/promql/evaluation/info-times.ts'
import { everything, parseExpr } from '../../../src/promql/parse.ts'

/** [s] */
const resolver = {
  typeOf,
  offset: (duration: unknown) => (typeof duration === 'number' ? duration : Number.NaN),
  at: (at: number | 'start' | 'end') => (typeof at === 'number' ? at : at === 'start' ? 1_000_000 : 2_000_000),
}

test.each<[string, at: number | undefined, offset: number]>([
  ['m', undefined, 0],
  ['m offset 1m', undefined, 60],
  ['rate(m[5m] offset -1m)', undefined, -60],
  ['m @ 500 offset 1m', 500, 60],
  ['m @ end()', 2000, 0],
  ['2 * (m offset 1m)', undefined, 60],
  ['(m offset 1m) + (n offset 1m)', undefined, 60],
  ['(m offset 1m) + n', undefined, 0],
  ['(m @ 500) + (n @ 560 offset 1m)', 500, 0],
  ['(m @ 500) + n', undefined, 0],
  ['(m offset 1m) or vector(1)', undefined, 0],
  ['topk(scalar(n @ 7), m offset 1m)', undefined, 60],
  ['sum_over_time((m offset 1m)[10m:1m] @ 500)', 500, 60],
  ['sum_over_time((m offset 1m)[10m:1m] offset 2m)', undefined, 180],
  ['max_over_time(sum_over_time((m @ 7)[10m:1m] offset 2m)[10m:1m] @ 500)', 7, 0],
  ['info(m offset 1m, {d="e"})', undefined, 60],
  ['vector(1)', undefined, 0],
])('%s', (text, at, offset) => {
  const times = infoTimes(parseExpr(text, everything), resolver)
  expect(times).toEqual({ at: at === undefined ? undefined : at * 1000, offset: offset * 1000 })
})
