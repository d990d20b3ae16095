/**
 * Text 0.0.4 and OpenMetrics 1.0, line by line over bytes. Of a sample's line it finds where the series ends and reads the
 * numbers; labels are taken apart by whoever does not know the series (`readSeries`). Accepts what Prometheus' own parsers accept.
 */
import {
  ExpositionError,
  LabelsReading,
  newSample,
  type ReadExemplar,
  type Sample,
  type SampleType,
  sampleTypes,
  show,
  utf8Of,
  type Visitor,
} from './read.ts'
import { readNumber } from './read-number.ts'

const NEWLINE = 0x0a
const SPACE = 0x20
const TAB = 0x09
const HASH = 0x23
const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN = 0x7b
const CLOSE = 0x7d

/** @throws {ExpositionError} at the first thing that is wrong, unless the visitor takes it */
export function readTextPage(page: Uint8Array, visitor: Visitor, open: boolean): void {
  new TextReading(page, visitor, open).run()
}

/**
 * Some whole lines of a page, without the one that ends it.
 * @param from [bytes] where they begin @throws {ExpositionError} with a line counted from `from`
 */
export function readTextLines(page: Uint8Array, from: number, to: number, visitor: Visitor, open: boolean): void {
  new TextReading(page, visitor, open).lines(from, to)
}

/** A page of OpenMetrics that comes in pieces of whole lines. */
export class OpenMetricsPieces {
  readonly #visitor: Visitor
  #lines = 0
  #done = false

  constructor(visitor: Visitor) {
    this.#visitor = visitor
  }

