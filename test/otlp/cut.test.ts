import { describe, expect, test } from 'vitest'
import { signals } from '../../src/model/signal.ts'
import { countRows, halve } from '../../src/otlp/cut.ts'
import { protobufToJson } from '../../src/otlp/json.ts'
import { rowsBody } from '../kit/rows.ts'

describe.each(signals)('%s', signal => {
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
