import { quote } from '../lib/go-text.ts'
import { parsePrometheusDuration } from '../lib/prometheus-duration.ts'
import { Re2, RegexError } from '../lib/re2.ts'
import { expand as expandGroups } from '../lib/re2-expand.ts'
import { isAddress, joinHostPort, splitHostPort } from './address.ts'
import { builtins, escapeQuery } from './builtins.ts'
import { FunctionError } from './errors.ts'
import { humanize, humanize1024, humanizeDuration, humanizePercentage, humanizeTimestamp, toFloat, toTime } from './humanize.ts'
import { durationValue } from './time.ts'
import { type Callable, type ListValue, type ObjectValue, textMap, type Value } from './value.ts'

/** What the functions of a template ask of the world around them. */
export interface Surroundings {
  /** epoch ms: `now`, and the time of queries */
  readonly time: number
  /** what users reach us by: `externalURL`, `pathPrefix` */
  readonly externalUrl: string
  /** the answer to a query, once it is known; asks for it otherwise, by throwing */
  readonly query: (text: string) => readonly QuerySample[]
}

export interface QuerySample {
  readonly labels: Iterable<readonly [name: string, value: string]>
  /** a float, or a histogram, of which the text is known */
  readonly value: number | HistogramText
}

/** A native histogram, as far as templates see it. */
export interface HistogramText {
  toString(): string
}

const text = (value: Value): string => value as string
const words = (run: (text: string) => Value): Callable => ({ params: ['string'], run: ([value]) => run(text(value)) })
const number = (run: (value: Value) => Value): Callable => ({ params: ['interface {}'], run: ([value]) => run(value) })

/** What a template may call, by name. */
export interface Functions {
  get(name: string): Callable | undefined
}

/** Prometheus's functions and Go's. Made for every expansion: only those that ask something of the world are new. */
export function templateFunctions(around: Surroundings): Functions {
  const own = stateful(around)
  return { get: name => common.get(name) ?? (Object.hasOwn(own, name) ? own[name] : undefined) }
}

function stateful({ time, externalUrl, query }: Surroundings): Readonly<Record<string, Callable>> {
  return {
    query: words(question => vectorValue(query(question).map(sampleValue))),
    now: { params: [], run: () => time / 1000 },
    externalURL: { params: [], run: () => externalUrl },
    pathPrefix: { params: [], run: () => pathOf(externalUrl) },
  }
}

