/** Requests that use every field there is, drawn by chance from the schema, in the one JSON shape that comes back from the wire. */
import type { Message, Scalar } from '../../src/otlp/schema.ts'

export type Random = () => number
export const pick = <T>(list: readonly T[], next: Random): T => list[Math.floor(next() * list.length)]!

/** [messages] below this depth values are scalars, so that requests end */
const DEEP = 12

/** A field is there with likelihood `share`; of a oneof always one is. `whole`: every field is there, and no list is empty. */
export function anyRequest(message: Message, next: Random, whole = false, depth = 0): Record<string, unknown> {
  const share = whole ? 1 : 0.6
  const result: Record<string, unknown> = {}
  const chosen = new Map<string, string>()
  for (const { oneof } of message.fields) {
    if (oneof === undefined || chosen.has(oneof)) continue
    const members = message.fields.filter(f => f.oneof === oneof && (depth < DEEP || typeof f.type === 'string'))
    chosen.set(oneof, pick(members, next).name)
  }
  for (const field of message.fields) {
    const { type, name, oneof } = field
    if (oneof === undefined ? next() >= share : chosen.get(oneof) !== name) continue
    const value = () => (typeof type === 'string' ? anyScalar(type, name, next) : anyRequest(type, next, whole, depth + 1))
    if (field.repeated) {
      const list = Array.from({ length: Math.floor(next() * 2.5) + (whole ? 1 : 0) }, value)
      if (list.length > 0) result[name] = list
    } else {
      const given = value()
      if (field.presence || typeof type !== 'string' || !isDefault(given)) result[name] = given
    }
  }
  return result
}

const isDefault = (value: unknown) => value === '' || value === 0 || value === '0' || value === false

const i64 = ['0', '1', '-1', '9007199254740993', '-9223372036854775808', '9223372036854775807']
const u64 = ['0', '1', '127', '128', '300', '9007199254740993', '1544712660300000001', '18446744073709551615']
const u32 = [0, 1, 257, 4294967295]
const i32 = [0, 1, -1, 2, 2147483647, -2147483648]
const values: Readonly<Record<Scalar, readonly unknown[]>> = {
  string: ['', 'a', 'größer als ein Byte', '温度', '😀', 'x'.repeat(40), 'y'.repeat(300)],
  bytes: ['', 'AA==', 'AQID', '/+8='],
  id: ['', 'aabbccddeeff0011'],
  bool: [true, false],
  double: [0, '-0', 1.5, -1e300, 5e-324, 2 ** 60, 'NaN', 'Infinity', '-Infinity'],
  int64: i64,
  sfixed64: i64,
  fixed64: u64,
  uint64: u64,
  uint32: u32,
  fixed32: u32,
  enum: i32,
  int32: i32,
  sint32: i32,
}

function anyScalar(type: Scalar, name: string, next: Random): unknown {
  const value = pick(values[type], next)
  return name === 'traceId' && value !== '' ? `deadbeef00112233${String(value)}` : value
}
