// Names: (kind, parent, bytes) → a small integer. One block of memory per way in which a name was written:
//   0 hash u64 · 8 parent · 12 salt · 16 length · 20 id · 24 seen f64 · 32 next · 36 target · 40 canonical hash · 44 extra · 48 bytes
// `target` is the entry that owns the id: itself, or the first one with equal attributes, or the one that has taken the id over (see `takeOver`).
// `next` is the entry of the same kind that followed it last time: exports come in a stable order, so the next name is mostly found by one
// comparison and no hash.
import { equal, hash } from "./bytes"
import { canonicalResource, canonicalScope, canonicalSeries } from "./canonical"
import { CANONICAL, OTHER, PIECES, RENAMED, address, append, clear, extend, used } from "./scratch"

export const RESOURCE = 0, SCOPE = 1, METRIC = 2, SERIES = 3, TEXT = 4, BOUNDS = 5
const KINDS = 6

export const HEAD: usize = 48
const PARENT: usize = 8, SALT: usize = 12, LENGTH: usize = 16, ID: usize = 20, SEEN: usize = 24, NEXT: usize = 32, TARGET: usize = 36, CANON: usize = 40, EXTRA: usize = 44

let now: f64 = 0
export function setNow(ms: f64): void { now = ms }

// @ts-ignore: decorator
@inline export function idOf(entry: usize): i32 { return entry == 0 ? -1 : load<i32>(entry, ID) }

// ---- ids: of each kind {address, capacity, given out so far, first free, in use, most}; an id's place is {entry or free list, generation}
const kinds = memory.data(6 * 24, 8)
// @ts-ignore: decorator
@inline function kindAt(kind: i32): usize { return kinds + kind * 24 }

export function bound(kind: i32, most: u32): void { store<u32>(kindAt(kind), most, 20) }
export function places(kind: i32): usize { return load<u32>(kindAt(kind)) }
export function givenOut(kind: i32): i32 { return load<i32>(kindAt(kind), 8) }
export function inUse(kind: i32): i32 { return load<i32>(kindAt(kind), 16) }
export function entryOf(kind: i32, id: i32): usize {
  if (id < 0 || id >= givenOut(kind)) return 0
  const entry = load<u32>(places(kind) + (<usize>id << 3))
  return entry & 1 ? 0 : entry
}

function isFull(kind: i32): bool { return load<u32>(kindAt(kind), 16) >= load<u32>(kindAt(kind), 20) }

function takeId(kind: i32, entry: usize): i32 {
  const k = kindAt(kind)
  let id = load<i32>(k, 12) - 1
  if (id >= 0) {
    store<u32>(k, load<u32>(places(kind) + (<usize>id << 3)) >> 1, 12)
  } else {
    id = load<i32>(k, 8)
    const capacity = load<i32>(k, 4)
    if (id == capacity) {
      const more = max(64, capacity << 1)
      const wider = heap.alloc(<usize>more << 3)
      memory.fill(wider, 0, <usize>more << 3)
      if (capacity > 0) { memory.copy(wider, load<u32>(k), <usize>capacity << 3); heap.free(load<u32>(k)) }
      store<u32>(k, <u32>wider)
      store<i32>(k, more, 4)
    }
    store<i32>(k, id + 1, 8)
  }
  store<u32>(<usize>load<u32>(k) + (<usize>id << 3), <u32>entry)
  store<i32>(k, load<i32>(k, 16) + 1, 16)
  return id
}

function freeId(kind: i32, id: i32): void {
  const k = kindAt(kind)
  const place = <usize>load<u32>(k) + (<usize>id << 3)
  store<u32>(place, load<u32>(k, 12) << 1 | 1)
  store<u32>(place, load<u32>(place, 4) + 1, 4)
  store<i32>(k, id + 1, 12)
  store<i32>(k, load<i32>(k, 16) - 1, 16)
}

// ---- tables: open addressing, at most half full. By bytes {entry, upper half of its hash}; by canonical form {entry}
let slots: usize = 0
let mask: u32 = 0
let count: u32 = 0
let forms: usize = 0
let formMask: u32 = 0
let formCount: u32 = 0
let aliases: u32 = 0
/** Ways of writing that are remembered beside the first, over all names. */
let maxAliases: u32 = 0

