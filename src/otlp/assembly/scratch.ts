// Blocks that are filled anew for each use and grow as needed.

/** Of each block {address, size, used}, 12 bytes. */
const blocks = memory.data(8 * 12, 8)
/** Bytes brought together that did not lie together. */
export const PIECES = 0
/** Bounds of buckets, likewise. */
export const BOUNDS = 1
/** KeyValue fields being sorted: 40 bytes each. */
export const PAIRS = 2
/** Pointers to them, and room to merge. */
export const ORDER = 3
/** Attributes in canonical form; and those of another entry, to compare. */
export const CANONICAL = 4
export const OTHER = 5
/** Ids of series that have another generation since the request in hand began: 4 bytes each. */
export const RENAMED = 6

// @ts-ignore: decorator
@inline export function address(block: i32): usize { return load<u32>(blocks + block * 12) }
// @ts-ignore: decorator
@inline export function used(block: i32): usize { return load<u32>(blocks + block * 12, 8) }

export function clear(block: i32): void { store<u32>(blocks + block * 12, 0, 8) }

/** Makes room for `more` bytes and counts them as used; returns where they are. Addresses given out before are stale. */
export function extend(block: i32, more: usize): usize {
  const b = blocks + block * 12
  const old = <usize>load<u32>(b, 8)
  if (old + more + 16 > <usize>load<u32>(b, 4)) {
    const size = max<usize>(1024, 2 * (old + more + 16))
    const wider = heap.alloc(size)
    if (load<u32>(b) != 0) { memory.copy(wider, load<u32>(b), old); heap.free(load<u32>(b)) }
    store<u32>(b, <u32>wider)
    store<u32>(b, <u32>size, 4)
  }
  store<u32>(b, <u32>(old + more), 8)
  return <usize>load<u32>(b) + old
}

export function append(block: i32, from: usize, length: usize): void {
  const to = extend(block, length)
  memory.copy(to, from, length)
}

/** Gives back what an unusual request has made large. */
export function trim(limit: usize): void {
  for (let i = 0; i < 8; i++) {
    const b = blocks + i * 12
    if (<usize>load<u32>(b, 4) <= limit) continue
    heap.free(load<u32>(b))
    store<u64>(b, 0)
    store<u32>(b, 0, 8)
  }
}
