import { describe, expect, test } from 'vitest'
import {
  ALWAYS,
  adjustedCount,
  NEVER,
  parseTraceState,
  probabilityOf,
  showThreshold,
  showTraceState,
  thresholdOf,
  toThreshold,
} from '../../src/lib/tracestate.ts'

const long = (n: number) => 'a'.repeat(n)

describe('the grammar', () => {
  test.each([
    ['', '', '', ''],
    ['ot=th:c', '', 'c', 'ot=th:c'],
    ['ot=th:0;rv:9b8233f7e3a151', '9b8233f7e3a151', '0', 'ot=rv:9b8233f7e3a151;th:0'],
    ['ot=rv:9B8233F7E3A151', '9B8233F7E3A151', '', 'ot=rv:9B8233F7E3A151'],
    ['co=whateverr,ed=nowaysir', '', '', 'co=whateverr,ed=nowaysir'],
    ['co=x , ot=th:8;xx:abc ,,a@b=y', '', '8', 'ot=th:8;xx:abc,co=x,a@b=y'],
    ['ot=xx:', '', '', 'ot=xx:'],
    [`k=${long(256)}`, '', '', `k=${long(256)}`],
  ])('%j is read and written', (text, randomness, threshold, written) => {
    const state = parseTraceState(text)!
    expect([state.randomness, state.threshold, showTraceState(state)]).toEqual([randomness, threshold, written])
  })

  test.each([
    ['no equals sign', 'ot'],
    ['no key', '=x'],
    ['a key in capitals', 'OT=th:c'],
    ['an empty value', 'k='],
    ['a value that ends in a blank within its comma', 'k=a\u00e9'],
    ['a long value', `k=${long(257)}`],
    ['a long key', `${long(257)}=x`],
    ['a long tenant', `${long(242)}@b=x`],
    ['a long system', `a@${long(15)}=x`],
    ['too long a text', `k=${long(250)},`.repeat(5)],
    ['32 members', Array.from({ length: 32 }, (_, i) => `k${i}=v`).join(',')],
    ['too many digits', 'ot=th:123456789abcdef'],
    ['no digits', 'ot=th:'],
    ['digits that are none', 'ot=th:xyz'],
    ['a short randomness', 'ot=rv:123'],
    ['a semicolon at the end', 'ot=th:c;'],
    ['an empty member', 'ot=th:c;;rv:9b8233f7e3a151'],
    ['a key with an underscore', 'ot=t_h:c'],
    ['a value with a slash', 'ot=xx:a/b'],
    ['a long member', `ot=xx:${long(254)}`],
  ])('%s is refused', (_, text) => expect(parseTraceState(text)).toBeUndefined())
})

test.each([
  [1, 4, ALWAYS],
  [0.5, 4, '80000000000000'],
  [0.25, 4, 'c0000000000000'],
  [1 / 3, 4, 'aaab0000000000'],
  [1 / 3, 3, 'aab00000000000'],
  [0.01, 4, 'fd70a000000000'],
  [0.99, 4, '028f6000000000'],
  [2 ** -56, 4, 'ffffffffffffff'],
  [2 ** -57, 4, undefined],
  [1.5, 4, undefined],
])('the threshold of %d with %d digits is %s', (probability, precision, want) => expect(thresholdOf(probability, precision)).toBe(want))

test('a threshold is written without trailing zeros, and read back', () => {
  for (const [threshold, text] of [
    [ALWAYS, '0'],
    ['c0000000000000', 'c'],
    ['028f6000000000', '028f6'],
  ] as const) {
    expect(showThreshold(threshold)).toBe(text)
    expect(toThreshold(text)).toBe(threshold)
  }
  expect(showThreshold(NEVER)).toBe('')
  expect(NEVER > 'ffffffffffffff').toBe(true)
  expect(probabilityOf('c0000000000000')).toBe(0.25)
})

test('the adjusted count of a third is 3, or sometimes 2 or 4, and right on average', () => {
  expect(adjustedCount('c0000000000000', () => 0)).toBe(4)
  let sum = 0
  const threshold = 'aaa00000000000' // keeps 0x556 of 0x1000
  for (let i = 0; i < 1000; i++) sum += adjustedCount(threshold, () => i / 1000)
  expect(sum / 1000).toBeCloseTo(0x1000 / 0x556, 2)
})