  /** The next lines; only the last piece may lack a newline at its end. @throws {ExpositionError} with the line of the whole page */
  take(piece: Uint8Array): void {
    const reading = new TextReading(piece, this.#visitor, true, this.#lines, this.#done)
    reading.lines(0, piece.length)
    this.#lines = reading.line
    this.#done = reading.done
  }

  /** @throws {ExpositionError} */
  end(): void {
    new TextReading(Buffer.alloc(0), this.#visitor, true, this.#lines, this.#done).run()
  }
}

class TextReading {
  readonly #bytes: Buffer
  readonly #visitor: Visitor
  readonly #open: boolean
  #at = 0
  /** where the line in hand ends: its newline, or the end of the page */
  #end = 0
  #line = 0
  #done = false
  readonly #sample = newSample()

  /** @param line how many lines were before @param done whether the one that ends the page was among them */
  constructor(page: Uint8Array, visitor: Visitor, open: boolean, line = 0, done = false) {
    this.#bytes = Buffer.from(page.buffer, page.byteOffset, page.length)
    this.#visitor = visitor
    this.#open = open
    this.#line = line
    this.#done = done
  }

  get line(): number {
    return this.#line
  }
  get done(): boolean {
    return this.#done
  }

  lines(from: number, to: number): void {
    const bytes = this.#bytes
    this.#at = from
    while (this.#at < to) {
      const newline = bytes.indexOf(NEWLINE, this.#at)
      this.#end = newline < 0 ? bytes.length : newline
      this.#line++
      this.#attempt(newline < 0)
      this.#at = this.#end + 1
    }
    if (this.#done && to < bytes.length) this.#tell(new ExpositionError('"# EOF" within the page'))
  }

  run(): void {
    this.lines(0, this.#bytes.length)
    if (!this.#open || this.#done) return
    this.#line++
    this.#tell(new ExpositionError('the page does not end with "# EOF"'))
  }

  #attempt(unfinished: boolean): void {
    try {
      if (unfinished && !this.#open) throw new ExpositionError('the page ends within a line: it must end with a newline')
      this.#oneLine(unfinished)
    } catch (error) {
      if (!(error instanceof ExpositionError)) throw error
      this.#tell(error)
    }
  }

  #tell(error: ExpositionError): void {
    const placed = error.line > 0 ? error : new ExpositionError(error.message, this.#line)
    if (this.#visitor.wrong === undefined) throw placed
    this.#visitor.wrong(placed)
  }

  #oneLine(unfinished: boolean): void {
    if (this.#done) throw new ExpositionError('there is something after "# EOF"')
    if (!this.#open) this.#blanks()
    if (this.#at === this.#end) {
      if (this.#open) throw new ExpositionError('a blank line')
      return
    }
    if (this.#bytes[this.#at] === HASH) this.#comment()
    else {
      if (unfinished) throw new ExpositionError('the page ends within a line')
      this.#series()
    }
  }

  // Lines that begin with '#'.

  #comment(): void {
    const words = this.#bytes.toString('latin1', this.#at, this.#end)
    if (this.#open) {
      if (words === '# EOF') {
        this.#done = true
        return
      }
      const match = /^# (HELP|TYPE|UNIT) (?:("(?:\\.|[^\\"])*")|([a-zA-Z_:][a-zA-Z0-9_:]*)) (.*)$/s.exec(words)
      if (match === null) throw new ExpositionError(`neither HELP, TYPE, UNIT nor EOF: ${show(words)}`)
      this.#metadata(match[1]!, match[2], match[3], match[4]!)
      return
    }
    const kind = /^#[ \t]+(HELP|TYPE)[ \t]+/.exec(words)
    if (kind === null) return
    const match = /^(?:("(?:\\.|[^\\"])*")|([a-zA-Z_:][a-zA-Z0-9_:]*))(?:[ \t]+(.*))?$/s.exec(words.slice(kind[0].length))
    if (match === null) throw new ExpositionError(`not a metric name after ${kind[1]}: ${show(words.slice(kind[0].length))}`)
    this.#metadata(kind[1]!, match[1], match[2], match[3] ?? '')
  }

  #metadata(kind: string, quoted: string | undefined, plain: string | undefined, rest: string): void {
    const name = plain ?? unescapeHelp(utf8Of(quoted!.slice(1, -1)), true)
    if (kind === 'TYPE') {
      const type = this.#typeOf(rest)
      this.#visitor.type?.(name, type, this.#line)
    } else if (kind === 'HELP') this.#visitor.help?.(name, unescapeHelp(utf8Of(rest), this.#open), this.#line)
    else {
      if (rest !== '' && !name.endsWith(`_${rest}`) && name !== rest)
        throw new ExpositionError(`the unit ${show(rest)} is not the end of the name ${show(name)}`)
      this.#visitor.unit?.(name, rest, this.#line)
    }
  }

  #typeOf(word: string): SampleType {
    const name = this.#open ? word : word.trimEnd()
    if (!this.#open && name === 'untyped') return 'unknown'
    const known: readonly SampleType[] = this.#open ? sampleTypes : textTypes
    const type = known.find(each => each === name)
    if (type === undefined) throw new ExpositionError(`not a type: ${show(word)}; known: ${known.join(', ')}`)
    return type
  }

  // Lines with a sample.

  #series(): void {
    const bytes = this.#bytes
    const from = this.#at
    const recognized = this.#visitor.recognize?.(from, this.#end) ?? 0
    const to = recognized > 0 ? recognized : this.#seriesEnd()
    const sample = this.#sample
    sample.line = this.#line
    sample.key = recognized > 0 ? '' : bytes.toString('latin1', from, to)
    sample.from = from
    sample.to = to
    sample.end = this.#end
    sample.time = Number.NaN
    sample.exemplar = undefined
    this.#at = to
    if (this.#open) this.#openNumbers(sample)
    else this.#textNumbers(sample, to)
    this.#visitor.sample(sample)
  }

  /** Behind the name, or behind the brace that closes the labels. */
  #seriesEnd(): number {
    const bytes = this.#bytes
    const end = this.#end
    let at = this.#at
    while (at < end && bytes[at] !== OPEN && bytes[at] !== SPACE && bytes[at] !== TAB) at++
    let brace = at
    if (!this.#open) while (brace < end && (bytes[brace] === SPACE || bytes[brace] === TAB)) brace++
    if (bytes[brace] !== OPEN) return at
    let quoted = false
    for (at = brace + 1; at < end; at++) {
      const byte = bytes[at]
      if (byte === QUOTE) quoted = !quoted
      else if (byte === BACKSLASH && quoted) at++
      else if (byte === CLOSE && !quoted) return at + 1
    }
    throw new ExpositionError(quoted ? 'a quote is never closed' : '"{" is never closed')
  }

  #textNumbers(sample: Sample, seriesEnd: number): void {
    this.#blanks()
    if (this.#at === seriesEnd && this.#bytes[seriesEnd - 1] !== CLOSE)
      throw new ExpositionError(`there is no value after ${show(sample.key)}`)
    this.#value(sample)
    this.#blanks()
    if (this.#at === this.#end) return
    const word = this.#word()
    if (!/^-?\d+$/.test(word)) throw new ExpositionError(`the timestamp is not a whole number of milliseconds: ${show(word)}`)
    sample.time = Number(word)
    this.#blanks()
    if (this.#at !== this.#end) throw new ExpositionError(`there is something after the timestamp: ${show(this.#rest())}`)
  }

  #openNumbers(sample: Sample): void {
    this.#space('value')
    this.#value(sample)
    if (this.#at === this.#end) return
    this.#space('timestamp')
    if (this.#bytes[this.#at] !== HASH) {
      sample.time = this.#seconds()
      if (this.#at === this.#end) return
      this.#space('exemplar')
    }
    sample.exemplar = this.#exemplar()
  }

  #value(sample: Sample): void {
    sample.valueFrom = this.#at
    sample.value = this.#number('value')
    sample.valueTo = this.#at
  }

  #exemplar(): ReadExemplar {
    const text = this.#rest()
    if (!text.startsWith('# {')) throw new ExpositionError(`not an exemplar, which begins with "# {": ${show(text)}`)
    const reading = new LabelsReading(text, 3, true)
    reading.all()
    if (reading.name !== undefined) throw new ExpositionError('an exemplar has no name')
    this.#at += reading.at
    this.#space("exemplar's value")
    const value = this.#number("exemplar's value")
    let time = Number.NaN
    if (this.#at !== this.#end) {
      this.#space("exemplar's timestamp")
      time = this.#seconds()
      if (this.#at !== this.#end) throw new ExpositionError(`there is something after the exemplar: ${show(this.#rest())}`)
    }
    return { labels: reading.labels, value, time }
  }

  /** Up to the next blank, as ms. */
  #seconds(): number {
    const value = this.#number('timestamp')
    if (!Number.isFinite(value)) throw new ExpositionError('the timestamp is not finite')
    return value * 1000
  }

  #number(what: string): number {
    const from = this.#at
    while (this.#at < this.#end && this.#bytes[this.#at] !== SPACE && this.#bytes[this.#at] !== TAB) this.#at++
    const value = from === this.#at ? undefined : readNumber(this.#bytes, from, this.#at)
    if (value !== undefined) return value
    const got = this.#bytes.toString('latin1', from, this.#at)
    throw new ExpositionError(got === '' ? `there is no ${what}` : `the ${what} is not a number: ${show(got)}`)
  }

  #word(): string {
    const from = this.#at
    while (this.#at < this.#end && this.#bytes[this.#at] !== SPACE && this.#bytes[this.#at] !== TAB) this.#at++
    return this.#bytes.toString('latin1', from, this.#at)
  }

  #rest(): string {
    return this.#bytes.toString('latin1', this.#at, this.#end)
  }

  #space(before: string): void {
    if (this.#bytes[this.#at] !== SPACE || this.#at >= this.#end)
      throw new ExpositionError(`expected one space before the ${before}${this.#at < this.#end ? `, got ${show(this.#rest())}` : ''}`)
    this.#at++
  }

  #blanks(): void {
    while (this.#at < this.#end && (this.#bytes[this.#at] === SPACE || this.#bytes[this.#at] === TAB)) this.#at++
  }
}

const textTypes: readonly SampleType[] = ['counter', 'gauge', 'histogram', 'summary']

const unescapeHelp = (text: string, quotes: boolean): string =>
  text.includes('\\') ? text.replace(quotes ? /\\(["\\n])/g : /\\([\\n])/g, (_, c: string) => (c === 'n' ? '\n' : c)) : text
