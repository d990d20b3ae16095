/** The exemplars of a batch, kept until newer ones come: one for a counter, one a bucket, the ten newest of an exponential histogram. */

import type { ExemplarColumns } from '../model/batch.ts'
import { readAttributes } from '../otlp/attributes.ts'
import { BYTES, Cursor } from '../otlp/wire.ts'
import { showValue } from './describe.ts'
import type { Exemplar } from './families.ts'
import type { Label } from './labels.ts'
import { labelName } from './naming.ts'
import { fitExemplar } from './openmetrics.ts'

/** [bytes] attributes of a longer exemplar would not fit the limit of 128 characters, and are not kept */
const maxKeptBytes = 1024
const maxOfExponential = 10
const filteredAttributes = 7
/** Whatever the names on the page: exemplars are not escaped again for scrapers that ask, so their labels are plain from the start. */
const plain = { strategy: 'UnderscoreEscapingWithSuffixes' } as const

/** Reads its attributes when somebody looks at it. */
export class KeptExemplar implements Exemplar {
  readonly value: number
  readonly time: number
  readonly #ids: readonly Label[]
  /** the whole field; undefined once it has been read */
  #field: Uint8Array | undefined
  #labels: readonly Label[] | undefined

  constructor(columns: ExemplarColumns, i: number, bytes: Uint8Array) {
    this.value = columns.value[i]!
    this.time = columns.time[i]!
    this.#ids = idLabels(columns.ids.subarray(i * 24, i * 24 + 24))
    const from = columns.from[i]!
    const to = columns.to[i]!
    this.#field = to - from <= maxKeptBytes ? Uint8Array.prototype.slice.call(bytes, from, to) : undefined
  }

  get labels(): readonly Label[] {
    if (this.#labels === undefined) {
      this.#labels = fitExemplar([...this.#ids, ...this.#attributes()])
      this.#field = undefined
    }
    return this.#labels
  }

  #attributes(): Label[] {
    if (this.#field === undefined) return []
    const field = new Cursor(this.#field)
    if (!field.next() || field.wire !== BYTES) return []
    const labels = new Map<string, string>()
    for (const [key, value] of readAttributes(this.#field, field.start, field.end, filteredAttributes)) {
      const name = labelName(key, plain)
      if (name !== 'trace_id' && name !== 'span_id' && !labels.has(name)) labels.set(name, showValue(value))
    }
    return [...labels]
  }
}

function idLabels(ids: Uint8Array): Label[] {
  const labels: Label[] = []
  const hex = (from: number, to: number) => Buffer.from(ids.buffer, ids.byteOffset + from, to - from).toString('hex')
  if (ids.some((byte, k) => byte !== 0 && k < 16)) labels.push(['trace_id', hex(0, 16)])
  if (ids.some((byte, k) => byte !== 0 && k >= 16)) labels.push(['span_id', hex(16, 24)])
  return labels
}

/** How many exemplars a slot keeps, and which a new one replaces. */
export type Keeping = { readonly is: 'one' } | { readonly is: 'buckets'; readonly bounds: Float64Array } | { readonly is: 'newest' }

export class Exemplars {
  readonly #bySlot = new Map<number, Exemplar[]>()

  of(slot: number): readonly Exemplar[] {
    return this.#bySlot.get(slot) ?? none
  }

  forget(slot: number): void {
    this.#bySlot.delete(slot)
  }

  keep(slot: number, keeping: Keeping, columns: ExemplarColumns, i: number, bytes: Uint8Array): void {
    const kept = this.#bySlot.get(slot) ?? []
    const time = columns.time[i]!
    const place = placeFor(kept, keeping, columns.value[i]!)
    if (kept[place] !== undefined && kept[place].time > time) return
    kept[place] = new KeptExemplar(columns, i, bytes)
    this.#bySlot.set(slot, kept)
  }
}
const none: readonly Exemplar[] = []

/** Where in `kept` an exemplar of `value` belongs. */
function placeFor(kept: readonly Exemplar[], keeping: Keeping, value: number): number {
  if (keeping.is === 'one') return 0
  if (keeping.is === 'buckets') {
    const bucket = bucketOf(keeping.bounds, value)
    const same = kept.findIndex(exemplar => bucketOf(keeping.bounds, exemplar.value) === bucket)
    return same < 0 ? Math.min(kept.length, keeping.bounds.length) : same
  }
  if (kept.length < maxOfExponential) return kept.length
  let oldest = 0
  for (let k = 1; k < kept.length; k++) if (kept[k]!.time < kept[oldest]!.time) oldest = k
  return oldest
}

function bucketOf(bounds: Float64Array, value: number): number {
  let k = 0
  while (k < bounds.length && value > bounds[k]!) k++
  return k
}
