// Reads a chunk of numbers into columns: what ../chunk.ts does in TypeScript, several times as fast. The caller lays out the memory.

const SCALED: u32 = 0
const XOR: u32 = 1
const KIND: u32 = 3
const STALE: u32 = 4
const HISTOGRAMS: u32 = 8
const STARTS: u32 = 16
const AGGREGATES: u32 = 32
const STALE_BITS: u64 = 0x7ff0000000000002
const MAX_INT: i64 = 1 << 50
const BLOCK: i32 = 32

let at: usize = 0

@inline function u8read(): u32 {
  return load<u8>(at++)
}

function varint(): u64 {
  let value: u64 = 0
  let shift: u64 = 0
  let byte: u32
  do {
    byte = u8read()
    value |= ((byte & 0x7f) as u64) << shift
    shift += 7
  } while (byte >= 128 && shift < 63)
  return value
}

@inline function unzigzag(value: u64): i64 {
  return ((value >> 1) as i64) ^ -((value & 1) as i64)
}

@inline function signed(): i64 {
  return unzigzag(varint())
}

/** `width` (1 … 64) bits from bit `bit` of the block that begins at `base` on. */
@inline function field(base: usize, bit: u32, width: u32, mask: u64): u64 {
  const from = base + (bit >> 3)
  const shift = bit & 7
  let value = load<u64>(from) >> shift
  if (shift + width > 64) value |= (load<u8>(from + 8) as u64) << (64 - shift)
  return value & mask
}

@inline function maskOf(width: u32): u64 {
  return width == 0 ? 0 : u64.MAX_VALUE >> (64 - width)
}

/** How an integer becomes what is stored: a time, on the line through the first, or a value, divided by a power of ten. */
@inline function put(into: usize, i: i32, value: i64, first: i64, step: i64, power: f64): void {
  const whole = (value + first + (i as i64) * step) as f64
  store<f64>(into + ((i as usize) << 3), power == 1 ? whole : whole / power)
}

function ints(into: usize, count: i32, first: i64, step: i64, power: f64): void {
  const mode = u8read()
  const order = (mode & 3) as i32
  let value: i64 = 0
  let slope: i64 = 0
  if (order > 0 && count > 0) {
    value = signed()
    put(into, 0, value, first, step, power)
  }
  if (order > 1 && count > 1) {
    slope = signed()
    value += slope
    put(into, 1, value, first, step, power)
  }
  let i = order
  if ((mode & 4) != 0) {
    if (count <= order) return
    const residual = signed()
    for (; i < count; i++) {
      if (order == 0) value = residual
      else if (order == 1) value += residual
      else value += slope += residual
      put(into, i, value, first, step, power)
    }
    return
  }
  while (i < count) {
    const end = min(i + BLOCK, count)
    const begin = i
    const head = u8read()
    const width = head & 0x3f
    const sparse = (head & 0x40) != 0
    const least: i64 = sparse || (head & 0x80) != 0 ? 0 : signed()
    let marks: u32 = 0
    if (sparse) {
      marks = load<u32>(at)
      at += 4
    }
    const mask = maskOf(width)
    const base = at
    let bit: u32 = 0
    for (; i < end; i++) {
      let residual: i64
      if (!sparse) {
        residual = least + (field(base, bit, width, mask) as i64)
        bit += width
      } else if (((marks >> (i - begin)) & 1) != 0) {
        residual = unzigzag(field(base, bit, width, mask))
        bit += width
      } else residual = 0
      if (order == 0) value = residual
      else if (order == 1) value += residual
      else value += slope += residual
      put(into, i, value, first, step, power)
    }
    at = base + ((bit + 7) >> 3)
  }
}

function xors(into: usize, count: i32): void {
  let value = load<u64>(at)
  at += 8
  store<u64>(into, value)
  let i = 1
  while (i < count) {
    const end = min(i + BLOCK, count)
    const begin = i
    const head = u8read()
    const width = head & 0x7f
    const trailing = width == 0 ? 0 : u8read()
    let marks: u32 = 0xffffffff
    if ((head & 0x80) != 0) {
      marks = load<u32>(at)
      at += 4
    }
    const mask = maskOf(width)
    const base = at
    let bit: u32 = 0
    for (; i < end; i++) {
      if (width != 0 && ((marks >> (i - begin)) & 1) != 0) {
        value ^= field(base, bit, width, mask) << trailing
        bit += width
      }
      store<u64>(into + ((i as usize) << 3), value)
    }
    at = base + ((bit + 7) >> 3)
  }
}

function starts(time: usize, into: usize, count: i32): void {
  const first = load<f64>(time)
  let runs = varint()
  let from: i32 = 0
  while (runs-- > 0) {
    from += varint() as i32
    const back = signed()
    const start = back == MAX_INT ? 0 : first - (back as f64)
    for (let i = from; i < count; i++) store<f64>(into + ((i as usize) << 3), start)
  }
}

/**
 * Reads the `count` samples of the chunk at `chunk` into three columns.
 * @returns 1 where start times are known, 0 where not, -1 where there is more in it than numbers: nothing was read
 */
export function decode(chunk: usize, count: i32, time: usize, value: usize, start: usize): i32 {
  at = chunk
  const flags = u8read()
  if ((flags & (HISTOGRAMS | AGGREGATES)) != 0 || (flags & KIND) > XOR || count == 0) return -1
  const first = signed()
  const step = varint() as i64
  ints(time, count, first, step, 1)
  let stale: usize = 0
  if ((flags & STALE) != 0) {
    stale = at
    for (let left = varint(); left > 0; left--) varint()
  }
  if ((flags & STARTS) != 0) starts(time, start, count)
  if ((flags & KIND) == SCALED) {
    let power: f64 = 1
    for (let left = u8read(); left > 0; left--) power *= 10
    ints(value, count, 0, 0, power)
  } else xors(value, count)
  if (stale != 0) {
    at = stale
    let i: i32 = 0
    for (let left = varint(); left > 0; left--) {
      i += varint() as i32
      store<u64>(value + ((i as usize) << 3), STALE_BITS)
    }
  }
  return (flags & STARTS) != 0 ? 1 : 0
}
