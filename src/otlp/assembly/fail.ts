// How reading ends early: `malformed` is a JavaScript function that throws, so nothing after a call of it runs.
// The numbers below are indexes into `problems` and `messages` in ../reader.ts.

@external("reader", "malformed")
declare function malformed(problem: i32, message: i32, at: usize): void

export const TRUNCATED = 0, TOO_LONG = 1, FIELD_ZERO = 2, WIRE = 3, FIELD_RANGE = 4, ODD_LENGTH = 5, TRACE_ID = 6, SPAN_ID = 7, TOO_MANY = 8
export const REQUEST = 0, RESOURCE_ENTRY = 1, RESOURCE_BODY = 2, SCOPE_ENTRY = 3, SCOPE_BODY = 4, METRIC_BODY = 5, DATA = 6, POINT = 7, BUCKETS = 8,
  QUANTILE = 9, EXEMPLAR = 10, SPAN = 11, LINK = 12, STATUS = 13, RECORD = 14, ATTRIBUTE = 15, VALUE = 16, ROWS = 17

let here: usize = 0
let from: usize = 0
let to: usize = 0

/** The bytes being read lie in [a, b). */
export function reading(a: usize, b: usize): void { from = a; to = b; here = a }
/** What is read next may be a copy of what began at `at`. */
export function copying(at: usize): void { here = at }

/** Where the reading is, more or less: for what has no place of its own. */
export function nearby(): usize { return here }

export function fail(problem: i32, message: i32, at: usize): void {
  malformed(problem, message, (at >= from && at <= to ? at : here) - from)
}
