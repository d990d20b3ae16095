import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { promqlPage, promqlPath } from '../../scripts/promql-tables.ts'
import { everything, ParseError, parseExpr } from '../../src/promql/parse.ts'
import { signatures } from '../../src/promql/signatures.ts'

const page = readFileSync(promqlPath, 'utf8')

test('docs/promql.md is what the signatures give', () => {
  expect(promqlPage(page)).toBe(page)
})

describe('every function', () => {
  const examples = { scalar: '1', string: '"a"', vector: '{a="b"}', matrix: 'a[5m]' } as const
  const written = (name: string, args: readonly (keyof typeof examples)[]): string =>
    `${name}(${args.map(type => examples[type]).join(', ')})`

  test.each([...signatures.values()])('$name takes its arguments, no more and no fewer', ({ name, args, variadic, experimental }) => {
    const read = (count: number, on = everything) =>
      parseExpr(
        written(
          name,
          Array.from({ length: count }, (_, i) => args[Math.min(i, args.length - 1)] ?? 'scalar'),
        ),
        on,
      )
    const least = variadic === 0 ? args.length : args.length - 1
    expect(read(least)).toMatchObject({ kind: 'call', func: name })
    if (least > 0) expect(() => read(least - 1)).toThrow(/expected .*argument/)
    if (variadic >= 0) {
      expect(read(least + variadic)).toMatchObject({ kind: 'call' })
      expect(() => read(least + variadic + 1)).toThrow(/expected .*argument/)
    } else {
      expect(read(least + 20)).toMatchObject({ kind: 'call' })
    }
    if (experimental) expect(() => read(least, {})).toThrow(ParseError)
    else expect(read(least, {})).toMatchObject({ kind: 'call' })
  })
})
