import { compareLabels, compareText } from '../../model/labels.ts'
import { warnSortInRangeQuery } from '../annotations.ts'
import type { FunctionContext, WholeFunction } from '../kernel.ts'
import { ABSENT, FLOAT, HISTOGRAM, type Row } from '../value.ts'

/** sort and its kin, which put the rows of an instant query in order; a range query has an order of its own. */
export const sort: WholeFunction = byValue((a, b) => a - b)
export const sortDesc: WholeFunction = byValue((a, b) => b - a)
export const sortByLabel: WholeFunction = byLabels(1)
export const sortByLabelDesc: WholeFunction = byLabels(-1)

/** NaN comes last either way. Histograms have no order and no place in the result. */
function byValue(compare: (a: number, b: number) => number): WholeFunction {
  return sorting(rows => {
    const floats = rows.map(floatsOf)
    if (floats.some(({ kind }) => kind.length !== 1)) return floats
    const isNumber = ({ kind, value }: Row) => kind[0] === FLOAT && !Number.isNaN(value[0])
    const numbers = floats.filter(isNumber).sort((a, b) => compareSure(compare, a.value[0]!, b.value[0]!))
    return [...numbers, ...floats.filter(row => !isNumber(row))]
  })
}

/** The difference of two infinities is none. */
const compareSure = (compare: (a: number, b: number) => number, a: number, b: number): number => (a === b ? 0 : compare(a, b))

function floatsOf(row: Row): Row {
  return row.kind.includes(HISTOGRAM)
    ? { ...row, kind: row.kind.map(kind => (kind === HISTOGRAM ? ABSENT : kind)), histograms: undefined }
    : row
}

/** Label by label, numbers within their texts as numbers; where all are the same, by the whole sets of labels. */
function byLabels(sign: 1 | -1): WholeFunction {
  return sorting((rows, { strings }) =>
    rows.toSorted((a, b) => {
      for (const name of strings) {
        const order = compareNaturally(a.labels.get(name), b.labels.get(name))
        if (order !== 0) return sign * order
      }
      return sign * compareLabels(a.labels, b.labels)
    }),
  )
}

function sorting(order: (rows: readonly Row[], cx: FunctionContext) => readonly Row[]): WholeFunction {
  return {
    kind: 'whole',
    run([vector], cx) {
      if (!cx.instant) warnSortInRangeQuery(cx.annotations, cx.position)
      return vector?.type === 'vector' ? order(vector.rows, cx) : []
    },
  }
}

/** `a2` before `a10`: runs of digits are compared as numbers, what lies between as text, and of two that agree so far the one that ends first is first. */
export function compareNaturally(a: string, b: string): number {
  if (a === b) return 0
  const left = a.match(/[0-9]+|[^0-9]+/g) ?? []
  const right = b.match(/[0-9]+|[^0-9]+/g) ?? []
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const order = compareParts(left[i]!, right[i]!)
    if (order !== 0) return order
  }
  // Such as "01" and "1".
  return left.length - right.length || compareText(a, b)
}

/** The largest number that Go's Atoi reads. What is larger is text. */
const MAX_INT = 2n ** 63n - 1n

function compareParts(a: string, b: string): number {
  const [x, y] = [numberOf(a), numberOf(b)]
  if (x === undefined || y === undefined) return compareText(a, b)
  return x < y ? -1 : x > y ? 1 : 0
}

function numberOf(part: string): bigint | undefined {
  if (!/^[0-9]/.test(part)) return undefined
  const number = BigInt(part)
  return number <= MAX_INT ? number : undefined
}
