import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseAllDocuments, type YAMLMap } from 'yaml'
import { parsePrometheusDuration } from '../lib/prometheus-duration.ts'

/**
 * Strict reading of YAML as Prometheus's files are read: fields that nobody knows and values of a wrong kind are errors with their line, all of them at once.
 * A shape says what is expected and gives back what it read; where the text is wrong it says so and gives an empty value.
 */
export type Shape<T> = (node: Node | null | undefined, reading: Reading) => T

/** A value and where it stands; line and column count from 1, and are 0 where there is nothing. */
export interface Located<T> {
  readonly value: T
  readonly line: number
  readonly column: number
}

export interface Decoded<T> {
  readonly value: T
  /** Go's wording: `line 5: field annotation not found in type rulefmt.Rule` */
  readonly problems: readonly string[]
  /** [documents] in the text; only the first is read */
  readonly documents: number
}

/** [aliases] that a document may come to: an alias of aliases of aliases grows without bound. */
const MAX_ALIASES = 10_000

export class Reading {
  readonly problems: string[] = []
  readonly ignoreUnknownFields: boolean
  readonly #lines: LineCounter
  readonly #resolve: (node: Node | null | undefined) => Node | null | undefined
  #aliases = 0

  constructor(lines: LineCounter, resolve: (node: Node | null | undefined) => Node | null | undefined, ignoreUnknownFields: boolean) {
    this.#lines = lines
    this.#resolve = resolve
    this.ignoreUnknownFields = ignoreUnknownFields
  }

  place(node: Node | null | undefined): { readonly line: number; readonly column: number } {
    const start = node?.range?.[0]
    if (start === undefined) return { line: 0, column: 0 }
    const { line, col } = this.#lines.linePos(start)
    return { line, column: col }
  }

  problem(node: Node | null | undefined, message: string): void {
    this.problems.push(`line ${this.place(node).line}: ${message}`)
  }

  /** What a node stands for: an alias is what it names. */
  resolved(node: Node | null | undefined): Node | null | undefined {
    if (!isAlias(node)) return node
    const target = ++this.#aliases > MAX_ALIASES ? undefined : this.#resolve(node)
    if (target === undefined) this.problem(node, `unknown anchor '${node.source}' referenced`)
    return target
  }
}

export function decode<T>(text: string, shape: Shape<T>, { ignoreUnknownFields = false } = {}): Decoded<T> {
  const lines = new LineCounter()
  const parsed = parseAllDocuments(text, { lineCounter: lines, version: '1.2', merge: true, stringKeys: true, logLevel: 'silent' })
  const documents = Array.isArray(parsed) ? parsed : []
  const [document] = documents
  const resolve = (node: Node | null | undefined): Node | null | undefined =>
    isAlias(node) && document !== undefined ? (node.resolve(document) as Node | undefined) : node
  const reading = new Reading(lines, resolve, ignoreUnknownFields)
  for (const { message, linePos } of document?.errors ?? []) {
    reading.problems.push(`line ${linePos?.[0].line ?? 0}: ${message.split('\n')[0]!.replace(/ at line \d+, column \d+:?$/, '')}`)
  }
  const value = shape(document?.contents as Node | null | undefined, reading)
  return { value, problems: reading.problems.map(problem => `yaml: ${problem}`), documents: documents.length }
}

const isNull = (node: Node | null | undefined): boolean => node === null || node === undefined || (isScalar(node) && node.value === null)

/** What a node is, as Go's messages name it. */
function kindOf(node: Node): string {
  if (isMap(node)) return '!!map'
  if (isSeq(node)) return '!!seq'
  if (!isScalar(node)) return '!!unknown'
  const tag = { string: '!!str', number: Number.isInteger(node.value) ? '!!int' : '!!float', boolean: '!!bool' }[
    typeof node.value as string
  ]
  return `${tag ?? '!!unknown'} \`${sourceOf(node)}\``
}

/** A scalar as it is written: `5` and `1e3` are texts too, where a text is expected. */
const sourceOf = (node: Node): string =>
  isScalar(node) ? (node.type === 'PLAIN' ? (node.source ?? String(node.value)) : String(node.value)) : ''

/** A scalar, whatever it looks like. */
export const text: Shape<string> = (given, reading) => {
  const node = reading.resolved(given)
  if (isNull(node)) return ''
  if (isScalar(node)) return sourceOf(node)
  reading.problem(node, `cannot unmarshal ${kindOf(node!)} into string`)
  return ''
}

