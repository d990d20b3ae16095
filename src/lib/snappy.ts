/**
 * Snappy's block format, which Prometheus's remote write and remote read wrap their messages in: a varint with the size of what it becomes,
 * then elements, each a run of literal bytes or a copy of what is there already.
 * https://github.com/google/snappy/blob/main/format_description.txt
 */

/** Not Snappy, cut off, or larger than was allowed. */
export class SnappyError extends Error {
  override readonly name = 'SnappyError'
  /** it says that it becomes more than was allowed */
  readonly tooLarge: boolean
  constructor(message: string, tooLarge = false) {
    super(message)
    this.tooLarge = tooLarge
  }
}

/** @param limit [bytes] that it may become. @throws {SnappyError} */
export function snappyDecode(bytes: Uint8Array, limit: number): Uint8Array {
  const { size, at: start } = sizeOf(bytes)
  if (size > limit) throw new SnappyError(`becomes ${size} bytes, more than the ${limit} that are allowed`, true)
  // A byte of elements makes at most 64/3 of output; a size beyond that is a lie, and costs nothing.
  if (size > (bytes.length - start) * 22 + 22) throw new SnappyError('is cut off')
  const out = Buffer.allocUnsafe(size)
  let to = 0
  let at = start
  while (at < bytes.length) {
    const tag = bytes[at++]!
    if ((tag & 3) === 0) {
      let length = tag >> 2
      if (length >= 60) {
        const extra = length - 59
        length = littleEndian(bytes, at, extra)
        at += extra
      }
      length++
      if (at + length > bytes.length) throw new SnappyError('is cut off')
      if (to + length > size) throw new SnappyError('becomes more than it says')
      if (length <= 16) for (let i = 0; i < length; i++) out[to + i] = bytes[at + i]!
      else out.set(bytes.subarray(at, at + length), to)
      to += length
      at += length
      continue
    }
    let length = (tag >> 2) + 1
    let offset: number
    if ((tag & 3) === 1) {
      length = ((tag >> 2) & 7) + 4
      offset = ((tag >> 5) << 8) | littleEndian(bytes, at, 1)
      at += 1
    } else if ((tag & 3) === 2) {
      offset = littleEndian(bytes, at, 2)
      at += 2
    } else {
      offset = littleEndian(bytes, at, 4)
      at += 4
    }
    if (offset === 0 || offset > to) throw new SnappyError('copies from before its beginning')
    if (to + length > size) throw new SnappyError('becomes more than it says')
    // Byte by byte: what is copied may be what is being written.
    for (let i = 0; i < length; i++, to++) out[to] = out[to - offset]!
  }
  if (to !== size) throw new SnappyError('is cut off')
  return out
}

function sizeOf(bytes: Uint8Array): { size: number; at: number } {
  let size = 0
  for (let at = 0; at < 5; at++) {
    const byte = bytes[at]
    if (byte === undefined) throw new SnappyError('is cut off')
    size += (byte & 0x7f) * 2 ** (7 * at)
    if (byte < 0x80) {
      if (size >= 2 ** 32) break
      return { size, at: at + 1 }
    }
  }
  throw new SnappyError('does not begin with a size')
}

function littleEndian(bytes: Uint8Array, at: number, size: number): number {
  if (at + size > bytes.length) throw new SnappyError('is cut off')
  let value = 0
  for (let i = size - 1; i >= 0; i--) value = value * 256 + bytes[at + i]!
  return value
}

/** [bytes] within which copies are looked for: offsets of two bytes */
const blockBytes = 65_536
const hashBits = 14
const minMatch = 4

/** Compresses as the format's own library does: greedy, by a table of what four bytes were last seen where. */
export function snappyEncode(bytes: Uint8Array): Uint8Array {
  // Literals may take a byte more for every 60, and a size in front.
  const out = Buffer.allocUnsafe(bytes.length + Math.ceil(bytes.length / 60) + 32)
  let to = 0
  let size = bytes.length
  for (; size >= 128; size = Math.floor(size / 128)) out[to++] = (size % 128) | 128
  out[to++] = size
  const table = new Uint16Array(1 << hashBits)
  for (let from = 0; from < bytes.length; from += blockBytes) {
    to = encodeBlock(bytes.subarray(from, Math.min(from + blockBytes, bytes.length)), table.fill(0), out, to)
  }
  return out.subarray(0, to)
}

function encodeBlock(block: Uint8Array, table: Uint16Array, out: Uint8Array, to: number): number {
  const last = block.length - minMatch
  let literal = 0
  let misses = 32
  for (let at = 1; at <= last; ) {
    const word = wordAt(block, at)
    const slot = (Math.imul(word, 0x1e35a7bd) >>> (32 - hashBits)) & ((1 << hashBits) - 1)
    const candidate = table[slot]!
    table[slot] = at
    if (candidate >= at || wordAt(block, candidate) !== word) {
      // The longer nothing was found, the faster it goes on: what does not compress costs little.
      at += misses++ >> 5
      continue
    }
    misses = 32
    to = putLiteral(block, literal, at, out, to)
    let length = minMatch
    while (at + length < block.length && block[candidate + length] === block[at + length]) length++
    to = putCopy(at - candidate, length, out, to)
    at += length
    literal = at
  }
  return putLiteral(block, literal, block.length, out, to)
}

const wordAt = (bytes: Uint8Array, at: number): number =>
  bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)

function putLiteral(block: Uint8Array, from: number, end: number, out: Uint8Array, to: number): number {
  const length = end - from
  if (length === 0) return to
  const less = length - 1
  if (less < 60) out[to++] = less << 2
  else if (less < 256) {
    out[to++] = 60 << 2
    out[to++] = less
  } else {
    out[to++] = 61 << 2
    out[to++] = less & 255
    out[to++] = less >> 8
  }
  out.set(block.subarray(from, end), to)
  return to + length
}

function putCopy(offset: number, length: number, out: Uint8Array, to: number): number {
  let rest = length
  while (rest > 0) {
    // What is left over must not be shorter than a copy may be.
    const now = rest > 64 ? (rest < 68 ? 60 : 64) : rest
    if (now >= 4 && now <= 11 && offset < 2048) {
      out[to++] = 1 | ((now - 4) << 2) | ((offset >> 8) << 5)
      out[to++] = offset & 255
    } else {
      out[to++] = 2 | ((now - 1) << 2)
      out[to++] = offset & 255
      out[to++] = offset >> 8
    }
    rest -= now
  }
  return to
}
