import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { everything, ParseError, parseExpr } from '../../src/promql/parse.ts'
import { pretty } from '../../src/promql/pretty.ts'
import { print } from '../../src/promql/print.ts'
import { mutants, texts } from './language/mutants.ts'

const cases = (name: string): readonly (readonly [string, string])[] =>
  (JSON.parse(readFileSync(join(import.meta.dirname, `language/${name}.json`), 'utf8')) as { input: string; output: string }[]).map(
    ({ input, output }) => [input, output],
  )

describe("Prometheus's cases", () => {
  test.each(cases('printer'))('%j in one line', (input, output) => {
    expect(print(parseExpr(input, everything))).toBe(output)
  })
  // Whose lines are of ten bytes.
  test.each(cases('prettier'))('%j in lines', (input, output) => {
    expect(pretty(parseExpr(input, everything), 10)).toBe(output)
  })
})

test.each([
  ['{ "a b" , x = "1" , "é"="2"}', '{"é"="2",__name__="a b",x="1"}'],
  ['{__name__=~".+"}', '{__name__=~".+"}'],
  ['x @ 1.0005', 'x @ 1.001'],
  ['-1 ^ -Inf', '-1 ^ -Inf'],
  ['1e100 + 1e-7', `1${'0'.repeat(100)} + 0.0000001`],
  ['90d + 36h + 1w + 0', '90d + 1d12h + 1w + 0'],
  ['a + fill(1e6) b', 'a + fill (1e+06) b'],
  ['"\\xff\\xc3\\xa9\\n\\"\'"', '"\\xffé\\n\\"\'"'],
])('%j is printed %j', (text, printed) => {
  expect(print(parseExpr(text, everything))).toBe(printed)
})

/** Each print of it puts one more `+` before it, in Prometheus too. */
const grows = (printed: string): boolean => printed.includes('+Inf ^')

test('what is printed, in one line or in several, is the same expression', () => {
  let checked = 0
  for (const text of [...texts, ...mutants(1, 4_000)]) {
    let printed: string
    let lines: string
    try {
      const expr = parseExpr(text, everything)
      printed = print(expr)
      lines = pretty(expr, 20)
    } catch (error) {
      if (error instanceof ParseError) continue
      throw error
    }
    if (grows(printed)) continue
    checked++
    expect(print(parseExpr(printed, everything)), text).toBe(printed)
    expect(print(parseExpr(lines, everything)), text).toBe(printed)
  }
  expect(checked).toBeGreaterThan(500)
})

test('no depth multiplies what is printed', () => {
  const text = `${'('.repeat(450)}label_join(a, "b", "c"${', "d"'.repeat(10_000)})${')'.repeat(450)}`
  expect(pretty(parseExpr(text)).length).toBeLessThan(5_000_000)
})