export const integer: Shape<number> = (given, reading) => {
  const node = reading.resolved(given)
  if (isNull(node)) return 0
  if (isScalar(node) && typeof node.value === 'number' && Number.isSafeInteger(node.value)) return node.value
  reading.problem(node, `cannot unmarshal ${kindOf(node!)} into int`)
  return 0
}

export const float: Shape<number> = (given, reading) => {
  const node = reading.resolved(given)
  if (isNull(node)) return 0
  if (isScalar(node) && typeof node.value === 'number') return node.value
  // Go's spelling of what is no finite number.
  const written = isScalar(node) ? /^([+-]?)(inf|nan)$/i.exec(sourceOf(node)) : null
  if (written !== null) return written[2]!.toLowerCase() === 'nan' ? Number.NaN : written[1] === '-' ? -Infinity : Infinity
  reading.problem(node, `cannot unmarshal ${kindOf(node!)} into float64`)
  return 0
}

export const boolean: Shape<boolean> = (given, reading) => {
  const node = reading.resolved(given)
  if (isNull(node)) return false
  if (isScalar(node) && typeof node.value === 'boolean') return node.value
  reading.problem(node, `cannot unmarshal ${kindOf(node!)} into bool`)
  return false
}

/** [ms] `5m`, `1h30m` */
export const duration: Shape<number> = (given, reading) => {
  const node = reading.resolved(given)
  if (isNull(node)) return 0
  const ms = parsePrometheusDuration(text(node, reading))
  if (typeof ms === 'number') return ms
  reading.problem(node, ms)
  return 0
}

export function listOf<T>(item: Shape<T>): Shape<readonly T[]> {
  return (given, reading) => {
    const node = reading.resolved(given)
    if (isNull(node)) return []
    if (isSeq(node)) return node.items.map(each => item(each as Node, reading))
    reading.problem(node, `cannot unmarshal ${kindOf(node!)} into []`)
    return []
  }
}

/** Names of any kind to texts, in the order they stand. */
export const texts: Shape<ReadonlyMap<string, string>> = (given, reading) => {
  const node = reading.resolved(given)
  if (isNull(node)) return new Map()
  if (isMap(node)) return new Map(fieldsOf(node, reading).map(([name, , value]) => [name, text(value, reading)]))
  reading.problem(node, `cannot unmarshal ${kindOf(node!)} into map[string]string`)
  return new Map()
}

export function located<T>(shape: Shape<T>): Shape<Located<T>> {
  return (node, reading) => ({ value: shape(node, reading), ...reading.place(node) })
}

/** Whether it is there at all. */
export function optional<T>(shape: Shape<T>): Shape<T | undefined> {
  return (node, reading) => (isNull(node) ? undefined : shape(node, reading))
}

/** A mapping with these fields and no others. @param type as Go names it in messages */
export function struct<T extends object>(type: string, fields: { readonly [K in keyof T]: Shape<T[K]> }): Shape<T> {
  return (given, reading) => {
    const node = reading.resolved(given)
    const entries = new Map<string, Node | null | undefined>()
    if (isMap(node)) {
      for (const [name, key, value] of fieldsOf(node, reading)) {
        if (Object.hasOwn(fields, name)) entries.set(name, value)
        else if (!reading.ignoreUnknownFields) reading.problem(key, `field ${name} not found in type ${type}`)
      }
    } else if (!isNull(node)) reading.problem(node, `cannot unmarshal ${kindOf(node!)} into ${type}`)
    const read = (Object.keys(fields) as (keyof T & string)[]).map(name => [name, fields[name](entries.get(name), reading)])
    return Object.fromEntries(read) as T
  }
}

type Field = readonly [name: string, key: Node, value: Node | null | undefined]

/** The fields of a mapping, with those that it merges in (`<<: *other`) where it has none of that name. */
function fieldsOf(map: YAMLMap, reading: Reading, depth = 0): Field[] {
  const own: Field[] = []
  const merged: Field[] = []
  for (const { key, value } of map.items as { key: Node; value: Node | null }[]) {
    const name = isScalar(key) ? String(key.value) : ''
    const isMerge = isScalar(key) && key.type === 'PLAIN' && (key.source === '<<' || key.value === '<<')
    if (!isMerge) own.push([isScalar(key) && key.type === 'PLAIN' ? (key.source ?? name) : name, key, value])
    else if (depth < 100) {
      const from = reading.resolved(value)
      for (const each of isSeq(from) ? from.items.map(item => reading.resolved(item as Node)) : [from]) {
        if (isMap(each)) merged.push(...fieldsOf(each, reading, depth + 1))
      }
    }
  }
  const names = new Set(own.map(([name]) => name))
  for (const field of merged) {
    if (names.has(field[0])) continue
    names.add(field[0])
    own.push(field)
  }
  return own
}
