import type { FloatHistogram } from '../../model/float-histogram.ts'
import { type Annotation, Annotations, infoIncompatibleTypes, type Severity } from '../annotations.ts'
import type { BinaryExpr, BinaryOp, Position } from '../ast.ts'
import { isCustom } from '../histogram/layout.ts'
import { ABSENT, FLOAT, HISTOGRAM } from '../value.ts'
import { arithmetic, comparisons, isArithmetic, isComparison } from './arithmetic.ts'
import { operateOnHistograms } from './histogram-operation.ts'

/** One side of a binary operation: columns over all steps. A scalar is a side all of whose steps are FLOAT. */
export interface Side {
  readonly kind: Uint8Array
  readonly value: Float64Array
  readonly histograms: readonly (FloatHistogram | undefined)[] | undefined
}

export interface MutableSide {
  readonly kind: Uint8Array
  readonly value: Float64Array
  histograms: (FloatHistogram | undefined)[] | undefined
}

/** What an operation between two vectors says, of which at each step the last is told: as Prometheus does, where samples are paired step by step. */
export class LastWords extends Annotations {
  step = 0
  /** Those of a higher one come later. */
  turn = 0
  /** [by step] */
  readonly #last = new Map<number, Annotation & { readonly turn: number }>()

  override add(severity: Severity, text: string, position?: Position): void {
    const known = this.#last.get(this.step)
    if (known === undefined || known.turn <= this.turn) this.#last.set(this.step, { severity, text, position, turn: this.turn })
  }

  tell(annotations: Annotations): void {
    for (const { severity, text, position } of this.#last.values()) annotations.add(severity, text, position)
    this.#last.clear()
  }
}

/** What a binary operator does with two samples; set operators ask only whether there are any, and are not here. */
export class Operation {
  readonly op: BinaryOp
  /** of a comparison: 1 or 0 in place of a filter */
  readonly bool: boolean
  readonly position: Position
  /** What comes out is no longer what the name says. */
  readonly dropsName: boolean
  readonly #ofFloats: boolean
  readonly #annotations: Annotations
  readonly #words: LastWords | undefined

  constructor(expr: Pick<BinaryExpr, 'op' | 'bool' | 'position'>, annotations: Annotations) {
    this.op = expr.op
    this.bool = expr.bool
    this.position = expr.position
    this.dropsName = isArithmetic(expr.op)
    this.#ofFloats = isArithmetic(expr.op) || isComparison(expr.op)
    this.#annotations = annotations
    this.#words = annotations instanceof LastWords ? annotations : undefined
  }

  /**
   * At every step where both sides have a sample: out = left op right. `out` may be one of the sides; steps without a result become ABSENT.
   * @param kept of a filter: which side's sample passes
   */
  apply(left: Side, right: Side, out: MutableSide, kept: 'left' | 'right' = 'left'): void {
    if (left.histograms !== undefined || right.histograms !== undefined) this.#applyAny(left, right, out, kept)
    else if (isArithmetic(this.op)) this.#calculate(left, right, out)
    else if (isComparison(this.op)) this.#compare(left, right, out, kept)
    else this.#applyAny(left, right, out, kept)
  }

  #calculate(left: Side, right: Side, out: MutableSide): void {
    const { kind: leftKind, value: a } = left
    const { kind: rightKind, value: b } = right
    const { kind, value } = out
    const steps = kind.length
    // The four that nearly all queries use are spelled out: a call for each step would cost more than the arithmetic.
    switch (this.op) {
      case '+':
        for (let i = 0; i < steps; i++) value[i] = a[i]! + b[i]!
        break
      case '-':
        for (let i = 0; i < steps; i++) value[i] = a[i]! - b[i]!
        break
      case '*':
        for (let i = 0; i < steps; i++) value[i] = a[i]! * b[i]!
        break
      case '/':
        for (let i = 0; i < steps; i++) value[i] = a[i]! / b[i]!
        break
      default: {
        const calculate = arithmetic[this.op as keyof typeof arithmetic]
        for (let i = 0; i < steps; i++) value[i] = calculate(a[i]!, b[i]!)
      }
    }
    // FLOAT is 1 and ABSENT 0.
    for (let i = 0; i < steps; i++) kind[i] = leftKind[i]! & rightKind[i]!
  }

