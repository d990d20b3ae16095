import { describe, expect, test } from 'vitest'
import { Raw } from '../../src/model/raw.ts'

/** Large enough to be worth freeing. */
const piece = (byte: number, size = 4096) => new Uint8Array(size).fill(byte)
const isFreed = (bytes: Uint8Array) => (bytes.buffer as ArrayBuffer).detached

describe('whose bytes they are', () => {
  test('what nobody owns is never freed', () => {
    const bytes = piece(1)
    const raw = Raw.of(bytes)
    raw.release()
    raw.release()
    expect([isFreed(bytes), raw.bytes()]).toEqual([false, bytes])
  })

  test.each([
    ['one holder', 0, 1, true],
    ['three holders, of whom one never lets go', 2, 2, false],
    ['three holders', 2, 3, true],
    ['more than there are', 0, 2, true],
  ])('%s', (_, retained, released, freed) => {
    const pieces = [piece(1), piece(2)]
    const raw = Raw.owning(pieces)
    if (retained > 0) raw.retain(retained)
    for (let i = 0; i < released; i++) raw.release()
    expect(pieces.map(isFreed)).toEqual([freed, freed])
    expect(raw.size).toBe(8192)
    if (freed) expect(() => raw.bytes()).toThrow('the bytes of this batch were freed by its last holder')
    else expect(Buffer.concat([piece(1), piece(2)]).equals(raw.bytes())).toBe(true)
  })

  test('what was joined of many pieces goes with them, and not before', () => {
    const pieces = [piece(1), piece(2)]
    const raw = Raw.owning(pieces)
    const whole = raw.bytes()
    expect([...pieces, whole].map(isFreed)).toEqual([false, false, false])
    raw.release()
    expect([...pieces, whole].map(isFreed)).toEqual([true, true, true])
  })

  test('joined requests hold those that they are made of', () => {
    const [a, b] = [piece(1), piece(2)]
    const [first, second] = [Raw.owning([a]), Raw.owning([b])]
    first.retain()
    const both = Raw.joined([first, second])
    expect(Buffer.concat([a, b]).equals(both.bytes())).toBe(true)
    both.release()
    expect([isFreed(a), isFreed(b)]).toEqual([false, true])
    first.release()
    expect(isFreed(a)).toBe(true)
  })

  test('a copy goes by itself, and nobody else has a part of its buffer', () => {
    const pieces = [piece(1, 10), piece(2, 2000)]
    const raw = Raw.copied(pieces)
    const copy = raw.bytes()
    expect(Buffer.concat(pieces).equals(copy)).toBe(true)
    expect(copy.buffer.byteLength).toBe(2010)
    raw.release()
    expect([copy, ...pieces].map(isFreed)).toEqual([true, false, false])
  })

  test('small buffers are left to the collector, and are still gone for who asks', () => {
    const bytes = piece(1, 100)
    const raw = Raw.owning([bytes])
    raw.release()
    expect(isFreed(bytes)).toBe(false)
    expect(() => raw.chunks).toThrow('freed')
  })
})
