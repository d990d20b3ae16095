import { expect, test } from 'vitest'
import { showCount, showFloat, showOpenFloat } from '../../src/exposition/number.ts'

test.each([
  [0, '0', '0.0'],
  [-0, '0', '0.0'],
  [1, '1', '1.0'],
  [-1.5, '-1.5', '-1.5'],
  [999_999, '999999', '999999.0'],
  [1e6, '1e+06', '1e+06'],
  [1_234_567, '1.234567e+06', '1.234567e+06'],
  [1_234_567_890_123, '1.234567890123e+12', '1.234567890123e+12'],
  [0.0001, '0.0001', '0.0001'],
  [0.00001, '1e-05', '1e-05'],
  [-0.000012345, '-1.2345e-05', '-1.2345e-05'],
  [0.1 + 0.2, '0.30000000000000004', '0.30000000000000004'],
  [1e21, '1e+21', '1e+21'],
  [1.7976931348623157e308, '1.7976931348623157e+308', '1.7976931348623157e+308'],
  [5e-324, '5e-324', '5e-324'],
  [2 ** 53, '9.007199254740992e+15', '9.007199254740992e+15'],
  [Number.NaN, 'NaN', 'NaN'],
  [Number.POSITIVE_INFINITY, '+Inf', '+Inf'],
  [Number.NEGATIVE_INFINITY, '-Inf', '-Inf'],
])('%d is %s, and %s in OpenMetrics', (value, classic, open) => {
  expect(showFloat(value)).toBe(classic)
  expect(showOpenFloat(value)).toBe(open)
})

test.each([
  [0, '0'],
  [12, '12'],
  [1_000_000, '1000000'],
  [2 ** 64, '18446744073709550000'],
  [Number.POSITIVE_INFINITY, '18446744073709550000'],
  [-3, '-3'],
  [Number.NaN, 'NaN'],
])('the count %d is %s', (value, want) => expect(showCount(value)).toBe(want))

test('what is written reads back the same', () => {
  const bits = new DataView(new ArrayBuffer(8))
  let seed = 1n
  for (let i = 0; i < 20_000; i++) {
    seed = (seed * 6364136223846793005n + 1442695040888963407n) & 0xffff_ffff_ffff_ffffn
    bits.setBigUint64(0, seed)
    const value = bits.getFloat64(0)
    if (Number.isFinite(value)) expect(Number(showFloat(value))).toBe(value)
  }
})
