/** Samples as Prometheus counts them; the numbers are those that a Prometheus 3.14 gives over the same samples (test/peers/api-conformance.test.ts compares many more). */
import { expect, test } from 'vitest'
import { Labels } from '../../src/model/labels.ts'
import { createEngine } from '../../src/promql/engine.ts'
import { parseExpr } from '../../src/promql/parse.ts'
import { MemoryStorage } from '../../src/promql/testing/memory.ts'

const storage = new MemoryStorage()
for (const job of ['a', 'b']) {
  for (let n = 0; n <= 40; n++) storage.append(Labels.from({ __name__: 'x', job }), n * 15_000, { value: n })
}

const counts = async (text: string, range: boolean) => {
  const engine = createEngine()
  const query = { expr: parseExpr(text), text, stats: 'steps' as const }
  const { stats } = await (range
    ? engine.range(storage, { ...query, start: 300_000, end: 480_000, step: 60_000 })
    : engine.instant(storage, { ...query, time: 300_000 }))
  expect(stats.steps!.samples.reduce((a, b) => a + b)).toBe(stats.samples)
  expect(stats.steps!.samplesRead.reduce((a, b) => a + b)).toBe(stats.samplesRead)
  return [[...stats.steps!.samples], [...stats.steps!.samplesRead]]
}

test.each<[string, number[], number[]]>([
  ['x', [2, 2, 2, 2], [2, 2, 2, 2]],
  ['x + x', [4, 4, 4, 4], [4, 4, 4, 4]],
  ['nothing', [0, 0, 0, 0], [0, 0, 0, 0]],
  ['1', [0, 0, 0, 0], [0, 0, 0, 0]],
  ['rate(x[2m])', [16, 16, 16, 16], [16, 8, 8, 8]],
  ['rate(x[2m]) / rate(x[2m])', [32, 32, 32, 32], [32, 16, 16, 16]],
  ['rate(x[30s])', [4, 4, 4, 4], [4, 4, 4, 4]],
  ['x @ 100', [2, 2, 2, 2], [2, 0, 0, 0]],
  ['sum(rate(x[2m] @ 200))', [16, 16, 16, 16], [16, 0, 0, 0]],
  ['scalar(sum(x @ 100)) + x', [4, 4, 4, 4], [4, 2, 2, 2]],
  ['max_over_time(x[2m:30s])', [8, 8, 8, 8], [8, 4, 4, 4]],
  // Steps of the subquery between its windows are read for nobody.
  ['max_over_time(x[30s:15s])', [4, 4, 4, 4], [4, 4, 4, 4]],
  ['max_over_time(x[2m:30s] offset 1m)', [8, 8, 8, 8], [8, 4, 4, 4]],
])('%s', async (text, seen, read) => {
  expect(await counts(text, true)).toEqual([seen, read])
  expect(await counts(text, false)).toEqual([[seen[0]], [read[0]]])
})

test('a subquery that stands for itself counts what is in it', async () => {
  expect(await counts('rate(x[1m])[2m:1m]', false)).toEqual([[16], [16]])
})
