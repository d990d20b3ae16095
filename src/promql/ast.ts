import type { Matcher } from '../model/matcher.ts'

/** The tree of a PromQL expression, in Prometheus's terms. Built by parse.ts, checked by check.ts, printed by print.ts. Nodes are never written to. */
export type Expr =
  | NumberLiteral
  | StringLiteral
  | ParenExpr
  | UnaryExpr
  | BinaryExpr
  | AggregateExpr
  | Call
  | VectorSelector
  | MatrixSelector
  | SubqueryExpr

export type ValueType = 'scalar' | 'vector' | 'matrix' | 'string'

/** [UTF-16 units] of the query's text, `end` exclusive. */
export interface Position {
  readonly start: number
  readonly end: number
}

interface Node {
  readonly position: Position
}

export interface NumberLiteral extends Node {
  readonly kind: 'number'
  readonly value: number
  /** written as a duration (`5m` is 300 seconds): printed as one again */
  readonly duration: boolean
}

export interface StringLiteral extends Node {
  readonly kind: 'string'
  readonly value: string
}

export interface ParenExpr extends Node {
  readonly kind: 'paren'
  readonly expr: Expr
}

export interface UnaryExpr extends Node {
  readonly kind: 'unary'
  readonly op: '+' | '-'
  readonly expr: Expr
}

export type ArithmeticOp = '+' | '-' | '*' | '/' | '%' | '^' | 'atan2'
export type ComparisonOp = '==' | '!=' | '<' | '>' | '<=' | '>='
/** `</` and `>/` cut the buckets of native histograms below or above a bound (trim_upper, trim_lower). */
export type TrimOp = '</' | '>/'
export type SetOp = 'and' | 'or' | 'unless'
export type BinaryOp = ArithmeticOp | ComparisonOp | TrimOp | SetOp

export interface BinaryExpr extends Node {
  readonly kind: 'binary'
  readonly op: BinaryOp
  readonly left: Expr
  readonly right: Expr
  /** of a comparison: 0 or 1 instead of a filter */
  readonly bool: boolean
  /** between two vectors; undefined where a side is a scalar */
  readonly matching: VectorMatching | undefined
}

export interface VectorMatching {
  readonly cardinality: 'one-to-one' | 'many-to-one' | 'one-to-many' | 'many-to-many'
  /** `on(labels)`, else `ignoring(labels)` */
  readonly on: boolean
  readonly labels: readonly string[]
  /** labels that group_left or group_right takes from the one side */
  readonly include: readonly string[]
  /** `fill(v)`, `fill_left(v)`, `fill_right(v)`: what stands for a sample the side lacks */
  readonly fillLeft: number | undefined
  readonly fillRight: number | undefined
}

export const aggregations = [
  'sum',
  'avg',
  'count',
  'min',
  'max',
  'group',
  'stddev',
  'stdvar',
  'topk',
  'bottomk',
  'count_values',
  'quantile',
  'limitk',
  'limit_ratio',
] as const
export type Aggregation = (typeof aggregations)[number]

export interface AggregateExpr extends Node {
  readonly kind: 'aggregate'
  readonly op: Aggregation
  readonly expr: Expr
  /** k of topk, the label of count_values, … */
  readonly param: Expr | undefined
  readonly grouping: readonly string[]
  readonly without: boolean
}

export interface Call extends Node {
  readonly kind: 'call'
  /** a name of signatures.ts */
  readonly func: string
  readonly args: readonly Expr[]
}

/** Either a plain duration [ms], whole, or an expression of durations (experimental) that is worked out when the query's range and step are known. */
export type Duration = number | DurationExpr

/** Numbers are seconds, as Prometheus reckons them; the result is. */
export type DurationExpr =
  | NumberLiteral
  | ({ readonly kind: 'step' | 'range' } & Node)
  | ({ readonly kind: 'min_of' | 'max_of'; readonly left: DurationExpr; readonly right: DurationExpr } & Node)
  | ({ readonly kind: 'unary'; readonly op: '+' | '-'; readonly expr: DurationExpr } & Node)
  | ({ readonly kind: 'binary'; readonly op: DurationOp; readonly left: DurationExpr; readonly right: DurationExpr } & Node)
  | ({ readonly kind: 'paren'; readonly expr: DurationExpr } & Node)

export type DurationOp = '+' | '-' | '*' | '/' | '%' | '^'

/** `@ 123.4` [epoch ms], `@ start()`, `@ end()` */
export type At = number | 'start' | 'end'

export interface VectorSelector extends Node {
  readonly kind: 'vector_selector'
  /** as written before the braces; empty where only matchers are written. `matchers` has it too, as `__name__`. */
  readonly name: string
  readonly matchers: readonly Matcher[]
  readonly offset: Duration
  readonly at: At | undefined
  readonly modifier: 'anchored' | 'smoothed' | undefined
}

export interface MatrixSelector extends Node {
  readonly kind: 'matrix_selector'
  readonly selector: VectorSelector
  readonly range: Duration
}

export interface SubqueryExpr extends Node {
  readonly kind: 'subquery'
  readonly expr: Expr
  readonly range: Duration
  /** undefined: the default (the global evaluation interval) */
  readonly step: Duration | undefined
  readonly offset: Duration
  readonly at: At | undefined
}
