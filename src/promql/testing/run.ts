/** Runs a script of the test language: what it loads into memory, what it asks to the engine, and tells what does not come out as expected. */
import { annotationText, type Severity } from '../annotations.ts'
import type { Expr } from '../ast.ts'
import { type Engine, type EngineOptions, QueryError, type QueryResult } from '../engine.ts'
import { everything, ParseError, parseExpr } from '../parse.ts'
import { print } from '../print.ts'
import { difference, momentDifference } from './compare.ts'
import { customBucketSeries } from './custom-buckets.ts'
import type { AnnotationTests, Expectation, Points } from './expectation.ts'
import { AppendError, MemoryStorage, show } from './memory.ts'
import { pinned } from './pinned.ts'
import { type Evaluation, type Load, parseScript, type Statement } from './script.ts'
import { MISSING, NATIVE, NUMBER, STALE } from './sequence.ts'
import { invalid } from './valid.ts'

/**
 * How much is asked of an instant query. 1: what is written. 2: a range query around its time has the same in its middle.
 * 3: with every selector fixed to its time (`@`) it has the same answer at five other times.
 */
export const levels = [1, 2, 3] as const
export type Level = (typeof levels)[number]

export interface Failure {
  /** of the file, from 1 */
  readonly line: number
  readonly message: string
}

export interface Outcome {
  /** [evaluations] */
  readonly passed: number
  /** one for each evaluation that failed, and for each statement that could not be read or loaded */
  readonly failures: readonly Failure[]
}

/** As Prometheus's own tests are run: what is off by default is on, and little fits into memory. */
export const testOptions = {
  lookback: 300_000,
  defaultStep: 60_000,
  maxSamples: 10_000,
  timeout: 100_000,
  delayedNameRemoval: true,
  startTimestamps: true,
} as const satisfies Partial<EngineOptions>

export async function runScript(text: string, engine: Engine, level: Level = 3): Promise<Outcome> {
  const storage = new MemoryStorage()
  const failures: Failure[] = []
  let passed = 0
  for (const statement of parseScript(text)) {
    const message = await run(statement, storage, engine, level).catch(broken)
    if (message !== undefined) failures.push({ line: statement.line, message })
    else if (statement.kind === 'eval') passed++
  }
  return { passed, failures }
}

/** A bug of ours; the other statements are worth running. */
const broken = (error: unknown): string =>
  `it broke: ${(error instanceof Error ? (error.stack ?? error.message) : String(error)).replaceAll('\n', ' ')}`

/** @returns what is wrong; undefined: nothing */
async function run(statement: Statement, storage: MemoryStorage, engine: Engine, level: Level): Promise<string | undefined> {
  switch (statement.kind) {
    case 'clear':
      return void storage.clear()
    case 'load':
      return load(statement, storage)
    case 'eval':
      return typeof statement.at === 'number'
        ? new Instant(statement, statement.at, storage, engine).check(level)
        : range(statement, storage, engine)
    case 'unreadable':
      return statement.message
  }
}

/** Puts what a statement loads into a storage. @returns what cannot be taken; undefined: all was */
export function load(statement: Load, storage: MemoryStorage): string | undefined {
  try {
    // Of two lines for one series the later counts.
    const series = new Map(statement.series.map(line => [line.labels.key, line]))
    for (const { labels, values, starts } of series.values())
      for (let i = 0; i < values.length; i++) {
        if (values.kind[i] === MISSING) continue
        if (labels.size === 0) return 'a sample without labels'
        const wrong = values.kind[i] === NATIVE ? invalid(values.histograms[i]!) : undefined
        if (wrong !== undefined) return `${show(labels)}: ${wrong}`
        const time = i * statement.interval
        storage.append(labels, time, {
          value: values.value[i]!,
          stale: values.kind[i] === STALE,
          histogram: values.kind[i] === NATIVE ? values.histograms[i] : undefined,
          start: starts?.kind[i] === NUMBER ? time + starts.value[i]! : 0,
        })
      }
    if (statement.customBuckets)
      for (const { labels, time, histogram } of customBucketSeries(statement))
        storage.append(labels, time, { value: Number.NaN, histogram })
    return undefined
  } catch (error) {
    if (error instanceof AppendError) return error.message
    throw error
  }
}

async function range({ expr, text, at, expected }: Evaluation, storage: MemoryStorage, engine: Engine): Promise<string | undefined> {
  const grid = at as Points
  const answer = await answered(engine.range(storage, { expr, text, ...grid }))
  if (answer instanceof QueryError || expected.fails.length > 0) return failureDifference(expected, answer)
  return annotationDifference(expected, answer, text) ?? difference(expected, answer.value, grid)
}

