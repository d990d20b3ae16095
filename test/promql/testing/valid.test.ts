/** What Prometheus's storage does not take. */
import { expect, test } from 'vitest'
import { createEngine } from '../../../src/promql/engine.ts'
import { runScript, testOptions } from '../../../src/promql/testing/run.ts'

const engine = createEngine({ ...testOptions, now: () => 0 })

test.each<[string, string]>([
  ['{} 1 2', 'a sample without labels'],
  ['h {{count:1 buckets:[1 -1]}}', 'h: a bucket holds -1: below 0'],
  ['h {{count:1 n_buckets:[-2]}}', 'h: a bucket holds -2: below 0'],
  ['h {{count:-1}}', 'h: count is -1: below 0'],
  ['h {{z_bucket:-1}}', 'h: z_bucket is -1: below 0'],
  ['h {{count:1}}-{{count:1}}x2', 'h: count is -1: below 0'],
  ['h {{schema:9 count:1}}', 'h: schema 9 is none of -4 to 8, nor -53 of custom buckets'],
  ['h {{schema:-53 custom_values:[1 1] buckets:[1]}}', 'h: custom_values 1 and 1 do not ascend'],
  ['h {{schema:-53 custom_values:[1] buckets:[1 2 3]}}', 'h: 3 buckets, and 1 custom_values'],
  ['h{a="b"} {{schema:0 custom_values:[1] buckets:[1]}}', 'h{a="b"}: custom_values are for schema -53 only'],
])('%s is not loaded', async (series, message) => {
  const { failures } = await runScript(`load 1m\n  ${series}\n`, engine)
  expect(failures).toEqual([{ line: 1, message }])
})

test.each(['h {{count:1 buckets:[5]}}', 'h {{schema:-53 custom_values:[1] buckets:[1 2]}}', 'h {{schema:-4 sum:NaN}}', '{} _'])(
  '%s is loaded',
  async series => {
    const { failures } = await runScript(`load 1m\n  ${series}\n`, engine)
    expect(failures).toEqual([])
  },
)

test('a name before the braces stands', async () => {
  const { failures } = await runScript('load 1m\n  a{"b"} 1\n\neval instant at 0 {"a"}\n  a 1\n', engine)
  expect(failures).toEqual([])
})
