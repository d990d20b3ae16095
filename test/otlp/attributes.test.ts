import { describe, expect, test } from 'vitest'
import { readAttributes, readValue } from '../../src/otlp/attributes.ts'
import { Writer } from '../kit/otlp.ts'

const value = (fill: (any: Writer) => unknown) => {
  const any = new Writer()
  fill(any)
  return any.finish()
}
const read = (bytes: Uint8Array) => readValue(bytes, 0, bytes.length)

describe('a value', () => {
  test.each([
    ['text', value(any => any.text(1, 'größe')), 'größe'],
    ['empty text', value(any => any.text(1, '')), ''],
    ['text that is not UTF-8', value(any => any.bytes(1, Uint8Array.of(0x61, 0xff, 0x62))), 'a\ufffdb'],
    ['text with a byte order mark', value(any => any.text(1, '\ufeffa')), '\ufeffa'],
    ['true', value(any => any.varint(2, 1)), true],
    ['false', value(any => any.varint(2, 0)), false],
    ['an integer', value(any => any.varint(3, -5n)), -5],
    ['an integer that no double can hold', value(any => any.varint(3, 2n ** 53n + 1n)), 2n ** 53n + 1n],
    ['the smallest integer', value(any => any.varint(3, -(2n ** 63n))), -(2n ** 63n)],
    ['a double', value(any => any.double(4, 0.1)), 0.1],
    ['minus zero', value(any => any.double(4, -0)), -0],
    ['bytes', value(any => any.bytes(7, Uint8Array.of(0, 255))), Uint8Array.of(0, 255)],
    [
      'a list',
      value(any =>
        any.message(5, list =>
          list
            .message(1, x => x.varint(3, 1))
            .message(1, x => x.text(1, 'b'))
            .message(1, () => {}),
        ),
      ),
      [1, 'b', null],
    ],
    ['a map', value(any => any.message(6, map => map.message(1, kv => kv.text(1, 'k').message(2, x => x.double(4, 2))))), { k: 2 }],
    [
      'a map with a name of the prototype',
      value(any => any.message(6, map => map.message(1, kv => kv.text(1, '__proto__')))),
      JSON.parse('{"__proto__":null}'),
    ],
    ['nothing', new Uint8Array(), null],
    ['the last of two', value(any => any.text(1, 'a').varint(3, 7)), 7],
    ['what comes with something unknown', value(any => any.text(99, 'x').text(1, 'a').fixed32(98, 1)), 'a'],
    ['what is truncated', Uint8Array.of(0x0a, 5, 0x61), null],
  ])('%s', (_, bytes, expected) => expect(read(bytes)).toStrictEqual(expected))

  test('nested without end becomes null somewhere, not an overflow', () => {
    let bytes = value(any => any.text(1, 'inside'))
    for (let depth = 0; depth < 3000; depth++) bytes = value(any => any.message(5, list => list.bytes(1, bytes)))
    expect(JSON.stringify(read(bytes))).toMatch(/^\[+null\]+$/)
  })
})

describe('attributes', () => {
  test('are the same, read in the short way or not', () => {
    const texts = ['', 'a', 'größe', 'x'.repeat(127), 'x'.repeat(128), '\ufeffa', 'b\u0000']
    for (const key of texts) {
      for (const text of texts) {
        const plain = new Writer().message(7, kv => kv.text(1, key).message(2, any => any.text(1, text))).finish()
        const other = new Writer().message(7, kv => kv.message(2, any => any.text(1, text)).text(1, key)).finish()
        expect(readAttributes(plain, 0, plain.length, 7)).toEqual([[key, text]])
        expect(readAttributes(other, 0, other.length, 7)).toEqual([[key, text]])
        for (let to = 0; to < plain.length; to++) expect(readAttributes(plain, 0, to, 7)).toEqual([])
      }
    }
  })
  const attribute = (w: Writer, key: string, text: string) => w.message(7, kv => kv.text(1, key).message(2, any => any.text(1, text)))

  test('are sorted, each key once, the last one wins', () => {
    const w = new Writer()
    for (const [key, text] of ['b1', 'a2', 'b3', 'c4']) attribute(w, key!, text!)
    const bytes = w.finish()
    expect(readAttributes(bytes, 0, bytes.length, 7)).toEqual([
      ['a', '2'],
      ['b', '3'],
      ['c', '4'],
    ])
  })
  test('are found among other fields, and only within the range', () => {
    const bytes = attribute(attribute(new Writer(), 'a', '1').fixed64(3, 5n).text(8, 'no'), 'b', '2').finish()
    const whole = attribute(new Writer(), 'c', '3')
      .raw(bytes)
      .raw(attribute(new Writer(), 'd', '4').finish())
      .finish()
    const from = attribute(new Writer(), 'c', '3').finish().length
    expect(readAttributes(whole, from, from + bytes.length, 7).map(([key]) => key)).toEqual(['a', 'b'])
  })
  test('keep their key where the value is missing or broken', () => {
    const bytes = new Writer()
      .message(7, kv => kv.text(1, 'a'))
      .message(7, kv => kv.text(1, 'b').bytes(2, Uint8Array.of(0x0a, 9)))
      .finish()
    expect(readAttributes(bytes, 0, bytes.length, 7)).toEqual([
      ['a', null],
      ['b', null],
    ])
  })
})
