// Writes the points of a row as JSON: what ../points.ts does in TypeScript, several times as fast. The caller lays out the memory.
// Doubles become their shortest decimals by Schubfach: R. Giulietti, The Schubfach way to render doubles, 2021.

const FLOAT: u32 = 1
/** of the powers of ten, 128 bits each */
const LEAST_POWER: i32 = -292

let pairs: usize = 0
let tens: usize = 0
let powers: usize = 0
/** of what `shortest` has found */
let exponent: i32 = 0

/** @param tables 256 bytes that become pairs of digits, 160 that become the powers of ten below 2^64, and the powers of ten of Schubfach */
export function begin(tables: usize): void {
  pairs = tables
  tens = tables + 256
  powers = tens + 160
  for (let i: u32 = 0; i < 100; i++) store<u16>(pairs + (i << 1), (0x30 + i / 10) | ((0x30 + (i % 10)) << 8))
  let ten: u64 = 1
  for (let i = 0; i < 20; i++, ten *= 10) store<u64>(tens + (i << 3), ten)
}

/** Of the steps that are FLOAT: `[time,"value"],`. @param ends where the text of each stamp ends, after `stamps` @returns where it ends */
export function floats(kind: usize, value: usize, stamps: usize, first: usize, ends: usize, count: i32, into: usize): usize {
  let at = into
  let from = first
  let before: u64 = 0
  let text: usize = 0
  let size: usize = 0
  for (let i: usize = 0; i < (count as usize); i++) {
    const to: usize = load<u32>(ends + (i << 2))
    if (load<u8>(kind + i) == FLOAT) {
      copy(at, stamps + from, to - from)
      at += to - from
      const bits = load<u64>(value + (i << 3))
      if (size > 0 && bits == before) copy(at, text, size)
      else {
        text = at
        size = number(at, reinterpret<f64>(bits)) - at
        before = bits
      }
      at += size
      store<u32>(at, 0x2c5d22)
      at += 3
    }
    from = to
  }
  return at
}

/** Eight bytes at a time, and so up to seven too many. */
@inline function copy(into: usize, from: usize, size: usize): void {
  for (let i: usize = 0; i < size; i += 8) store<u64>(into + i, load<u64>(from + i))
}

/** @returns where it ends */
export function number(at: usize, value: f64): usize {
  const bits = reinterpret<u64>(value)
  if (((bits >> 52) & 0x7ff) == 0x7ff) return special(at, bits)
  if (bits >> 63) store<u8>(at++, 0x2d)
  const size = abs(value)
  if (size < 1e9) {
    // Six decimals or fewer, as most numbers have: fifteen digits that read back the same are the shortest.
    const scaled = nearest(size * 1e6)
    if (scaled / 1e6 == size) return decimal(at, scaled as u64)
  } else if (size < 9007199254740992 && floor(size) == size) return integer(at, size as u64)
  let digits = shortest(bits)
  while (digits % 10 == 0) {
    digits /= 10
    exponent++
  }
  return place(at, digits)
}

function special(at: usize, bits: u64): usize {
  if (bits << 12) {
    store<u32>(at, 0x4e614e)
    return at + 3
  }
  store<u32>(at, bits >> 63 ? 0x666e492d : 0x666e492b)
  return at + 4
}

/** `scaled` / 10^6 */
function decimal(at: usize, scaled: u64): usize {
  const whole = scaled / 1000000
  let rest = (scaled - whole * 1000000) as u32
  at = integer(at, whole)
  if (rest == 0) return at
  store<u8>(at, 0x2e)
  store<u16>(at + 1, load<u16>(pairs + ((rest / 10000) << 1)))
  store<u16>(at + 3, load<u16>(pairs + (((rest / 100) % 100) << 1)))
  store<u16>(at + 5, load<u16>(pairs + ((rest % 100) << 1)))
  at += 7
  while (load<u8>(at - 1) == 0x30) at--
  return at
}

@inline function digitsOf(value: u64): i32 {
  const guess = (((64 - clz(value | 1)) as i32) * 1233) >> 12
  return guess + ((value >= load<u64>(tens + (guess << 3))) as i32)
}

