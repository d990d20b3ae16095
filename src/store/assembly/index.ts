// Reads a chunk of numbers into columns: what ../chunk.ts does in TypeScript, several times as fast. The caller lays out the memory.

const SCALED: u32 = 0
const XOR: u32 = 1
const KIND: u32 = 3
const STALE: u32 = 4
const HISTOGRAMS: u32 = 8
const STARTS: u32 = 16
const AGGREGATES: u32 = 32
const WRITTEN: u32 = 8
const OVER_DECIMAL: u32 = 6
const INCREASE: u32 = 6
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

// Where a stream of integers has come to: the last one, and its distance from the one before, both with the line in them. A loop has them in variables of its own.
let value: i64 = 0
let slope: i64 = 0

@inline function put(into: usize, i: i32, whole: i64): void {
  store<f64>(into + ((i as usize) << 3), whole as f64)
}

/**
 * The integers, each with what the line first + i × step has there. By order that is a step more of each residual, or of the first slope: nothing is
 * multiplied.
 */
function ints(into: usize, count: i32, first: i64, step: i64): void {
  const mode = u8read()
  const order = (mode & 3) as i32
  value = first
  slope = step
  if (order > 0 && count > 0) {
    value += signed()
    put(into, 0, value)
  }
  if (order > 1 && count > 1) {
    slope += signed()
    value += slope
    put(into, 1, value)
  }
  if (count <= order) return
  if ((mode & 4) == 0) {
    for (let i = order; i < count; i += BLOCK) block(into + ((i as usize) << 3), min(count - i, BLOCK), order, step)
    return
  }
  const residual = signed()
  if (order == 0) progression(into, count, value + residual, step)
  else if (order == 1) progression(into, count, value, residual + step)
  else {
    for (let i = order; i < count; i++) {
      value += slope += residual
      put(into, i, value)
    }
  }
}

/** from + i × step: whole numbers that doubles hold, so that adding them up loses nothing. */
function progression(into: usize, count: i32, from: i64, step: i64): void {
  const end = into + ((count as usize) << 3)
  const by = f64x2.splat((step * 4) as f64)
  let low = f64x2(from as f64, (from + step) as f64)
  let high = f64x2.add(low, f64x2.splat((step * 2) as f64))
  let to = into
  for (; to + 32 <= end; to += 32) {
    v128.store(to, low)
    v128.store(to, high, 16)
    low = f64x2.add(low, by)
    high = f64x2.add(high, by)
  }
  from += (((to - into) >> 3) as i64) * step
  for (; to < end; to += 8) {
    store<f64>(to, from as f64)
    from += step
  }
}

/** `count` integers, 32 at most. */
function block(into: usize, count: i32, order: i32, step: i64): void {
  const head = u8read()
  const width = head & 0x3f
  const sparse = (head & 0x40) != 0
  const least: i64 = sparse || (head & 0x80) != 0 ? 0 : signed()
  // Above that a field may lie in nine bytes.
  if (sparse || width > 57) return rareBlock(into, count, order, step, width, sparse, least)
  const mask = maskOf(width)
  const end = into + ((count as usize) << 3)
  let bit = at << 3
  let here = value
  if (order == 1) {
    const more = least + step
    for (; into < end; into += 8) {
      here += more + (narrow(bit, mask) as i64)
      bit += width
      store<f64>(into, here as f64)
    }
  } else if (order == 2) {
    let by = slope
    for (; into < end; into += 8) {
      by += least + (narrow(bit, mask) as i64)
      here += by
      bit += width
      store<f64>(into, here as f64)
    }
    slope = by
  } else {
    here += least
    for (; into < end; into += 8) {
      store<f64>(into, (here + (narrow(bit, mask) as i64)) as f64)
      here += step
      bit += width
    }
    here -= least
  }
  value = here
  at = (bit + 7) >> 3
}

@inline function narrow(bit: usize, mask: u64): u64 {
  return (load<u64>(bit >> 3) >> (bit & 7)) & mask
}

