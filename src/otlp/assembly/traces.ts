// ExportTraceServiceRequest → spans.
import { after, eight, longTag, past, payload, skip } from "./bytes"
import { SPANS, base, capacity, reserve, rows, setRows } from "./columns"
import { LINK, SCOPE_ENTRY, SPAN, STATUS } from "./fail"
import { text } from "./names"
import { ms, offset, small, spanId, traceId } from "./request"

export function readSpans(p: usize, end: usize, scope: u32, id: i32): void {
  while (p < end) {
    const at = p
    let tag = <u32>load<u8>(p++)
    if (tag > 127) { tag = longTag(at, end, SCOPE_ENTRY); p = after }
    if (tag != 0x12) { p = skip(tag, p, end, SCOPE_ENTRY); continue }
    const to = past(p, end, SCOPE_ENTRY)
    readSpan(at, payload(p), to, scope)
    p = to
  }
}

/** Where ids go that are only checked. */
const ignored = memory.data(32, 16)

function readSpan(from: usize, p: usize, end: usize, scope: u32): void {
  reserve(SPANS, 1)
  const n = rows(SPANS), c = capacity(SPANS), b = base(SPANS)
  const ids = b + 48 * c + (<usize>n << 5)
  v128.store(ids, i64x2.splat(0)); v128.store(ids, i64x2.splat(0), 16)
  let name: usize = 0, nameEnd: usize = 0, kind: u32 = 0, status: u32 = 0, start: u64 = 0, finish: u64 = 0, runFrom: usize = 0, runTo: usize = 0
  let state: usize = 0, stateEnd: usize = 0
  while (p < end) {
    const at = p
    let tag = <u32>load<u8>(p++)
    if (tag > 127) { tag = longTag(at, end, SPAN); p = after }
    switch (tag) {
      case 0x0a: { const q = past(p, end, SPAN); traceId(ids, payload(p), q, SPAN); p = q; break }
      case 0x12: { const q = past(p, end, SPAN); spanId(ids + 16, payload(p), q, SPAN); p = q; break }
      case 0x1a: { stateEnd = past(p, end, SPAN); state = payload(p); p = stateEnd; break }
      case 0x22: { const q = past(p, end, SPAN); spanId(ids + 24, payload(p), q, SPAN); p = q; break }
      case 0x2a: { nameEnd = past(p, end, SPAN); name = payload(p); p = nameEnd; break }
      case 0x30: { kind = small(p, end, 5, SPAN); p = after; break }
      case 0x39: { const q = eight(p, end, SPAN); start = load<u64>(p); p = q; break }
      case 0x41: { const q = eight(p, end, SPAN); finish = load<u64>(p); p = q; break }
      case 0x4a: {
        if (runTo == 0) runFrom = at
        p = past(p, end, SPAN)
        while (p < end && load<u8>(p) == 0x4a) p = past(p + 1, end, SPAN)
        runTo = p
        break
      }
      case 0x6a: { const q = past(p, end, SPAN); checkLink(payload(p), q); p = q; break }
      case 0x7a: { const q = past(p, end, SPAN); status = readStatus(payload(p), q, status); p = q; break }
      default: p = skip(tag, p, end, SPAN)
    }
  }
  store<f64>(b + (<usize>n << 3), ms(start))
  store<f64>(b + (c << 3) + (<usize>n << 3), <f64><i64>(finish - start) * 1e-6)
  const step = c << 2
  let q = b + (c << 4) + (<usize>n << 2)
  store<u32>(q, offset(from)); q += step
  store<u32>(q, offset(end)); q += step
  store<u32>(q, scope); q += step
  store<i32>(q, text(name, nameEnd - name)); q += step
  store<u32>(q, runTo == 0 ? 0 : offset(runFrom)); q += step
  store<u32>(q, runTo == 0 ? 0 : offset(runTo)); q += step
  store<u32>(q, state == stateEnd ? 0 : offset(state)); q += step
  store<u32>(q, state == stateEnd ? 0 : offset(stateEnd))
  store<u8>(b + 80 * c + n, kind)
  store<u8>(b + 81 * c + n, status)
  setRows(SPANS, n + 1)
}

/** Nothing of a link becomes a column, but a wrong id would be refused by whoever gets these bytes. */
function checkLink(p: usize, end: usize): void {
  while (p < end) {
    const at = p
    let tag = <u32>load<u8>(p++)
    if (tag > 127) { tag = longTag(at, end, LINK); p = after }
    const q = skip(tag, p, end, LINK)
    if (tag == 0x0a) traceId(ignored, payload(p), q, LINK)
    else if (tag == 0x12) spanId(ignored, payload(p), q, LINK)
    p = q
  }
}

function readStatus(p: usize, end: usize, status: u32): u32 {
  while (p < end) {
    const at = p
    let tag = <u32>load<u8>(p++)
    if (tag > 127) { tag = longTag(at, end, STATUS); p = after }
    if (tag == 0x18) { status = small(p, end, 2, STATUS); p = after }
    else p = skip(tag, p, end, STATUS)
  }
  return status
}
