import { gunzipSync, gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { Gunzip } from '../../src/component/gunzip.ts'

const plain = Buffer.concat(Array.from({ length: 400 }, (_, i) => Buffer.from(`service-${i % 7} route-${(i * i) % 31} ${i * 0.37}\n`)))
const body = gzipSync(plain)

/** What Node makes of it, which is the law. */
function reference(bytes: Uint8Array): Buffer | undefined {
  try {
    return gunzipSync(bytes)
  } catch {
    return undefined
  }
}

/** Either the same bytes, or no answer at all. */
function neverOther(gunzip: Gunzip, bytes: Uint8Array, size: number): void {
  const found = gunzip.inflate(bytes, size)
  if (found === undefined) return
  const expected = reference(bytes)
  if (expected === undefined || !expected.equals(found)) throw new Error(`${bytes.length} bytes inflated to something else`)
}

test('this Node lets an inflater be kept: without it gzip costs twice', () => {
  expect(new Gunzip().works).toBe(true)
})

test('one body after the other, whatever came before', () => {
  const gunzip = new Gunzip()
  for (const text of ['', 'x', 'thalamus'.repeat(5000), plain.toString()]) {
    const before = gunzip.inflate(Buffer.from('not gzip at all, but long enough'), 100)
    expect(before).toBeUndefined()
    expect(Buffer.from(gunzip.inflate(gzipSync(text), text.length)!).toString()).toBe(text)
  }
})

test('results are not written over by the next body', () => {
  const gunzip = new Gunzip()
  const first = gunzip.inflate(body, plain.length)!
  gunzip.inflate(gzipSync('other'.repeat(4000)), 20_000)
  expect(plain.equals(first)).toBe(true)
})

test('a size that is not so has no answer', () => {
  const gunzip = new Gunzip()
  for (const size of [0, 1, plain.length - 1, plain.length + 1, plain.length * 2]) expect(gunzip.inflate(body, size)).toBeUndefined()
})

test('cut at every byte: no answer', () => {
  const gunzip = new Gunzip()
  for (let end = 0; end < body.length; end++) expect(gunzip.inflate(body.subarray(0, end), plain.length)).toBeUndefined()
})

test('every bit flipped: what Node says, or no answer', () => {
  const gunzip = new Gunzip()
  for (let bit = 0; bit < body.length * 8; bit++) {
    const flipped = Buffer.from(body)
    flipped[bit >> 3]! ^= 1 << (bit & 7)
    neverOther(gunzip, flipped, plain.length)
  }
})

test('several members, and what follows the last', () => {
  const gunzip = new Gunzip()
  const two = Buffer.concat([gzipSync('first '), gzipSync('second')])
  expect(Buffer.from(gunzip.inflate(two, 12)!).toString()).toBe('first second')
  expect(gunzip.inflate(two, 6)).toBeUndefined()
  for (const tail of ['\0', '\0\0\0\0', 'garbage']) neverOther(gunzip, Buffer.concat([body, Buffer.from(tail)]), plain.length)
})
