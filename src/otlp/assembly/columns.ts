// Groups of columns that grow row by row, and one region that holds all of them for JavaScript to copy out at once.
// A group of capacity c lies as `doubles` columns of 8c bytes, `words` of 4c, one of `wide` times c and `narrow` of c; packed, likewise
// with the number of rows for c. Which column is which, ../columns.ts says; the numbers below are the same there.
import { copyLoosely } from "./bytes"
import { ROWS, TOO_MANY, fail, nearby } from "./fail"

export const RESOURCES = 0, SCOPES = 1, METRICS = 2, NUMBERS = 3, HISTOGRAMS = 4, EXPONENTIALS = 5, SUMMARIES = 6, EXEMPLARS = 7, BUCKETS = 8, QUANTILES = 9,
  SPANS = 10, RECORDS = 11
const GROUPS = 12

/** Of each group {address, capacity, rows, doubles, words, wide, narrow, -}. */
const groups = memory.data(12 * 32, 8)
// @ts-ignore: decorator
@inline function at(group: i32): usize { return groups + group * 32 }
// @ts-ignore: decorator
@inline export function base(group: i32): usize { return load<u32>(at(group)) }
// @ts-ignore: decorator
@inline export function capacity(group: i32): usize { return load<u32>(at(group), 4) }
// @ts-ignore: decorator
@inline export function rows(group: i32): u32 { return load<u32>(at(group), 8) }
// @ts-ignore: decorator
@inline export function setRows(group: i32, n: u32): void { store<u32>(at(group), n, 8) }

function shape(group: i32, doubles: u32, words: u32, wide: u32, narrow: u32): void {
  const g = at(group)
  store<u32>(g, doubles, 12); store<u32>(g, words, 16); store<u32>(g, wide, 20); store<u32>(g, narrow, 24)
}

export function shapes(): void {
  shape(RESOURCES, 0, 3, 0, 0)
  shape(SCOPES, 0, 4, 0, 0)
  shape(METRICS, 0, 3, 0, 0)
  shape(NUMBERS, 3, 5, 0, 0)
  shape(HISTOGRAMS, 6, 8, 0, 0)
  shape(EXPONENTIALS, 8, 12, 0, 0)
  shape(SUMMARIES, 4, 7, 0, 0)
  shape(EXEMPLARS, 2, 3, 24, 1)
  shape(BUCKETS, 1, 0, 0, 0)
  shape(QUANTILES, 0, 0, 16, 0)
  shape(SPANS, 2, 8, 32, 2)
  shape(RECORDS, 2, 9, 24, 1)
}

// @ts-ignore: decorator
@inline function rowSize(g: usize): usize {
  return 8 * <usize>load<u32>(g, 12) + 4 * <usize>load<u32>(g, 16) + <usize>load<u32>(g, 20) + <usize>load<u32>(g, 24)
}

/** Makes room for `more` rows behind those there are. */
export function reserve(group: i32, more: u32): void {
  const n = rows(group) + more
  if (n > <u32>capacity(group)) grow(group, n)
}

/** What 64 MiB may hold when every row says something; beyond it a request is made to be large in memory. */
const MOST_ROWS: u32 = 1 << 22
const MOST_POOLED: u32 = 1 << 25

function grow(group: i32, least: u32): void {
  const most = group == BUCKETS ? MOST_POOLED : MOST_ROWS
  if (least > most) fail(TOO_MANY, ROWS, nearby())
  const g = at(group)
  const was = load<u32>(g, 4)
  const now = (min<u32>(max<u32>(max<u32>(64, least), was << 1), most) + 15) & ~15
  const wider = heap.alloc(rowSize(g) * <usize>now + 16)
  if (was > 0) {
    lay(g, wider, load<u32>(g), now, was)
    heap.free(load<u32>(g))
  }
  store<u32>(g, <u32>wider)
  store<u32>(g, now, 4)
}

/** Copies the rows of a group whose capacity is `fromCapacity` to where it is `toCapacity`; returns where they end. */
function lay(g: usize, to: usize, from: usize, toCapacity: usize, fromCapacity: usize): usize {
  const n = <usize>load<u32>(g, 8)
  for (let k = load<u32>(g, 12); k > 0; k--) { copyLoosely(to, from, n << 3); to += toCapacity << 3; from += fromCapacity << 3 }
  for (let k = load<u32>(g, 16); k > 0; k--) { copyLoosely(to, from, n << 2); to += toCapacity << 2; from += fromCapacity << 2 }
  const wide = <usize>load<u32>(g, 20)
  if (wide > 0) { copyLoosely(to, from, n * wide); to += toCapacity * wide; from += fromCapacity * wide }
  for (let k = load<u32>(g, 24); k > 0; k--) { copyLoosely(to, from, n); to += toCapacity; from += fromCapacity }
  return to
}

export function empty(): void {
  for (let group = 0; group < GROUPS; group++) setRows(group, 0)
}

/** The packed region: 12 numbers of rows, its size, `extra`, 8 spare bytes, then the groups, each at a multiple of 8. */
const HEADER: usize = 64
let region: usize = 0
let regionSize: usize = 0

export function pack(extra: u32): usize {
  let size = HEADER
  for (let group = 0; group < GROUPS; group++) size += (rowSize(at(group)) * <usize>rows(group) + 7) & ~7
  // Columns that are copied loosely run over by 16 bytes at most, each over the next, so the last needs room.
  if (size + 32 > regionSize) {
    const wider = max<usize>(8192, (size << 1) + 32)
    const block = heap.alloc(wider)
    if (region != 0) heap.free(region)
    region = block
    regionSize = wider
  }
  let to = region + HEADER
  for (let group = 0; group < GROUPS; group++) {
    const g = at(group)
    const n = load<u32>(g, 8)
    store<u32>(region + (group << 2), n)
    if (n != 0) to = (lay(g, to, load<u32>(g), n, load<u32>(g, 4)) + 7) & ~7
  }
  store<u32>(region, <u32>size, 48)
  store<u32>(region, extra, 52)
  return region
}

/** Gives back what an unusual request has made large. */
export function trimColumns(limit: usize): void {
  if (regionSize > limit) { heap.free(region); region = 0; regionSize = 0 }
  for (let group = 0; group < GROUPS; group++) {
    const g = at(group)
    if (rowSize(g) * <usize>load<u32>(g, 4) <= limit) continue
    heap.free(load<u32>(g))
    store<u64>(g, 0)
    store<u32>(g, 0, 8)
  }
}
