import { showThreshold, toRandomness, toThreshold } from '../../lib/tracestate.ts'
import type { LogBatch } from '../../model/batch.ts'
import { AttributeList, attributesField, type Change, holderAt } from '../../otlp/edit.ts'
import { Finder, readTyped, showTyped } from '../../otlp/find.ts'
import { AnyValue } from '../../otlp/schema.ts'
import { encodeMessage } from '../../otlp/write.ts'
import { ALL, Decision, isEmpty, lastOfTraceId } from './decision.ts'
import type { Settings } from './index.ts'
import type { Sampler } from './sampling.ts'

const THRESHOLD = 'sampling.threshold'
const RANDOMNESS = 'sampling.randomness'

/** Log records carry threshold and randomness as attributes. */
export class LogSampler implements Sampler<'logs'> {
  readonly #decision: Decision
  readonly #settings: Settings
  readonly #finder: Finder
  #batch!: LogBatch
  #bytes!: Uint8Array
  policy = ''

  constructor(settings: Settings) {
    this.#decision = new Decision(settings)
    this.#settings = settings
    this.#finder = new Finder([THRESHOLD, RANDOMNESS, settings.from_attribute, settings.sampling_priority])
  }

  begin(batch: LogBatch): void {
    this.#batch = batch
    this.#bytes = batch.raw.bytes()
  }

  keeps(row: number, changes: Change[]): boolean {
    const { records } = this.#batch
    const decision = this.#decision
    const { mode } = decision
    this.#finder.find(this.#bytes, records.attributesFrom[row]!, records.attributesTo[row]!, attributesField.record)
    const said = { threshold: this.#text(0), randomness: this.#text(1) }
    let threshold = said.threshold === '' ? '' : toThreshold(said.threshold)
    let randomness = said.randomness === '' ? '' : toRandomness(said.randomness)
    let failed = threshold === undefined || randomness === undefined
    // A threshold that cannot be right is taken away.
    let carries = !failed
    let cleared = false
    let added = ''
    let chance = ALL
    this.policy = 'missing_randomness'
    const known = !isEmpty(records.ids, 24 * row)
    if (mode === 'never') {
      carries = true
      this.policy = 'sampling_priority'
    }
    if (mode === 'hash_seed') {
      const hashed = this.#hash(row, known)
      if (hashed !== undefined) chance = hashed
      if (carries && (threshold !== '' || randomness !== '')) {
        carries = false
        failed = true
      } else if (carries && hashed !== undefined) added = hashed
      failed ||= hashed === undefined
    } else if (mode !== 'never' && carries) {
      if (randomness !== '') {
        chance = randomness!
        this.policy = 'sampling_randomness'
      } else if (known) {
        chance = lastOfTraceId(records.ids, 24 * row)
        this.policy = 'trace_id_w3c'
      } else failed = true
    }
    threshold ??= ''
    randomness ??= ''
    if (!failed && threshold > chance) {
      threshold = ''
      cleared = true
      failed = true
    }
    let wanted = failed ? decision.failed : decision.thresholdFor(threshold)
    const asked = this.#asked()
    if (asked !== undefined) {
      wanted = asked
      this.policy = 'sampling_priority'
    }
    if (wanted > chance) return false
    if (!carries) return true
    const list = new AttributeList(holderAt(this.#bytes, records.from[row]!, records.to[row]!, attributesField.record))
    if (added !== '') list.put(RANDOMNESS, text(added))
    if (cleared) list.remove(THRESHOLD)
    if (threshold === '' || threshold <= wanted) list.put(THRESHOLD, text(showThreshold(wanted)))
    list.changes(changes)
    return true
  }

  /** The value of the `i`th attribute, if it is text. */
  #text(i: number): string {
    const { ranges } = this.#finder
    if (ranges[2 * i + 1] === 0) return ''
    return readTyped(this.#bytes, ranges[2 * i]!, ranges[2 * i + 1]!).stringValue ?? ''
  }

  #hash(row: number, known: boolean): string | undefined {
    const { attribute_source, from_attribute } = this.#settings
    if (attribute_source === 'traceID' && known) {
      this.policy = 'trace_id_hash'
      return this.#decision.randomness(this.#batch.records.ids, 24 * row, 24 * row + 16)
    }
    const { ranges } = this.#finder
    if (from_attribute === '' || ranges[5] === 0) return undefined
    const value = readTyped(this.#bytes, ranges[4]!, ranges[5]!)
    const bytes = value.bytesValue ?? Buffer.from(showTyped(value))
    if (bytes.length === 0) return undefined
    this.policy = from_attribute
    return this.#decision.randomness(bytes, 0, bytes.length)
  }

  /** The threshold that the record's priority asks for; a priority of 0 asks for nothing, as in the Collector. */
  #asked(): string | undefined {
    const { ranges } = this.#finder
    if (this.#settings.sampling_priority === '' || ranges[7] === 0) return undefined
    const { intValue, doubleValue } = readTyped(this.#bytes, ranges[6]!, ranges[7]!)
    const percent = intValue === undefined ? (doubleValue ?? 0) : Number(intValue)
    return percent === 0 ? undefined : this.#decision.precise(percent / 100)
  }
}

const text = (stringValue: string): Uint8Array => encodeMessage(AnyValue, { stringValue })