export function start(most: u32): void {
  maxAliases = most
  slots = zeros(8 << 10); mask = 1023
  forms = zeros(4 << 10); formMask = 1023
}

function zeros(size: usize): usize {
  const at = heap.alloc(size)
  memory.fill(at, 0, size)
  return at
}

// @ts-ignore: decorator
@inline function matches(e: usize, parent: i32, salt: i32, extra: i32, a: usize, length: usize): bool {
  return load<i32>(e, PARENT) == parent && load<u32>(e, LENGTH) == <u32>length && load<i32>(e, SALT) == salt && load<i32>(e, EXTRA) == extra && equal(a, e + HEAD, length)
}

function find(h: u64, parent: i32, salt: i32, extra: i32, a: usize, length: usize): usize {
  let i = <u32>h & mask
  const upper = <u32>(h >> 32)
  while (true) {
    const slot = slots + (<usize>i << 3)
    const e = <usize>load<u32>(slot)
    if (e == 0) return 0
    if (load<u32>(slot, 4) == upper && matches(e, parent, salt, extra, a, length)) return e
    i = (i + 1) & mask
  }
}

function place(table: usize, tableMask: u32, e: usize): void {
  const h = load<u64>(e)
  let i = <u32>h & tableMask
  while (load<u32>(table + (<usize>i << 3)) != 0) i = (i + 1) & tableMask
  store<u32>(table + (<usize>i << 3), <u32>e)
  store<u32>(table + (<usize>i << 3), <u32>(h >> 32), 4)
}

function placeForm(table: usize, tableMask: u32, e: usize): void {
  let i = load<u32>(e, CANON) & tableMask
  while (load<u32>(table + (<usize>i << 2)) != 0) i = (i + 1) & tableMask
  store<u32>(table + (<usize>i << 2), <u32>e)
}

/** Room for one more entry in both tables. */
function widen(): void {
  if ((count + 1) << 1 > mask) {
    const wider = zeros(<usize>(mask + 1) << 4)
    const more = mask << 1 | 1
    for (let i: u32 = 0; i <= mask; i++) {
      const e = load<u32>(slots + (<usize>i << 3))
      if (e != 0) place(wider, more, e)
    }
    heap.free(slots)
    slots = wider; mask = more
  }
  if ((formCount + 1) << 1 > formMask) {
    const wider = zeros(<usize>(formMask + 1) << 3)
    const more = formMask << 1 | 1
    for (let i: u32 = 0; i <= formMask; i++) {
      const e = load<u32>(forms + (<usize>i << 2))
      if (e != 0) placeForm(wider, more, e)
    }
    heap.free(forms)
    forms = wider; formMask = more
  }
}

// ---- looking up

/** The kind is in the lower three bits of `salt`. Returns the entry, or 0 where the bound on its kind is reached. */
function intern(parent: i32, salt: i32, extra: i32, a: usize, length: usize): usize {
  const h = hash(a, length, parent, salt)
  const known = find(h, parent, salt, extra, a, length)
  if (known == 0) return add(h, parent, salt, extra, a, length)
  store<f64>(known, now, SEEN)
  return known
}

/** Whether names of this kind have attributes, which may be written in many ways. */
// @ts-ignore: decorator
@inline function hasForms(kind: i32): bool { return kind == SERIES || kind == RESOURCE || kind == SCOPE }

/** First sight of a name written in this way. */
function add(h: u64, parent: i32, salt: i32, extra: i32, a: usize, length: usize): usize {
  const kind = salt & 7
  const hasForm = hasForms(kind)
  let form: u32 = 0
  if (hasForm) {
    // Also where it cannot be kept: what is malformed must be refused.
    canonical(kind, a, length, extra, CANONICAL)
    form = <u32>hash(address(CANONICAL), used(CANONICAL), parent, salt)
    const target = findForm(form, parent, salt)
    if (target != 0) return alias(target, h, parent, salt, extra, a, length)
  }
  if (parent < 0) return 0
  const untold = kind == SERIES ? untoldSeries(parent) : 0
  if (untold == 0 && isFull(kind)) return 0
  widen()
  if (untold != 0) extend(RENAMED, 4)
  const e = entry(h, parent, salt, extra, a, length, 0)
  store<u32>(e, <u32>e, TARGET)
  store<u32>(e, form, CANON)
  // Before it is placed: no entry is found without an id, even if memory ends here.
  if (untold != 0) takeOver(untold, e)
  else store<i32>(e, takeId(kind, e), ID)
  if (hasForm) { placeForm(forms, formMask, e); formCount++ }
  place(slots, mask, e); count++
  return e
}

