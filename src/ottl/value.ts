/** The values of conditions, and how they compare: by the rules of OTTL, which know no conversion but between integers and floats. */
import type { AttributeValue } from '../model/dictionary.ts'
import { asText } from '../otlp/value.ts'
import type { Comparison } from './syntax.ts'

/** [ns] since the epoch */
export class Time {
  readonly ns: bigint
  constructor(ns: bigint) {
    this.ns = ns
  }
}
/** [ns] */
export class Duration {
  readonly ns: bigint
  constructor(ns: bigint) {
    this.ns = ns
  }
}
export type Value = AttributeValue | Time | Duration

type Order = (a: never, b: never) => number
type Kind = 'null' | 'boolean' | 'number' | 'string' | 'bytes' | 'time' | 'duration' | 'compound'

function kindOf(value: Value): Kind {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'number':
      return typeof value as Kind
    case 'bigint':
      return 'number'
  }
  if (value === null) return 'null'
  if (value instanceof Uint8Array) return 'bytes'
  return value instanceof Time ? 'time' : value instanceof Duration ? 'duration' : 'compound'
}

const orders: Readonly<Partial<Record<Kind, Order>>> = {
  boolean: (a: boolean, b: boolean) => Number(a) - Number(b),
  number: (a: number | bigint, b: number | bigint) => (a < b ? -1 : a > b ? 1 : a >= b ? 0 : Number.NaN),
  string: (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0),
  bytes: (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b),
  time: (a: Time, b: Time) => Number(a.ns - b.ns),
  duration: (a: Duration, b: Duration) => Number(a.ns - b.ns),
}

/** Values of different kinds are unequal, and in no order. Nothing equals nothing. */
export function compare(a: Value, b: Value, operator: Comparison): boolean {
  const kind = kindOf(a)
  if (kind !== kindOf(b)) return operator === '!='
  if (kind === 'null') return operator === '==' || operator === '<=' || operator === '>='
  if (kind === 'compound') return (operator === '==' && same(a, b)) || (operator === '!=' && !same(a, b))
  const order = orders[kind]!(a as never, b as never)
  switch (operator) {
    case '==':
      return order === 0
    case '!=':
      return order !== 0
    case '<':
      return order < 0
    case '<=':
      return order <= 0
    case '>':
      return order > 0
    case '>=':
      return order >= 0
  }
}

/** Lists and maps, all the way down; maps in any order. */
function same(a: Value, b: Value): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((value, i) => same(value, b[i]))
  const kind = kindOf(a)
  if (kind !== 'compound' || kindOf(b) !== 'compound' || Array.isArray(a) || Array.isArray(b)) return compare(a, b, '==')
  const [left, right] = [a, b] as Readonly<Record<string, AttributeValue>>[]
  const keys = Object.keys(left!)
  return keys.length === Object.keys(right!).length && keys.every(key => key in right! && same(left![key]!, right![key]!))
}

/** As OTTL makes text of a value where a function wants text; nothing has none. */
export function toText(value: Value): string | undefined {
  if (typeof value === 'string') return value
  if (value === null) return undefined
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (value instanceof Time || value instanceof Duration) return String(value.ns)
  return asText(value)
}
