import type { DerivedSample } from '../component/derived.ts'
import { quote } from '../lib/go-text.ts'
import { showPrometheusDuration } from '../lib/prometheus-duration.ts'
import { compareLabels, Labels } from '../model/labels.ts'
import { createEngine } from '../promql/engine.ts'
import { HistogramLiteralError, parseHistogram, printHistogram } from '../promql/histogram/text.ts'
import { ParseError, type ParseOptions, parseExpr } from '../promql/parse.ts'
import { AppendError, MemoryStorage, show } from '../promql/testing/memory.ts'
import { MISSING, NATIVE, STALE } from '../promql/testing/sequence.ts'
import { metricAt, parseSeries, type SeriesDescription, SeriesError } from '../promql/testing/series.ts'
import { checkFeatures, type Features } from './features.ts'
import { parseRuleFile, type RuleFile, type RuleFileResult } from './file.ts'
import { Group, type Surroundings } from './group.ts'
import type { RuleSettings } from './manager.ts'
import { type AlertCase, type ExprCase, type TestCase, type UnitTestFile, unitTestFile } from './unit-test-file.ts'
import { engineQuery, type RuleQuery, type VectorSample } from './vector.ts'
import { decode } from './yaml.ts'

/**
 * Unit tests of rules, in promtool's format: series go in, rules are evaluated on their interval, alerts and expressions are compared.
 * Everything happens in memory, on the times of the test.
 */
export interface UnitTestOptions {
  /** What stands in a file. @throws where it cannot be read */
  readonly read: (path: string) => Promise<string>
  /** The files that a pattern names. */
  readonly glob: (pattern: string) => Promise<readonly string[]>
  /** which tests run, by name; undefined: all */
  readonly run?: (name: string) => boolean
  /** Fields of rule files that nobody knows are passed over. */
  readonly ignoreUnknownFields?: boolean
  /** what of PromQL is turned on besides Prometheus's defaults */
  readonly parseOptions?: Partial<ParseOptions>
  /** what of PromQL is turned off, as early versions of Prometheus had it */
  readonly features?: Partial<Features>
}

/** What one expectation came to. */
export interface UnitTestOutcome {
  /** of the test file, from 1 */
  readonly line: number
  /** what is wrong; undefined: it passed */
  readonly failure: string | undefined
}

/** [evaluations] that one test may take */
const MAX_EVALUATIONS = 1_000_000

/** @param path of the test file: patterns of rule files are relative to it. @returns in the order of the file; what keeps a test from running is an outcome of its own */
export async function runUnitTests(path: string, source: string, options: UnitTestOptions): Promise<readonly UnitTestOutcome[]> {
  const { value, problems } = decode(source, unitTestFile)
  if (problems.length > 0) return problems.map(problem => failed(Number(/line (\d+)/.exec(problem)?.[1] ?? 1), problem))
  const repeated = value.group_eval_order.find((name, i, names) => names.indexOf(name) !== i)
  if (repeated !== undefined) return [failed(1, `group name repeated in evaluation order: ${repeated}`)]
  const loaded = await loadRules(path, value, options)
  const outcomes: UnitTestOutcome[] = []
  for (const test of value.tests) {
    if (options.run?.(test.name) === false) continue
    outcomes.push(
      ...(loaded.problems.length > 0
        ? loaded.problems.map(problem => failed(test.line, problem))
        : await runTest(test, value, loaded.files, options)),
    )
  }
  return outcomes
}

const failed = (line: number, failure: string): UnitTestOutcome => ({ line, failure })
const passed = (line: number): UnitTestOutcome => ({ line, failure: undefined })

interface LoadedRules {
  readonly files: readonly { readonly path: string; readonly file: RuleFile }[]
  readonly problems: readonly string[]
}

async function loadRules(path: string, { rule_files }: UnitTestFile, options: UnitTestOptions): Promise<LoadedRules> {
  const folder = path.slice(0, path.lastIndexOf('/') + 1)
  const files: { path: string; file: RuleFile }[] = []
  const problems: string[] = []
  for (const pattern of rule_files) {
    for (const name of await options.glob(pattern.startsWith('/') ? pattern : `${folder}${pattern}`)) {
      const result = await readRules(name, options)
      if ('file' in result) files.push({ path: name, file: result.file })
      else problems.push(...result.problems.map(problem => `${name}: ${problem}`))
    }
  }
  return { files, problems }
}

async function readRules(path: string, options: UnitTestOptions): Promise<RuleFileResult> {
  try {
    return parseRuleFile(await options.read(path), options)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    return { problems: ['code' in error && error.code === 'ENOENT' ? 'there is no such file' : error.message] }
  }
}

async function runTest(
  test: TestCase,
  file: UnitTestFile,
  rules: LoadedRules['files'],
  options: UnitTestOptions,
): Promise<UnitTestOutcome[]> {
  try {
    return await new Run(test, file, rules, options).outcomes()
  } catch (error) {
    if (error instanceof TestError) return [failed(error.line, error.message)]
    throw error
  }
}