const stateless: Readonly<Record<string, Callable>> = {
  first: {
    params: ['template.queryResult'],
    run: ([vector]) => {
      const [sample] = (vector as ListValue | undefined)?.items ?? []
      if (sample === undefined) throw new FunctionError('first() called on vector with no elements')
      return sample
    },
  },
  label: { params: ['string', '*template.sample'], run: ([name, sample]) => labelOf(sample, text(name)) },
  value: { params: ['*template.sample'], run: ([sample]) => fieldsOf(sample)['Value'] },
  strvalue: { params: ['*template.sample'], run: ([sample]) => labelOf(sample, '__value__') },
  sortByLabel: {
    params: ['string', 'template.queryResult'],
    run: ([name, vector]) => {
      const by = (sample: Value): string => labelOf(sample, text(name))
      return vectorValue((vector as ListValue).items.toSorted((a, b) => (by(a) < by(b) ? -1 : by(a) > by(b) ? 1 : 0)))
    },
  },
  args: {
    params: [],
    rest: 'interface {}',
    run: values => ({
      kind: 'map',
      type: 'map[string]interface {}',
      entries: new Map(values.map((value, i) => [`arg${i}`, value])),
      zero: undefined,
    }),
  },
  reReplaceAll: { params: ['string', 'string', 'string'], run: ([pattern, by, where]) => replaced(text(pattern), text(by), text(where)) },
  match: { params: ['string', 'string'], run: ([pattern, where]) => compiled(text(pattern), reason => reason).test(text(where)) },
  safeHtml: words(html => ({ kind: 'object', type: 'template.HTML', fields: {}, methods: {}, inner: html, show: () => html })),
  title: words(words => words.replaceAll(/(?<![\p{L}\p{M}\p{N}_]['’.·]?)\p{Ll}/gu, letter => letter.toUpperCase())),
  toUpper: words(words => words.toUpperCase()),
  toLower: words(words => words.toLowerCase()),
  graphLink: words(expr => `/graph?g0.expr=${escapeQuery(expr)}&g0.tab=0`),
  tableLink: words(expr => `/graph?g0.expr=${escapeQuery(expr)}&g0.tab=1`),
  stripPort: words(address => splitHostPort(address)?.host ?? address),
  stripDomain: words(stripDomain),
  humanize: number(humanize),
  humanize1024: number(humanize1024),
  humanizeDuration: number(humanizeDuration),
  humanizePercentage: number(humanizePercentage),
  humanizeTimestamp: number(humanizeTimestamp),
  toTime: number(toTime),
  toDuration: number(value => durationValue(BigInt.asIntN(64, BigInt(Math.trunc(finite(toFloat(value)) * 1e9))))),
  parseDuration: words(parseDuration),
  urlQueryEscape: words(escapeQuery),
}

/** Those that ask nothing of the world. */
const common: ReadonlyMap<string, Callable> = new Map(Object.entries({ ...builtins, ...stateless }))

const nowhere: Surroundings = { time: 0, externalUrl: '', query: () => [] }
/** The names of all functions: what a template may call, whatever surrounds it. */
export const functionNames: ReadonlySet<string> = new Set(['and', 'or', ...common.keys(), ...Object.keys(stateful(nowhere))])

export const vectorValue = (items: readonly Value[]): ListValue => ({ kind: 'list', type: 'template.queryResult', items })

export function sampleValue({ labels, value }: QuerySample): ObjectValue {
  const fields = { Labels: textMap(labels), Value: typeof value === 'number' ? value : histogramValue(value) }
  return {
    kind: 'object',
    type: '*template.sample',
    fields,
    methods: {},
    inner: undefined,
    show: () => `{map[${[...fields.Labels.entries].map(pair => pair.join(':')).join(' ')}] ${String(value)}}`,
  }
}

export function histogramValue(histogram: HistogramText): ObjectValue {
  return {
    kind: 'object',
    type: '*histogram.FloatHistogram',
    fields: {},
    methods: { String: { params: [], run: () => histogram.toString() } },
    inner: histogram,
    show: () => histogram.toString(),
  }
}

const fieldsOf = (sample: Value): Readonly<Record<string, Value>> => {
  if (sample === undefined) throw new FunctionError('runtime error: invalid memory address or nil pointer dereference')
  return (sample as ObjectValue).fields
}

function labelOf(sample: Value, name: string): string {
  const labels = fieldsOf(sample)['Labels'] as ReturnType<typeof textMap>
  return (labels.entries.get(name) as string | undefined) ?? ''
}

/** NaN and the infinities are what Go's conversion makes of them on amd64. */
const finite = (seconds: number): number => (Number.isFinite(seconds) ? seconds : -(2 ** 63) / 1e9)

function compiled(pattern: string, explain: (reason: string) => string): Re2 {
  try {
    return new Re2(pattern)
  } catch (error) {
    if (error instanceof RegexError) throw new FunctionError(explain(`error parsing regexp: ${error.message}`))
    throw error
  }
}

/** [characters] that a replacement may make of a text; more is refused before it is made. */
const MAX_REPLACED = 1 << 22

function replaced(pattern: string, by: string, where: string): string {
  const regex = compiled(pattern, reason => `regexp: Compile(${quote(pattern)}): ${reason}`)
  let made = 0
  return regex.replaceAll(where, (_, match) => {
    const replacement = expandGroups(by, regex, where, match)
    made += replacement.length
    if (made > MAX_REPLACED) throw new FunctionError(`the replacement makes more than ${MAX_REPLACED} characters`)
    return replacement
  })
}

/** The first word of a host's name; addresses stay. */
function stripDomain(address: string): string {
  const split = splitHostPort(address)
  const host = split?.host ?? address
  if (isAddress(host)) return address
  const name = host.split('.')[0]!
  return split !== undefined && split.port !== '' ? joinHostPort(name, split.port) : name
}

/** [s] */
function parseDuration(duration: string): number {
  const negative = duration.startsWith('-')
  const ms = parsePrometheusDuration(negative ? duration.slice(1) : duration, quote)
  if (typeof ms === 'string') throw new FunctionError(ms)
  return (negative ? -ms : ms) / 1000
}

function pathOf(url: string): string {
  return URL.canParse(url) ? new URL(url).pathname.replace(/^\/$/, url.endsWith('/') ? '/' : '') : url
}
