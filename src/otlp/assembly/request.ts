// What the requests of all signals have in common: resources, in them scopes, in them rows; ids, times and runs of attributes.
import { after, longTag, past, payload, skip, varint } from "./bytes"
import { RESOURCES, SCOPES, base, capacity, reserve, rows, setRows } from "./columns"
import { REQUEST, RESOURCE_ENTRY, SCOPE_ENTRY, SPAN_ID, TRACE_ID, copying, fail, reading } from "./fail"
import { resource, scope } from "./names"
import { PIECES, address, append, clear, used } from "./scratch"

let origin: usize = 0
/** Where in the request the address `p` is. */
// @ts-ignore: decorator
@inline export function offset(p: usize): u32 { return <u32>(p - origin) }

export type Rows = (p: usize, end: usize, scope: u32, id: i32) => void

/** Reads the request in `[p, end)`; `readScope` is called with the inside of each ScopeMetrics, ScopeSpans or ScopeLogs. */
export function readRequest(p: usize, end: usize, readScope: Rows): void {
  origin = p
  reading(p, end)
  while (p < end) {
    const at = p
    let tag = <u32>load<u8>(p++)
    if (tag > 127) { tag = longTag(at, end, REQUEST); p = after }
    if (tag != 0x0a) { p = skip(tag, p, end, REQUEST); continue }
    const to = past(p, end, REQUEST)
    readResource(at, payload(p), to, readScope)
    p = to
  }
}

/** Two passes: the resource may come after what it describes. */
function readResource(from: usize, first: usize, end: usize, readScope: Rows): void {
  let a: usize = first, b: usize = first, pieces = 0
  let p = first
  while (p < end) {
    const at = p
    let tag = <u32>load<u8>(p++)
    if (tag > 127) { tag = longTag(at, end, RESOURCE_ENTRY); p = after }
    if (tag != 0x0a) { p = skip(tag, p, end, RESOURCE_ENTRY); continue }
    b = past(p, end, RESOURCE_ENTRY)
    a = payload(p)
    p = b
    pieces++
  }
  copying(from)
  if (pieces > 1) {
    clear(PIECES)
    join(first, end, 0x0a)
    a = address(PIECES)
    b = a + used(PIECES)
  }
  const id = resource(a, b - a)
  const parent = addResource(from, end, id)
  p = first
  while (p < end) {
    const at = p
    let tag = <u32>load<u8>(p++)
    if (tag > 127) { tag = longTag(at, end, RESOURCE_ENTRY); p = after }
    if (tag != 0x12) { p = skip(tag, p, end, RESOURCE_ENTRY); continue }
    const to = past(p, end, RESOURCE_ENTRY)
    scopeEntry(at, payload(p), to, parent, id, readScope)
    p = to
  }
}

function scopeEntry(from: usize, first: usize, end: usize, parent: u32, resourceId: i32, readScope: Rows): void {
  let a: usize = first, b: usize = first, pieces = 0, schema: usize = 0, schemaEnd: usize = 0
  let p = first
  while (p < end) {
    const at = p
    let tag = <u32>load<u8>(p++)
    if (tag > 127) { tag = longTag(at, end, SCOPE_ENTRY); p = after }
    if (tag == 0x0a) { b = past(p, end, SCOPE_ENTRY); a = payload(p); p = b; pieces++ }
    else if (tag == 0x1a) { schemaEnd = past(p, end, SCOPE_ENTRY); schema = payload(p); p = schemaEnd }
    else p = skip(tag, p, end, SCOPE_ENTRY)
  }
  copying(from)
  let message = b - a
  if (pieces > 1 || schemaEnd > schema) {
    clear(PIECES)
    if (pieces > 1) join(first, end, 0x0a)
    else append(PIECES, a, message)
    message = used(PIECES)
    append(PIECES, schema, schemaEnd - schema)
    a = address(PIECES)
    b = a + used(PIECES)
  }
  const id = scope(resourceId, a, b - a, message)
  const index = addScope(from, end, parent, id)
  readScope(first, end, index, id)
}

/** Appends the payloads of all fields with that tag to PIECES: a message given in pieces is the pieces one after the other. */
function join(p: usize, end: usize, wanted: u32): void {
  while (p < end) {
    const at = p
    let tag = <u32>load<u8>(p++)
    if (tag > 127) { tag = longTag(at, end, REQUEST); p = after }
    const to = skip(tag, p, end, REQUEST)
    if (tag == wanted) append(PIECES, payload(p), to - payload(p))
    p = to
  }
}

/** PIECES becomes the fields with that tag, tags included: attributes that lie apart. */
export function gather(p: usize, end: usize, wanted: u32, from: usize): void {
  copying(from)
  clear(PIECES)
  while (p < end) {
    const at = p
    let tag = <u32>load<u8>(p++)
    if (tag > 127) { tag = longTag(at, end, REQUEST); p = after }
    p = skip(tag, p, end, REQUEST)
    if (tag == wanted) append(PIECES, at, p - at)
  }
}

function addResource(from: usize, to: usize, id: i32): u32 {
  reserve(RESOURCES, 1)
  const n = rows(RESOURCES), step = capacity(RESOURCES) << 2
  const q = base(RESOURCES) + (<usize>n << 2)
  store<u32>(q, offset(from))
  store<u32>(q + step, offset(to))
  store<i32>(q + 2 * step, id)
  setRows(RESOURCES, n + 1)
  return n
}

function addScope(from: usize, to: usize, parent: u32, id: i32): u32 {
  reserve(SCOPES, 1)
  const n = rows(SCOPES), step = capacity(SCOPES) << 2
  const q = base(SCOPES) + (<usize>n << 2)
  store<u32>(q, offset(from))
  store<u32>(q + step, offset(to))
  store<u32>(q + 2 * step, parent)
  store<i32>(q + 3 * step, id)
  setRows(SCOPES, n + 1)
  return n
}

/** Nanoseconds to milliseconds. */
// @ts-ignore: decorator
@inline export function ms(nanoseconds: u64): f64 { return <f64>nanoseconds * 1e-6 }

/** An enum's number, 0 where it is none that we know. */
export function small(p: usize, end: usize, most: u64, message: i32): u32 {
  const value = varint(p, end, message)
  return value <= most ? <u32>value : 0
}

export function zigzag(value: u64): i32 { return <i32>((value >> 1) ^ (0 - (value & 1))) }

/** The id in `[from, to)` → 16 bytes at `into`. */
export function traceId(into: usize, from: usize, to: usize, message: i32): void {
  if (to == from) { store<u64>(into, 0); store<u64>(into, 0, 8); return }
  if (to - from != 16) fail(TRACE_ID, message, from)
  v128.store(into, v128.load(from))
}
/** The id in `[from, to)` → 8 bytes at `into`. */
export function spanId(into: usize, from: usize, to: usize, message: i32): void {
  if (to == from) { store<u64>(into, 0); return }
  if (to - from != 8) fail(SPAN_ID, message, from)
  store<u64>(into, load<u64>(from))
}
