/**
 * The one way from an OpenTelemetry name to a Prometheus name: pure over a dictionary entry, asked once per series.
 * Behaves as the Collector's prometheus exporter does (`translation_strategy`); where the Collector would refuse a whole
 * series because of one attribute's name, the name is bent further instead (see `labelName`).
 */
import type { SeriesEntry } from '../model/dictionary.ts'

/** [escapes] only letters, digits and underscores are left; [suffixes] unit and `_total` are appended. */
const rules = {
  UnderscoreEscapingWithSuffixes: { escapes: true, suffixes: true },
  UnderscoreEscapingWithoutSuffixes: { escapes: true, suffixes: false },
  NoUTF8EscapingWithSuffixes: { escapes: false, suffixes: true },
  NoTranslation: { escapes: false, suffixes: false },
} as const
export type Strategy = keyof typeof rules
export const strategies = Object.keys(rules) as [Strategy, ...Strategy[]]

/** How names are made: the strategy, and a first word for every metric ('' for none). */
export interface Translation {
  readonly strategy: Strategy
  readonly namespace: string
}

export type FamilyType = 'counter' | 'gauge' | 'histogram' | 'summary' | 'unknown'

export interface FamilyName {
  readonly name: string
  readonly type: FamilyType
  /** `seconds`, `bytes_per_second`; '' where there is none, or where the strategy appends no suffixes */
  readonly unit: string
}

type Named = Pick<SeriesEntry, 'name' | 'unit' | 'type' | 'monotonic' | 'prometheusType'>

/** @returns undefined where nothing is left that Prometheus would take as a name */
export function familyName(entry: Named, { strategy, namespace }: Translation): FamilyName | undefined {
  const { escapes, suffixes } = rules[strategy]
  const type = familyType(entry)
  const unit = suffixes ? unitWords(entry.unit) : noUnit
  const build = isPrometheus(entry) ? (escapes ? joinLegacy : joinPlain) : escapes ? (suffixes ? joinTokens : joinWords) : appendSuffixes
  const name = build(entry.name.toWellFormed(), namespace.toWellFormed(), unit, suffixes ? lastWord(entry) : '')
  if (name === '' || (escapes && name !== entry.name && /^_+$/.test(name))) return undefined
  return { name, type, unit: escapes ? trimUnderscores(joined(clean(unit.main), clean(unit.per))) : joined(unit.main, unit.per) }
}

/**
 * Did it come from Prometheus? Its names are what they were there, whatever the strategy, but for characters that the strategy lets nobody have:
 * a suffix that is not there was not there.
 */
export const isPrometheus = (entry: Pick<SeriesEntry, 'prometheusType'>): boolean => entry.prometheusType !== undefined

/** What a metric is to Prometheus. A sum that may fall is a gauge; both histograms are one type. */
export function familyType(entry: Pick<SeriesEntry, 'type' | 'monotonic' | 'prometheusType'>): FamilyType {
  if (entry.type === 'gauge' && entry.prometheusType === 'unknown') return 'unknown'
  if (entry.type === 'sum') return entry.monotonic ? 'counter' : 'gauge'
  return entry.type === 'exponential_histogram' ? 'histogram' : entry.type
}

/**
 * The label for an attribute. With an escaping strategy every other character becomes one underscore, and a digit in front
 * gets `key_`. Names that begin with two underscores belong to Prometheus: whatever the strategy, they keep one. What has no
 * character left, or none to begin with, is `_`.
 * @param prometheus it is a label of Prometheus's already, and keeps its underscores: `__replica__`
 */
export function labelName(key: string, { strategy }: Pick<Translation, 'strategy'>, prometheus = false): string {
  let name = key.toWellFormed()
  if (rules[strategy].escapes && !legacyLabel.test(name)) {
    name = name.replace(/[^A-Za-z0-9_]/gu, '_')
    if (/^[0-9]/.test(name)) name = `key_${name}`
  }
  if (prometheus && name !== '__name__') return name || '_'
  return name.replace(/^_{2,}/, '_') || '_'
}

/** Names as Prometheus has always taken them. */
export const legacyLabel = /^[A-Za-z_][A-Za-z0-9_]*$/
export const legacyMetric = /^[A-Za-z_:][A-Za-z0-9_:]*$/

/** May a family of that name say that its unit is `unit`? It must end with it. */
export const hasUnit = (name: string, unit: string): boolean => /^[A-Za-z0-9_:]+$/.test(unit) && name.endsWith(`_${unit}`)

/** Does the strategy leave only names that every scraper takes? */
export const isEscaping = (strategy: Strategy): boolean => rules[strategy].escapes

