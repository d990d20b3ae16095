import { describe, expect, test } from 'vitest'
import { Re2 } from '../../src/lib/re2.ts'
import { plainAlternatives } from '../../src/lib/re2-plain.ts'
import { seeded } from '../kit/context.ts'

test.each<[string, readonly string[] | undefined]>([
  ['', ['']],
  ['a', ['a']],
  ['a|b|', ['a', 'b', '']],
  ['(a|b)', ['a', 'b']],
  ['(?:a|b)', ['a', 'b']],
  ['()', ['']],
  ['10\\.0\\.0\\.1:9100|\\(x\\)', ['10.0.0.1:9100', '(x)']],
  ['\\\\', ['\\']],
  ['grün|→', ['grün', '→']],
  ['10.0.0.1', undefined],
  ['a\\|b', undefined],
  ['\\d', undefined],
  ['a\\', undefined],
  ['(a|b', undefined],
  ['(a\\)', undefined],
  ['(a)|(b)', undefined],
  ['(?P<x>a)', undefined],
  ['(?i)a', undefined],
  ['[a]', undefined],
  ['a{2}', undefined],
  ['^a$', undefined],
  ['\udcff', undefined],
])('%j: %j', (pattern, wanted) => expect(plainAlternatives(pattern)).toEqual(wanted))

describe('whatever is plain means what the automaton says', () => {
  const random = seeded(11)
  const parts = ['a', 'b', '|', '\\.', '\\|', '\\\\', '(', ')', '(?:', '.', ':', '-', '\\_', '{', '}', ']', '#', ' ']
  const drawn = (from: readonly string[], most: number) =>
    Array.from({ length: Math.floor(random() * most) }, () => from[Math.floor(random() * from.length)]!).join('')

  test('of patterns drawn by chance', () => {
    let plain = 0
    for (let round = 0; round < 20_000; round++) {
      const pattern = drawn(parts, 7)
      const named = plainAlternatives(pattern)
      if (named === undefined) continue
      plain++
      const regex = new Re2(`^(?s:${pattern})$`)
      for (const text of [...named, drawn(['a', 'b', '.', '|', '\\', ':', '(', ')'], 5)])
        if (regex.test(text) !== named.includes(text)) expect([pattern, text]).toBe(named)
    }
    expect(plain).toBeGreaterThan(1000)
  })
})
