/** The smallest bodies that tell rows apart: each row carries a number, and the numbers can be read back from any batch. */
import type { AnyBatch } from '../../src/model/batch.ts'
import type { Signal } from '../../src/model/signal.ts'

/** One protobuf field: tag, length, content. */
function field(number: number, ...content: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat(content)
  return Buffer.concat([varint((number << 3) | 2), varint(body.length), body])
}
function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  while (rest > 127) {
    bytes.push((rest & 127) | 128)
    rest = Math.floor(rest / 128)
  }
  return Uint8Array.from([...bytes, rest])
}
function fixed64(number: number, value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(value)
  return Buffer.concat([varint((number << 3) | 1), bytes])
}
function double(number: number, value: number): Uint8Array {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value)
  return Buffer.concat([varint((number << 3) | 1), bytes])
}
function bigEndian(id: number, length: number): Uint8Array {
  const bytes = Buffer.alloc(length)
  bytes.writeUInt32BE(id, length - 4)
  return bytes
}
const text = (value: string) => Buffer.from(value)

const TIME = 1_700_000_000_000_000_000n

const rowOf: Readonly<Record<Signal, (id: number) => Uint8Array>> = {
  metrics: id => field(1, fixed64(3, TIME), double(4, id)),
  traces: id =>
    field(2, field(1, bigEndian(id, 16)), field(2, bigEndian(id, 8)), field(5, text('work')), fixed64(7, TIME), fixed64(8, TIME)),
  logs: id => field(2, fixed64(1, BigInt(id) * 1_000_000n)),
}

/** A request with one row for each id: a gauge's value, a span id, a log record's time in ms. Ids are from 1 to 2^31. */
export function rowsBody(signal: Signal, ids: readonly number[]): Uint8Array {
  const rows = ids.map(rowOf[signal])
  const inner = signal === 'metrics' ? [field(2, field(1, text('rows')), field(5, ...rows))] : rows
  const resource = field(1, field(1, field(1, text('service.name')), field(2, field(1, text('kit')))))
  return field(1, resource, field(2, ...inner))
}

/** The ids in a batch, in order. */
export function rowIds(batch: AnyBatch): number[] {
  switch (batch.signal) {
    case 'metrics':
      return [...batch.numbers.value]
    case 'traces':
      return Array.from({ length: batch.rows }, (_, i) => Buffer.from(batch.spans.ids).readUInt32BE(i * 32 + 20))
    case 'logs':
      return [...batch.records.time]
  }
}
