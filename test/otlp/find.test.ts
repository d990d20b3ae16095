import { describe, expect, test } from 'vitest'
import { Finder, readTyped, readTypedAttributes, showTyped, type TypedValue, Values } from '../../src/otlp/find.ts'
import { AnyValue, Resource } from '../../src/otlp/schema.ts'
import { encodeField, encodeMessage } from '../../src/otlp/write.ts'
import { seeded } from '../kit/context.ts'
import { Writer } from '../kit/otlp.ts'

const run = (attributes: readonly (readonly [string, unknown])[]) => encodeField(Resource, 'attributes', attributes)
const typedAt = (finder: Finder, bytes: Uint8Array, i: number): TypedValue | undefined =>
  finder.ranges[2 * i + 1] === 0 ? undefined : readTyped(bytes, finder.ranges[2 * i]!, finder.ranges[2 * i + 1]!)

describe('finding attributes', () => {
  test('the keys that there are, whatever their values, and the first of equal ones', () => {
    const long = 'x'.repeat(300)
    const bytes = run([
      ['http.route', '/a'],
      ['http.request.method', 'GET'],
      ['n', 5],
      ['http.route', '/b'],
      [long, true],
      ['long', long],
      ['nothing', null],
    ])
    const finder = new Finder(['n', 'http.route', 'absent', long, 'long', 'nothing', 'n'])
    expect(finder.find(bytes, 0, bytes.length, 1)).toBe(5)
    const values = Array.from({ length: 7 }, (_, i) => typedAt(finder, bytes, i))
    const n = { intValue: 5n }
    expect(values).toEqual([n, { stringValue: '/a' }, undefined, { boolValue: true }, { stringValue: long }, {}, n])
    expect(finder.find(bytes, 0, 0, 1)).toBe(0)
    expect(typedAt(finder, bytes, 0)).toBeUndefined()
  })

  test('the value before the key, without a value, without a key, and other fields between', () => {
    const bytes = new Writer()
      .message(9, pair => pair.message(2, value => value.text(1, 'v')).text(1, 'k'))
      .varint(6, 300)
      .message(9, pair => pair.text(1, 'bare'))
      .fixed64(7, 1)
      .message(9, pair => pair.message(2, value => value.varint(2, 1)))
      .message(9, pair =>
        pair
          .text(1, 'extra')
          .message(2, value => value.varint(3, 7))
          .varint(7, 1),
      )
      .finish()
    const finder = new Finder(['k', 'bare', '', 'extra'])
    expect(finder.find(bytes, 0, bytes.length, 9)).toBe(4)
    expect([0, 1, 2, 3].map(i => typedAt(finder, bytes, i))).toEqual([{ stringValue: 'v' }, {}, { boolValue: true }, { intValue: 7n }])
  })

  test('bytes that are cut or changed at random end the search, and nothing else', () => {
    const whole = run([...'abcdefgh'].map(key => [key, { deep: [key, 1, key.repeat(200)] }]))
    const finder = new Finder(['a', 'h', 'zz'])
    const random = seeded(3)
    for (let round = 0; round < 5000; round++) {
      const bytes = whole.slice(0, Math.floor(random() * whole.length) + 1)
      for (let change = 0; change < 3; change++) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256)
      finder.find(bytes, 0, bytes.length, 1)
      for (const end of finder.ranges) expect(end).toBeLessThanOrEqual(bytes.length)
      readTypedAttributes(bytes, 0, bytes.length, 1)
    }
  })
})

test.each<[TypedValue, string]>([
  [{ stringValue: 'a' }, 'a'],
  [{ boolValue: false }, 'false'],
  [{ intValue: -9_223_372_036_854_775_808n }, '-9223372036854775808'],
  [{ doubleValue: 1 }, '1'],
  [{ bytesValue: Uint8Array.of(0, 1, 255) }, 'AAH/'],
  [{ arrayValue: { values: [{ stringValue: 'a' }, { intValue: 2n }, {}] } }, '["a",2,null]'],
  [
    {
      kvlistValue: {
        values: [
          { key: 'b', value: { boolValue: true } },
          { key: 'a', value: {} },
        ],
      },
    },
    '{"a":null,"b":true}',
  ],
  [{}, ''],
])('%o is read as it was written, and shown as %j', (value, text) => {
  const bytes = encodeMessage(AnyValue, value)
  expect(readTyped(bytes, 0, bytes.length)).toEqual(value)
  expect(showTyped(value)).toBe(text)
})

test('values have numbers by their bytes, and all are forgotten when there are too many', () => {
  const values = new Values(3000, 7)
  const of = (n: number) => {
    const bytes = encodeMessage(AnyValue, { intValue: BigInt(n) })
    return values.of(bytes, 0, bytes.length)
  }
  const ids = Array.from({ length: 3000 }, (_, n) => of(n))
  expect(new Set(ids).size).toBe(3000)
  expect(Array.from({ length: 3000 }, (_, n) => of(n))).toEqual(ids)
  expect(values.value(ids[41]!)).toEqual({ intValue: 41n })
  expect(values.forgotten).toBe(0)
  expect(of(3000)).toBe(1)
  expect(values.forgotten).toBe(1)
  expect(values.value(1)).toEqual({ intValue: 3000n })
})
