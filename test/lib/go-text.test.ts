import { expect, test } from 'vitest'
import { formatF, formatG, parseGoFloat, quote } from '../../src/lib/go-text.ts'

const Inf = Number.POSITIVE_INFINITY

test.each<[number, string, string, string]>([
  // value, %g, %.2g, 'f' with the shortest digits
  [0, '0', '0', '0'],
  [-0, '-0', '-0', '-0'],
  [1, '1', '1', '1'],
  [10, '10', '10', '10'],
  [12, '12', '12', '12'],
  [99.6, '99.6', '1e+02', '99.6'],
  [100, '100', '1e+02', '100'],
  [123, '123', '1.2e+02', '123'],
  [0.125, '0.125', '0.12', '0.125'],
  [13.5, '13.5', '14', '13.5'],
  [12.5, '12.5', '12', '12.5'],
  [0.5, '0.5', '0.5', '0.5'],
  [-1.1, '-1.1', '-1.1', '-1.1'],
  [0.000123456, '0.000123456', '0.00012', '0.000123456'],
  [0.00001, '1e-05', '1e-05', '0.00001'],
  [1.5e-7, '1.5e-07', '1.5e-07', '0.00000015'],
  [999_999, '999999', '1e+06', '999999'],
  [1e6, '1e+06', '1e+06', '1000000'],
  [-1_234_567, '-1.234567e+06', '-1.2e+06', '-1234567'],
  [1.5e22, '1.5e+22', '1.5e+22', '15000000000000000000000'],
  [1e100, '1e+100', '1e+100', `1${'0'.repeat(100)}`],
  [Number.NaN, 'NaN', 'NaN', 'NaN'],
  [Inf, '+Inf', '+Inf', '+Inf'],
  [-Inf, '-Inf', '-Inf', '-Inf'],
])('%d', (value, g, g2, f) => {
  expect([formatG(value), formatG(value, 2), formatF(value)]).toEqual([g, g2, f])
})

test.each([
  ['', '""'],
  ['http_requests', '"http_requests"'],
  ['say "no"\\', '"say \\"no\\"\\\\"'],
  ['\u0000\u0007\b\f\n\r\t\v\u001b\u007f', '"\\x00\\a\\b\\f\\n\\r\\t\\v\\x1b\\x7f"'],
  ['blüte 🌸', '"blüte 🌸"'],
  ['a\u00a0b\u200bc\u2028', '"a\\u00a0b\\u200bc\\u2028"'],
  ['\u{e0001}', '"\\U000e0001"'],
])('%j in quotes', (text, want) => expect(quote(text)).toBe(want))

test.each<[string, number | undefined]>([
  ['0', 0],
  ['+1', 1],
  ['-.5', -0.5],
  ['5.', 5],
  ['1e-3', 0.001],
  ['1E+3', 1000],
  ['Inf', Number.POSITIVE_INFINITY],
  ['+Inf', Number.POSITIVE_INFINITY],
  ['-infinity', Number.NEGATIVE_INFINITY],
  ['NaN', Number.NaN],
  ['-NaN', undefined],
  ['', undefined],
  [' 1', undefined],
  ['1 ', undefined],
  ['.', undefined],
  ['e5', undefined],
  ['1e999', undefined],
  ['Hello World', undefined],
])('%j is read as %d', (text, want) => expect(parseGoFloat(text)).toBe(want))