function rareBlock(into: usize, count: i32, order: i32, step: i64, width: u32, sparse: bool, least: i64): void {
  let marks: u32 = 0xffffffff
  if (sparse) {
    marks = load<u32>(at)
    at += 4
  }
  const mask = maskOf(width)
  const base = at
  let bit: u32 = 0
  let here = value
  let by = slope
  for (let i = 0; i < count; i++) {
    let residual = least
    if (((marks >> i) & 1) != 0) {
      const stored = field(base, bit, width, mask)
      residual += sparse ? unzigzag(stored) : (stored as i64)
      bit += width
    }
    if (order == 0) {
      put(into, i, here + residual)
      here += step
      continue
    }
    if (order == 1) here += residual + step
    else here += by += residual
    put(into, i, here)
  }
  value = here
  slope = by
  at = base + ((bit + 7) >> 3)
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

function numbers(kind: u32, into: usize, count: i32): void {
  if (kind != SCALED) return xors(into, count)
  let power: f64 = 1
  for (let left = u8read(); left > 0; left--) power *= 10
  ints(into, count, 0, 0)
  if (power != 1) divide(into, count, power)
}

function divide(into: usize, count: i32, power: f64): void {
  const end = into + ((count as usize) << 3)
  const by = f64x2.splat(power)
  for (; into + 16 <= end; into += 16) v128.store(into, f64x2.div(v128.load(into), by))
  if (into < end) store<f64>(into, load<f64>(into) / power)
}

/** Past what `numbers` would read. */
function skipNumbers(kind: u32, count: i32): void {
  if (kind == SCALED) {
    at++
    skipInts(count)
  } else skipXors(count)
}

function skipInts(count: i32): void {
  const mode = u8read()
  const order = (mode & 3) as i32
  if (order > 0 && count > 0) varint()
  if (order > 1 && count > 1) varint()
  if ((mode & 4) != 0) {
    if (count > order) varint()
    return
  }
  for (let i = order; i < count; i += BLOCK) {
    const head = u8read()
    const sparse = (head & 0x40) != 0
    let fields = min(count - i, BLOCK) as u32
    if (sparse) {
      fields = popcnt(load<u32>(at))
      at += 4
    } else if ((head & 0x80) == 0) varint()
    at += (fields * (head & 0x3f) + 7) >> 3
  }
}

function skipXors(count: i32): void {
  at += 8
  for (let i = 1; i < count; i += BLOCK) {
    const head = u8read()
    const width = head & 0x7f
    let fields = min(count - i, BLOCK) as u32
    if (width != 0) at++
    if ((head & 0x80) != 0) {
      fields = popcnt(load<u32>(at))
      at += 4
    }
    at += (fields * width + 7) >> 3
  }
}

/** by column, the value's first: where it is written out, or 0; and the column whose copy it is, or how it is written out */
const places = memory.data(7 * 4)
const kinds = memory.data(7 * 4)

/** Six columns, one behind the other; those that are not wanted stay as they were. */
function aggregates(value: usize, into: usize, count: i32, wanted: u32): void {
  const size = (count as usize) << 3
  // How the increase is told by the difference of values; 0: it is not.
  let over: u32 = 0
  for (let k: u32 = 1; k <= 6; k++) {
    let kind = u8read()
    if (kind >= OVER_DECIMAL && kind < WRITTEN) {
      over = kind
      kind = u8read()
    }
    store<u32>(kinds + (k << 2), kind)
    store<u32>(places + (k << 2), kind < WRITTEN ? 0 : (at as u32))
    if (kind >= WRITTEN) skipNumbers(kind - WRITTEN, count)
  }
  for (let k: u32 = 1; k <= 6; k++) {
    if (((wanted >> (k - 1)) & 1) == 0) continue
    let from = k
    while (from > 0 && load<u32>(places + (from << 2)) == 0) from = load<u32>(kinds + (from << 2))
    const column = into + (k - 1) * size
    if (from == 0) memory.copy(column, value, size)
    else {
      at = load<u32>(places + (from << 2))
      numbers(load<u32>(kinds + (from << 2)) - WRITTEN, column, count)
      if (from == INCREASE && over != 0) addDifferences(value, column, count, over == OVER_DECIMAL)
    }
  }
}

/** Adds to each but the first what its value is more than the one before. */
function addDifferences(value: usize, column: usize, count: i32, decimal: bool): void {
  if (count == 0) return
  if (decimal && (!isWhole(value, count) || !isWhole(column, count))) return addDecimalDifferences(value, column, count)
  const end = column + ((count as usize) << 3)
  for (column += 8; column + 16 <= end; column += 16, value += 16) {
    v128.store(column, f64x2.add(f64x2.sub(v128.load(value, 8), v128.load(value)), v128.load(column)))
  }
  if (column < end) store<f64>(column, load<f64>(value, 8) - load<f64>(value) + load<f64>(column))
}

/** Whether all are whole and small: then sums of a few have no decimal places, and rounding to four of them changes nothing. */
function isWhole(column: usize, count: i32): bool {
  const end = column + ((count as usize) << 3)
  const most = f64x2.splat(2 ** 37)
  let all = i64x2.splat(-1)
  for (; column + 16 <= end; column += 16) {
    const two = v128.load(column)
    all = v128.and(all, v128.and(f64x2.eq(f64x2.trunc(two), two), f64x2.lt(f64x2.abs(two), most)))
  }
  if (!i64x2.all_true(all)) return false
  if (column == end) return true
  const last = load<f64>(column)
  return trunc(last) == last && abs(last) < 2 ** 37
}

/** To four decimal places, as Math.round does it: halves go up. */
@inline function rounded(two: v128): v128 {
  const times = f64x2.mul(two, f64x2.splat(1e4))
  const up = f64x2.ceil(times)
  const kept = f64x2.le(f64x2.sub(up, f64x2.splat(0.5)), times)
  return f64x2.div(v128.bitselect(up, f64x2.sub(up, f64x2.splat(1)), kept), f64x2.splat(1e4))
}

function addDecimalDifferences(value: usize, column: usize, count: i32): void {
  const end = column + ((count as usize) << 3)
  store<f64>(column, f64x2.extract_lane(rounded(f64x2.splat(load<f64>(column))), 0))
  for (column += 8; column + 16 <= end; column += 16, value += 16) {
    const difference = rounded(f64x2.sub(v128.load(value, 8), v128.load(value)))
    v128.store(column, rounded(f64x2.add(difference, v128.load(column))))
  }
  if (column == end) return
  const difference = rounded(f64x2.splat(load<f64>(value, 8) - load<f64>(value)))
  store<f64>(column, f64x2.extract_lane(rounded(f64x2.add(difference, f64x2.splat(load<f64>(column)))), 0))
}

/**
 * Reads the `count` samples of the chunk at `chunk` into three columns, and of buckets the aggregates that are wanted, a bit for each.
 * @returns -1 where there are histograms, or no numbers: nothing was read; else bit 0: start times are known, bit 1: it is of buckets, bit 2: there are
 *   stale markers
 */
export function decode(chunk: usize, count: i32, time: usize, value: usize, start: usize, more: usize, wanted: u32): i32 {
  at = chunk
  const flags = u8read()
  if ((flags & HISTOGRAMS) != 0 || (flags & KIND) > XOR || count == 0) return -1
  const first = signed()
  const step = varint() as i64
  ints(time, count, first, step)
  let stale: usize = 0
  if ((flags & STALE) != 0) {
    stale = at
    for (let left = varint(); left > 0; left--) varint()
  }
  if ((flags & STARTS) != 0) starts(time, start, count)
  numbers(flags & KIND, value, count)
  if ((flags & AGGREGATES) != 0) aggregates(value, more, count, wanted)
  if (stale != 0) {
    at = stale
    let i: i32 = 0
    for (let left = varint(); left > 0; left--) {
      i += varint() as i32
      store<u64>(value + ((i as usize) << 3), STALE_BITS)
    }
  }
  return ((flags & STARTS) != 0 ? 1 : 0) | ((flags & AGGREGATES) != 0 ? 2 : 0) | ((flags & STALE) != 0 ? 4 : 0)
}
