import type { ArithmeticOp, BinaryOp, ComparisonOp } from '../ast.ts'

/** Go's math.Pow: 1 to whatever power is 1, and so is −1 to an infinite one; JavaScript has NaN there. */
export const power = (base: number, exponent: number): number =>
  base === 1 || (base === -1 && (exponent === Number.POSITIVE_INFINITY || exponent === Number.NEGATIVE_INFINITY)) ? 1 : base ** exponent

export const arithmetic: Readonly<Record<ArithmeticOp, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a % b,
  '^': power,
  atan2: Math.atan2,
}

export const comparisons: Readonly<Record<ComparisonOp, (a: number, b: number) => boolean>> = {
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '<': (a, b) => a < b,
  '>': (a, b) => a > b,
  '<=': (a, b) => a <= b,
  '>=': (a, b) => a >= b,
}

export const isArithmetic = (op: BinaryOp): op is ArithmeticOp => Object.hasOwn(arithmetic, op)

export const isComparison = (op: BinaryOp): op is ComparisonOp => Object.hasOwn(comparisons, op)

/** Between two numbers; a comparison is 1 or 0. */
export function scalarOperation(op: ArithmeticOp | ComparisonOp): (a: number, b: number) => number {
  if (isArithmetic(op)) return arithmetic[op]
  const holds = comparisons[op]
  return (a, b) => (holds(a, b) ? 1 : 0)
}
