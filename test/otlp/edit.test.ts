import { describe, expect, test } from 'vitest'
import { type AnyBatch, MalformedError } from '../../src/model/batch.ts'
import { Raw } from '../../src/model/raw.ts'
import { type Signal, signals } from '../../src/model/signal.ts'
import { cutRows } from '../../src/otlp/cut.ts'
import { AttributeList, bytesField, type Change, GONE, holderAt, rewrite } from '../../src/otlp/edit.ts'
import { eachOfSpan, resourceHolder, rowGroups, rowHolder, scopeHolder } from '../../src/otlp/holders.ts'
import { protobufToJson } from '../../src/otlp/json.ts'
import { createReader } from '../../src/otlp/reader.ts'
import { Scan } from '../../src/otlp/scan.ts'
import { encodeValue } from '../../src/otlp/value.ts'
import { BYTES } from '../../src/otlp/wire.ts'
import { Chance, requestOf, Writer } from '../kit/otlp.ts'

const reader = createReader()
const shape = { odd: true, resources: 3, scopes: 2, metrics: 4, points: 4, attributes: 3 }
const read = (signal: Signal, bytes: Uint8Array) => reader.read(signal, Raw.of(bytes))
const json = (signal: Signal, bytes: Uint8Array) => JSON.stringify(protobufToJson(signal, bytes))

/** Every message that has attributes. */
function lists(batch: AnyBatch): AttributeList[] {
  const bytes = batch.raw.bytes()
  const found: AttributeList[] = []
  for (let i = 0; i < batch.resources.length; i++) found.push(new AttributeList(resourceHolder(batch, i)))
  for (let i = 0; i < batch.scopes.length; i++) found.push(new AttributeList(scopeHolder(batch, i)))
  for (const group of rowGroups(batch)) {
    for (let i = 0; i < group.rows.length; i++) {
      found.push(new AttributeList(rowHolder(batch, group, i)))
      if (batch.signal !== 'traces') continue
      eachOfSpan(bytes, group.rows.from[i]!, group.rows.to[i]!, 'event', (from, to) =>
        found.push(new AttributeList(holderAt(bytes, from, to, 3))),
      )
      eachOfSpan(bytes, group.rows.from[i]!, group.rows.to[i]!, 'link', (from, to) =>
        found.push(new AttributeList(holderAt(bytes, from, to, 4))),
      )
    }
  }
  return found
}

function edit(signal: Signal, bytes: Uint8Array, each: (list: AttributeList) => void): Uint8Array {
  const changes: Change[] = []
  for (const list of lists(read(signal, bytes))) {
    each(list)
    list.changes(changes)
  }
  return rewrite(signal, bytes, changes)
}

/** Leaves of the request's tree, to be replaced by themselves. */
function someFields(bytes: Uint8Array, chance: Chance): Change[] {
  const changes: Change[] = []
  const walk = (from: number, to: number, depth: number) => {
    for (const at = new Scan().over(bytes, from, to); at.next(); ) {
      if (chance.is(0.3)) changes.push({ from: at.from, to: at.end, bytes: bytes.slice(at.from, at.end) })
      else if (depth < 3 && at.wire === BYTES && (at.number === 1 || at.number === 2)) walk(at.start, at.end, depth + 1)
    }
  }
  walk(0, bytes.length, 0)
  return changes
}

describe.each(signals)('%s', signal => {
  test('fields that become themselves leave the bytes as they came, but for lengths written longer than they need be', () => {
    const chance = new Chance(7)
    let replaced = 0
    for (let seed = 0; seed < 60; seed++) {
      const bytes = requestOf[signal]({ ...shape, odd: seed % 2 === 0 }, seed)
      const changes = chance.shuffle(someFields(bytes, chance))
      replaced += changes.length
      const result = rewrite(signal, bytes, changes)
      if (seed % 2 === 1) expect(Buffer.compare(result, bytes), `seed ${seed}`).toBe(0)
      else expect(json(signal, result)).toBe(json(signal, bytes))
    }
    expect(replaced).toBeGreaterThan(200)
  })

  test('nothing to change is the same object, and attributes set to what they are make no change', () => {
    const bytes = requestOf[signal](shape, 3)
    const same = edit(signal, bytes, list => {
      for (const key of list.keys()) list.put(key, list.get(key)!.slice())
    })
    expect(same).toBe(bytes)
  })

  test('an attribute is added to every message that can have one, and goes again', () => {
    for (let seed = 0; seed < 40; seed++) {
      const bytes = requestOf[signal](shape, seed)
      const before = lists(read(signal, bytes))
      const added = edit(signal, bytes, list => void list.put('an.added.key', encodeValue('value')))
      const after = lists(read(signal, added))
      expect(after.length).toBe(before.length)
      for (const [i, list] of after.entries()) {
        expect([...list.keys()], `seed ${seed}`).toEqual([...before[i]!.keys(), 'an.added.key'])
        expect(list.get('an.added.key')).toEqual(encodeValue('value'))
      }
      const removed = edit(signal, added, list => void list.remove('an.added.key'))
      // What had no resource has an empty one now: as in the Collector, they mean the same.
      expect(json(signal, removed).replaceAll(/"(resource|scope)":\{\},?/g, '')).toBe(
        json(signal, bytes).replaceAll(/"(resource|scope)":\{\},?/g, ''),
      )
    }
  })

  test('edits compose: two, one after the other, are the same as both at once', () => {
    const first = (list: AttributeList) => list.put('attribute.0', encodeValue(1))
    const second = (list: AttributeList) => list.put('new', encodeValue('x')) && list.remove('attribute.1')
    for (let seed = 0; seed < 40; seed++) {
      const bytes = requestOf[signal](shape, seed)
      const apart = edit(
        signal,
        edit(signal, bytes, list => void first(list)),
        list => void second(list),
      )
      const together = edit(signal, bytes, list => {
        first(list)
        second(list)
      })
      expect(json(signal, apart), `seed ${seed}`).toBe(json(signal, together))
    }
  })

  test('rows that go, go as when they are cut', () => {
    const chance = new Chance(9)
    for (let seed = 0; seed < 50; seed++) {
      const bytes = requestOf[signal](shape, seed)
      const probability = chance.pick([0.1, 0.5, 1])
      const rows = rowGroups(read(signal, bytes))
        .flatMap(({ rows }) => Array.from(rows.from, (from, i) => ({ from, to: rows.to[i]!, bytes: GONE })))
        .filter(() => chance.is(probability))
      const cut = cutRows(
        signal,
        bytes,
        rows.map(({ from }) => from),
      )
      expect(Buffer.compare(rewrite(signal, bytes, rows), cut), `seed ${seed}`).toBe(0)
    }
  })

  test('mutated requests that are read can be edited, and are read again with as many rows', () => {
    const chance = new Chance(44)
    let edited = 0
    for (let i = 0; i < 3_000; i++) {
      const bytes = requestOf[signal]({ metrics: 3, points: 1, attributes: 2, odd: i % 2 === 0 }, i % 30).slice()
      for (let n = 1 + chance.int(3); n > 0 && bytes.length > 0; n--) bytes[chance.int(bytes.length)]! ^= 1 << chance.int(8)
      const whole = chance.is(0.3) ? bytes.slice(0, chance.int(bytes.length)) : bytes
      let rows: number
      try {
        rows = read(signal, whole).rows
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedError)
        continue
      }
      const result = edit(signal, whole, list => {
        list.put('k', encodeValue([1, 'two', { three: 3 }]))
        list.remove('attribute.1')
      })
      expect(read(signal, result).rows).toBe(rows)
      edited++
    }
    expect(edited).toBeGreaterThan(300)
  })
})