/** What ends a test. */
class TestError extends Error {
  readonly line: number
  constructor(line: number, message: string) {
    super(message)
    this.line = line
  }
}

class Run {
  readonly #test: TestCase
  readonly #fuzzy: boolean
  readonly #options: UnitTestOptions
  readonly #storage = new MemoryStorage()
  readonly #query: RuleQuery
  readonly #groups: readonly Group[]
  readonly #start: number
  /** [ms] between evaluations, and between samples */
  readonly #evaluationInterval: number
  readonly #interval: number
  readonly #series: readonly SeriesDescription[]
  /** [samples] of every series that are in the storage */
  #loaded = 0

  constructor(test: TestCase, file: UnitTestFile, rules: LoadedRules['files'], options: UnitTestOptions) {
    this.#test = test
    this.#options = options
    this.#fuzzy = file.fuzzy_compare
    this.#start = test.start_timestamp
    this.#evaluationInterval = file.evaluation_interval || 60_000
    this.#interval = test.interval || this.#evaluationInterval
    const engine = createEngine({ defaultStep: this.#evaluationInterval })
    const ask = engineQuery(engine, () => this.#storage)
    this.#query = (expr, text, time) => {
      checkFeatures(expr, options.features)
      return ask(expr, text, time)
    }
    this.#series = test.input_series.map(({ line, series, values }) => description(line, `${series} ${values}`))
    this.#groups = this.#ordered(rules, file.group_eval_order)
  }

  /** Groups that the order does not name come with its first. */
  #ordered(rules: LoadedRules['files'], order: readonly string[]): readonly Group[] {
    const settings: RuleSettings = {
      ...{ interval: this.#interval, queryOffset: 0, resendDelay: 60_000, outageTolerance: 0, forGracePeriod: 0, maxConcurrent: 1 },
      externalUrl: this.#test.external_url,
      externalLabels: Labels.of(this.#test.external_labels),
    }
    const around: Surroundings = {
      ...{ query: this.#query, alerts: {}, now: () => 0, monotonic: () => 0 },
      write: async samples => this.#append(samples),
    }
    const groups = rules.flatMap(({ path, file }) => file.groups.map(group => new Group(path, group, settings, around, true)))
    const place = (group: Group): number => Math.max(0, order.indexOf(group.definition.name))
    return groups.toSorted((a, b) => place(a) - place(b))
  }

  #append(samples: readonly DerivedSample[]): void {
    for (const { labels, time, ...sample } of samples) this.#storage.append(labels, time, sample)
  }

  async outcomes(): Promise<UnitTestOutcome[]> {
    const { alert_rule_test: alerts, promql_expr_test: exprs } = this.#test
    const nameless = alerts.find(({ alertname }) => alertname === '')
    if (nameless !== undefined) throw new TestError(nameless.line, 'an item under alert_rule_test misses required attribute alertname')
    const end = Math.max(0, ...[...alerts, ...exprs].map(({ eval_time }) => eval_time))
    if (end / this.#evaluationInterval > MAX_EVALUATIONS)
      throw new TestError(this.#test.line, `takes more than ${MAX_EVALUATIONS} evaluations`)
    const outcomes: UnitTestOutcome[] = []
    for (let after = 0; after <= end; after += this.#evaluationInterval) {
      await this.#evaluate(after)
      const due = alerts.filter(({ eval_time }) => after <= eval_time && eval_time < after + this.#evaluationInterval)
      outcomes.push(...due.map(each => this.#compareAlerts(each)))
    }
    this.#load(Number.POSITIVE_INFINITY)
    for (const each of exprs) outcomes.push(await this.#compareExpr(each))
    return outcomes.toSorted((a, b) => a.line - b.line)
  }

  /** Rules see the samples up to their time, and no later ones. @param after [ms] from the start of the test */
  async #evaluate(after: number): Promise<void> {
    this.#load(after)
    for (const group of this.#groups) {
      await group.evaluate(this.#start + after)
      const wrong = group.rules.find(({ health }) => health === 'err')
      if (wrong === undefined) continue
      const name = wrong.definition.kind === 'recording' ? wrong.definition.record : wrong.definition.alert
      throw new TestError(this.#test.line, `rule: ${name}, time: ${showPrometheusDuration(after)}, err: ${wrong.lastError}`)
    }
  }

  #load(until: number): void {
    const longest = Math.max(0, ...this.#series.map(({ values }) => values.length))
    for (; this.#loaded < longest && this.#loaded * this.#interval <= until; this.#loaded++) {
      for (const series of this.#series) this.#loadOne(series, this.#loaded)
    }
  }

  #loadOne({ labels, values }: SeriesDescription, i: number): void {
    const kind = values.kind[i]
    if (kind === undefined || kind === MISSING) return
    const sample = {
      value: values.value[i]!,
      stale: kind === STALE,
      histogram: kind === NATIVE ? values.histograms[i] : undefined,
    }
    try {
      this.#storage.append(labels, this.#start + i * this.#interval, sample)
    } catch (error) {
      throw error instanceof AppendError ? new TestError(this.#test.line, error.message) : error
    }
  }

  #compareAlerts({ line, alertname, eval_time, exp_alerts }: AlertCase): UnitTestOutcome {
    const named = this.#groups.flatMap(({ rules }) =>
      rules.flatMap(({ alerting }) => (alerting?.definition.alert === alertname ? [alerting] : [])),
    )
    const got = named.flatMap(({ active }) => active.filter(({ state }) => state === 'firing')).map(showAlert)
    const expected = exp_alerts.map(({ exp_labels, exp_annotations }) =>
      showAlert({ labels: Labels.of([...exp_labels, ['alertname', alertname]]), annotations: exp_annotations }),
    )
    if (sameTexts(expected, got)) return passed(line)
    return failed(line, `alertname: ${alertname}, time: ${showPrometheusDuration(eval_time)}, ${difference(expected, got)}`)
  }

  async #compareExpr({ line, expr, eval_time, exp_samples }: ExprCase): Promise<UnitTestOutcome> {
    const what = `expr: ${quote(expr)}, time: ${showPrometheusDuration(eval_time)}`
    try {
      const got = (await this.#query(parseExpr(expr, this.#options.parseOptions), expr, this.#start + eval_time)).toSorted(byLabels)
      const expected = exp_samples.map(expectedSample).toSorted(byLabels)
      if (expected.length === got.length && expected.every((sample, i) => sameSample(sample, got[i]!, this.#fuzzy))) return passed(line)
      return failed(line, `${what}, ${difference(expected.map(showSample), got.map(showSample))}`)
    } catch (error) {
      if (!(error instanceof Error)) throw error
      return failed(line, `${what}, err: ${error.message}`)
    }
  }
}

function description(line: number, text: string): SeriesDescription {
  try {
    return parseSeries(text)
  } catch (error) {
    throw error instanceof SeriesError ? new TestError(line, `series ${quote(text)}: ${error.message}`) : error
  }
}

const byLabels = (a: VectorSample, b: VectorSample): number => compareLabels(a.labels, b.labels)

function expectedSample({ labels, value, histogram }: ExprCase['exp_samples'][number]): VectorSample {
  try {
    const metric = labels.trim() === '' ? Labels.empty : wholeMetric(labels.trim())
    return histogram === ''
      ? { labels: metric, value, histogram: undefined }
      : { labels: metric, value: 0, histogram: parseHistogram(histogram).histogram }
  } catch (error) {
    if (error instanceof SeriesError || error instanceof HistogramLiteralError || error instanceof ParseError) {
      throw new Error(`labels ${quote(labels)}: ${error.message}`, { cause: error })
    }
    throw error
  }
}

function wholeMetric(text: string): Labels {
  const { labels, end } = metricAt(text, 0)
  if (end < text.length) throw new SeriesError(`unexpected ${quote(text.slice(end))}`, end)
  return labels
}

function sameSample(a: VectorSample, b: VectorSample, fuzzy: boolean): boolean {
  if (a.labels.key !== b.labels.key) return false
  if (a.histogram !== undefined || b.histogram !== undefined) return showValue(a) === showValue(b)
  return a.value === b.value || (Number.isNaN(a.value) && Number.isNaN(b.value)) || (fuzzy && areNeighbours(a.value, b.value))
}

/** Whether no float lies between two. */
function areNeighbours(a: number, b: number): boolean {
  const bits = new BigInt64Array(new Float64Array([a, b]).buffer)
  const [x, y] = [ordered(bits[0]!), ordered(bits[1]!)]
  return x - y <= 1n && y - x <= 1n
}

/** Bits of floats in the order of their values. */
const ordered = (bits: bigint): bigint => (bits < 0n ? -(bits & 0x7fffffffffffffffn) : bits)

const showLabels = (labels: Iterable<readonly [string, string]>): string =>
  `{${[...labels].map(([name, value]) => `${name}=${quote(value)}`).join(', ')}}`

const showValue = ({ value, histogram }: VectorSample): string => (histogram === undefined ? String(value) : printHistogram(histogram))
const showSample = (sample: VectorSample): string => `${show(sample.labels)} ${showValue(sample)}`

function showAlert({ labels, annotations }: { readonly labels: Labels; readonly annotations: ReadonlyMap<string, string> }): string {
  return `Labels:${showLabels(labels)} Annotations:${showLabels([...annotations].sort(([a], [b]) => (a < b ? -1 : 1)))}`
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  const [x, y] = [a.toSorted(), b.toSorted()]
  return x.length === y.length && x.every((text, i) => text === y[i])
}

const difference = (expected: readonly string[], got: readonly string[]): string => `expected ${showAll(expected)}, got ${showAll(got)}`
const showAll = (texts: readonly string[]): string => (texts.length === 0 ? 'nothing' : texts.join('; '))