function integer(at: usize, value: u64): usize {
  const end = at + (max(digitsOf(value), 1) as usize)
  let to = end
  while (value >= 100000000) {
    const rest = value / 100000000
    let low = (value - rest * 100000000) as u32
    for (let i = 0; i < 4; i++) {
      to -= 2
      store<u16>(to, load<u16>(pairs + ((low % 100) << 1)))
      low /= 100
    }
    value = rest
  }
  let low = value as u32
  while (low >= 100) {
    to -= 2
    store<u16>(to, load<u16>(pairs + ((low % 100) << 1)))
    low /= 100
  }
  if (low >= 10) store<u16>(to - 2, load<u16>(pairs + (low << 1)))
  else store<u8>(to - 1, 0x30 + low)
  return end
}

/** digits × 10^exponent, with a point from 10^-6 up to 10^21, else with an exponent of two digits or more. */
function place(at: usize, digits: u64): usize {
  const count = digitsOf(digits)
  const point = count + exponent
  if (exponent >= 0 && point <= 21) {
    at = integer(at, digits)
    for (let i = 0; i < exponent; i++) store<u8>(at++, 0x30)
    return at
  }
  if (point > 0 && point <= 21) return pointed(at, digits, point)
  if (point > -6 && point <= 0) {
    store<u16>(at, 0x2e30)
    at += 2
    for (let i = point; i < 0; i++) store<u8>(at++, 0x30)
    return integer(at, digits)
  }
  at = count == 1 ? integer(at, digits) : pointed(at, digits, 1)
  const power = point - 1
  store<u16>(at, power < 0 ? 0x2d65 : 0x2b65)
  at += 2
  const size = (power < 0 ? -power : power) as u32
  if (size >= 100) store<u8>(at++, 0x30 + size / 100)
  store<u16>(at, load<u16>(pairs + ((size % 100) << 1)))
  return at + 2
}

/** `point` of the digits, which are more, before the point. */
function pointed(at: usize, digits: u64, point: i32): usize {
  const end = integer(at + 1, digits)
  for (let i = 0; i < point; i++) store<u8>(at + i, load<u8>(at + i + 1))
  store<u8>(at + point, 0x2e)
  return end
}

@inline function high(a: u64, b: u64): u64 {
  const a0 = a & 0xffffffff
  const a1 = a >> 32
  const b0 = b & 0xffffffff
  const b1 = b >> 32
  const middle = a1 * b0 + ((a0 * b0) >> 32)
  return a1 * b1 + (middle >> 32) + (((middle & 0xffffffff) + a0 * b1) >> 32)
}

/** The upper 64 of the 192 bits of power × value, the lowest of them set where anything below is. */
@inline function rounded(above: u64, below: u64, value: u64): u64 {
  const low = above * value
  const sum = low + high(below, value)
  const carry: u64 = sum < low ? 1 : 0
  return (high(above, value) + carry) | ((sum > 1) as u64)
}

/** The fewest digits that read back as the same double, of those the nearest; of a finite number that is not 0. Sets `exponent`. */
function shortest(bits: u64): u64 {
  const fraction = bits & 0xfffffffffffff
  const biased = ((bits >> 52) & 0x7ff) as i32
  const c = biased ? fraction | (1 << 52) : fraction
  const q = (biased ? biased : 1) - 1075
  // Below a power of two the next double is half as far away.
  const uneven: u64 = fraction == 0 && biased > 1 ? 1 : 0
  const odd: u64 = c & 1
  const k = (q * 1262611 - (uneven ? 524031 : 0)) >> 22
  const h = q + ((-k * 1741647) >> 19) + 1
  const power = powers + ((-k - LEAST_POWER) << 4)
  const above = load<u64>(power)
  const below = load<u64>(power + 8)
  const lower = rounded(above, below, ((c << 2) - 2 + uneven) << h) + odd
  const middle = rounded(above, below, (c << 2) << h)
  const upper = rounded(above, below, ((c << 2) + 2) << h) - odd
  const s = middle >> 2
  if (s >= 10) {
    const ten = s / 10
    const down = lower <= 40 * ten
    const up = 40 * ten + 40 <= upper
    if (down != up) {
      exponent = k + 1
      return ten + (up as u64)
    }
  }
  exponent = k
  const down = lower <= s << 2
  const up = (s << 2) + 4 <= upper
  if (down != up) return s + (up as u64)
  const half = (s << 2) + 2
  return s + ((middle > half || (middle == half && (s & 1) == 1)) as u64)
}
