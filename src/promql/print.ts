import { formatF, formatG, quote } from '../lib/go-text.ts'
import { compareText } from '../model/labels.ts'
import type { Matcher } from '../model/matcher.ts'
import type {
  AggregateExpr,
  At,
  BinaryExpr,
  Duration,
  DurationExpr,
  Expr,
  MatrixSelector,
  NumberLiteral,
  SubqueryExpr,
  VectorSelector,
} from './ast.ts'
import { formatDuration } from './literals.ts'

/** An expression in one line, as Prometheus prints it: what parses gives the same expression again. */
export const print = (expr: Expr): string => printWith(expr, print)

/** One node; `inner` gives what stands for its expressions. */
export function printWith(expr: Expr, inner: (expr: Expr) => string): string {
  switch (expr.kind) {
    case 'number':
      return printNumber(expr)
    case 'string':
      return quote(expr.value)
    case 'paren':
      return `(${inner(expr.expr)})`
    case 'unary':
      return expr.op + inner(expr.expr)
    case 'binary':
      return `${inner(expr.left)} ${printOperator(expr)} ${inner(expr.right)}`
    case 'aggregate':
      return `${printAggregation(expr)}(${expr.param === undefined ? '' : `${inner(expr.param)}, `}${inner(expr.expr)})`
    case 'call':
      return `${expr.func}(${expr.args.map(inner).join(', ')})`
    case 'vector_selector':
      return printName(expr) + printAt(expr.at) + (expr.modifier === undefined ? '' : ` ${expr.modifier}`) + printOffset(expr.offset)
    case 'matrix_selector':
      return printMatrix(expr)
    case 'subquery':
      return inner(expr.expr) + printSubquery(expr)
  }
}

/** `5m`, `1.5`: where it is an expression, that. */
export function printNumber({ value, duration }: NumberLiteral): string {
  // Go cuts off nanoseconds, then milliseconds.
  return duration ? formatDuration(Math.trunc(Math.trunc(value * 1e9) / 1e6)) : formatF(value)
}

/** `sum by (job) `: what stands before its parentheses. */
export function printAggregation({ op, grouping, without }: AggregateExpr): string {
  if (without) return `${op} without (${printLabels(grouping)}) `
  return grouping.length === 0 ? op : `${op} by (${printLabels(grouping)}) `
}

/** `== bool on (job) group_left ()`: what stands between its sides. */
export function printOperator({ op, bool, matching }: BinaryExpr): string {
  let text = bool ? `${op} bool` : op
  if (matching === undefined) return text
  const { cardinality, on, labels, include, fillLeft, fillRight } = matching
  const grouped = cardinality === 'many-to-one' || cardinality === 'one-to-many'
  if (labels.length > 0 || on || grouped) text += ` ${on ? 'on' : 'ignoring'} (${printLabels(labels)})`
  if (grouped) text += ` group_${cardinality === 'many-to-one' ? 'left' : 'right'} (${printLabels(include)})`
  if (fillLeft !== undefined && fillLeft === fillRight) return `${text} fill (${formatG(fillLeft)})`
  if (fillLeft !== undefined) text += ` fill_left (${formatG(fillLeft)})`
  if (fillRight !== undefined) text += ` fill_right (${formatG(fillRight)})`
  return text
}

const printLabels = (labels: readonly string[]): string => labels.map(label => (isLegacyName(label) ? label : quote(label))).join(', ')

const isLegacyName = (name: string): boolean => /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name)

/** `up{job="x"}` */
function printName({ name, matchers }: VectorSelector): string {
  const shown = matchers.filter(matcher => !(matcher.name === '__name__' && matcher.op === '=' && matcher.value === name && name !== ''))
  return shown.length === 0 ? name : `${name}{${shown.map(printMatcher).sort(compareText).join(',')}}`
}

export const printMatcher = ({ name, op, value }: Matcher): string => (isLegacyName(name) ? name : quote(name)) + op + quote(value)

function printMatrix({ selector, range }: MatrixSelector): string {
  const modifier = selector.modifier === undefined ? '' : ` ${selector.modifier}`
  return `${printName(selector)}[${printDuration(range)}]${modifier}${printAt(selector.at)}${printOffset(selector.offset)}`
}

/** `[5m:1m] offset 1h`: what stands behind its expression. */
export function printSubquery({ range, step, at, offset }: SubqueryExpr): string {
  const every = step === undefined || step === 0 ? '' : printDuration(step)
  return `[${printDuration(range)}:${every}]${printAt(at)}${printOffset(offset)}`
}

function printAt(at: At | undefined): string {
  if (at === undefined) return ''
  return typeof at === 'number' ? ` @ ${(at / 1000).toFixed(3)}` : ` @ ${at}()`
}

const printOffset = (offset: Duration): string => (offset === 0 ? '' : ` offset ${printDuration(offset)}`)

const printDuration = (duration: Duration): string =>
  typeof duration === 'number' ? formatDuration(duration) : printDurationExpr(duration)

export function printDurationExpr(expr: DurationExpr): string {
  switch (expr.kind) {
    case 'number':
      return printNumber(expr)
    case 'step':
    case 'range':
      return `${expr.kind}()`
    case 'min_of':
    case 'max_of':
      return `${expr.kind}(${printDurationExpr(expr.left)}, ${printDurationExpr(expr.right)})`
    case 'unary':
      return (expr.op === '-' ? '-' : '') + printDurationExpr(expr.expr)
    case 'binary':
      return `${printDurationExpr(expr.left)} ${expr.op} ${printDurationExpr(expr.right)}`
    case 'paren':
      return `(${printDurationExpr(expr.expr)})`
  }
}
