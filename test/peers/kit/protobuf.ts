/** Just enough of the protobuf wire format to write request bodies by hand; independent of the product's own writer. */
export type Field = readonly [
  id: number,
  kind: 'varint' | 'fixed64' | 'double' | 'bytes' | 'message',
  value: bigint | number | string | Uint8Array | readonly Field[],
]

export function protobuf(fields: readonly Field[]): Buffer {
  return Buffer.concat(fields.map(one))
}

function one([id, kind, value]: Field): Buffer {
  switch (kind) {
    case 'varint':
      return Buffer.concat([varint((BigInt(id) << 3n) | 0n), varint(BigInt(value as bigint))])
    case 'fixed64':
      return Buffer.concat([varint((BigInt(id) << 3n) | 1n), eight(b => b.writeBigUInt64LE(BigInt(value as bigint)))])
    case 'double':
      return Buffer.concat([varint((BigInt(id) << 3n) | 1n), eight(b => b.writeDoubleLE(value as number))])
    case 'bytes':
      return delimited(id, typeof value === 'string' ? Buffer.from(value) : Buffer.from(value as Uint8Array))
    case 'message':
      return delimited(id, protobuf(value as readonly Field[]))
  }
}

const delimited = (id: number, content: Buffer) => Buffer.concat([varint((BigInt(id) << 3n) | 2n), varint(BigInt(content.length)), content])

function eight(write: (buffer: Buffer) => void): Buffer {
  const buffer = Buffer.alloc(8)
  write(buffer)
  return buffer
}

function varint(value: bigint): Buffer {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, value)
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
  bytes.push(Number(rest))
  return Buffer.from(bytes)
}
