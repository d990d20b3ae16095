import { expect, test } from 'vitest'
import { ByteVerdicts } from '../../src/lib/byte-verdicts.ts'
import { seeded } from '../kit/context.ts'

function ask(seen: ByteVerdicts, bytes: DataView, from: number, to: number, decide: () => number): number {
  const known = seen.find(bytes, from, to)
  if (known !== 0) return known
  const verdict = decide()
  seen.remember(bytes, from, to, verdict)
  return verdict
}
const bytesOf = (text: string) => new DataView(new TextEncoder().encode(text).buffer)

test('the same bytes are judged once, wherever they lie', () => {
  const seen = new ByteVerdicts(100)
  let judged = 0
  const of = (text: string, from: number, to: number) => ask(seen, bytesOf(text), from, to, () => ++judged)
  expect([of('abc', 0, 3), of('xxabcxx', 2, 5), of('abc', 0, 2), of('', 0, 0), of('q', 1, 1)]).toEqual([1, 1, 2, 3, 3])
  expect(seen.size).toBe(3)
})

test('when it is full it begins anew, and never answers for other bytes', () => {
  const seen = new ByteVerdicts(64)
  const random = seeded(3)
  for (let i = 0; i < 20_000; i++) {
    const text = `key ${Math.floor(random() * 300)} ${'x'.repeat(Math.floor(random() * 3) * 40)}`
    const verdict = (text.length * 7 + Number(/\d+/.exec(text)![0])) & 255 || 1
    expect(ask(seen, bytesOf(text), 0, text.length, () => verdict)).toBe(verdict)
    expect(seen.size).toBeLessThanOrEqual(64)
  }
  expect(seen.resets).toBeGreaterThan(10)
})

test('a capacity of 0 remembers nothing; long bytes are judged each time', () => {
  let judged = 0
  const none = new ByteVerdicts(0)
  const some = new ByteVerdicts(10)
  const long = new DataView(new ArrayBuffer(1025))
  for (let i = 0; i < 3; i++) {
    ask(none, bytesOf('a'), 0, 1, () => ++judged)
    ask(some, long, 0, long.byteLength, () => ++judged)
  }
  expect(judged).toBe(6)
  expect(some.size).toBe(0)
})
