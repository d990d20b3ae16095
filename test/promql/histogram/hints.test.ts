import { expect, test } from 'vitest'
import { storedHint, withoutBuckets } from '../../../src/promql/histogram/hints.ts'
import { parseHistogram } from '../../../src/promql/histogram/text.ts'

const h = (text: string) => parseHistogram(`{{${text}}}`).histogram
const custom = (text: string) => h(`schema:-53 ${text}`)

test.each([
  ['the first', undefined, h('count:1'), 'unknown'],
  ['one that has grown', h('count:1'), h('count:2'), 'not_reset'],
  ['one with a bucket more', h('count:1 buckets:[1]'), h('count:2 buckets:[1 1]'), 'not_reset'],
  ['one that has become less', h('count:2'), h('count:1'), 'unknown'],
  ['one appended as not reset that has become less', h('count:2'), h('count:1 counter_reset_hint:not_reset'), 'unknown'],
  ['one appended as reset', h('count:1'), h('count:2 counter_reset_hint:reset'), 'unknown'],
  ['the one after that', h('count:1 counter_reset_hint:reset'), h('count:2'), 'not_reset'],
  ['a gauge', h('count:1'), h('count:2 counter_reset_hint:gauge'), 'gauge'],
  ['a counter after a gauge', h('count:1 counter_reset_hint:gauge'), h('count:2'), 'unknown'],
  ['one of less resolution', h('schema:1 count:1'), h('count:2'), 'unknown'],
  ['one of a wider zero bucket', h('count:1'), h('count:2 z_bucket_w:1'), 'unknown'],
  ['one of the same custom bounds', custom('count:1 custom_values:[1]'), custom('count:1 custom_values:[1]'), 'not_reset'],
  ['one of other custom bounds', custom('count:1 custom_values:[1]'), custom('count:1 custom_values:[2]'), 'unknown'],
] as const)('%s comes back from a store as it can know', (_, previous, current, hint) => {
  expect(storedHint(current, previous)).toBe(hint)
})

test('reading without buckets finds resets that the store does not tell', () => {
  const read = withoutBuckets([
    h('count:1'),
    h('count:2'),
    undefined,
    h('count:1'),
    h('count:0 counter_reset_hint:not_reset'),
    h('count:0 counter_reset_hint:gauge'),
  ])
  expect(withoutBuckets([h('schema:1 count:1 sum:3 buckets:[1]')])).toEqual([h('schema:1 count:1 sum:3')])
  expect(read.map(each => each?.resetHint)).toEqual(['unknown', 'not_reset', undefined, 'reset', 'not_reset', 'gauge'])
})
