/**
 * What OpenMetrics asks of a page beyond its syntax: families in one piece, samples that belong to their family's type, values and
 * labels that the type allows, histograms that add up. A visitor; scrapers need none of this, `check metrics` all of it.
 */
import type { Label } from './labels.ts'
import { ExpositionError, readSeries, type Sample, type SampleType, show, type Visitor } from './read.ts'
import { numberOf } from './read-number.ts'

/** By type: what names of its samples end with, in their order. */
export const sampleSuffixes: Readonly<Record<SampleType, readonly string[]>> = {
  counter: ['_total', '_created'],
  gauge: [''],
  histogram: ['_bucket', '_count', '_sum', '_created'],
  gaugehistogram: ['_bucket', '_gcount', '_gsum'],
  summary: ['', '_count', '_sum', '_created'],
  info: ['_info'],
  stateset: [''],
  unknown: [''],
}
/** [code points] names and values of an exemplar's labels together */
const maxExemplar = 128

interface Group {
  readonly labels: string
  line: number
  /** of the metric point in hand; NaN: none written */
  time: number
  readonly seen: Set<string>
  lastBound: number
  lastBucket: number
  infinite: number | undefined
  negative: boolean
  count: number | undefined
  sum: number | undefined
}

export class OpenRules implements Visitor {
  readonly #wrong: ((error: ExpositionError) => void) | undefined
  #family = { name: '', type: 'unknown' as SampleType, begun: false, said: new Set<string>() }
  #any = false
  /** every name that samples of an earlier family have, and whose it is */
  readonly #taken = new Map<string, string>()
  /** the label sets of the family in hand that have ended */
  readonly #ended = new Set<string>()
  #group: Group | undefined

  constructor(wrong?: (error: ExpositionError) => void) {
    this.#wrong = wrong
    if (wrong !== undefined) this.wrong = wrong
  }
  wrong?: (error: ExpositionError) => void

  type(name: string, type: SampleType, line: number): void {
    this.#metadata(name, 'TYPE')
    this.#family.type = type
    this.#claim(line)
  }
  help(name: string, _text: string, _line: number): void {
    this.#metadata(name, 'HELP')
  }
  unit(name: string, unit: string, line: number): void {
    this.#metadata(name, 'UNIT')
    if (unit !== '') this.#units.set(name, { unit, line })
    this.#checkUnit()
  }
  readonly #units = new Map<string, { unit: string; line: number }>()

  /** When the page is over. */
  end(): void {
    this.#endFamily()
  }

  #metadata(name: string, word: string): void {
    if (!this.#any || name !== this.#family.name || this.#family.begun) {
      if (this.#any && name === this.#family.name) throw new ExpositionError(`${word} of ${show(name)} stands after its samples`)
      this.#begin(name)
    }
    if (this.#family.said.has(word)) throw new ExpositionError(`${word} of ${show(name)} is given twice`)
    this.#family.said.add(word)
    if (word === 'TYPE') this.#checkUnit()
  }

  #checkUnit(): void {
    const { name, type } = this.#family
    if (this.#units.has(name) && (type === 'info' || type === 'stateset'))
      throw new ExpositionError(`${show(name)} is of type ${type}, which has no unit`)
  }

  #begin(name: string): void {
    this.#endFamily()
    const owner = this.#taken.get(name)
    this.#family = { name, type: 'unknown', begun: false, said: new Set() }
    this.#any = true
    this.#taken.set(name, name)
    if (owner !== undefined)
      throw new ExpositionError(
        owner === name ? `${show(name)} is in two places: a family must be in one piece` : `${show(name)} clashes with ${show(owner)}`,
      )
  }