describe('attributes', () => {
  const kv = (w: Writer, field: number, key: string, value: string) =>
    w.message(field, a => a.text(1, key).message(2, v => v.text(1, value)))
  const span = (fill: (w: Writer) => unknown) => new Writer().message(1, r => r.message(2, s => s.message(2, fill))).finish()
  const changed = (bytes: Uint8Array, each: (list: AttributeList) => void) =>
    edit('traces', bytes, list => {
      if ([...list.keys()].length > 0) each(list)
    })

  test('unknown fields of the attribute, and around it, survive', () => {
    const before = span(s =>
      s
        .text(5, 'n')
        .message(9, a =>
          a
            .text(1, 'k')
            .varint(77, 5)
            .message(2, v => v.text(1, 'old')),
        )
        .text(99, 'unknown'),
    )
    const after = span(s =>
      s
        .text(5, 'n')
        .message(9, a =>
          a
            .text(1, 'k')
            .varint(77, 5)
            .message(2, v => v.text(1, 'new')),
        )
        .text(99, 'unknown'),
    )
    expect(changed(before, list => void list.put('k', encodeValue('new')))).toEqual(after)
  })
  test('of equal keys the first is changed, and removed', () => {
    const before = span(s => kv(kv(s, 9, 'k', '1'), 9, 'k', '2'))
    expect(changed(before, list => void list.put('k', encodeValue('x')))).toEqual(span(s => kv(kv(s, 9, 'k', 'x'), 9, 'k', '2')))
    expect(changed(before, list => void list.remove('k'))).toEqual(span(s => kv(s, 9, 'k', '2')))
  })
  test('new ones come behind the last, not at the end of the message', () => {
    const before = span(s => kv(s, 9, 'k', '1').text(5, 'name'))
    expect(changed(before, list => void list.put('l', encodeValue('2')))).toEqual(
      span(s => kv(kv(s, 9, 'k', '1'), 9, 'l', '2').text(5, 'name')),
    )
  })
  test('of a value in two pieces both count, and one is left', () => {
    const before = span(s =>
      s.message(9, a =>
        a
          .text(1, 'k')
          .message(2, v => v.text(1, 'a'))
          .message(2, v => v.text(1, 'b')),
      ),
    )
    expect(changed(before, list => void list.put('k', encodeValue('c')))).toEqual(span(s => kv(s, 9, 'k', 'c')))
  })
  test('a request without resources gets none; an empty resource entry gets one with a resource', () => {
    expect(edit('traces', new Uint8Array(), list => void list.put('k', encodeValue('v')))).toEqual(new Uint8Array())
    const empty = new Writer().bytes(1, new Uint8Array()).finish()
    const filled = new Writer().message(1, entry => entry.message(1, r => kv(r, 1, 'k', 'v'))).finish()
    expect(edit('traces', empty, list => void list.put('k', encodeValue('v')))).toEqual(filled)
  })
  test('several changes at one place: what is inserted comes before what is there', () => {
    const bytes = span(s => s.text(5, 'n'))
    const { from, to } = read('traces', bytes).raw.bytes() && { from: read('traces', bytes).scopes.from[0]!, to: 0 }
    expect(to).toBe(0)
    const inserted = rewrite('traces', bytes, [{ from, to: from, bytes: bytesField(1) }])
    expect(inserted).toEqual(
      new Writer().message(1, r => r.bytes(1, new Uint8Array()).message(2, s => s.message(2, x => x.text(5, 'n')))).finish(),
    )
  })
})