function alias(target: usize, h: u64, parent: i32, salt: i32, extra: i32, a: usize, length: usize): usize {
  store<f64>(target, now, SEEN)
  if (aliases >= maxAliases) return load<u32>(target, TARGET)
  widen()
  const e = entry(h, parent, salt, extra, a, length, 0)
  store<u32>(e, <u32>target, TARGET)
  store<i32>(e, load<i32>(target, ID), ID)
  place(slots, mask, e); count++
  aliases++
  return e
}

// ---- types told later
// Who sends Prometheus's samples may tell the type of a metric after them: until then the metric is marked `unknown`. What comes with the type is another
// metric, since a name says all of what comes with it, but its series are those that were there: each takes the id over, in another generation.

// As `metric` has its traits: the types of OpenTelemetry, and those of Prometheus from 1 on.
const GAUGE = 0, SUM = 1, EXPONENTIAL = 3
const UNKNOWN = 1, GAUGE_HISTOGRAM = 5
const CUMULATIVE = 2

/** The traits of a metric before its type was told; -1 where it may not have been marked `unknown`. */
function untoldTraits(traits: i32): i32 {
  const type = traits & 7, temporality = traits >> 3 & 3, told = traits >> 6
  if (told <= UNKNOWN) return -1
  // That a histogram is a gauge is said with each of its points, whatever is told of the metric: two of one name may differ.
  if (type == EXPONENTIAL && told == GAUGE_HISTOGRAM) return -1
  if (type == SUM) return temporality == CUMULATIVE ? GAUGE | UNKNOWN << 6 : -1
  return type | temporality << 3 | UNKNOWN << 6
}

/** The series of that metric whose canonical form is in CANONICAL, as it was before the type of the metric was told; 0 where it was not. */
function untoldSeries(parent: i32): usize {
  const m = entryOf(METRIC, parent)
  const traits = untoldTraits(load<i32>(m, SALT) >> 3)
  if (traits < 0) return 0
  const salt = METRIC | traits << 3, scope = load<i32>(m, PARENT), length = load<i32>(m, EXTRA)
  const untold = find(hash(m + HEAD, length, scope, salt), scope, salt, length, m + HEAD, length)
  if (untold == 0) return 0
  const id = load<i32>(untold, ID)
  const e = findForm(<u32>hash(address(CANONICAL), used(CANONICAL), id, SERIES), id, SERIES)
  // Another type may have taken it already.
  return e != 0 && load<u32>(e, TARGET) == <u32>e ? e : 0
}

/** `e` gets the id of `before`, which becomes another way to write it: a sender may not know the type of each of its samples. RENAMED has room for the id. */
function takeOver(before: usize, e: usize): void {
  const id = load<i32>(before, ID)
  const place = places(SERIES) + (<usize>id << 3)
  store<u32>(place, <u32>e)
  store<u32>(place, load<u32>(place, 4) + 1, 4)
  store<i32>(e, id, ID)
  store<u32>(before, <u32>e, TARGET)
  aliases++
  store<i32>(address(RENAMED) + used(RENAMED) - 4, id)
}

function entry(h: u64, parent: i32, salt: i32, extra: i32, a: usize, length: usize, more: usize): usize {
  const e = heap.alloc(HEAD + length + more)
  store<u64>(e, h)
  store<i32>(e, parent, PARENT); store<i32>(e, salt, SALT); store<u32>(e, <u32>length, LENGTH)
  store<i32>(e, -1, ID); store<f64>(e, now, SEEN); store<u32>(e, 0, NEXT); store<u32>(e, 0, CANON); store<i32>(e, extra, EXTRA)
  memory.copy(e + HEAD, a, length)
  return e
}

function canonical(kind: i32, a: usize, length: usize, extra: i32, block: i32): void {
  if (kind == SERIES) canonicalSeries(a, a + length, block)
  else if (kind == RESOURCE) canonicalResource(a, a + length, block)
  else canonicalScope(a, a + <usize>extra, a + length, block)
}

