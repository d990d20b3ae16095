/**
 * What reads expositions tells a `Visitor`, in the order of the page: text 0.0.4, OpenMetrics and protobuf alike. A series is
 * handed over by the bytes it was written with (`Sample.key`), so that whoever has seen it before need not read its labels again.
 */

import type { ExponentialBuckets } from './families.ts'
import type { Label } from './labels.ts'

export const formats = ['text', 'openmetrics', 'protobuf'] as const
export type Format = (typeof formats)[number]

export const sampleTypes = ['counter', 'gauge', 'histogram', 'gaugehistogram', 'summary', 'info', 'stateset', 'unknown'] as const
export type SampleType = (typeof sampleTypes)[number]

/** The page breaks the rules of its format; says at which line, counted from 1 (protobuf: at which family). */
export class ExpositionError extends Error {
  override readonly name = 'ExpositionError'
  readonly line: number
  constructor(message: string, line = 0) {
    super(message)
    this.line = line
  }
}

export interface ReadExemplar {
  readonly labels: readonly Label[]
  readonly value: number
  /** ms; NaN where none was written */
  readonly time: number
}

/** One sample. Reused: read it before returning. */
export interface Sample {
  line: number
  /** name and labels as they stand on the page, one character for each byte; `readSeries` takes them apart */
  key: string
  value: number
  /** ms; NaN where none was written */
  time: number
  /** ms; since when it counts; 0 where the sample itself does not say (in OpenMetrics another sample does: `…_created`) */
  start: number
  exemplar: ReadExemplar | undefined
  /** [bytes] where on the page the series and the value stand; of protobuf nothing */
  from: number
  to: number
  valueFrom: number
  valueTo: number
  /** and where its line ends */
  end: number
}

/** What a reader fills again and again. */
export const newSample = (): Sample => ({
  line: 0,
  key: '',
  value: 0,
  time: Number.NaN,
  start: 0,
  exemplar: undefined,
  from: 0,
  to: 0,
  valueFrom: 0,
  valueTo: 0,
  end: 0,
})

/** A native histogram. Reused: read it before returning. */
export interface NativeSample {
  line: number
  key: string
  time: number
  /** ms; 0 where none was written */
  start: number
  count: number
  sum: number
  buckets: ExponentialBuckets
  exemplars: readonly ReadExemplar[]
}

export interface Visitor {
  type?(name: string, type: SampleType, line: number): void
  help?(name: string, text: string, line: number): void
  unit?(name: string, unit: string, line: number): void
  /**
   * Asked of each line of text: where the series that begins at `from` ends, if it is recognized by its bytes; then `Sample.key` stays
   * empty. 0 where it is not. `end` is the end of the line.
   */
  recognize?(from: number, end: number): number
  /** @throws {ExpositionError} without a line: the reader adds it */
  sample(sample: Sample): void
  native?(sample: NativeSample): void
  /** Something is wrong; the reader goes on with the next line. Without this it throws. */
  wrong?(error: ExpositionError): void
}

export interface Series {
  readonly name: string
  /** in the order of the page; no name twice */
  readonly labels: readonly Label[]
}

const plainName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const plainLabel = /^[a-zA-Z_][a-zA-Z0-9_]*$/

/**
 * Takes a `Sample.key` apart: `name`, `name{label="value",…}` or `{"name","label"="value",…}`.
 * @param open as OpenMetrics has it: no blanks between the parts
 * @throws {ExpositionError}
 */
export function readSeries(key: string, open = false): Series {
  const brace = key.indexOf('{')
  if (brace < 0) return { name: nameOf(key), labels: [] }
  const reading = new LabelsReading(key, brace + 1, open)
  if (brace > 0) reading.name = nameOf(open ? key.slice(0, brace) : key.slice(0, brace).trimEnd())
  reading.all()
  if (reading.name === undefined) throw new ExpositionError('there is no metric name')
  return { name: reading.name, labels: reading.labels }
}

function nameOf(text: string): string {
  if (!plainName.test(text)) throw new ExpositionError(`not a metric name: ${show(text)}`)
  return text
}

/** Labels between braces, for series and exemplars. */
export class LabelsReading {
  readonly #text: string
  readonly #open: boolean
  /** where reading stands; after `all`, behind the closing brace */
  at: number
  name: string | undefined
  readonly labels: Label[] = []

  constructor(text: string, at: number, open: boolean) {
    this.#text = text
    this.at = at
    this.#open = open
  }

  all(): void {
    for (let first = true; ; first = false) {
      this.#blanks()
      if (this.#take('}')) return
      if (!first) {
        if (!this.#take(',')) throw this.#wrong('expected "," or "}"')
        this.#blanks()
        // A comma before the brace is allowed in text, and by all readers in OpenMetrics.
        if (this.#take('}')) return
      }
      this.#one(first)
    }
  }

  #one(first: boolean): void {
    const quoted = this.#text[this.at] === '"'
    const label = quoted ? this.#quoted() : this.#word()
    this.#blanks()
    if (quoted && this.#text[this.at] !== '=') {
      if (!first || this.name !== undefined) throw this.#wrong('a metric name where a label was expected')
      if (label === '') throw this.#wrong('the metric name is empty')
      this.name = label
      return
    }
    if (!this.#take('=')) throw this.#wrong(`expected "=" after ${show(label)}`)
    this.#blanks()
    if (this.#text[this.at] !== '"') throw this.#wrong(`the value of ${show(label)} must be in double quotes`)
    const value = this.#quoted()
    if (label === '__name__') {
      if (this.name !== undefined) throw this.#wrong('the metric name is given twice')
      this.name = value
      return
    }
    for (const [other] of this.labels) if (other === label) throw this.#wrong(`label ${show(label)} is given twice`)
    this.labels.push([label, value])
  }

  #word(): string {
    let end = this.at
    while (end < this.#text.length && !'=,}" \t{'.includes(this.#text[end]!)) end++
    const word = this.#text.slice(this.at, end)
    if (!plainLabel.test(word)) throw this.#wrong(`not a label name: ${show(word)}`)
    this.at = end
    return word
  }

  #quoted(): string {
    const from = this.at + 1
    let end = from
    let escaped = false
    let wide = false
    for (; ; end++) {
      if (end >= this.#text.length) throw this.#wrong('a quote is never closed')
      const code = this.#text.charCodeAt(end)
      if (code === 0x22) break
      if (code === 0x5c) {
        escaped = true
        end++
      } else if (code > 0x7f) wide = true
    }
    this.at = end + 1
    let value = this.#text.slice(from, end)
    if (wide) value = utf8Of(value)
    return escaped ? withoutEscapes(value) : value
  }

  #blanks(): void {
    if (!this.#open) while (this.#text[this.at] === ' ' || this.#text[this.at] === '\t') this.at++
  }

  #take(character: string): boolean {
    if (this.#text[this.at] !== character) return false
    this.at++
    return true
  }

  #wrong(message: string): ExpositionError {
    return new ExpositionError(message)
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** One character for each byte → text. @throws {ExpositionError} where the bytes are no UTF-8 */
export function utf8Of(bytes: string): string {
  try {
    return strictUtf8.decode(Buffer.from(bytes, 'latin1'))
  } catch {
    throw new ExpositionError('not UTF-8')
  }
}

/** Of `\\`, `\"` and `\n`; what else follows a backslash stays with it. */
function withoutEscapes(text: string): string {
  return text.replace(/\\(["\\n])/g, (_, c: string) => (c === 'n' ? '\n' : c))
}

export function show(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}…` : text)
}