/** An instant query in all the ways that must have one answer. */
class Instant {
  readonly #statement: Evaluation
  readonly #time: number
  readonly #storage: MemoryStorage
  readonly #engine: Engine

  /** @param time epoch ms, but where a range vector is expected, whose points say when */
  constructor(statement: Evaluation, time: number, storage: MemoryStorage, engine: Engine) {
    this.#statement = statement
    this.#time = statement.expected.points?.end ?? time
    this.#storage = storage
    this.#engine = engine
  }

  async check(level: Level): Promise<string | undefined> {
    const { text, expr } = this.#statement
    const wrong = await this.#ask(text, expr, this.#time, level > 1)
    const fixed = wrong === undefined && level > 2 ? pinned(expr, this.#time) : undefined
    if (fixed === undefined) return wrong
    const printed = print(fixed)
    const read = readAgain(printed)
    if (read instanceof Error) return `printed as ${printed}, which cannot be read: ${read.message}`
    for (const time of otherTimes(this.#time)) {
      const wrong = await this.#ask(printed, read, time, true)
      if (wrong !== undefined) return `${wrong} (of ${printed} at ${time / 1000} s)`
    }
    return undefined
  }

  async #ask(text: string, expr: Expr, time: number, inRange: boolean): Promise<string | undefined> {
    const { expected } = this.#statement
    const answer = await answered(this.#engine.instant(this.#storage, { expr, text, time }))
    if (answer instanceof QueryError || expected.fails.length > 0) return failureDifference(expected, answer)
    const wrong = annotationDifference(expected, answer, text) ?? difference(expected, answer.value, expected.points)
    if (wrong !== undefined || !inRange || expected.points !== undefined || expected.string !== undefined || ofContext.test(text))
      return wrong
    return this.#askInRange(text, expr, time, answer.value.type === 'scalar')
  }

  async #askInRange(text: string, expr: Expr, time: number, scalar: boolean): Promise<string | undefined> {
    const { expected } = this.#statement
    const grid = { start: time - MINUTE, end: time + MINUTE, step: MINUTE }
    const answer = await answered(this.#engine.range(this.#storage, { expr, text, ...grid }))
    if (answer instanceof QueryError) return `as a range query it failed: ${answer.message}`
    // What a range query answers is always sorted by labels.
    const wrong = expected.ordered ? undefined : momentDifference(expected, answer.value, time, scalar)
    return wrong === undefined ? undefined : `${wrong} (as a range query)`
  }
}

const MINUTE = 60_000
/** What a range query answers otherwise. */
const ofContext = /(start|end|range|step)\(\)/

/** [epoch ms] */
const otherTimes = (time: number): readonly number[] =>
  time === 0 ? [-1_000, 0, 1_000] : [-10 * time, 0, Math.trunc(time / 5), time, 10 * time]

/** Annotations tell places in the text that was printed. */
function readAgain(printed: string): Expr | ParseError {
  try {
    return parseExpr(printed, everything)
  } catch (error) {
    if (error instanceof ParseError) return error
    throw error
  }
}

async function answered(answer: Promise<QueryResult>): Promise<QueryResult | QueryError> {
  try {
    return await answer
  } catch (error) {
    // What is no QueryError is a bug.
    if (error instanceof QueryError) return error
    throw error
  }
}

function failureDifference({ fails }: Expectation, answer: QueryResult | QueryError): string | undefined {
  if (!(answer instanceof QueryError)) return 'expected it to fail, and it did not'
  if (fails.length === 0) return `expected no failure, got ${answer.message}`
  const unmet = fails.find(test => !test.matches(answer.message))
  return unmet === undefined ? undefined : `expected it to fail with ${unmet.says}, got ${JSON.stringify(answer.message)}`
}

function annotationDifference({ warnings, infos }: Expectation, { annotations }: QueryResult, query: string): string | undefined {
  const texts = (severity: Severity) =>
    annotations.filter(annotation => annotation.severity === severity).map(annotation => annotationText(annotation, query))
  return textsDifference('warning', warnings, texts('warning')) ?? textsDifference('info', infos, texts('info'))
}

function textsDifference(what: Severity, { some, none }: AnnotationTests, texts: readonly string[]): string | undefined {
  if (none && texts.length > 0) return `expected no ${what}, got ${JSON.stringify(texts[0])}`
  if (some.length === 0) return undefined
  const unmet = some.find(test => !texts.some(test.matches))
  if (unmet !== undefined) return `expected a ${what} that is ${unmet.says}, got ${texts.length === 0 ? 'none' : JSON.stringify(texts)}`
  const extra = texts.find(text => !some.some(test => test.matches(text)))
  return extra === undefined ? undefined : `expected no other ${what}, got ${JSON.stringify(extra)}`
}