function findForm(form: u32, parent: i32, salt: i32): usize {
  let i = form & formMask
  while (true) {
    const e = <usize>load<u32>(forms + (<usize>i << 2))
    if (e == 0) return 0
    if (load<u32>(e, CANON) == form && load<i32>(e, PARENT) == parent && load<i32>(e, SALT) == salt) {
      canonical(salt & 7, e + HEAD, load<u32>(e, LENGTH), load<i32>(e, EXTRA), OTHER)
      if (used(OTHER) == used(CANONICAL) && equal(address(OTHER), address(CANONICAL), used(OTHER))) return e
    }
    i = (i + 1) & formMask
  }
}

// ---- by kind

let lastResource: usize = 0
let lastScope: usize = 0
let lastMetric: usize = 0
let lastSeries: usize = 0
let lastBounds: usize = 0

// @ts-ignore: decorator
@inline function following(last: usize, parent: i32, salt: i32, extra: i32, a: usize, length: usize): usize {
  if (last == 0) return 0
  const e = <usize>load<u32>(last, NEXT)
  if (e == 0 || !matches(e, parent, salt, extra, a, length)) return 0
  store<f64>(e, now, SEEN)
  return e
}

// @ts-ignore: decorator
@inline function link(last: usize, e: usize): void { if (last != 0) store<u32>(last, <u32>e, NEXT) }

export function resource(a: usize, length: usize): i32 {
  let e = following(lastResource, 0, RESOURCE, 0, a, length)
  if (e == 0) { e = intern(0, RESOURCE, 0, a, length); link(lastResource, e) }
  lastResource = e
  return idOf(e)
}

/** The scope's message, `message` bytes long, with its schema_url behind it. */
export function scope(parent: i32, a: usize, length: usize, message: usize): i32 {
  let e = following(lastScope, parent, SCOPE, <i32>message, a, length)
  if (e == 0) { e = intern(parent, SCOPE, <i32>message, a, length); link(lastScope, e) }
  lastScope = e
  return idOf(e)
}

/** `traits` = type | temporality << 3 | monotonic << 5 | Prometheus's type << 6. The description follows name and unit in the entry and is no part of the name. */
export function metric(parent: i32, traits: i32, name: usize, nameLength: usize, unit: usize, unitLength: usize, description: usize, descriptionLength: usize): i32 {
  const salt = METRIC | traits << 3
  if (lastMetric != 0) {
    const e = <usize>load<u32>(lastMetric, NEXT)
    if (
      e != 0 && load<i32>(e, PARENT) == parent && load<i32>(e, SALT) == salt && load<u32>(e, EXTRA) == <u32>nameLength &&
      load<u32>(e, LENGTH) == <u32>(nameLength + unitLength) && equal(name, e + HEAD, nameLength) && equal(unit, e + HEAD + nameLength, unitLength)
    ) {
      store<f64>(e, now, SEEN)
      lastMetric = e
      return load<i32>(e, ID)
    }
  }
  const e: usize = parent < 0 ? <usize>0 : slowMetric(parent, salt, name, nameLength, unit, unitLength, description, descriptionLength)
  link(lastMetric, e)
  lastMetric = e
  return idOf(e)
}

function slowMetric(parent: i32, salt: i32, name: usize, nameLength: usize, unit: usize, unitLength: usize, description: usize, descriptionLength: usize): usize {
  const length = nameLength + unitLength
  // Together, to be hashed.
  clear(PIECES)
  append(PIECES, name, nameLength)
  append(PIECES, unit, unitLength)
  const a = address(PIECES)
  const h = hash(a, length, parent, salt)
  const known = find(h, parent, salt, <i32>nameLength, a, length)
  if (known != 0) store<f64>(known, now, SEEN)
  if (known != 0 || isFull(METRIC)) return known
  widen()
  const e = entry(h, parent, salt, <i32>nameLength, a, length, descriptionLength)
  store<u32>(e, <u32>descriptionLength, CANON)
  memory.copy(e + HEAD + length, description, descriptionLength)
  store<u32>(e, <u32>e, TARGET)
  store<i32>(e, takeId(METRIC, e), ID)
  place(slots, mask, e); count++
  return e
}

