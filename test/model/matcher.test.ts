import { expect, test } from 'vitest'
import { type Matcher, namedValues, valueTest } from '../../src/model/matcher.ts'

test.each<[Matcher['op'], string, string, boolean]>([
  ['=', 'a', 'a', true],
  ['=', '', '', true],
  ['!=', 'a', 'b', true],
  ['=~', 'a|b', 'b', true],
  ['=~', 'a|b', 'ab', false],
  ['=~', 'a.*', 'a\nb', true],
  ['=~', '.*', 'x\ny', true],
  ['=~', '.+', '', false],
  ['=~', '(?i)get', 'GET', true],
  ['=~', 'a', 'xay', false],
  ['!~', 'a|b', 'c', true],
  ['!~', '.+', '', true],
  ['=~', '', '', true],
  ['=~', '|a', '', true],
  ['=~', '\\Qa.b', 'a.b', true],
  ['=~', '\\Qa.b', 'axb', false],
  ['=~', '\\Qa.\\E.', 'a.x', true],
  ['=~', '\\\\Q', '\\Q', true],
])('%s %j on %j: %s', (op, value, text, wanted) => expect(valueTest({ name: 'l', op, value })(text)).toBe(wanted))

test.each<[Matcher['op'], string, readonly string[] | undefined]>([
  ['=', 'a', ['a']],
  ['=~', 'a|b|c-d:9', ['a', 'b', 'c-d:9']],
  ['=~', '(a|b\\.c)', ['a', 'b.c']],
  ['=~', 'a.b', undefined],
  ['!=', 'a', undefined],
  ['!~', 'a', undefined],
])('%s %j names %j', (op, value, wanted) => expect(namedValues({ name: 'l', op, value })).toEqual(wanted))

test('an expression that is none is refused', () => {
  expect(() => valueTest({ name: 'l', op: '=~', value: 'a(' })).toThrow()
  expect(() => valueTest({ name: 'l', op: '=~', value: '(?=a)' })).toThrow()
  expect(() => valueTest({ name: 'l', op: '=~', value: 'a)|(b' })).toThrow()
})

test('a list of values may be as long as it likes', () => {
  const list = Array.from({ length: 50_000 }, (_, i) => `10\\.0\\.0\\.${i}:9100`).join('|')
  expect(valueTest({ name: 'l', op: '=~', value: `(${list})` })('10.0.0.49999:9100')).toBe(true)
  expect(valueTest({ name: 'l', op: '!~', value: list })('10x0.0.1:9100')).toBe(true)
  expect(namedValues({ name: 'l', op: '=~', value: list })).toHaveLength(50_000)
})
