import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { everything, ParseError, type ParseOptions, parseExpr, parseSelector } from '../../src/promql/parse.ts'

interface Case {
  readonly input: string
  readonly errors?: readonly string[]
}
const cases: readonly Case[] = JSON.parse(readFileSync(join(import.meta.dirname, 'language/parse.json'), 'utf8'))

const problemsOf = (text: string, options: Partial<ParseOptions> = everything): readonly string[] | undefined => {
  try {
    parseExpr(text, options)
    return undefined
  } catch (error) {
    if (!(error instanceof ParseError)) throw error
    return error.problems.map(problem => problem.text)
  }
}
const messageOf = (text: string, options?: Partial<ParseOptions>): string => {
  try {
    parseExpr(text, options)
    return 'valid'
  } catch (error) {
    return (error as Error).message
  }
}

describe("Prometheus's cases", () => {
  test.each(cases.map(({ input, errors }) => [input, errors] as const))('%j', (input, errors) => {
    expect(problemsOf(input)).toEqual(errors)
  })
})

test.each([
  ['', 'unknown position: parse error: no expression found in input'],
  ['((1)', '1:5: parse error: unclosed left parenthesis'],
  ['(1))', "1:5: parse error: unexpected right parenthesis ')'"],
  ['1 == 1', '1:3: parse error: comparisons between scalars must use BOOL modifier'],
  ['foo\n  + on(a) group_left(a) bar', '2:3: parse error: label "a" must not occur in ON and GROUP clause at once'],
  ['{é="ü"}', "1:2: parse error: unexpected character inside braces: 'é'"],
  ['foo{a="ü", b=c}', '1:15: parse error: unexpected identifier "c" in label matching, expected string'],
  ['nope(1)', '1:1: parse error: unknown function with name "nope"'],
  ['limitk(1, a)', '1:1: parse error: limitk() is experimental and must be enabled with --enable-feature=promql-experimental-functions'],
  ['sort_by_label(a, "b")', '1:1: parse error: function "sort_by_label" is not enabled'],
  ['a[5m * 2]', '1:3: parse error: experimental duration expression is not enabled'],
  ['a offset step()', '1:10: parse error: experimental duration expression is not enabled'],
  ['a[5m] smoothed', '1:1: parse error: smoothed modifier is experimental and not enabled'],
  ['a + fill(0) b', '1:1: parse error: binop fill modifiers are experimental and not enabled'],
])('%j: %s', (text, message) => {
  expect(messageOf(text)).toBe(message)
})

test('a match[] is a selector and nothing else', () => {
  expect(parseSelector('up{job=~"a|b", "utf 8"!="x"}')).toEqual([
    { name: 'job', op: '=~', value: 'a|b' },
    { name: 'utf 8', op: '!=', value: 'x' },
    { name: '__name__', op: '=', value: 'up' },
  ])
  expect(parseSelector('{}')).toEqual([])
  for (const text of ['', '1', 'up + up', 'up[5m]', 'rate(up)', 'up{a=~"("}']) expect(() => parseSelector(text)).toThrow(ParseError)
})
