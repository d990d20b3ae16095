/** What is counted, by series. */

import type { Explicit } from '../../lib/explicit-histogram.ts'
import type { Exponential } from '../../lib/exponential-histogram.ts'
import type { TypedAttribute } from '../../otlp/find.ts'
import type { Message } from '../../otlp/schema.ts'
import { encodeField } from '../../otlp/write.ts'

export interface Exemplar {
  readonly traceId: Uint8Array
  readonly spanId: Uint8Array
  /** in the unit of the histogram */
  readonly value: number
}

/** One series: a counter, or a histogram. */
export class Series<Value = Explicit | Exponential | undefined> {
  readonly key: string
  /** the point's fields, encoded once: most of what a flush writes */
  readonly attributes: Uint8Array
  /** ms, when its first span was seen */
  readonly startMs: number
  /** ms, when its last span was seen */
  seenMs: number
  count = 0
  readonly histogram: Value
  /** a counter that was never told: its first point says 0, so that what follows is an increase for whoever computes rates */
  fresh = true
  exemplars: Exemplar[] = []

  constructor(key: string, attributes: Uint8Array, nowMs: number, histogram: Value) {
    this.key = key
    this.attributes = attributes
    this.startMs = this.seenMs = nowMs
    this.histogram = histogram
  }
}

const overflowAttributes: readonly TypedAttribute[] = [{ key: 'otel.metric.overflow', value: { boolValue: true } }]
const overflowKey = '\0overflow'

/** The series of one metric and one resource. */
export class SeriesSet<Value = Explicit | Exponential | undefined> {
  readonly all = new Map<string, Series<Value>>()
  readonly #limit: number
  readonly #point: Message
  readonly #histogram: () => Value
  /** [bytes] an estimate of what a series takes, its key aside */
  readonly #weight: number
  readonly #charge: (bytes: number) => void

  /** @param point what a series is told as, @param limit 0 is none */
  constructor(point: Message, limit: number, histogram: () => Value, weight: number, charge: (bytes: number) => void) {
    this.#point = point
    this.#limit = limit
    this.#histogram = histogram
    this.#weight = weight
    this.#charge = charge
  }

  /** The series `key`, or that of all which are too many. */
  of(key: string, attributes: () => readonly TypedAttribute[], nowMs: number): Series<Value> {
    const known = this.all.get(key)
    if (known !== undefined) return known
    if (this.#limit > 0 && this.all.size >= this.#limit) {
      return this.all.get(overflowKey) ?? this.#add(overflowKey, overflowAttributes, nowMs)
    }
    return this.#add(key, attributes(), nowMs)
  }

  /** Forgets what was not seen since `beforeMs`; returns how many. */
  expire(beforeMs: number): number {
    let expired = 0
    for (const series of this.all.values()) {
      if (series.seenMs > beforeMs) continue
      this.all.delete(series.key)
      this.#charge(-this.#size(series.key))
      expired++
    }
    return expired
  }

  clear(): void {
    for (const key of this.all.keys()) this.#charge(-this.#size(key))
    this.all.clear()
  }

  #add(key: string, attributes: readonly TypedAttribute[], nowMs: number): Series<Value> {
    const made = new Series(key, encodeField(this.#point, 'attributes', attributes), nowMs, this.#histogram())
    this.all.set(key, made)
    this.#charge(this.#size(key))
    return made
  }

  /** The key's text is there twice, once as the values of attributes. */
  #size(key: string): number {
    return this.#weight + 2 * key.length
  }
}

export const isOverflow = (series: Series<unknown>): boolean => series.key === overflowKey
