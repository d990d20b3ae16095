import {
  ALWAYS,
  NEVER,
  parseTraceState,
  showThreshold,
  showTraceState,
  type TraceState,
  toRandomness,
  toThreshold,
} from '../../lib/tracestate.ts'
import type { SpanBatch } from '../../model/batch.ts'
import { type Change, textField } from '../../otlp/edit.ts'
import { Finder, readTyped } from '../../otlp/find.ts'
import { Scan } from '../../otlp/scan.ts'
import { BYTES, readText } from '../../otlp/wire.ts'
import { ALL, Decision, isEmpty, lastOfTraceId } from './decision.ts'
import type { Settings } from './index.ts'
import type { Sampler } from './sampling.ts'

const TRACE_STATE = 3
const ATTRIBUTES = 9

/** Spans carry threshold and randomness in their tracestate. */
export class SpanSampler implements Sampler<'traces'> {
  readonly #decision: Decision
  readonly #priority = new Finder(['sampling.priority'])
  readonly #scan = new Scan()
  #batch!: SpanBatch
  #bytes!: Uint8Array
  policy = ''

  constructor(settings: Settings) {
    this.#decision = new Decision(settings)
  }

  begin(batch: SpanBatch): void {
    this.#batch = batch
    this.#bytes = batch.raw.bytes()
  }

  keeps(row: number, changes: Change[]): boolean {
    const { spans } = this.#batch
    const decision = this.#decision
    const { mode } = decision
    const text = readText(this.#bytes, spans.traceStateFrom[row]!, spans.traceStateTo[row]!)
    const state = text === '' ? nothing : parseTraceState(text)
    let { randomness, threshold: incoming } = state ?? nothing
    // What is written back; undefined: the span stays as it is.
    let carries = state !== undefined
    let failed = !carries
    let chance = ALL
    this.policy = 'missing_randomness'
    const known = !isEmpty(spans.ids, 32 * row)
    if (mode === 'never') {
      // Only a priority keeps it, and what cannot be read in its tracestate is given up then, as in the Collector.
      carries = true
      this.policy = 'sampling_priority'
    }
    if (mode === 'hash_seed') {
      if (known) {
        chance = decision.randomness(spans.ids, 32 * row, 32 * row + 16)
        this.policy = 'trace_id_hash'
      }
      // Whoever samples by the specification must not be mixed with a hash of ours.
      if (randomness !== '' || incoming !== '') {
        carries = false
        failed = true
      } else randomness = chance
      failed ||= !known
    } else if (mode !== 'never' && carries) {
      if (randomness !== '') {
        chance = toRandomness(randomness)!
        this.policy = 'sampling_randomness'
      } else if (known) {
        chance = lastOfTraceId(spans.ids, 32 * row)
        this.policy = 'trace_id_w3c'
      } else failed = true
    }
    if (!failed && incoming !== '' && toThreshold(incoming)! > chance) {
      // It should not be here, so its threshold is wrong.
      incoming = ''
      failed = true
    }
    let threshold = failed ? decision.failed : decision.thresholdFor(incoming === '' ? '' : toThreshold(incoming)!)
    const forced = this.#forced(row)
    if (forced !== undefined) {
      threshold = forced
      this.policy = 'sampling_priority'
    }
    if (threshold > chance) return false
    if (!carries) return true
    if (incoming === '' || toThreshold(incoming)! <= threshold) incoming = showThreshold(threshold)
    const written = showTraceState({ ...(state ?? nothing), randomness, threshold: incoming })
    if (written !== text) changes.push(this.#change(row, written))
    return true
  }

  /** The threshold that `sampling.priority` asks for. */
  #forced(row: number): string | undefined {
    const { attributesFrom, attributesTo } = this.#batch.spans
    if (attributesFrom[row] === attributesTo[row]) return undefined
    if (this.#priority.find(this.#bytes, attributesFrom[row]!, attributesTo[row]!, ATTRIBUTES) === 0) return undefined
    const { intValue, doubleValue, stringValue } = readTyped(this.#bytes, this.#priority.ranges[0]!, this.#priority.ranges[1]!)
    const value = intValue === undefined ? (doubleValue ?? toNumber(stringValue)) : Number(intValue)
    if (value === undefined) return undefined
    return value === 0 ? NEVER : value > 0 ? ALWAYS : undefined
  }

  /** The tracestate where it was, or behind the ids. */
  #change(row: number, text: string): Change {
    const { from, to } = this.#batch.spans
    const bytes = text === '' ? new Uint8Array() : textField(TRACE_STATE, text)
    const at = this.#scan.over(this.#bytes, from[row]!, to[row]!)
    at.next()
    const [start, end] = [at.start, at.end]
    let before = start
    let found: Change | undefined
    for (at.over(this.#bytes, start, end); at.next(); ) {
      if (at.number === TRACE_STATE && at.wire === BYTES) found = { from: at.from, to: at.end, bytes }
      else if (at.number < TRACE_STATE && before === at.from) before = at.end
    }
    return found ?? { from: before, to: before, bytes }
  }
}

const nothing: TraceState = { randomness: '', threshold: '', ot: [], others: [] }

/** As Go reads numbers, but for its hexadecimal ones and its words. */
function toNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/.test(text) ? Number(text) : undefined
}
