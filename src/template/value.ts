/**
 * What a template works with, as Go would have it: a number is a float64, a bigint an int, undefined is nil or no value at all.
 */
export type Value = undefined | boolean | bigint | number | string | MapValue | ListValue | ObjectValue

/** A `map[string]…`. */
export interface MapValue {
  readonly kind: 'map'
  readonly type: string
  readonly entries: ReadonlyMap<string, Value>
  /** what a missing key gives */
  readonly zero: Value
}

export interface ListValue {
  readonly kind: 'list'
  readonly type: string
  readonly items: readonly Value[]
}

/** A struct of Go, or a pointer to one: fields, methods, and how `%v` shows it. */
export interface ObjectValue {
  readonly kind: 'object'
  readonly type: string
  readonly fields: Readonly<Record<string, Value>>
  readonly methods: Readonly<Record<string, Callable>>
  /** what it holds, for whoever made it */
  readonly inner: unknown
  show(): string
}

/** Something that may be called: a function of templates, or a method. */
export interface Callable {
  /** of each parameter: a type of Go */
  readonly params: readonly ParamType[]
  /** of any number of further arguments; undefined: there are none */
  readonly rest?: ParamType
  /** @throws {FunctionError} */
  readonly run: (args: readonly Value[]) => Value
}

export type ParamType =
  | 'string'
  | 'float64'
  | 'int'
  | 'interface {}'
  | 'reflect.Value'
  | 'template.queryResult'
  | '*template.sample'
  | 'time.Time'
  | 'time.Duration'

/** The name of a value's type. */
export function typeName(value: Value): string {
  switch (typeof value) {
    case 'undefined':
      return '<nil>'
    case 'boolean':
      return 'bool'
    case 'bigint':
      return 'int'
    case 'number':
      return 'float64'
    case 'string':
      return 'string'
    default:
      return value.type
  }
}

/** Whether a parameter takes a value. What expects a struct takes a pointer to one, too. */
export function fits(value: Value, param: ParamType): boolean {
  if (param === 'interface {}' || param === 'reflect.Value') return true
  const type = typeName(value)
  return type === param || type === `*${param}`
}

/** Whether a parameter may be nil. */
export const takesNil = (param: ParamType): boolean =>
  param === 'interface {}' || param === 'reflect.Value' || param.startsWith('*') || param === 'template.queryResult'

/** Not zero, not empty, not nil. */
export function isTrue(value: Value): boolean {
  if (typeof value !== 'object') return Boolean(value) || Number.isNaN(value)
  switch (value.kind) {
    case 'map':
      return value.entries.size > 0
    case 'list':
      return value.items.length > 0
    case 'object':
      return true
  }
}

/** A `map[string]string`: what is not there is an empty text. */
export function textMap(entries: Iterable<readonly [string, string]>): MapValue {
  return { kind: 'map', type: 'map[string]string', entries: new Map(entries), zero: '' }
}
