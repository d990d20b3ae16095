import { expect, test } from 'vitest'
import { add, negate } from '../../../src/promql/histogram/arithmetic.ts'
import { detectReset } from '../../../src/promql/histogram/reset.ts'
import { parseHistogram } from '../../../src/promql/histogram/text.ts'
import { randomCustom, randomExponential, seeded } from './random.ts'

const h = (text: string) => parseHistogram(`{{${text}}}`).histogram

test.each([
  ['nothing has changed', 'count:3 buckets:[1 2]', 'count:3 buckets:[1 2]', false],
  ['all has grown', 'count:3 buckets:[1 2]', 'count:7 z_bucket:1 buckets:[1 3 2]', false],
  ['the sum alone has become less', 'count:3 sum:5 buckets:[1 2]', 'count:3 sum:1 buckets:[1 2]', false],
  ['the count has become less', 'count:3', 'count:2', true],
  ['a bucket has become less', 'count:3 buckets:[1 2]', 'count:4 buckets:[3 1]', true],
  ['a negative bucket has become less', 'count:3 n_buckets:[1 2]', 'count:4 n_buckets:[3 1]', true],
  ['a populated bucket is gone', 'count:3 buckets:[1 2]', 'count:4 buckets:[0 4]', true],
  ['an empty bucket is gone', 'count:3 buckets:[0 3]', 'count:4 offset:1 buckets:[4]', false],
  ['all buckets are gone', 'count:3 buckets:[0 3]', 'count:4 z_bucket:4', true],
  ['the zero bucket has become less', 'count:3 z_bucket:3', 'count:4 z_bucket:2 buckets:[2]', true],
  ['resolution was lowered', 'schema:1 count:3 buckets:[0 1 2]', 'schema:0 count:3 buckets:[0 3]', false],
  ['resolution was lowered and a bucket is less', 'schema:1 count:3 buckets:[0 1 2]', 'schema:0 count:3 buckets:[1 2]', true],
  ['resolution was raised', 'schema:0 count:3 buckets:[0 3]', 'schema:1 count:3 buckets:[0 1 2]', true],
  ['the zero bucket is wider', 'count:3 z_bucket:1 buckets:[1 1]', 'count:3 z_bucket:2 z_bucket_w:1 offset:1 buckets:[1]', false],
  ['the zero bucket is wider and less', 'count:3 z_bucket:1 buckets:[1 1]', 'count:3 z_bucket:1 z_bucket_w:1 offset:1 buckets:[2]', true],
  ['the zero bucket cuts a populated bucket', 'count:3 z_bucket:1 buckets:[2]', 'count:3 z_bucket:3 z_bucket_w:0.75', true],
  ['the zero bucket cuts an empty bucket', 'count:3 z_bucket:3 buckets:[0]', 'count:3 z_bucket:3 z_bucket_w:0.75', false],
  ['the zero bucket is narrower', 'count:3 z_bucket:3 z_bucket_w:1', 'count:3 z_bucket:3', true],
  ['buckets have become custom', 'count:3 buckets:[3]', 'schema:-53 count:3 custom_values:[1] buckets:[3]', true],
  ['buckets are custom no more', 'schema:-53 count:3 custom_values:[1] buckets:[3]', 'count:3 buckets:[3]', true],
  [
    'custom buckets have grown',
    'schema:-53 count:3 custom_values:[1] buckets:[3]',
    'schema:-53 count:4 custom_values:[1] buckets:[3 1]',
    false,
  ],
  [
    'a custom bucket has become less',
    'schema:-53 count:3 custom_values:[1] buckets:[3]',
    'schema:-53 count:4 custom_values:[1] buckets:[2 2]',
    true,
  ],
  [
    'custom bounds differ, and what they share has grown',
    'schema:-53 count:3 custom_values:[1 2] buckets:[1 1 1]',
    'schema:-53 count:4 custom_values:[2 3] buckets:[3 1]',
    false,
  ],
  [
    'custom bounds differ, and what they share has become less',
    'schema:-53 count:3 custom_values:[1 2] buckets:[1 1 1]',
    'schema:-53 count:4 custom_values:[2 3] buckets:[1 3]',
    true,
  ],
  ['the hint says so', 'count:1', 'count:2 counter_reset_hint:reset', true],
  ['the hint says there is none', 'count:2', 'count:1 counter_reset_hint:not_reset', false],
  ['a gauge became less', 'count:2', 'count:1 counter_reset_hint:gauge', true],
])('whether there is a reset where %s', (_, previous, current, reset) => {
  expect(detectReset(h(current), h(previous))).toBe(reset)
})

test('adding to a histogram is no reset, and taking away is one', () => {
  for (const make of [randomExponential, randomCustom]) {
    for (let seed = 1; seed <= 300; seed++) {
      const random = seeded(seed)
      const a = make(random)
      const b = make(random)
      const sum = add(a, b)!.histogram
      expect(detectReset(sum, a)).toBe(false)
      if (a.count > 0) expect(detectReset({ ...negate(a), resetHint: 'unknown' }, a)).toBe(true)
    }
  }
})
