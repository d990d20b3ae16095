import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { Re2, RegexError } from '../../src/lib/re2.ts'

/** Of the text in UTF-8, between bytes that are not its own. */
function inBytes(regex: Re2, text: string): boolean | undefined {
  const bytes = Buffer.from(`a${text}z`)
  return regex.testBytes(bytes, 1, bytes.length - 1)
}

describe('matches', () => {
  test.each<[pattern: string, text: string, found: (string | undefined)[] | undefined]>([
    ['', 'abc', ['']],
    ['b', 'abc', ['b']],
    ['^b', 'abc', undefined],
    ['a|ab', 'abc', ['a']],
    ['(?:a|ab)c', 'abc', ['abc']],
    ['a+?', 'aaa', ['a']],
    ['(a*)*', 'b', ['', '']],
    ['(?P<key>\\w+)=(?<value>.*)', 'a=b=c', ['a=b=c', 'a', 'b=c']],
    ['(a)|(b)', 'b', ['b', undefined, 'b']],
    ['.', '\n', undefined],
    ['(?s).', '\n', ['\n']],
    ['a$', 'a\n', undefined],
    ['(?m)a$', 'a\nb', ['a']],
    ['\\bb', 'a b', ['b']],
    ['\\Bb', 'a b', undefined],
    ['(?i)straße', 'STRAßE', ['STRAßE']],
    ['(?i)k', '\u212a', ['\u212a']],
    ['^.$', '😀', ['😀']],
    ['[^a]', '😀', ['😀']],
    ['\\p{Greek}+', 'abΩμέγα', ['Ωμέγα']],
    ['\\x{1F600}', '😀', ['😀']],
    ['[[:^digit:]]+', '12ab', ['ab']],
    ['\\Qa.b\\E+', 'xa.bbb', ['a.bbb']],
    ['(?U)a+', 'aaa', ['a']],
    ['x{2,3}', 'xxxx', ['xxx']],
    ['a{,2}', 'a{,2}', ['a{,2}']],
    ['\\d{4}-\\d{4}', 'card 1234-5678.', ['1234-5678']],
  ])('/%s/ in %j', (pattern, text, found) => {
    const regex = new Re2(pattern)
    const match = regex.find(text)
    const parts =
      match &&
      Array.from({ length: match.length / 2 }, (_, i) => (match[2 * i]! < 0 ? undefined : text.slice(match[2 * i], match[2 * i + 1])))
    expect(parts).toEqual(found)
    expect(regex.test(text)).toBe(found !== undefined)
    expect(inBytes(regex, text)).toBe(found !== undefined)
  })

  test.each([
    [0x80],
    [0xff],
    [0xc3],
    [0xc3, 0x28],
    [0xc0, 0x80],
    [0xe0, 0x80, 0x80],
    [0xed, 0xa0, 0x80],
    [0xf0, 0x9f, 0x98],
    [0xf4, 0x90, 0x80, 0x80],
    [0xf8, 0x88, 0x80, 0x80],
  ])('no verdict on bytes that are no UTF-8: %j', (...bytes) => {
    const regex = new Re2('c')
    const all = Uint8Array.of(0x61, ...bytes)
    expect(regex.testBytes(all, 0, all.length)).toBeUndefined()
    // Nor is a character read beyond the end.
    expect(regex.testBytes(Uint8Array.of(...all, 0x80, 0x80, 0x80), 0, 1)).toBe(false)
  })

  test('characters of every size in bytes', () => {
    for (const char of ['\u007f', '\u0080', '\u07ff', '\u0800', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}']) {
      const regex = new Re2(`^\\x{${char.codePointAt(0)!.toString(16)}}$`)
      expect([inBytes(regex, char), inBytes(regex, `${char}${char}`), inBytes(regex, 'é')], JSON.stringify(char)).toEqual([
        true,
        false,
        false,
      ])
    }
  })

  test('names of groups', () => expect(new Re2('(?P<a>x)(y)(?<b>z)').groups).toEqual(['a', undefined, 'b']))

  test.each([
    ['a*', 'baac', '-b-c-'],
    ['.*', 'one\ntwo', '-\n-'],
    ['', 'ab', '-a-b-'],
    ['b', 'abcb', 'a-c-'],
    ['', '😀', '-😀-'],
  ])('replaces /%s/ in %j', (pattern, text, result) => expect(new Re2(pattern).replaceAll(text, () => '-')).toBe(result))
})

