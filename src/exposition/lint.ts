/**
 * What Prometheus' own tools advise about the text format beyond its syntax: names, units, suffixes, help. The findings are those
 * of `promtool check metrics`, each with the line it speaks of.
 */
import type { Label } from './labels.ts'
import { ExpositionError, readSeries, type Sample, type SampleType, show, type Visitor } from './read.ts'

export interface Finding {
  readonly line: number
  /** the family; '' where the syntax is wrong */
  readonly metric: string
  readonly says: string
}

interface Family {
  readonly name: string
  type: SampleType
  helped: boolean
  /** of its TYPE, or of its first sample */
  line: number
  samples: number
  readonly findings: Map<string, number>
  readonly seen: Map<string, number>
}

const baseUnits: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ['amperes', 'bytes', 'celsius', 'grams', 'joules', 'kelvin', 'meters', 'metres', 'seconds', 'volts'].map(unit => [unit, unit]),
  ),
  ...Object.fromEntries(['minutes', 'hours', 'days', 'weeks'].map(unit => [unit, 'seconds'])),
  ...{ kelvins: 'kelvin', fahrenheit: 'celsius', rankine: 'celsius' },
  ...{ inches: 'meters', yards: 'meters', miles: 'meters' },
  ...{ bits: 'bytes', calories: 'joules', pounds: 'grams', ounces: 'grams' },
}
const prefixes = /^(pico|nano|micro|milli|centi|deci|deca|hecto|kilo|kibi|mega|mibi|giga|gibi|tera|tebi|peta|pebi)/
const abbreviations = ['s', 'ms', 'us', 'ns', 'sec', 'b', 'kb', 'mb', 'gb', 'tb', 'pb', 'm', 'h', 'd']
const camel = /[a-z][A-Z]/

/** A visitor for the text format; `findings` are all of them, by line. */
export class Lint implements Visitor {
  readonly #families = new Map<string, Family>()
  readonly #errors: Finding[] = []

  wrong(error: ExpositionError): void {
    this.#errors.push({ line: error.line, metric: '', says: error.message })
  }

  type(name: string, type: SampleType, line: number): void {
    const family = this.#family(name, line)
    if (family.samples > 0) throw new ExpositionError(`TYPE of ${show(name)} stands after its samples`)
    if (this.#typed.has(name)) throw new ExpositionError(`TYPE of ${show(name)} is given twice`)
    this.#typed.add(name)
    family.type = type
    family.line = line
  }
  readonly #typed = new Set<string>()

  help(name: string, _text: string, line: number): void {
    const family = this.#family(name, line)
    if (family.helped) throw new ExpositionError(`HELP of ${show(name)} is given twice`)
    family.helped = true
  }

  sample({ key, line }: Sample): void {
    const { name, labels } = readSeries(key)
    const family = this.#familyOf(name, line)
    if (family.samples++ === 0 && !this.#typed.has(family.name)) family.line = line
    this.#labels(family, name, labels, line)
  }

  /** A sample `x_count` belongs to the summary or histogram `x`, if there is one. */
  #familyOf(name: string, line: number): Family {
    const known = this.#families.get(name)
    if (known !== undefined && this.#typed.has(name)) return known
    const base = /^(.+)_(bucket|count|sum)$/.exec(name)
    const family = base === null ? undefined : this.#families.get(base[1]!)
    if (family?.type === 'histogram' || (family?.type === 'summary' && base![2] !== 'bucket')) return family
    return known ?? this.#family(name, line)
  }

  #family(name: string, line: number): Family {
    let family = this.#families.get(name)
    if (family === undefined) {
      family = { name, type: 'unknown', helped: false, line, samples: 0, findings: new Map(), seen: new Map() }
      this.#families.set(name, family)
    }
    return family
  }

  #labels(family: Family, name: string, labels: readonly Label[], line: number): void {
    const { type, findings } = family
    const find = (says: string) => {
      if (!findings.has(says)) findings.set(says, line)
    }
    for (const [label] of labels) {
      if (label === 'le' && type !== 'histogram' && type !== 'unknown') find('non-histogram metrics should not have "le" label')
      if (label === 'quantile' && type !== 'summary' && type !== 'unknown') find('non-summary metrics should not have "quantile" label')
      if (camel.test(label)) find("label names should be written in 'snake_case' not 'camelCase'")
    }
    const id = JSON.stringify([name, labels.toSorted(([a], [b]) => (a < b ? -1 : 1))])
    if (family.seen.has(id)) find('metric not unique')
    family.seen.set(id, line)
  }

  get findings(): Finding[] {
    const found = [...this.#errors]
    for (const family of this.#families.values()) {
      if (family.samples === 0) continue
      for (const says of ofFamily(family)) found.push({ line: family.line, metric: family.name, says })
      for (const [says, line] of family.findings) found.push({ line, metric: family.name, says })
    }
    return found.sort((a, b) => a.line - b.line)
  }
}

function* ofFamily({ name, type, helped }: Family): Generator<string> {
  if (!helped) yield 'no help text'
  const unit = unitIn(name)
  if (unit !== undefined && unit.base !== unit.unit) yield `use base unit "${unit.base}" instead of "${unit.unit}"`
  const total = name.endsWith('_total')
  if (type === 'counter' && !total) yield 'counter metrics should have "_total" suffix'
  const lower = name.toLowerCase()
  if (type !== 'unknown') {
    if (type !== 'counter' && total) yield 'non-counter metrics should not have "_total" suffix'
    const distribution = type === 'histogram' || type === 'summary'
    if (type !== 'histogram' && name.endsWith('_bucket')) yield 'non-histogram metrics should not have "_bucket" suffix'
    if (!distribution && name.endsWith('_count')) yield 'non-histogram and non-summary metrics should not have "_count" suffix'
    if (!distribution && name.endsWith('_sum')) yield 'non-histogram and non-summary metrics should not have "_sum" suffix'
    if (lower.includes(`_${type}_`) || lower.endsWith(`_${type}`)) yield `metric name should not include type '${type}'`
  }
  if (name.includes(':')) yield "metric names should not contain ':'"
  if (camel.test(name)) yield "metric names should be written in 'snake_case' not 'camelCase'"
  if (abbreviations.some(unit => lower.includes(`_${unit}_`) || lower.endsWith(`_${unit}`)))
    yield 'metric names should not contain abbreviated units'
}

/** The first word of the name that is a unit, and its base unit. */
function unitIn(name: string): { unit: string; base: string } | undefined {
  for (const word of name.split('_')) {
    const base = baseOf(word) ?? baseOf(word.replace(prefixes, ''))
    if (base !== undefined) return { unit: word, base }
  }
  return undefined
}
const baseOf = (word: string) => (Object.hasOwn(baseUnits, word) ? baseUnits[word] : undefined)