  /** The names of the family's samples, once its type is known. */
  #claim(_line: number): void {
    const { name, type } = this.#family
    this.#checkUnit()
    for (const suffix of sampleSuffixes[type]) {
      const owner = this.#taken.get(name + suffix)
      if (owner !== undefined && owner !== name)
        throw new ExpositionError(`samples ${show(name + suffix)} of ${show(name)} clash with ${show(owner)}`)
      this.#taken.set(name + suffix, name)
    }
  }

  sample(sample: Sample): void {
    const { name, labels } = readSeries(sample.key, true)
    const suffix = this.#suffixOf(name)
    if (suffix === undefined) this.#begin(name)
    this.#family.begun = true
    this.#value(suffix ?? '', name, labels, sample)
    this.#grouped(suffix ?? '', labels, sample)
  }

  #suffixOf(name: string): string | undefined {
    const { name: family, type } = this.#family
    if (!this.#any || !name.startsWith(family)) return undefined
    return sampleSuffixes[type].find(suffix => name === family + suffix)
  }

  #value(suffix: string, name: string, labels: readonly Label[], { value, exemplar }: Sample): void {
    const { type, name: family } = this.#family
    const fail = (what: string) => {
      throw new ExpositionError(`${show(name)}: ${what}`)
    }
    const counts = !(value >= 0)
    if (type === 'counter' && suffix === '_total' && counts) fail(`a counter must not be negative or NaN, got ${value}`)
    if ((suffix === '_bucket' || suffix === '_count' || suffix === '_gcount') && counts)
      fail(`a count must not be negative or NaN, got ${value}`)
    if ((suffix === '_sum' || suffix === '_gsum') && Number.isNaN(value) && type !== 'summary') fail('a sum must not be NaN')
    if (type === 'summary' && suffix === '_sum' && value < 0) fail(`a sum of a summary must not be negative, got ${value}`)
    if (type === 'info' && value !== 1) fail(`the value of an info must be 1, got ${value}`)
    if (type === 'stateset') {
      if (value !== 0 && value !== 1) fail(`the value of a stateset must be 0 or 1, got ${value}`)
      if (!labels.some(([label]) => label === family)) fail(`a stateset needs the label ${show(family)}`)
    }
    if (suffix === '_bucket' && (type === 'histogram' || type === 'gaugehistogram')) {
      const bound = numberOf(labelOf(labels, 'le') ?? '')
      if (bound === undefined || Number.isNaN(bound)) fail('a bucket needs the label "le" with a number')
    }
    if (type === 'summary' && suffix === '') {
      const quantile = numberOf(labelOf(labels, 'quantile') ?? '')
      if (quantile === undefined || !(quantile >= 0 && quantile <= 1)) fail('a quantile needs the label "quantile" from 0 to 1')
      if (value < 0) fail(`the value of a quantile must not be negative, got ${value}`)
    }
    if (exemplar === undefined) return
    const allowed = (type === 'counter' && suffix === '_total') || suffix === '_bucket'
    if (!allowed) fail('only counters and buckets have exemplars')
    let size = 0
    for (const [label, text] of exemplar.labels) size += [...label].length + [...text].length
    if (size > maxExemplar) fail(`the labels of an exemplar must not be longer than ${maxExemplar} characters, got ${size}`)
  }

  #grouped(suffix: string, labels: readonly Label[], { line, time, value }: Sample): void {
    const { type, name } = this.#family
    const own = type === 'stateset' ? name : type === 'summary' ? 'quantile' : suffix === '_bucket' ? 'le' : ''
    const rest = labels.filter(([label]) => label !== own)
    const id = JSON.stringify(rest.toSorted(([a], [b]) => (a < b ? -1 : 1)))
    let group = this.#group
    if (group?.labels !== id) {
      this.#endGroup()
      if (this.#ended.has(id)) throw new ExpositionError(`the samples of one metric of ${show(name)} are not next to each other`)
      group = newGroup(id, line, time)
      this.#group = group
    }
    const member = suffix + (own === '' ? '' : `=${labelOf(labels, own) ?? ''}`)
    if (Number.isNaN(group.time) !== Number.isNaN(time))
      throw new ExpositionError(`of one metric of ${show(name)} only some samples have timestamps`)
    if (time < group.time) throw new ExpositionError(`timestamps of one metric of ${show(name)} go back`)
    if (group.seen.has(member) && Number.isNaN(time)) throw new ExpositionError(`a sample of ${show(name)} is given twice`)
    if (time > group.time) {
      this.#endPoint(group)
      group = newGroup(id, line, time)
      this.#group = group
    }
    group.seen.add(member)
    if (suffix === '_bucket') bucketOf(group, numberOf(labelOf(labels, 'le') ?? '')!, value, name)
    else if (suffix === '_count' || suffix === '_gcount') group.count = value
    else if (suffix === '_sum' || suffix === '_gsum') group.sum = value
  }

  #endFamily(): void {
    const group = this.#group
    this.#group = undefined
    if (group !== undefined) this.#endPoint(group)
    this.#ended.clear()
  }

  #endGroup(): void {
    const group = this.#group
    this.#group = undefined
    if (group === undefined) return
    this.#ended.add(group.labels)
    this.#endPoint(group)
  }

  /** A histogram must be whole. What is wrong is told at its first line. */
  #endPoint(group: Group): void {
    const { type, name } = this.#family
    const problem = type === 'histogram' || type === 'gaugehistogram' ? incomplete(group, type) : undefined
    if (problem === undefined) return
    const error = new ExpositionError(`${show(name)}: ${problem}`, group.line)
    if (this.#wrong === undefined) throw error
    this.#wrong(error)
  }
}

const newGroup = (labels: string, line: number, time: number): Group => ({
  labels,
  line,
  time,
  seen: new Set(),
  lastBound: Number.NEGATIVE_INFINITY,
  lastBucket: 0,
  infinite: undefined,
  negative: false,
  count: undefined,
  sum: undefined,
})

function bucketOf(group: Group, bound: number, value: number, name: string): void {
  if (group.seen.size > 1 && bound <= group.lastBound) throw new ExpositionError(`the buckets of ${show(name)} are not in ascending order`)
  if (value < group.lastBucket) throw new ExpositionError(`the buckets of ${show(name)} do not add up: ${value} after ${group.lastBucket}`)
  group.lastBound = bound
  group.lastBucket = value
  if (bound < 0) group.negative = true
  if (bound === Number.POSITIVE_INFINITY) group.infinite = value
}

function incomplete({ infinite, negative, count, sum }: Group, type: SampleType): string | undefined {
  if (infinite === undefined) return 'a histogram needs the bucket le="+Inf"'
  if ((count === undefined) !== (sum === undefined) && !(negative && type === 'histogram' && sum === undefined))
    return 'a histogram needs both its count and its sum, or neither'
  if (count !== undefined && count !== infinite) return `the count is ${count}, and the bucket le="+Inf" holds ${infinite}`
  if (negative && type === 'histogram' && sum !== undefined) return 'a histogram with negative buckets must have no sum'
  return !negative && sum !== undefined && sum < 0 ? `the sum is ${sum}, and no bucket is negative` : undefined
}

const labelOf = (labels: readonly Label[], name: string): string | undefined => labels.find(([label]) => label === name)?.[1]
