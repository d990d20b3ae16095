import { FunctionError } from './errors.ts'
import { print, printFormatted, printLine, show } from './format.ts'
import { type Callable, isTrue, type ParamType, typeName, type Value } from './value.ts'

/** The functions that Go's text/template brings itself. `and` and `or` are the evaluator's: they stop at the first argument that decides. */
export const builtins: Readonly<Record<string, Callable>> = {
  not: { params: ['reflect.Value'], run: ([value]) => !isTrue(value) },
  eq: comparison((first, ...others) => {
    if (others.length === 0) throw new FunctionError('missing argument for comparison')
    return others.some(other => isEqual(first, other))
  }, true),
  ne: comparison((a, b) => !isEqual(a, b)),
  lt: comparison(isLess),
  le: comparison((a, b) => isLess(a, b) || isEqual(a, b)),
  gt: comparison((a, b) => !isLess(a, b) && !isEqual(a, b)),
  ge: comparison((a, b) => !isLess(a, b)),
  len: { params: ['reflect.Value'], run: ([value]) => length(value) },
  index: { params: ['reflect.Value'], rest: 'reflect.Value', run: ([value, ...indexes]) => indexes.reduce(item, indexable(value)) },
  slice: { params: ['reflect.Value'], rest: 'reflect.Value', run: ([value, ...indexes]) => slice(value, indexes) },
  print: any(values => print(values)),
  println: any(values => printLine(values)),
  printf: { params: ['string'], rest: 'interface {}', run: ([format, ...values]) => printFormatted(format as string, values) },
  html: any(values => escapeHtml(textOf(values))),
  js: any(values => escapeScript(textOf(values))),
  urlquery: any(values => escapeQuery(textOf(values))),
  call: {
    params: ['reflect.Value'],
    rest: 'reflect.Value',
    run: ([value]) => {
      throw new FunctionError(value === undefined ? 'call of nil' : `non-function ${show(value)} of type ${typeName(value)}`)
    },
  },
}

function any(run: Callable['run']): Callable {
  return { params: [], rest: 'interface {}', run }
}

function comparison(run: (a: Value, ...others: Value[]) => boolean, many = false): Callable {
  const params: readonly ParamType[] = many ? ['reflect.Value'] : ['reflect.Value', 'reflect.Value']
  const decide: Callable['run'] = ([first, ...others]) => run(first, ...others)
  return many ? { params, rest: 'reflect.Value', run: decide } : { params, run: decide }
}

const isBasic = (value: Value): value is boolean | bigint | number | string => value !== undefined && typeof value !== 'object'

function isEqual(a: Value, b: Value): boolean {
  if (a === undefined || b === undefined) return a === b
  if (typeof a !== typeof b) throw new FunctionError(`incompatible types for comparison: ${typeName(a)} and ${typeName(b)}`)
  if (typeof a === 'object' && a.kind !== 'object') throw new FunctionError(`non-comparable type ${show(a)}: ${typeName(a)}`)
  return a === b
}

function isLess(a: Value, b: Value): boolean {
  if (!isBasic(a) || !isBasic(b) || (typeof a === 'boolean' && typeof b === 'boolean'))
    throw new FunctionError('invalid type for comparison')
  if (typeof a !== typeof b) throw new FunctionError(`incompatible types for comparison: ${typeName(a)} and ${typeName(b)}`)
  return a < b
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

function length(value: Value): bigint {
  if (typeof value === 'string') return BigInt(bytesOf(value).length)
  if (value === undefined) throw new FunctionError('len of nil pointer')
  if (typeof value === 'object' && value.kind === 'list') return BigInt(value.items.length)
  if (typeof value === 'object' && value.kind === 'map') return BigInt(value.entries.size)
  throw new FunctionError(`len of type ${typeName(value)}`)
}

function indexable(value: Value): Value {
  if (value === undefined) throw new FunctionError('index of untyped nil')
  return value
}

function item(from: Value, index: Value): Value {
  if (from === undefined) throw new FunctionError('index of nil pointer')
  if (typeof from === 'string') return BigInt(bytesOf(from)[place(index, bytesOf(from).length - 1)]!)
  if (typeof from !== 'object' || from.kind === 'object') throw new FunctionError(`can't index item of type ${typeName(from)}`)
  if (from.kind === 'list') return from.items[place(index, from.items.length - 1)]
  if (index === undefined) throw new FunctionError('value is nil; should be of type string')
  if (typeof index !== 'string') throw new FunctionError(`value has type ${typeName(index)}; should be string`)
  return from.entries.has(index) ? from.entries.get(index) : from.zero
}

function place(index: Value, last: number): number {
  if (index === undefined) throw new FunctionError('cannot index slice/array with nil')
  if (typeof index !== 'bigint') throw new FunctionError(`cannot index slice/array with type ${typeName(index)}`)
  if (index < 0n || index > BigInt(last)) throw new FunctionError(`index out of range: ${index}`)
  return Number(index)
}

function slice(value: Value, indexes: readonly Value[]): Value {
  if (value === undefined) throw new FunctionError('slice of untyped nil')
  if (indexes.length > 3) throw new FunctionError(`too many slice indexes: ${indexes.length}`)
  const isText = typeof value === 'string'
  if (isText && indexes.length === 3) throw new FunctionError('cannot 3-index slice a string')
  if (!isText && (typeof value !== 'object' || value.kind !== 'list'))
    throw new FunctionError(`can't slice item of type ${typeName(value)}`)
  const items = isText ? bytesOf(value) : value.items
  const [from = 0, to = items.length, capacity = items.length] = indexes.map(index => place(index, items.length))
  if (from > to) throw new FunctionError(`invalid slice index: ${from} > ${to}`)
  if (to > capacity) throw new FunctionError(`invalid slice index: ${to} > ${capacity}`)
  return isText ? new TextDecoder().decode(bytesOf(value).subarray(from, to)) : { ...value, items: value.items.slice(from, to) }
}

const textOf = (values: readonly Value[]): string => (values.length === 1 && typeof values[0] === 'string' ? values[0] : print(values))

const entities: Readonly<Record<string, string>> = { '\0': '\ufffd', '"': '&#34;', "'": '&#39;', '&': '&amp;', '<': '&lt;', '>': '&gt;' }

export const escapeHtml = (text: string): string => text.replaceAll(/[\0"'&<>]/g, char => entities[char]!)

const escapeScript = (text: string): string =>
  text.replaceAll(/[\\'"<>&=]|[^\P{C}\ud800-\udfff]/gu, char => {
    if (char === '\\' || char === "'" || char === '"') return `\\${char}`
    return `\\u${char.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`
  })

/** As Go's `url.QueryEscape`. */
export const escapeQuery = (text: string): string =>
  encodeURIComponent(text.toWellFormed())
    .replaceAll(/[!'()*]/g, char => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+')
