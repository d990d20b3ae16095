/**
 * Prometheus's test language: `load` puts samples into an empty storage, `eval` asks a query and says what comes, `clear` empties the storage.
 * A statement ends at an empty line, and so at a comment. What cannot be read is told, and the statements around it are run.
 */
import { RegexError } from '../../lib/re2.ts'
import type { Labels } from '../../model/labels.ts'
import type { Expr } from '../ast.ts'
import { everything, ParseError, type Problem, parseExpr } from '../parse.ts'
import { anyText, type Expectation, exactly, expectLine, matching, noExpectation, type Points } from './expectation.ts'
import { durationOf, numberOf } from './numbers.ts'
import { quotedAt } from './quoted.ts'
import type { Sequence } from './sequence.ts'
import { isStartLine, parseSeries, parseStartLine, type SeriesDescription, SeriesError } from './series.ts'

export type Statement = Clear | Load | Evaluation | Unreadable

interface Placed {
  /** of the file, from 1 */
  readonly line: number
}

export interface Clear extends Placed {
  readonly kind: 'clear'
}

export interface Load extends Placed {
  readonly kind: 'load'
  /** [ms] between the values of a series; the first is at 1970-01-01 */
  readonly interval: number
  /** Classic histograms are loaded as native ones with custom buckets too. */
  readonly customBuckets: boolean
  readonly series: readonly LoadedSeries[]
}

export interface LoadedSeries {
  readonly labels: Labels
  readonly values: Sequence
  /** [ms] to the time of each sample, where NUMBER */
  readonly starts: Sequence | undefined
}

export interface Evaluation extends Placed {
  readonly kind: 'eval'
  readonly text: string
  readonly expr: Expr
  /** epoch ms; a range query has a grid */
  readonly at: number | Points
  readonly expected: Expectation
}

/** Lines that are no statement. */
export interface Unreadable extends Placed {
  readonly kind: 'unreadable'
  readonly message: string
}

export function parseScript(text: string): Statement[] {
  const lines = text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .map(line => (line.trim().startsWith('#') ? '' : line.trim()))
  const statements: Statement[] = []
  for (let at = 0; at < lines.length; ) {
    if (lines[at] === '') at++
    else {
      const block = new Block(lines, at)
      statements.push(block.statement())
      at = block.end
    }
  }
  return statements
}

class Misread extends Error {
  readonly line: number
  constructor(line: number, message: string) {
    super(message)
    this.line = line
  }
}

/** The lines of one statement. */
class Block {
  readonly #lines: readonly string[]
  readonly #first: number
  /** one past the last line that was read */
  end: number

  constructor(lines: readonly string[], first: number) {
    this.#lines = lines
    this.#first = first
    this.end = first + 1
  }

  statement(): Statement {
    try {
      return this.#statement()
    } catch (error) {
      if (!(error instanceof Misread)) throw error
      // What follows in this block would be as hard to read.
      while (this.#next() !== undefined) {}
      return { kind: 'unreadable', line: error.line + 1, message: error.message }
    }
  }

  #statement(): Statement {
    const line = this.#lines[this.#first]!
    const word = line.split(/[\t ]/, 1)[0]!.toLowerCase()
    if (word === 'clear') return { kind: 'clear', line: this.#first + 1 }
    if (word.startsWith('load')) return this.#load(line)
    if (word.startsWith('eval')) return this.#eval(line)
    throw this.#wrong(`expected clear, load or eval, got ${JSON.stringify(line.slice(0, 40))}`)
  }

  /** The next line of the statement; undefined where it ends. */
  #next(): string | undefined {
    const line = this.#lines[this.end]
    if (line === undefined || line === '') return undefined
    this.end++
    return line
  }

