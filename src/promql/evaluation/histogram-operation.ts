import type { FloatHistogram } from '../../model/float-histogram.ts'
import {
  type Annotations,
  infoIncompatibleTypes,
  infoMismatchedCustomBuckets,
  warnCounterResetCollision,
  warnIncompatibleBucketLayout,
} from '../annotations.ts'
import type { BinaryOp, Position } from '../ast.ts'
import { add, divide, equal, multiply, subtract } from '../histogram/arithmetic.ts'
import { compact } from '../histogram/layout.ts'
import { trim } from '../histogram/trim.ts'

/** The operation asked for, and where to say what is wrong with it. */
export interface Asked {
  readonly op: BinaryOp
  /** of a comparison: 1 or 0 */
  readonly bool: boolean
  readonly position: Position
  readonly annotations: Annotations
}

type Sample = number | FloatHistogram

/** A binary operation of which at least one side is a histogram. @returns undefined where there is no result */
export function operateOnHistograms(asked: Asked, left: Sample, right: Sample): Sample | undefined {
  if (typeof left === 'number') return floatWithHistogram(asked, left, right as FloatHistogram)
  return typeof right === 'number' ? histogramWithFloat(asked, left, right) : histogramWithHistogram(asked, left, right)
}

function floatWithHistogram(asked: Asked, left: number, right: FloatHistogram): Sample | undefined {
  return asked.op === '*' ? compact(multiply(right, left)) : incompatible(asked, 'float', 'histogram')
}

function histogramWithFloat(asked: Asked, left: FloatHistogram, right: number): Sample | undefined {
  switch (asked.op) {
    case '*':
      return compact(multiply(left, right))
    case '/':
      return compact(divide(left, right))
    case '</':
      return trim(left, right, 'below')
    case '>/':
      return trim(left, right, 'above')
    default:
      return incompatible(asked, 'histogram', 'float')
  }
}

function histogramWithHistogram(asked: Asked, left: FloatHistogram, right: FloatHistogram): Sample | undefined {
  switch (asked.op) {
    case '+':
    case '-':
      return combined(asked, left, right)
    case '==':
      return compared(asked, left, equal(left, right))
    case '!=':
      return compared(asked, left, !equal(left, right))
    default:
      return incompatible(asked, 'histogram', 'histogram')
  }
}

function combined({ op, annotations, position }: Asked, left: FloatHistogram, right: FloatHistogram): FloatHistogram | undefined {
  const result = op === '+' ? add(left, right) : subtract(left, right)
  const operation = op === '+' ? 'addition' : 'subtraction'
  if (result === undefined) {
    warnIncompatibleBucketLayout(annotations, op, position)
    return undefined
  }
  if (result.reconciled) infoMismatchedCustomBuckets(annotations, operation, position)
  if (!result.collided) return result.histogram
  // Nobody knows whether the result is a counter that was reset: there is none.
  warnCounterResetCollision(annotations, operation, position)
  return undefined
}

const compared = ({ bool }: Asked, left: FloatHistogram, holds: boolean): Sample | undefined => {
  if (bool) return holds ? 1 : 0
  return holds ? left : undefined
}

function incompatible({ annotations, op, position }: Asked, left: string, right: string): undefined {
  infoIncompatibleTypes(annotations, left, op, right, position)
}