describe('refuses', () => {
  const allowed = ', of which 20000 are allowed'
  test.each<[pattern: string, message: string, at: number]>([
    ['a(?=b)', 'looks ahead or behind, which RE2 cannot', 1],
    ['(?<!a)b', 'looks ahead or behind, which RE2 cannot', 0],
    ['(a)\\1', 'refers back to a group, which RE2 cannot', 3],
    ['a**', 'repeats a repetition', 2],
    ['*a', 'has a "*" with nothing to repeat', 0],
    ['(a', 'has a "(" without its ")"', 0],
    ['a)', 'has a ")" without its "("', 1],
    ['[a', 'has a "[" without its "]"', 0],
    ['[b-a]', 'has a range that ends before it begins', 1],
    ['[xb-a]', 'has a range that ends before it begins', 2],
    ['{2}a', 'has a "{" with nothing to repeat', 0],
    ['a|{2,}', 'has a "{" with nothing to repeat', 2],
    ['\\é', 'has an unknown escape "\\\\é"', 0],
    ['\\y', 'has an unknown escape "\\\\y"', 0],
    ['a{1001}', 'has a repetition that is out of order or of more than 1000', 1],
    ['a{3,2}', 'has a repetition that is out of order or of more than 1000', 1],
    ['((a{100}){100}){100}', `is too large: this repetition is written out to too many steps${allowed}`, 15],
    ['x+(a{100}b{100}){1000}c*', `is too large: this repetition is written out to too many steps${allowed}`, 16],
    ['a{9}'.repeat(4_000), `is too large: this repetition is written out to too many steps${allowed}`, 8_889],
    ['(a)'.repeat(10_000), `is too large: it has too many steps${allowed}`, 0],
    ['.a'.repeat(20_000), `is too large: its 40000 characters have too many steps${allowed}`, 0],
    [`\\Q${'a'.repeat(30_000)}`, `is too large: its 30002 characters have too many steps${allowed}`, 0],
    [`[${'ab'.repeat(20_000)}]`, `is too large: its 40002 characters have too many steps${allowed}`, 0],
    ['\\p{Klingon}', 'has a character class that Unicode does not have', 0],
    ['(?z)a', 'has an unknown flag "z"', 0],
    ['a\\', 'ends in a backslash', 1],
  ])('/%s/: %s', (pattern, message, at) => {
    try {
      new Re2(pattern)
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(RegexError)
      const remedy = message.startsWith('is too large')
        ? /^repeat less often .* or make several patterns of it$/
        : /^patterns are those of Go/
      expect(error).toMatchObject({ message, at, remedy: expect.stringMatching(remedy) })
    }
  })
})

/** What a backtracking engine would not finish in the life of the universe. */
test.each(['(a+)+$', '^(a|a)*$', '(a|aa)+$', '(.*a){20}$', '(?:a?){40}a{40}$'])(
  '/%s/ takes no time that grows faster than the text',
  pattern => {
    const regex = new Re2(pattern)
    const text = `${'a'.repeat(2_000)}b`
    expect(regex.test(text)).toBe(false)
    expect(regex.find(text)).toBeUndefined()
  },
)

test('the automaton forgets what it cannot hold, and matches all the same', () => {
  const regex = new Re2('[ab]*a[ab]{14}c')
  let seed = 1
  const text = Array.from({ length: 20_000 }, () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
    return seed & 0x10000 ? 'a' : 'b'
  }).join('')
  expect(regex.test(text)).toBe(false)
  expect(regex.test(`${text}a${'b'.repeat(14)}c`)).toBe(true)
  expect(inBytes(regex, text)).toBe(false)
  expect(inBytes(regex, `${text}a${'b'.repeat(14)}c`)).toBe(true)
})

test('texts of ever new characters cost no memory without end', () => {
  const regex = new Re2('[^\\x00-\\x7f]+\\d[^a]x')
  let most = 0
  for (let char = 0x80; char < 0x11000; char++) {
    if (char >= 0xd800 && char < 0xe000) continue
    const text = String.fromCodePoint(char)
    expect(regex.test(`${text}yx`)).toBe(false)
    if (char % 4096 === 0) expect(regex.test(`${text}1${text}x`)).toBe(true)
    most = Math.max(most, regex.size)
  }
  expect(most).toBe(20_000)
})

/** Drawn by chance, and judged by Go's own regexp package: [pattern, text, offsets of the match and its groups, all matches replaced by <…>]. */
test('as Go does', () => {
  const cases = JSON.parse(readFileSync(new URL('./re2-go.json', import.meta.url), 'utf8')) as [
    string,
    string,
    (number[] | null)?,
    string?,
  ][]
  expect(cases.length).toBeGreaterThan(500)
  for (const [pattern, text, found, replaced] of cases) {
    if (found === undefined) {
      expect(() => new Re2(pattern), pattern).toThrow(RegexError)
      continue
    }
    const regex = new Re2(pattern)
    const match = regex.find(text)
    expect(match ? [...match] : null, `/${pattern}/ in ${JSON.stringify(text)}`).toEqual(found)
    expect(regex.test(text)).toBe(found !== null)
    if (text.isWellFormed()) expect(inBytes(regex, text)).toBe(found !== null)
    expect(
      regex.replaceAll(text, one => `<${one}>`),
      `/${pattern}/ in ${JSON.stringify(text)}`,
    ).toBe(replaced)
  }
})
