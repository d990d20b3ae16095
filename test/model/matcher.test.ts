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
  ['=~', 'a.b', undefined],
  ['!=', 'a', undefined],
  ['!~', 'a', undefined],
])('%s %j names %j', (op, value, wanted) => expect(namedValues({ name: 'l', op, value })).toEqual(wanted))

test('an expression that is none is refused', () => {
  expect(() => valueTest({ name: 'l', op: '=~', value: 'a(' })).toThrow()
  expect(() => valueTest({ name: 'l', op: '=~', value: '(?=a)' })).toThrow()
  expect(() => valueTest({ name: 'l', op: '=~', value: 'a)|(b' })).toThrow()
})