// @ts-ignore: decorator
@inline export function series(parent: i32, a: usize, length: usize): i32 {
  let e = following(lastSeries, parent, SERIES, 0, a, length)
  if (e == 0) { e = intern(parent, SERIES, 0, a, length); link(lastSeries, e) }
  lastSeries = e
  return idOf(e)
}

export function text(a: usize, length: usize): i32 {
  return length == 0 ? -1 : idOf(intern(0, TEXT, 0, a, length))
}

export function bounds(a: usize, length: usize): i32 {
  if (length == 0) return -1
  if (lastBounds != 0 && matches(lastBounds, 0, BOUNDS, 0, a, length)) store<f64>(lastBounds, now, SEEN)
  else lastBounds = intern(0, BOUNDS, 0, a, length)
  return idOf(lastBounds)
}

// ---- forgetting

// @ts-ignore: decorator
@inline function seen(e: usize, ms: f64): void { if (load<f64>(e, SEEN) < ms) store<f64>(e, ms, SEEN) }

/** Frees what was not seen for `idle` ms before `ms`; returns how many series. A parent is seen whenever its child is, so none outlives it. */
export function sweep(ms: f64, idle: f64): i32 {
  for (let i: u32 = 0; i <= mask; i++) {
    const e = <usize>load<u32>(slots + (<usize>i << 3))
    if (e == 0) continue
    const last = load<f64>(e, SEEN)
    let target = <usize>load<u32>(e, TARGET)
    if (target == e) continue
    seen(target, last)
    // Written in another way as a series that has been taken over.
    for (let next = <usize>load<u32>(target, TARGET); next != target; next = load<u32>(target, TARGET)) seen(target = next, last)
    const parent = load<i32>(target, PARENT)
    if (parent != load<i32>(e, PARENT)) seen(entryOf(METRIC, parent), last)
  }
  let idlers: u32 = 0
  for (let i: u32 = 0; i <= mask; i++) {
    const e = <usize>load<u32>(slots + (<usize>i << 3))
    if (e != 0 && ms - load<f64>(e, SEEN) >= idle) idlers++
  }
  return idlers == 0 ? 0 : forget(ms, idle)
}

/** Needs no memory that it does not free first: it must succeed when there is none. */
function forget(ms: f64, idle: f64): i32 {
  lastResource = lastScope = lastMetric = lastSeries = lastBounds = 0
  count = formCount = aliases = 0
  // What stays is chained by `next`, which is void anyway where a neighbour goes.
  let chain: usize = 0
  let freed = 0
  for (let i: u32 = 0; i <= mask; i++) {
    const e = <usize>load<u32>(slots + (<usize>i << 3))
    if (e == 0) continue
    const owner = load<u32>(e, TARGET) == <u32>e
    const kind = load<i32>(e, SALT) & 7
    if (ms - load<f64>(e, SEEN) < idle) {
      store<u32>(e, <u32>chain, NEXT)
      chain = e
      count++
      if (!owner) aliases++
      if (hasForms(kind) && (owner || isTakenOver(e))) formCount++
    } else {
      if (owner) { freeId(kind, load<i32>(e, ID)); freed += <i32>(kind == SERIES) }
      heap.free(e)
    }
  }
  heap.free(slots); heap.free(forms)
  mask = tableSize(count) - 1
  slots = zeros(<usize>(mask + 1) << 3)
  formMask = tableSize(formCount) - 1
  forms = zeros(<usize>(formMask + 1) << 2)
  while (chain != 0) {
    const e = chain
    chain = load<u32>(e, NEXT)
    store<u32>(e, 0, NEXT)
    place(slots, mask, e)
    if (hasForms(load<i32>(e, SALT) & 7) && (load<u32>(e, TARGET) == <u32>e || isTakenOver(e))) placeForm(forms, formMask, e)
  }
  return freed
}

/** A series that had an id, and gave it to another. Only what has had one has a form of its own. */
// @ts-ignore: decorator
@inline function isTakenOver(e: usize): bool { return load<u32>(e, CANON) != 0 }

/** At most half full, and never larger than a table that held more. */
function tableSize(entries: u32): u32 {
  let size: u32 = 1024
  while (size < (entries + 1) << 1) size <<= 1
  return size
}
