import { describe, expect, test } from 'vitest'
import { SnappyError, snappyDecode, snappyEncode } from '../../src/lib/snappy.ts'
import { seeded } from '../kit/context.ts'

const bytes = (...parts: (string | number[])[]): Uint8Array =>
  Buffer.concat(parts.map(part => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))))

describe('elements', () => {
  test.each<[string, Uint8Array, string]>([
    ['nothing', bytes([0]), ''],
    ['a literal', bytes([5, 4 << 2], 'hello'), 'hello'],
    ['a literal whose length takes a byte', bytes([70, 60 << 2, 69], 'x'.repeat(70)), 'x'.repeat(70)],
    ['a literal whose length takes two', bytes([172, 2, 61 << 2, 43, 1], 'y'.repeat(300)), 'y'.repeat(300)],
    ['a literal whose length takes four', bytes([2, 63 << 2, 1, 0, 0, 0], 'ab'), 'ab'],
    ['a copy with an offset of 11 bits', bytes([8, 3 << 2], 'abcd', [1, 4]), 'abcdabcd'],
    ['a copy with an offset of two bytes', bytes([6, 2 << 2], 'abc', [2 | (2 << 2), 3, 0]), 'abcabc'],
    ['a copy with an offset of four bytes', bytes([6, 2 << 2], 'abc', [3 | (2 << 2), 3, 0, 0, 0]), 'abcabc'],
    ['a copy of what it writes itself', bytes([9, 0], 'a', [1 | (4 << 2), 1]), 'aaaaaaaaa'],
  ])('%s', (_, encoded, decoded) => expect(Buffer.from(snappyDecode(encoded, 1000)).toString()).toBe(decoded))
})

describe('what is wrong', () => {
  test.each<[string, Uint8Array, string]>([
    ['nothing at all', bytes([]), 'is cut off'],
    ['a size that does not end', bytes([0x80, 0x80, 0x80, 0x80, 0x80, 1]), 'does not begin with a size'],
    ['a size of more than 32 bits', bytes([0xff, 0xff, 0xff, 0xff, 0x7f]), 'does not begin with a size'],
    ['a size beyond the limit', bytes([0xe9, 0x07]), 'becomes 1001 bytes, more than the 1000 that are allowed'],
    ['a size that so few bytes cannot become', bytes([100, 0]), 'is cut off'],
    ['a literal that is cut off', bytes([5, 4 << 2], 'hell'), 'is cut off'],
    ['a literal without its length', bytes([5, 61 << 2, 4]), 'is cut off'],
    ['a copy without its offset', bytes([5, 0], 'a', [2 | (3 << 2), 1]), 'is cut off'],
    ['less than it says', bytes([6, 4 << 2], 'hello'), 'is cut off'],
    ['a literal of more than it says', bytes([4, 4 << 2], 'hello'), 'becomes more than it says'],
    ['a copy of more than it says', bytes([4, 0], 'a', [1 | (4 << 2), 1]), 'becomes more than it says'],
    ['a copy from before the beginning', bytes([5, 0], 'a', [1, 2]), 'copies from before its beginning'],
    ['a copy from where it is', bytes([5, 0], 'a', [1, 0]), 'copies from before its beginning'],
  ])('%s', (_, encoded, problem) => expect(() => snappyDecode(encoded, 1000)).toThrow(problem))

  test('whatever comes, it is told or becomes as much as it says', () => {
    const random = seeded(7)
    const good = snappyEncode(Buffer.from('the quick brown fox the quick brown dog '.repeat(20)))
    for (let round = 0; round < 3000; round++) {
      const bad = Uint8Array.from(good)
      for (let i = 0; i < 3; i++) bad[Math.floor(random() * bad.length)] = Math.floor(random() * 256)
      const cut = bad.subarray(0, Math.floor(random() * (bad.length + 1)))
      try {
        expect(snappyDecode(cut, 10_000).length).toBeLessThanOrEqual(10_000)
      } catch (error) {
        expect(error).toBeInstanceOf(SnappyError)
      }
    }
  })
})

describe('there and back', () => {
  const random = seeded(11)
  const noise = Buffer.from(Array.from({ length: 200_000 }, () => Math.floor(random() * 256)))
  const words = Buffer.from(
    Array.from({ length: 40_000 }, () => ['job', 'instance', '__name__', 'a', 'zz9'][Math.floor(random() * 5)]!).join(''),
  )
  test.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array()],
    ['a byte', Uint8Array.of(7)],
    ['three bytes', Uint8Array.of(7, 7, 7)],
    ['one byte again and again', Buffer.alloc(300_000, 'a')],
    ['noise', noise],
    ['words, over several blocks', words],
    ...Array.from(
      { length: 40 },
      (_, i) => [`${60 + i} bytes`, Buffer.from('abcdefg'.repeat(20).slice(0, 60 + i))] as [string, Uint8Array],
    ),
  ])('%s', (_, plain) => {
    const encoded = snappyEncode(plain)
    expect(Buffer.compare(snappyDecode(encoded, plain.length), plain)).toBe(0)
    expect(encoded.length).toBeLessThanOrEqual(plain.length + plain.length / 60 + 32)
  })
  test('what repeats becomes small', () => {
    expect(snappyEncode(Buffer.alloc(300_000, 'a')).length).toBeLessThan(15_000)
    expect(snappyEncode(words).length).toBeLessThan(words.length * 0.7)
  })
})
