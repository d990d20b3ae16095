import { quote } from '../lib/go-text.ts'
import { type Aggregation, aggregations } from './ast.ts'

/** What the text of an expression is cut into. Keywords and signs are their own kind: `by`, `(`, `=~`. */
export type Kind =
  | 'eof'
  | 'error'
  | 'identifier'
  | 'metric_identifier'
  | 'string'
  | 'number'
  | 'duration'
  | Sign
  | Aggregation
  | Modifier
  | WordOperator
  | Preprocessor

type Sign = (typeof plainSigns)[number] | (typeof operatorSigns)[number]
type Modifier = (typeof modifiers)[number]
type WordOperator = (typeof wordOperators)[number]
export type Preprocessor = (typeof preprocessors)[number]

const plainSigns = ['(', ')', '{', '}', '[', ']', ',', ':', '='] as const
const operatorSigns = ['+', '-', '*', '/', '%', '^', '==', '!=', '<', '>', '<=', '>=', '</', '>/', '=~', '!~', '@'] as const
const wordOperators = ['and', 'or', 'unless', 'atan2'] as const
const modifiers = [
  'bool',
  'by',
  'group_left',
  'group_right',
  'fill',
  'fill_left',
  'fill_right',
  'ignoring',
  'offset',
  'smoothed',
  'anchored',
  'on',
  'without',
] as const
/** Words of duration expressions and of `@`; elsewhere functions or names. */
const preprocessors = ['start', 'end', 'step', 'range', 'max_of', 'min_of'] as const

export interface Token {
  readonly kind: Kind
  /** [UTF-16 units] of the text */
  readonly start: number
  readonly end: number
}

const numbers = ['inf', 'nan'] as const
/** By lower-case spelling: keywords have no case. */
export const keywords: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ...[...aggregations, ...modifiers, ...wordOperators, ...preprocessors].map(word => [word, word] as const),
  ...numbers.map(word => [word, 'number'] as const),
])

const aggregationKinds: ReadonlySet<string> = new Set(aggregations)
const modifierKinds: ReadonlySet<string> = new Set(modifiers)
const operatorKinds: ReadonlySet<string> = new Set([...operatorSigns, ...wordOperators])
const preprocessorKinds: ReadonlySet<string> = new Set(preprocessors)

export const isAggregation = (kind: Kind): kind is Aggregation => aggregationKinds.has(kind)
export const isPreprocessor = (kind: Kind): kind is Preprocessor => preprocessorKinds.has(kind)

/** Keywords that are a label's name in `by (…)`. */
const labelKinds: ReadonlySet<string> = new Set(
  [...aggregations, ...modifiers, ...wordOperators, ...preprocessors, 'identifier', 'metric_identifier'].filter(kind => kind !== 'without'),
)
/** Keywords that are a metric's name where an expression begins. */
const notMetrics: readonly string[] = ['bool', 'group_left', 'group_right', 'ignoring', 'on', 'atan2']
const metricKinds: ReadonlySet<string> = new Set([...labelKinds, 'without'].filter(kind => !notMetrics.includes(kind)))
const firstKinds: ReadonlySet<string> = new Set([...metricKinds, 'number', 'duration', 'string', '(', '{', '+', '-'])

export const isLabelName = (kind: Kind): boolean => labelKinds.has(kind)
export const isMetricName = (kind: Kind): boolean => metricKinds.has(kind)
/** Whether an expression may begin with it. */
export const isFirst = (kind: Kind): boolean => firstKinds.has(kind)

/** A token as Prometheus names it in `unexpected …`. */
export function describe(kind: Kind, text: string): string {
  if (kind === 'eof') return 'end of input'
  if (kind === 'identifier') return `identifier ${quote(text)}`
  if (kind === 'metric_identifier') return `metric identifier ${quote(text)}`
  if (kind === 'string' || kind === 'number' || kind === 'duration') return `${kind} ${brief(text)}`
  if (modifierKinds.has(kind)) return `<${text}>`
  if (operatorKinds.has(kind)) return `<op:${text}>`
  if (aggregationKinds.has(kind)) return `<aggr:${text}>`
  return quote(text)
}

/** Of more than ten bytes the first ten characters. */
function brief(text: string): string {
  // No character takes more bytes in UTF-8 than three times its UTF-16 units.
  const long = text.length > 10 || (text.length > 3 && new TextEncoder().encode(text).length > 10)
  return long ? `${quote(Array.from(text.slice(0, 20)).slice(0, 10).join(''))}...` : quote(text)
}
