/** Whatever the bytes: a batch or a MalformedError, the same for the decoder and its twin, and the next good request reads as ever. */
import { describe, expect, test } from 'vitest'
import { MalformedError } from '../../src/model/batch.ts'
import { Raw } from '../../src/model/raw.ts'
import type { Signal } from '../../src/model/signal.ts'
import { signals } from '../../src/model/signal.ts'
import { countRows, halve } from '../../src/otlp/cut.ts'
import { createReader } from '../../src/otlp/reader.ts'
import { createTwin } from '../../src/otlp/twin.ts'
import { Chance, requestOf, type Shape } from '../kit/otlp.ts'
import { shown } from './agree.ts'

const small: Shape = { metrics: 5, points: 1, attributes: 2 }

/** Reads with both; what they say must be the same. */
function both(signal: Signal) {
  const readers = [createReader(), createTwin()] as const
  const good = requestOf[signal](small, 1)
  const expected = shown(createTwin().read(signal, Raw.of(good)))
  const outcome = (i: 0 | 1, bytes: Uint8Array) => {
    try {
      return shown(readers[i].read(signal, Raw.of(bytes)))
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error
      return 'malformed'
    }
  }
  return {
    compare(bytes: Uint8Array): boolean {
      const [here, there] = [outcome(0, bytes), outcome(1, bytes)]
      if (here === 'malformed' || there === 'malformed') {
        if (here !== there) throw new Error(`only one says malformed: ${Buffer.from(bytes).toString('hex')}`)
        return false
      }
      expect(here).toEqual(there)
      return true
    },
    expectGood: () => expect(outcome(0, good)).toEqual(expected),
  }
}

const mutations: readonly ((bytes: Uint8Array, chance: Chance) => Uint8Array)[] = [
  function flip(bytes, chance) {
    bytes[chance.int(bytes.length)]! ^= 1 << chance.int(8)
    return bytes
  },
  function overwrite(bytes, chance) {
    bytes[chance.int(bytes.length)] = chance.pick([0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x12, chance.int(256)])
    return bytes
  },
  function lengthen(bytes, chance) {
    bytes[chance.int(bytes.length)]! += chance.pick([-1, 1, 16])
    return bytes
  },
  function remove(bytes, chance) {
    const at = chance.int(bytes.length)
    return new Uint8Array(Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + chance.int(4))]))
  },
  function insert(bytes, chance) {
    const at = chance.int(bytes.length)
    const more = Uint8Array.from({ length: 1 + chance.int(4) }, () => chance.int(256))
    return new Uint8Array(Buffer.concat([bytes.subarray(0, at), more, bytes.subarray(at)]))
  },
  function splice(bytes, chance) {
    const [from, to] = [chance.int(bytes.length), chance.int(bytes.length)]
    bytes.copyWithin(to, from, from + chance.int(32))
    return bytes
  },
]

describe.each(signals)('%s', signal => {
  test.each([
    ['plain', { ...small, resources: 2 }, 3],
    ['odd', { ...small, odd: true }, 2],
    ['odd, with exemplars and links', { ...small, points: 4, odd: true }, 5],
  ])('cut off at every byte: %s', (_, shape, seed) => {
    const pair = both(signal)
    const bytes = requestOf[signal](shape, seed)
    let whole = 0
    for (let length = 0; length <= bytes.length; length++) whole += Number(pair.compare(bytes.slice(0, length)))
    pair.expectGood()
    // A request may end between two of its own fields, and nowhere else.
    expect(whole).toBeGreaterThan(1)
    expect(whole).toBeLessThan(10)
  })

  test('20,000 mutations', { timeout: 120_000 }, () => {
    const pair = both(signal)
    const chance = new Chance(42)
    let accepted = 0
    let body = new Uint8Array()
    for (let i = 0; i < 20_000; i++) {
      if (i % 50 === 0) body = new Uint8Array(requestOf[signal]({ ...small, odd: i % 100 === 0 }, i))
      let bytes: Uint8Array = body.slice()
      for (let n = 1 + chance.int(3); n > 0 && bytes.length > 0; n--) bytes = chance.pick(mutations)(bytes, chance)
      accepted += Number(pair.compare(bytes))
      if (i % 100 === 0) pair.expectGood()
    }
    pair.expectGood()
    expect(accepted).toBeGreaterThan(2_000)
    expect(accepted).toBeLessThan(18_000)
  })

  test('cutting mutated requests ends in a result or a MalformedError', () => {
    const chance = new Chance(43)
    for (let i = 0; i < 2_000; i++) {
      let bytes: Uint8Array = requestOf[signal](small, i % 20)
      for (let n = 1 + chance.int(3); n > 0; n--) bytes = chance.pick(mutations)(bytes, chance)
      try {
        const halves = halve(signal, bytes)
        if (halves) expect(halves.map(half => countRows(signal, half)).reduce((a, b) => a + b)).toBe(countRows(signal, bytes))
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedError)
      }
    }
  })
})
