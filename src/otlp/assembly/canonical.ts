// Attributes in one form, however they were written: sorted by key, of equal keys the last, lengths and numbers of fixed size.
import { after, longTag, past, payload, skip, varint, equal } from "./bytes"
import { ATTRIBUTE, RESOURCE_BODY, SCOPE_BODY, VALUE, POINT, TRUNCATED, fail } from "./fail"
import { ORDER, PAIRS, address, clear, extend, used } from "./scratch"

// A pair: {key address, key length, kind of value = AnyValue's field number, value address, value length, value bits}
const PAIR: usize = 32

/** [attributes of a resource] → `block` */
export function canonicalResource(a: usize, end: usize, block: i32): void {
  clear(block); clear(PAIRS)
  fields(a, end, 0x0a, RESOURCE_BODY)
  write(block)
}

/** [name, version, attributes of a scope that lies in `[a, end)`, and its schema_url that lies behind] → `block` */
export function canonicalScope(a: usize, end: usize, schemaEnd: usize, block: i32): void {
  clear(block); clear(PAIRS)
  let name: usize = end, nameEnd: usize = end, version: usize = end, versionEnd: usize = end
  let p = a
  while (p < end) {
    const at = p
    let tag = <u32>load<u8>(p++)
    if (tag > 127) { tag = longTag(at, end, SCOPE_BODY); p = after }
    if (tag == 0x0a) { nameEnd = past(p, end, SCOPE_BODY); name = payload(p); p = nameEnd }
    else if (tag == 0x12) { versionEnd = past(p, end, SCOPE_BODY); version = payload(p); p = versionEnd }
    else p = skip(tag, p, end, SCOPE_BODY)
  }
  fields(a, end, 0x1a, SCOPE_BODY)
  text(block, name, nameEnd)
  text(block, version, versionEnd)
  text(block, end, schemaEnd)
  write(block)
}

/** [a data point's attributes, whatever their field number] → `block` */
export function canonicalSeries(a: usize, end: usize, block: i32): void {
  clear(block); clear(PAIRS)
  fields(a, end, 0, POINT)
  write(block)
}

function text(block: i32, from: usize, to: usize): void {
  const at = extend(block, 4 + (to - from))
  store<u32>(at, <u32>(to - from))
  memory.copy(at + 4, from, to - from)
}

/** Collects the KeyValue fields with `wanted` as their tag, or all that have a length where it is 0. */
function fields(p: usize, end: usize, wanted: u32, message: i32): void {
  while (p < end) {
    const at = p
    let tag = <u32>load<u8>(p++)
    if (tag > 127) { tag = longTag(at, end, message); p = after }
    if (tag == wanted || (wanted == 0 && tag > 7 && (tag & 7) == 2)) {
      const to = past(p, end, message)
      pair(payload(p), to)
      p = to
    } else p = skip(tag, p, end, message)
  }
}

function pair(p: usize, end: usize): void {
  const to = extend(PAIRS, PAIR)
  memory.fill(to, 0, PAIR)
  while (p < end) {
    const at = p
    let tag = <u32>load<u8>(p++)
    if (tag > 127) { tag = longTag(at, end, ATTRIBUTE); p = after }
    if (tag == 0x0a) {
      const q = past(p, end, ATTRIBUTE)
      store<u32>(to, <u32>payload(p))
      store<u32>(to, <u32>(q - payload(p)), 4)
      p = q
    } else if (tag == 0x12) {
      const q = past(p, end, ATTRIBUTE)
      value(to, payload(p), q)
      p = q
    } else p = skip(tag, p, end, ATTRIBUTE)
  }
}

/** Of a oneof the last member counts. Lists and maps are not looked into. */
function value(to: usize, p: usize, end: usize): void {
  while (p < end) {
    const at = p
    let tag = <u32>load<u8>(p++)
    if (tag > 127) { tag = longTag(at, end, VALUE); p = after }
    switch (tag) {
      case 0x0a: case 0x2a: case 0x32: case 0x3a: {
        const q = past(p, end, VALUE)
        set(to, tag >> 3, payload(p), q, 0)
        p = q
        break
      }
      case 0x10: case 0x18: {
        const bits = varint(p, end, VALUE)
        set(to, tag >> 3, 0, 0, tag == 0x10 ? <u64>(bits != 0) : bits)
        p = after
        break
      }
      case 0x21: {
        if (p + 8 > end) fail(TRUNCATED, VALUE, p)
        set(to, 4, 0, 0, load<u64>(p))
        p += 8
        break
      }
      default: p = skip(tag, p, end, VALUE)
    }
  }
}

function set(to: usize, kind: u32, from: usize, end: usize, bits: u64): void {
  store<u32>(to, kind, 8)
  store<u32>(to, <u32>from, 12)
  store<u32>(to, <u32>(end - from), 16)
  store<u64>(to, bits, 24)
}

/** Pairs → `block`, each as {key length, key, kind, value length, value, value bits}. */
function write(block: i32): void {
  const n = used(PAIRS) / PAIR
  const order = sort(n)
  for (let i: usize = 0; i < n; i++) {
    const a = <usize>load<u32>(order + (i << 2))
    if (i + 1 < n && compare(a, <usize>load<u32>(order + (i << 2), 4)) == 0) continue
    const key = <usize>load<u32>(a, 4), length = <usize>load<u32>(a, 16)
    let to = extend(block, 20 + key + length)
    store<u32>(to, <u32>key)
    memory.copy(to + 4, load<u32>(a), key)
    to += 4 + key
    store<u32>(to, load<u32>(a, 8))
    store<u32>(to, <u32>length, 4)
    store<u64>(to, load<u64>(a, 24), 8)
    memory.copy(to + 16, load<u32>(a, 12), length)
  }
}

/** Pointers to the pairs, stably sorted by key: by insertion where there are few, else by merging. */
function sort(n: usize): usize {
  clear(ORDER)
  const order = extend(ORDER, n << 3)
  const pairs = address(PAIRS)
  for (let i: usize = 0; i < n; i++) store<u32>(order + (i << 2), <u32>(pairs + i * PAIR))
  const run: usize = 16
  for (let from: usize = 0; from < n; from += run) insertion(order, from, min(from + run, n))
  let a = order, b = order + (n << 2)
  for (let width = run; width < n; width <<= 1) {
    for (let from: usize = 0; from < n; from += width << 1) merge(a, b, from, min(from + width, n), min(from + (width << 1), n))
    const swap = a; a = b; b = swap
  }
  return a
}

function insertion(order: usize, from: usize, to: usize): void {
  for (let i = from + 1; i < to; i++) {
    const one = load<u32>(order + (i << 2))
    let j = i
    while (j > from && compare(load<u32>(order + ((j - 1) << 2)), one) > 0) {
      store<u32>(order + (j << 2), load<u32>(order + ((j - 1) << 2)))
      j--
    }
    store<u32>(order + (j << 2), one)
  }
}

function merge(a: usize, b: usize, from: usize, middle: usize, to: usize): void {
  let i = from, j = middle
  for (let k = from; k < to; k++) {
    const left = j >= to || (i < middle && compare(load<u32>(a + (i << 2)), load<u32>(a + (j << 2))) <= 0)
    store<u32>(b + (k << 2), load<u32>(a + ((left ? i : j) << 2)))
    if (left) i++
    else j++
  }
}

function compare(a: usize, b: usize): i32 {
  const al = load<u32>(a, 4), bl = load<u32>(b, 4)
  const order = memory.compare(load<u32>(a), load<u32>(b), min(al, bl))
  return order != 0 ? order : al < bl ? -1 : <i32>(al > bl)
}
