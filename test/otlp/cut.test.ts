import { describe, expect, test } from 'vitest'
import type { AnyBatch } from '../../src/model/batch.ts'
import { Raw } from '../../src/model/raw.ts'
import type { Signal } from '../../src/model/signal.ts'
import { signals } from '../../src/model/signal.ts'
import { countRows, cutRows, halve } from '../../src/otlp/cut.ts'
import { protobufToJson } from '../../src/otlp/json.ts'
import { createReader } from '../../src/otlp/reader.ts'
import { Chance, requestOf, Writer } from '../kit/otlp.ts'
import { rowsBody } from '../kit/rows.ts'

const reader = createReader()
const shape = { odd: true, resources: 3, scopes: 3, metrics: 5, points: 6 }

/** [rows] where each row begins in the request, and its bytes with what names it */
function rowsOf(signal: Signal, bytes: Uint8Array): { from: number; shown: string }[] {
  const batch: AnyBatch = reader.read(signal, Raw.of(bytes))
  const groups =
    batch.signal === 'metrics'
      ? [batch.numbers, batch.histograms, batch.exponentials, batch.summaries]
      : [batch.signal === 'traces' ? batch.spans : batch.records]
  return groups
    .flatMap(group =>
      Array.from(group.from, (from, i) => {
        const name = 'series' in group ? group.series[i] : batch.scopes.id[group.scope[i]!]
        return { from, shown: `${name} ${Buffer.from(bytes.subarray(from, group.to[i]!)).toString('hex')}` }
      }),
    )
    .sort((a, b) => a.from - b.from)
}
const shown = (signal: Signal, bytes: Uint8Array) => rowsOf(signal, bytes).map(row => row.shown)

describe.each(signals)('%s', signal => {
  test('as many rows are counted as are read', () => {
    for (let seed = 0; seed < 50; seed++) {
      const bytes = requestOf[signal](shape, seed)
      expect(countRows(signal, bytes)).toBe(reader.read(signal, Raw.of(bytes)).rows)
    }
  })

  test('the rows of the halves are the rows of the whole, byte for byte and with the same names', () => {
    for (let seed = 0; seed < 50; seed++) {
      const bytes = requestOf[signal](shape, seed)
      const halves = halve(signal, bytes)
      const whole = shown(signal, bytes)
      if (whole.length < 2) {
        expect(halves).toBeUndefined()
        continue
      }
      const [first, second] = halves!.map(half => shown(signal, half))
      expect(Math.abs(first!.length - second!.length)).toBeLessThanOrEqual(1)
      expect([...first!, ...second!], `seed ${seed}`).toEqual(whole)
    }
  })

  test('halving ends with every row alone', () => {
    const alone: string[] = []
    const split = (bytes: Uint8Array): void => {
      const halves = halve(signal, bytes)
      if (halves) halves.forEach(split)
      else alone.push(...shown(signal, bytes))
    }
    const bytes = requestOf[signal](shape, 2)
    split(bytes)
    expect(alone).toEqual(shown(signal, bytes))
    expect(alone.length).toBeGreaterThan(10)
  })

  test('what is cut goes and nothing else', () => {
    const chance = new Chance(5)
    for (let seed = 0; seed < 50; seed++) {
      const bytes = requestOf[signal](shape, seed)
      const rows = rowsOf(signal, bytes)
      const probability = chance.pick([0, 0.1, 0.5, 0.9, 1])
      const goes = rows.map(() => chance.is(probability))
      const dropped = chance.shuffle(rows.filter((_, i) => goes[i]).map(row => row.from))
      const left = cutRows(signal, bytes, dropped)
      expect(shown(signal, left), `seed ${seed}`).toEqual(rows.filter((_, i) => !goes[i]).map(row => row.shown))
    }
  })
})

describe('what encloses rows', () => {
  const spans = (n: number) => (w: Writer) => {
    for (let i = 0; i < n; i++) w.message(2, span => span.text(5, `span ${i}`))
  }
  const resource = (w: Writer, name: string, n: number) =>
    w.message(1, entry =>
      entry
        .message(1, r => r.message(1, kv => kv.text(1, name)))
        .message(2, spans(n))
        .text(99, 'unknown'),
    )

  test('goes with its last row', () => {
    const whole = resource(resource(new Writer(), 'a', 1), 'b', 1).finish()
    expect(halve('traces', whole)).toEqual([resource(new Writer(), 'a', 1).finish(), resource(new Writer(), 'b', 1).finish()])
  })
  test('stays in both halves, with what it has besides rows', () => {
    const whole = resource(new Writer().text(77, 'of the request'), 'a', 2).finish()
    const [first] = halve('traces', whole)!
    expect(first).toEqual(resource(new Writer().text(77, 'of the request'), 'a', 1).finish())
  })
  test('stays where it had no rows before', () => {
    const whole = resource(resource(new Writer(), 'a', 0), 'b', 1).finish()
    expect(
      cutRows(
        'traces',
        whole,
        rowsOf('traces', whole).map(row => row.from),
      ),
    ).toEqual(resource(new Writer(), 'a', 0).finish())
  })
  test('may be long: lengths of lengths shrink', () => {
    const whole = resource(new Writer(), 'a', 2000).finish()
    expect(
      cutRows(
        'traces',
        whole,
        rowsOf('traces', whole)
          .slice(1)
          .map(row => row.from),
      ),
    ).toEqual(resource(new Writer(), 'a', 1).finish())
  })
})

describe.each(signals)('%s, one row after the other', signal => {
  const whole = Buffer.concat([rowsBody(signal, [1, 2, 3]), rowsBody(signal, []), rowsBody(signal, [4]), rowsBody(signal, [5, 6])])

  test('rows are counted', () => expect(countRows(signal, whole)).toBe(6))

  test('halves hold the rows, in order, down to the last one', () => {
    const leaves = (bytes: Uint8Array): Uint8Array[] => halve(signal, bytes)?.flatMap(leaves) ?? [bytes]
    const singles = leaves(whole)
    expect(singles.map(single => countRows(signal, single))).toEqual([1, 1, 1, 1, 1, 1])
    const rowsOf = (bytes: Uint8Array) => JSON.stringify(protobufToJson(signal, bytes)).match(rowPattern)
    expect(singles.flatMap(rowsOf)).toEqual(rowsOf(whole))
    const resources = (bytes: Uint8Array) => JSON.stringify(protobufToJson(signal, bytes)).match(/service\.name/g)
    for (const single of singles) expect(resources(single)?.length).toBeGreaterThan(0)
  })

  test('one row or none cannot be halved', () => {
    expect(halve(signal, rowsBody(signal, [1]))).toBeUndefined()
    expect(halve(signal, rowsBody(signal, []))).toBeUndefined()
    expect(halve(signal, new Uint8Array())).toBeUndefined()
  })

  test('what is between two wholes is untouched', () => {
    const two = Buffer.concat([rowsBody(signal, [1]), rowsBody(signal, [2])])
    expect(halve(signal, two)?.map(half => Buffer.from(half).toString('hex'))).toEqual([
      Buffer.from(rowsBody(signal, [1])).toString('hex'),
      Buffer.from(rowsBody(signal, [2])).toString('hex'),
    ])
  })
})

const rowPattern = /"asDouble":\d+|"spanId":"\w+"|"timeUnixNano":"\d+"/g
