import { expect, test } from 'vitest'
import { AttributeScan, PlainAttribute, plainText } from '../../src/otlp/scan.ts'
import { valueType } from '../../src/otlp/value.ts'
import { seeded } from '../kit/context.ts'
import { Writer } from '../kit/otlp.ts'

const value: Readonly<Record<string, (w: Writer) => unknown>> = {
  text: w => w.text(1, 'text'),
  'an empty text': w => w.text(1, ''),
  'a long text': w => w.text(1, 'x'.repeat(128)),
  'a very long text': w => w.text(1, 'x'.repeat(20_000)),
  bool: w => w.varint(2, 1),
  int: w => w.varint(3, 2n ** 63n),
  double: w => w.double(4, 0.5),
  list: w => w.message(5, list => list.message(1, one => one.text(1, 'a'))),
  map: w => w.message(6, map => map.message(1, pair => pair.text(1, 'k'))),
  bytes: w => w.bytes(7, Uint8Array.of(1, 2)),
}
const odd: Readonly<Record<string, (w: Writer) => unknown>> = {
  'no value': w => w.text(1, 'k'),
  'an empty value': w => w.text(1, 'k').message(2, () => {}),
  'no key': w => w.message(2, v => v.text(1, 'v')),
  'the value first': w => w.message(2, v => v.text(1, 'v')).text(1, 'k'),
  'two values': w =>
    w
      .text(1, 'k')
      .message(2, v => v.text(1, 'v'))
      .message(2, v => v.text(1, 'w')),
  'two keys': w =>
    w
      .text(1, 'k')
      .text(1, 'l')
      .message(2, v => v.text(1, 'v')),
  'a value set twice': w => w.text(1, 'k').message(2, v => v.varint(2, 1).text(1, 'v')),
  'two numbers in a value': w => w.text(1, 'k').message(2, v => v.varint(2, 1).varint(2, 1)),
  'an unknown field': w =>
    w
      .text(1, 'k')
      .message(2, v => v.text(1, 'v'))
      .varint(9, 1),
  'an unknown field in the value': w => w.text(1, 'k').message(2, v => v.varint(8, 1)),
  'a key of 128 bytes': w => w.text(1, 'k'.repeat(128)).message(2, v => v.text(1, 'v')),
}
const bytesOf = (fill: (w: Writer) => unknown) => {
  const writer = new Writer()
  fill(writer)
  return writer.finish()
}

test.each(Object.keys(value))('an attribute as everybody writes it: %s', name => {
  const bytes = bytesOf(w => w.text(1, 'key').message(2, value[name]!))
  const plain = new PlainAttribute()
  expect(plain.read(bytes, 0, bytes.length)).toBe(true)
  expect(Buffer.from(bytes.subarray(plain.keyFrom, plain.keyTo)).toString()).toBe('key')
  expect(plain.isText).toBe(name.includes('text'))
})
test.each(Object.keys(odd))('one that wants a closer look: %s', name => {
  const bytes = bytesOf(odd[name]!)
  expect(new PlainAttribute().read(bytes, 0, bytes.length)).toBe(false)
})

test('what is read of one is what a walk over all that it may be finds, whatever the bytes', () => {
  const random = seeded(9)
  const all = [...Object.values(value).map(one => bytesOf(w => w.text(1, 'key').message(2, one))), ...Object.values(odd).map(bytesOf)]
  const plain = new PlainAttribute()
  const walk = new AttributeScan()
  let read = 0
  for (let round = 0; round < 40_000; round++) {
    const before = all[Math.floor(random() * all.length)]!.slice(0, 300)
    for (let i = Math.floor(random() * 3); i > 0; i--)
      before[Math.floor(random() * Math.min(12, before.length))] = Math.floor(random() * (random() < 0.5 ? 24 : 256))
    const field = new Writer()
      .bytes(1, before)
      .raw(Uint8Array.of(0, 0, 0, 0))
      .finish()
    const [start, end] = [field.length - 4 - before.length, field.length - 4]
    if (!plain.read(field, start, end)) continue
    read++
    expect(walk.over(field, 0, end, 1).next()).toBe(true)
    expect([plain.keyFrom, plain.keyTo]).toEqual([walk.keyFrom, walk.keyTo])
    expect(plain.isText).toBe(valueType(field, walk.valueFrom, walk.valueTo) === 'string')
    const text = plainText(field, walk.valueFrom, walk.valueTo)
    if (plain.isText) expect([plain.textFrom, plain.textTo]).toEqual([text, walk.valueTo])
    else expect(text).toBe(-1)
  }
  expect(read).toBeGreaterThan(5000)
})