  #compare(left: Side, right: Side, out: MutableSide, kept: 'left' | 'right'): void {
    const holds = comparisons[this.op as keyof typeof comparisons]
    const passing = kept === 'left' ? left.value : right.value
    const { kind, value } = out
    const steps = kind.length
    for (let i = 0; i < steps; i++) {
      const both = left.kind[i]! & right.kind[i]!
      const yes = both !== ABSENT && holds(left.value[i]!, right.value[i]!)
      if (this.bool) {
        kind[i] = both
        value[i] = yes ? 1 : 0
      } else {
        kind[i] = yes ? FLOAT : ABSENT
        value[i] = passing[i]!
      }
    }
  }

  /** The same for samples of all kinds, one by one. */
  #applyAny(left: Side, right: Side, out: MutableSide, kept: 'left' | 'right'): void {
    const steps = out.kind.length
    const histograms: (FloatHistogram | undefined)[] = new Array(steps).fill(undefined)
    let any = false
    for (let i = 0; i < steps; i++) {
      if (left.kind[i] === ABSENT || right.kind[i] === ABSENT) {
        out.kind[i] = ABSENT
        continue
      }
      if (this.#words !== undefined) this.#words.step = i
      const result = this.sample(sampleAt(left, i), sampleAt(right, i), kept)
      if (result === undefined) out.kind[i] = ABSENT
      else if (typeof result === 'number') {
        out.kind[i] = FLOAT
        out.value[i] = result
      } else {
        out.kind[i] = HISTOGRAM
        histograms[i] = result
        any = true
      }
    }
    out.histograms = any ? histograms : undefined
  }

  /** Whether there is something to calculate or compare between the samples of a step. */
  goTogether(left: Side, right: Side, step: number): boolean {
    const [leftKind, rightKind] = [left.kind[step]!, right.kind[step]!]
    if (leftKind === ABSENT || rightKind === ABSENT) return false
    if (leftKind === FLOAT && rightKind === FLOAT) return this.#ofFloats
    if (leftKind === FLOAT) return this.op === '*'
    if (rightKind === FLOAT) return this.op === '*' || this.op === '/' || this.op === '</' || this.op === '>/'
    if (this.op === '+' || this.op === '-') return addTogether(left.histograms![step]!, right.histograms![step]!)
    return this.op === '==' || this.op === '!='
  }

  /** Of two samples; undefined where there is no result: a comparison that does not hold, or samples that do not go together. */
  sample(left: number | FloatHistogram, right: number | FloatHistogram, kept: 'left' | 'right'): number | FloatHistogram | undefined {
    const { op } = this
    if (typeof left !== 'number' || typeof right !== 'number')
      return operateOnHistograms({ op, bool: this.bool, position: this.position, annotations: this.#annotations }, left, right)
    if (isArithmetic(op)) return arithmetic[op](left, right)
    if (isComparison(op)) {
      const holds = comparisons[op](left, right)
      if (this.bool) return holds ? 1 : 0
      return holds ? (kept === 'left' ? left : right) : undefined
    }
    infoIncompatibleTypes(this.#annotations, 'float', op, 'float', this.position)
    return undefined
  }
}

/** Not where one has exponential and the other custom buckets, or one says that there was a reset of counters and the other that there was none. */
const addTogether = (left: FloatHistogram, right: FloatHistogram): boolean =>
  isCustom(left) === isCustom(right) &&
  !(left.resetHint === 'reset' && right.resetHint === 'not_reset') &&
  !(left.resetHint === 'not_reset' && right.resetHint === 'reset')

const sampleAt = ({ kind, value, histograms }: Side, step: number): number | FloatHistogram =>
  kind[step] === HISTOGRAM ? histograms![step]! : value[step]!