  /** About the line that was read last. */
  #wrong(message: string, at?: number): Misread {
    return new Misread(this.end - 1, at === undefined ? message : `${message} at column ${at + 1}`)
  }

  #load(line: string): Load {
    const [, customBuckets, interval] = loadForm.exec(line) ?? []
    if (interval === undefined) throw this.#wrong('expected load INTERVAL or load_with_nhcb INTERVAL')
    const ms = this.#duration(interval)
    // Of two lines about one series the later counts.
    const series = new Map<string, LoadedSeries>()
    let starts: SeriesDescription | undefined
    for (let text = this.#next(); text !== undefined; text = this.#next()) {
      if (isStartLine(text)) {
        if (starts !== undefined) throw this.#wrong('start timestamps, and no samples after those before')
        starts = this.#series(text, parseStartLine)
        continue
      }
      const { labels, values } = this.#series(text, parseSeries)
      if (starts !== undefined) this.#matchStarts(starts, labels, values)
      series.set(labels.key, { labels, values, starts: starts?.values })
      starts = undefined
    }
    if (starts !== undefined) throw this.#wrong('start timestamps, and no samples after them')
    return { kind: 'load', line: this.#first + 1, interval: ms, customBuckets: customBuckets !== undefined, series: [...series.values()] }
  }

  #matchStarts(starts: SeriesDescription, labels: Labels, values: Sequence): void {
    if (starts.labels.key !== labels.key) throw this.#wrong('expected samples of the series whose start timestamps are in the line before')
    if (starts.values.length !== values.length) throw this.#wrong(`${starts.values.length} start timestamps for ${values.length} samples`)
  }

  #eval(line: string): Evaluation {
    const instant = instantForm.exec(line)
    const range = instant === null ? rangeForm.exec(line) : null
    const form = instant ?? range
    if (form === null) throw this.#wrong('expected eval instant at TIME QUERY, or eval range from TIME to TIME step DURATION QUERY')
    const text = form.at(-1)!
    const expr = this.#expr(text, line)
    const at = instant === null ? this.#points(form[2]!, form[3]!, form[4]!) : this.#duration(form[2] ?? '')
    const expected = noExpectation()
    if (form[1] === 'ordered') expected.ordered = true
    if (form[1] === 'fail') expected.fails.push(anyText)
    if (form[1] === 'warn') expected.warnings.some.push(anyText)
    if (form[1] === 'info') expected.infos.some.push(anyText)
    const many = typeof at !== 'number'
    for (let text = this.#next(); text !== undefined; text = this.#next()) if (!this.#expectation(text, expected, many)) break
    return { kind: 'eval', line: this.#first + 1, text, expr, at, expected }
  }

  /** Everything in the language is on in tests. */
  #expr(text: string, line: string): Expr {
    try {
      return parseExpr(text, everything)
    } catch (error) {
      if (!(error instanceof ParseError)) throw error
      const [{ text: what, position }] = error.problems as readonly [Problem]
      throw this.#wrong(`parse error: ${what}`, line.length - text.length + position.start)
    }
  }

  /** @returns whether more may follow */
  #expectation(line: string, expected: Expectation, many: boolean): boolean {
    const [, how, text] = oldFail.exec(line) ?? []
    if (how !== undefined && expected.fails.length > 0) {
      this.#oldFail(how, text!, expected)
      return false
    }
    if (line.startsWith('expect range vector')) {
      const [, from, to, step] = pointsForm.exec(line) ?? []
      if (step === undefined) throw this.#wrong('expected expect range vector from TIME to TIME step DURATION')
      expected.points = this.#points(from!, to!, step)
    } else if (line.startsWith('expect string')) expected.string = this.#string(line.slice('expect string'.length).trim())
    else if (line.split(' ', 1)[0] === 'expect') {
      const wrong = expectLine(line, expected)
      if (wrong !== undefined) throw this.#wrong(wrong)
    } else {
      const scalar = numberOf(line)
      if (scalar === undefined) this.#expectSeries(line, expected, many)
      expected.scalar = scalar
      return scalar === undefined
    }
    return true
  }

  #oldFail(how: string, text: string, expected: Expectation): void {
    try {
      expected.fails.push(how === 'message' ? exactly(text.trim()) : matching(text.trim()))
    } catch (error) {
      if (!(error instanceof RegexError)) throw error
      throw this.#wrong(`not a regular expression: ${error.message}`)
    }
  }

  #expectSeries(line: string, expected: Expectation, many: boolean): void {
    const { labels, values } = this.#series(line, parseSeries)
    if (!many && expected.points === undefined && values.length !== 1)
      throw this.#wrong(`expected one value, got ${values.length}; expect range vector from … to … step … before it allows more`)
    expected.series.set(labels.key, { labels, values, position: expected.series.size })
  }

  #string(text: string): string {
    const string = quotedAt(text, 0)
    if (string === undefined || string.end !== text.length) throw this.#wrong('expected a quoted string after expect string')
    return string.value
  }

  #series(line: string, parse: (line: string) => SeriesDescription): SeriesDescription {
    try {
      return parse(line)
    } catch (error) {
      throw error instanceof SeriesError ? this.#wrong(error.message, error.at) : error
    }
  }

  #points(from: string, to: string, step: string): Points {
    const points = { start: this.#duration(from), end: this.#duration(to), step: this.#duration(step) }
    if (points.end < points.start) throw this.#wrong(`the end ${to} is before the start ${from}`)
    if (points.step === 0) throw this.#wrong('the step is 0')
    return points
  }

  #duration(text: string): number {
    const ms = durationOf(text)
    if (ms === undefined) throw this.#wrong(`expected a duration like 1m30s, got ${JSON.stringify(text)}`)
    return ms
  }
}

const loadForm = /^load(_with_nhcb)?[\t ]+(.+)$/s
const instantForm = /^eval(?:_(fail|warn|ordered|info))?[\t ]+instant[\t ]+(?:at[\t ]+(.+?))?[\t ]+(.+)$/s
const rangeForm = /^eval(?:_(fail|warn|info))?[\t ]+range[\t ]+from[\t ]+(.+)[\t ]+to[\t ]+(.+)[\t ]+step[\t ]+(.+?)[\t ]+(.+)$/s
const pointsForm = /^expect range vector[\t ]+from[\t ]+(.+)[\t ]+to[\t ]+(.+)[\t ]+step[\t ]+(.+)$/s
const oldFail = /^expected_fail_(message|regexp)(.*)$/s
