// The decoder's surface: what ../reader.ts calls. Everything lives in one memory: the request, the columns, the names.
import { seed } from "./bytes"
import { empty, pack, shapes, trimColumns } from "./columns"
import { readRecords } from "./logs"
import { overflowed, readMetrics, resetOverflowed } from "./metrics"
import { BOUNDS, METRIC, RESOURCE, SERIES, TEXT, bound, entryOf, givenOut, inUse, places, setNow, start, sweep as sweepNames } from "./names"
import { readRequest } from "./request"
import { readSpans } from "./traces"
import { RENAMED, address, clear, trim, used } from "./scratch"

export function setup(seed0: u64, seed1: u64, maxSeries: u32, maxTexts: u32): void {
  seed(seed0, seed1)
  shapes()
  start(maxSeries)
  for (let kind = RESOURCE; kind <= BOUNDS; kind++) bound(kind, kind == TEXT ? maxTexts : maxSeries)
  // A metric may be there twice, before its type was told and after: its series are not, and there may be one in each.
  bound(METRIC, maxSeries < 0x80000000 ? maxSeries << 1 : u32.MAX_VALUE)
}

let window: usize = 0
let windowSize: usize = 0

/** Where a request of `size` bytes is to be written. */
export function room(size: usize): usize {
  if (size > windowSize) {
    const wider = max<usize>(65536, size + (size >> 2))
    const block = heap.alloc(wider + 16)
    if (window != 0) heap.free(window)
    window = block
    windowSize = wider
  }
  return window
}

/** Each reads the request of `size` bytes in the window and returns the packed region. */
export function metrics(size: usize, now: f64): usize { return read(size, now, 0) }
export function traces(size: usize, now: f64): usize { return read(size, now, 1) }
export function logs(size: usize, now: f64): usize { return read(size, now, 2) }

function read(size: usize, now: f64, signal: i32): usize {
  clear(RENAMED)
  setNow(now)
  empty()
  resetOverflowed()
  if (signal == 0) readRequest(window, window + size, readMetrics)
  else if (signal == 1) readRequest(window, window + size, readSpans)
  else readRequest(window, window + size, readRecords)
  return pack(overflowed)
}

/** Gives back blocks that are larger than `limit` bytes; the last packed region is gone then. */
export function release(limit: usize): void {
  if (windowSize > limit) { heap.free(window); window = 0; windowSize = 0 }
  trimColumns(limit)
  trim(limit)
}

export function sweep(now: f64, idle: f64): i32 { return sweepNames(now, idle) }

/** The entry of a name (laid out as names.ts says), or 0. */
export function entry(kind: i32, id: i32): usize { return entryOf(kind, id) }
export function size(): i32 { return inUse(SERIES) }
export function capacity(): i32 { return givenOut(SERIES) }
/** Of each series 8 bytes, of which the last 4 are its generation. */
export function generations(): usize { return places(SERIES) }
/** The ids of those series whose generation the last request has changed, 4 bytes each, to be looked at before anything is released. */
export function renamed(): usize { return address(RENAMED) }
export function renamedCount(): i32 { return <i32>(used(RENAMED) >> 2) }
