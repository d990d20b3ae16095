import { describe, expect, test } from 'vitest'
import { unescaped } from '../../src/lib/go-literal.ts'
import { quote } from '../../src/lib/go-text.ts'
import { seeded } from '../kit/context.ts'

describe('what stands between the quotes of a Go literal', () => {
  test.each([
    ['', '"', ''],
    ['plain – text', '"', 'plain – text'],
    [String.raw`\a\b\f\n\r\t\v\\\"`, '"', '\x07\b\f\n\r\t\v\\"'],
    ["it's", '"', "it's"],
    [String.raw`\'"`, "'", `'"`],
    [String.raw`\x41\101\u0041\U00000041`, '"', 'AAAA'],
    [String.raw`\xe2\x82\xac\342\202\254`, '"', '€€'],
    [String.raw`€\xe2\x82\xac😀\xf0\x9f\x98\x80`, '"', '€€😀😀'],
    [String.raw`😀\U0001F600`, '"', '😀😀'],
    [String.raw`\ufeff\xef\xbb\xbf`, '"', '\ufeff\ufeff'],
    [String.raw`\xff`, '"', '\udcff'],
    [String.raw`\xe2\x82x\xac`, '"', '\udce2\udc82x\udcac'],
    [String.raw`\xe2\xe2\x82\xac\xc3`, '"', '\udce2€\udcc3'],
    [String.raw`\xed\xa0\x80`, '"', '\udced\udca0\udc80'],
    [String.raw`\xc0\x80`, '"', '\udcc0\udc80'],
  ])('%s in %s', (inner, mark, text) => expect(unescaped(inner, mark)).toBe(text))

  test.each([
    [String.raw`a\d`, '"', 1, String.raw`\d`],
    [String.raw`\'`, '"', 0, String.raw`\'`],
    [String.raw`\"`, "'", 0, String.raw`\"`],
    [String.raw`\x4`, '"', 0, String.raw`\x`],
    [String.raw`\u12`, '"', 0, String.raw`\u`],
    [String.raw`\n\8\9`, '"', 2, String.raw`\8`],
    [String.raw`\400`, '"', 0, String.raw`\400`],
    [String.raw`\ud800`, '"', 0, String.raw`\ud800`],
    [String.raw`\U00110000`, '"', 0, String.raw`\U00110000`],
    ['abc\\', '"', 3, '\\'],
  ])('%s in %s has a wrong escape at %i', (inner, mark, at, written) => expect(unescaped(inner, mark)).toEqual({ at, escape: written }))

  test('whatever is quoted comes back', () => {
    const next = seeded(77)
    const units = [
      () => Math.floor(next() * 0x80),
      () => 0xdc80 + Math.floor(next() * 0x40),
      () => Math.floor(next() * 0xd800),
      () => 0x1f600,
    ]
    for (let i = 0; i < 2000; i++) {
      const text = String.fromCodePoint(...Array.from({ length: 8 }, () => units[Math.floor(next() * units.length)]!()))
      // Only bytes that begin nothing by themselves: two that make a character are that character.
      expect(unescaped(quote(text).slice(1, -1), '"')).toBe(text)
    }
  })
})
