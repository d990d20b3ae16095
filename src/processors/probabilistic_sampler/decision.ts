/**
 * The decision itself, alike for spans and log records: a row has randomness and maybe a threshold of samplers before us; the mode gives
 * a threshold, and the row is kept where randomness >= threshold. 56-bit numbers are texts of 14 hexadecimal digits (see lib/tracestate.ts).
 */
import { ALWAYS, NEVER, probabilityOf, thresholdOf } from '../../lib/tracestate.ts'
import type { Settings } from './index.ts'

export type Mode = 'hash_seed' | 'proportional' | 'equalizing' | 'never'
/** What the Collector takes for randomness where there is none. */
export const ALL = 'f'.repeat(14)

export class Decision {
  readonly mode: Mode
  readonly #seed: number
  readonly #precision: number
  /** ratio */
  readonly #ratio: number
  /** that of `hash_seed` and `equalizing` */
  readonly threshold: string
  /** the threshold for what nothing can be decided about */
  readonly failed: string

  constructor({ mode, sampling_percentage, sampling_precision, hash_seed, fail_closed }: Settings) {
    // The Collector's percentage has 32 bits, and so does what it multiplies it with.
    const percent = Math.min(100, Math.fround(sampling_percentage))
    const hashed = Math.trunc(Math.fround(percent * Math.fround(BUCKETS / 100)))
    this.#ratio = Math.max(percent / 100, 2 ** -56)
    this.#precision = sampling_precision
    this.#seed = hash_seed
    this.failed = fail_closed ? NEVER : ALWAYS
    const wanted = mode === '' ? 'hash_seed' : mode
    this.mode = percent === 0 || (wanted === 'hash_seed' && hashed === 0) ? 'never' : wanted
    if (this.mode === 'never') this.threshold = NEVER
    else if (this.mode === 'hash_seed') this.threshold = hex7((BUCKETS - hashed) * BUCKETS) + hex7(0)
    else this.threshold = thresholdOf(this.#ratio, sampling_precision) ?? NEVER
  }

  /** @param incoming the threshold of samplers before us; '' where there is none */
  thresholdFor(incoming: string): string {
    if (this.mode === 'equalizing') return incoming > this.threshold ? incoming : this.threshold
    if (this.mode !== 'proportional') return this.threshold
    return thresholdOf((incoming === '' ? 1 : probabilityOf(incoming)) * this.#ratio, this.#precision) ?? NEVER
  }

  /** FNV-1a of the seed and `[from, to)`, of which 14 bits decide: small hashes are kept. */
  randomness(bytes: Uint8Array, from: number, to: number): string {
    let hash = 0x811c_9dc5
    for (let shift = 0; shift < 32; shift += 8) hash = Math.imul(hash ^ ((this.#seed >>> shift) & 255), 0x0100_0193)
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ bytes[i]!, 0x0100_0193)
    const hashed = hash & (BUCKETS - 1)
    const rest = hash >>> 18
    const mixed = rest ^ (rest << 10)
    return hex7(((BUCKETS - 1 - hashed) << 14) | (mixed >>> 14)) + hex7(((mixed & (BUCKETS - 1)) << 14) | hashed)
  }

  precise(probability: number): string | undefined {
    return thresholdOf(probability, this.#precision)
  }
}

const BUCKETS = 2 ** 14
/** 28 bits */
const hex7 = (value: number): string => (value + 2 ** 28).toString(16).slice(1)

/** Of a trace id at `at`: its last 56 bits. */
export function lastOfTraceId(ids: Uint8Array, at: number): string {
  const high = (ids[at + 9]! << 20) | (ids[at + 10]! << 12) | (ids[at + 11]! << 4) | (ids[at + 12]! >> 4)
  const low = ((ids[at + 12]! & 15) << 24) | (ids[at + 13]! << 16) | (ids[at + 14]! << 8) | ids[at + 15]!
  return hex7(high) + hex7(low)
}

export function isEmpty(ids: Uint8Array, at: number): boolean {
  for (let i = at; i < at + 16; i++) if (ids[i] !== 0) return false
  return true
}
