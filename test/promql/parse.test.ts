import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { everything, ParseError, type ParseOptions, parseExpr, parseSelector } from '../../src/promql/parse.ts'
import { print } from '../../src/promql/print.ts'
import { mutants } from './language/mutants.ts'

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
  ['a offset -9.5e10', '1:10: parse error: duration out of range'],
  ['a[-9.5e10]', '1:4: parse error: duration out of range'],
  ['a offset NaN', '1:10: parse error: duration out of range'],
  ['sum by ("") (a)', '1:9: parse error: invalid label name for grouping: ""'],
  ['sum by ("\\xff") (a)', '1:9: parse error: invalid label name for grouping: "\\xff"'],
  ['a + on (b) group_left = c', '1:23: parse error: unexpected "=" in grouping opts, expected "("'],
  ['a @ 3e25', '1:1: parse error: timestamp out of bounds for @ modifier: 30000000000000000570425344.000000'],
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

test.each([
  ['{a=~"("}', 'error parsing regexp: missing closing ): `(`'],
  ['{a=~")|("}', 'error parsing regexp: unexpected ): `)|(`'],
  ['{a=~"x[a"}', 'error parsing regexp: missing closing ]: `[a`'],
  ['{a=~"[xz-a]"}', 'error parsing regexp: invalid character class range: `z-a`'],
  ['{a=~"\\\\pX"}', 'error parsing regexp: invalid character class range: `\\pX`'],
  ['{a=~"a**"}', 'error parsing regexp: invalid nested repetition operator: `**`'],
  ['{a=~"*a"}', 'error parsing regexp: missing argument to repetition operator: `*`'],
  ['{a=~"{2}"}', 'error parsing regexp: missing argument to repetition operator: `{2}`'],
  ['{a=~"a{1001}"}', 'error parsing regexp: invalid repeat count: `{1001}`'],
  ['{a=~"(?=a)"}', 'error parsing regexp: invalid or unsupported Perl syntax: `(?=`'],
  ['{a=~"(?P=a)"}', 'error parsing regexp: invalid or unsupported Perl syntax: `(?P`'],
  ['{a=~"(?P<a b>c)"}', 'error parsing regexp: invalid named capture: `(?P<a b>`'],
  ['{a=~"\\\\y"}', 'error parsing regexp: invalid escape sequence: `\\y`'],
  ['{a=~"(a)\\\\1"}', 'error parsing regexp: invalid escape sequence: `\\1`'],
  ['{a=~"a\\\\"}', 'error parsing regexp: trailing backslash at end of expression: ``'],
])('%s: a wrong regular expression is told as Go does', (text, message) => {
  expect(messageOf(text)).toBe(`1:2: parse error: ${message}`)
})

test.each([
  ['0x1F', 31],
  ['0X_1f', 31],
  ['0755', 493],
  ['0_7', 7],
  ['08', 8],
  ['1_000.5_0', 1000.5],
  ['.5', 0.5],
  ['5.', 5],
  ['1e-3', 0.001],
  ['iNf', Number.POSITIVE_INFINITY],
  ['NAN', Number.NaN],
  ['9223372036854775808', 2 ** 63],
  ['1h30m', 5400],
  ['1y2w3d4h5m6s7ms', 33_019_506.007],
  ['-5m', -300],
  ['1e-400', 0],
])('%s is %d', (text, value) => {
  expect(parseExpr(text)).toMatchObject({ kind: 'number', value })
})

test.each(['0b11', '0o17', '0x', '0xee', '0x1e+5', '0x1.5', '1__0', '1_', '1e', '5m1h', '5x', '1e400', '0xffffffffffffffffff', '300y'])(
  '%s is no number',
  text => expect(() => parseExpr(text)).toThrow(ParseError),
)

test.each([
  ['"\\a\\b\\f\\n\\r\\t\\v\\\\\\""', '\u0007\b\f\n\r\t\v\\"'],
  ["'\\'\"'", '\'"'],
  ['`a\\n\n"`', 'a\\n\n"'],
  ['"\\u00e9\\U0001F600\\xc3\\xa9\\303\\251"', 'é😀éé'],
  // A byte that is no UTF-8 makes the text ill-formed.
  ['"a\\xffb"', 'a\udcffb'],
])('%s is a string', (text, value) => {
  expect(parseExpr(text)).toMatchObject({ kind: 'string', value })
})

test.each(['"\\\'"', '"\\400"', '"\\ud800"', '"\\U00110000"', '"\\xg0"', '"a\nb"', '"\ufffd"', '"\ud800"', '`\udc00`', '"'])(
  '%j is no string',
  text => expect(() => parseExpr(text)).toThrow(ParseError),
)

test('positions count UTF-16 units, what is shown bytes', () => {
  const text = '{a="😀"} + nope'
  expect(parseExpr(text)).toMatchObject({ right: { position: { start: 11, end: 15 } } })
  expect(messageOf(`${text}()`)).toBe('1:14: parse error: unknown function with name "nope"')
})

const n = 1_000_000
const deep = /^\d+:\d+: parse error: expression is nested too deeply: more than (?:500|1000) levels\n?$/
test.each([
  ['calls', 'abs('.repeat(n / 4), deep],
  ['parentheses', '('.repeat(n), deep],
  ['signs', `${'-'.repeat(n)}1`, deep],
  ['aggregations', 'sum('.repeat(n / 4), deep],
  ['a chain to the left', `${'1+'.repeat(n / 2)}1`, deep],
  ['a chain to the right', `${'2^'.repeat(n / 2)}2`, deep],
  ['subqueries', `a${'[1m:]'.repeat(n / 5)}`, deep],
  ['durations', `a[${'('.repeat(n)}`, deep],
  ['signs of durations', `a offset ${'-'.repeat(n)}1`, deep],
  ['labels', `sum by (${'a,'.repeat(n / 2)}`, /unclosed left parenthesis/],
  ['a string', `"${'a'.repeat(n)}`, /unterminated quoted string/],
  ['ten megabytes', ' '.repeat(10 * n), /^1:1: parse error: expression is too long: 10000000 characters, of which 1048576 are allowed$/],
])('%s: too much is refused', (_, text, message) => {
  expect(messageOf(text, everything)).toMatch(message)
})

test('as deep as is allowed can be read, checked and printed', () => {
  for (const [text, inner, closing] of [
    ['('.repeat(499), '1', ')'.repeat(499)],
    ['abs('.repeat(499), 'x', ')'.repeat(499)],
    ['1+'.repeat(999), '1', ''],
    ['2^'.repeat(499), '1', ''],
  ]) {
    const whole = `${text}${inner}${closing}`
    expect(print(parseExpr(whole)).replaceAll(' ', '')).toBe(whole)
  }
})

test('nor does it take more stack than a main thread has, where nothing is compiled yet', () => {
  const parse = new URL('../../src/promql/parse.ts', import.meta.url)
  const script = `import(${JSON.stringify(parse)}).then(({ parseExpr }) => parseExpr('abs('.repeat(1e4))).catch(error => console.log(error.message))`
  expect(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' })).toMatch(deep)
})

test('whatever it is given, it gives an expression or a ParseError', () => {
  let refused = 0
  for (const text of mutants(2, 10_000)) if (problemsOf(text) !== undefined) refused++
  expect(refused).toBeGreaterThan(5_000)
  expect(refused).toBeLessThan(9_900)
})
