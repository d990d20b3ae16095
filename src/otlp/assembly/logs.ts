// ExportLogsServiceRequest → log records.
import { after, eight, longTag, past, payload, skip } from "./bytes"
import { RECORDS, base, capacity, reserve, rows, setRows } from "./columns"
import { RECORD, SCOPE_ENTRY } from "./fail"
import { text } from "./names"
import { ms, offset, small, spanId, traceId } from "./request"

export function readRecords(p: usize, end: usize, scope: u32, id: i32): void {
  while (p < end) {
    const at = p
    let tag = <u32>load<u8>(p++)
    if (tag > 127) { tag = longTag(at, end, SCOPE_ENTRY); p = after }
    if (tag != 0x12) { p = skip(tag, p, end, SCOPE_ENTRY); continue }
    const to = past(p, end, SCOPE_ENTRY)
    readRecord(at, payload(p), to, scope)
    p = to
  }
}

function readRecord(from: usize, p: usize, end: usize, scope: u32): void {
  reserve(RECORDS, 1)
  const n = rows(RECORDS), c = capacity(RECORDS), b = base(RECORDS)
  const ids = b + 52 * c + 24 * <usize>n
  store<u64>(ids, 0); store<u64>(ids, 0, 8); store<u64>(ids, 0, 16)
  let time: u64 = 0, observed: u64 = 0, severity: u32 = 0, level: usize = 0, levelEnd: usize = 0, event: usize = 0, eventEnd: usize = 0
  let bodyFrom: u32 = 0, bodyTo: u32 = 0, runFrom: usize = 0, runTo: usize = 0
  while (p < end) {
    const at = p
    let tag = <u32>load<u8>(p++)
    if (tag > 127) { tag = longTag(at, end, RECORD); p = after }
    switch (tag) {
      case 0x09: { const q = eight(p, end, RECORD); time = load<u64>(p); p = q; break }
      case 0x59: { const q = eight(p, end, RECORD); observed = load<u64>(p); p = q; break }
      case 0x10: { severity = small(p, end, 24, RECORD); p = after; break }
      case 0x1a: { levelEnd = past(p, end, RECORD); level = payload(p); p = levelEnd; break }
      case 0x2a: { const q = past(p, end, RECORD); bodyFrom = offset(payload(p)); bodyTo = offset(q); p = q; break }
      case 0x32: {
        if (runTo == 0) runFrom = at
        p = past(p, end, RECORD)
        while (p < end && load<u8>(p) == 0x32) p = past(p + 1, end, RECORD)
        runTo = p
        break
      }
      case 0x4a: { const q = past(p, end, RECORD); traceId(ids, payload(p), q, RECORD); p = q; break }
      case 0x52: { const q = past(p, end, RECORD); spanId(ids + 16, payload(p), q, RECORD); p = q; break }
      case 0x62: { eventEnd = past(p, end, RECORD); event = payload(p); p = eventEnd; break }
      default: p = skip(tag, p, end, RECORD)
    }
  }
  store<f64>(b + (<usize>n << 3), ms(time))
  store<f64>(b + (c << 3) + (<usize>n << 3), ms(observed))
  const step = c << 2
  let q = b + (c << 4) + (<usize>n << 2)
  store<u32>(q, offset(from)); q += step
  store<u32>(q, offset(end)); q += step
  store<u32>(q, scope); q += step
  store<i32>(q, text(level, levelEnd - level)); q += step
  store<i32>(q, text(event, eventEnd - event)); q += step
  store<u32>(q, bodyFrom); q += step
  store<u32>(q, bodyTo); q += step
  store<u32>(q, runTo == 0 ? 0 : offset(runFrom)); q += step
  store<u32>(q, runTo == 0 ? 0 : offset(runTo))
  store<u8>(b + 76 * c + n, severity)
  setRows(RECORDS, n + 1)
}