/** UCUM, as OpenTelemetry writes it, to the words Prometheus uses. What is not here is taken as it is. */
const mainUnits: Readonly<Record<string, string>> = {
  d: 'days',
  h: 'hours',
  min: 'minutes',
  s: 'seconds',
  ms: 'milliseconds',
  us: 'microseconds',
  ns: 'nanoseconds',
  By: 'bytes',
  KiBy: 'kibibytes',
  MiBy: 'mebibytes',
  GiBy: 'gibibytes',
  TiBy: 'tibibytes',
  KBy: 'kilobytes',
  MBy: 'megabytes',
  GBy: 'gigabytes',
  TBy: 'terabytes',
  m: 'meters',
  V: 'volts',
  A: 'amperes',
  J: 'joules',
  W: 'watts',
  g: 'grams',
  Cel: 'celsius',
  Hz: 'hertz',
  '1': '',
  '%': 'percent',
}
const perUnits: Readonly<Record<string, string>> = {
  s: 'second',
  m: 'minute',
  h: 'hour',
  d: 'day',
  w: 'week',
  mo: 'month',
  y: 'year',
}
const noUnit = { main: '', per: '' }

/** `By/s` → `bytes` and `per_second`; a part in braces is an annotation, not a unit. */
function unitWords(unit: string): { main: string; per: string } {
  const slash = unit.indexOf('/')
  const [over, under] = slash < 0 ? [unit, ''] : [unit.slice(0, slash), unit.slice(slash + 1)]
  const per = unitWord(under, perUnits)
  return { main: unitWord(over, mainUnits), per: per && `per_${per}` }
}

function unitWord(text: string, table: Readonly<Record<string, string>>): string {
  const word = text.trim()
  if (/[{}]/.test(word)) return ''
  return Object.hasOwn(table, word) ? table[word]! : word
}

/** Counters end in `total`. A gauge of unit 1 is a ratio; a sum of unit 1 counts things, whatever its unit says. */
function lastWord({ type, monotonic, unit }: Named): string {
  if (type === 'sum' && monotonic) return 'total'
  return type === 'gauge' && unit === '1' ? 'ratio' : ''
}

/** Every run of other characters is one underscore; what the name already says is not said again. */
function joinTokens(name: string, namespace: string, unit: { main: string; per: string }, last: string): string {
  let tokens = name.split(/[^A-Za-z0-9:]+/).filter(token => token !== '')
  const per = clean(unit.per).replace(/_$/, '')
  const newPer = per === 'per' || tokens.includes(per) ? '' : per
  const main = clean(unit.main)
  const newMain = tokens.includes(main) ? '' : main
  tokens.push(newPer === '' ? newMain : newMain.replace(/_$/, ''), newPer)
  tokens = tokens.filter(token => token !== '')
  if (last !== '') tokens = [...tokens.filter(token => token !== last), last]
  return digitSafe([...namespace.split(/[^A-Za-z0-9:_]+/).filter(part => part !== ''), ...tokens].join('_'))
}

const joinPlain = (name: string, namespace: string): string => joined(namespace, name)

/** As Prometheus itself writes a name for who takes no UTF-8. */
function joinLegacy(name: string, namespace: string): string {
  return digitSafe(joined(namespace, name).replace(/[^A-Za-z0-9:_]/gu, '_'))
}

/** No suffixes: underscores are kept as they are, runs of other characters become one. */
function joinWords(name: string, namespace: string): string {
  const words = (text: string) =>
    text
      .split(/[^A-Za-z0-9:_]+/)
      .filter(word => word !== '')
      .join('_')
  return namespace === '' ? digitSafe(words(name)) : digitSafe(`${words(namespace)}_${words(name)}`)
}

/** UTF-8 stays. A suffix that is there already moves to where it belongs. */
function appendSuffixes(name: string, namespace: string, unit: { main: string; per: string }, last: string): string {
  if (name === '') return ''
  let full = withoutSuffix(namespace === '' ? name : `${namespace}_${name}`, last)
  full = withoutSuffix(full, unit.per)
  if (!full.endsWith(unit.main)) full += `_${unit.main}`
  return joined(full, unit.per, last)
}

/** Takes away `suffix` and the character before it, if something is left then. */
function withoutSuffix(name: string, suffix: string): string {
  const cut = name.length - suffix.length - 1
  return suffix !== '' && cut > 0 && name.endsWith(suffix) ? name.slice(0, cut) : name
}

const joined = (...parts: string[]): string => parts.filter(part => part !== '').join('_')
const clean = (unit: string): string => unit.replace(/[^A-Za-z0-9:]+/g, '_').replace(/^_/, '')
const trimUnderscores = (text: string): string => text.replace(/^_|_$/g, '')
const digitSafe = (name: string): string => (/^[0-9]/.test(name) ? `_${name}` : name)
