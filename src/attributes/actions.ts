/** What the processors `attributes` and `resource` do to attributes: one action after the other. */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { refused } from '../component/settings.ts'
import { Re2, RegexError } from '../lib/re2.ts'
import type { AttributeValue } from '../model/dictionary.ts'
import { readValue } from '../otlp/attributes.ts'
import { type AttributeList, GONE } from '../otlp/edit.ts'
import { encodeDouble, encodeValue, textOf, type ValueType, valueType } from '../otlp/value.ts'

const words = ['insert', 'update', 'upsert', 'delete', 'hash', 'extract', 'convert'] as const
type Word = (typeof words)[number]
const value = () => z.unknown().optional()

export const action = () =>
  z
    .strictObject({
      action: z
        .enum([...words, ...words.map(word => word.toUpperCase() as Uppercase<Word>)])
        .transform(word => word.toLowerCase() as Word)
        .describe(
          '`insert` where the key is not, `update` where it is, `upsert` in both cases; `delete`; `hash`: SHA-256, in hex; `extract`: by the groups of a pattern; `convert`: to another type.',
        ),
      key: z.string().optional().describe('The attribute. `delete` and `hash` may do with a `pattern`.'),
      value: value().describe('What to set it to.'),
      from_attribute: z.string().optional().describe('The attribute that it is set from. Where there is none, nothing happens.'),
      from_context: refused('what a request came with is not kept', 'let the sender say it in an attribute'),
      default_value: value().describe('What it is set to where there is nothing to set it from.'),
      pattern: z
        .string()
        .optional()
        .describe('`delete`, `hash`: of the keys. `extract`: of the value; each of its groups has the name of the attribute to set.'),
      converted_type: z.enum(['string', 'int', 'double']).optional().describe('`convert`: the type.'),
    })
    .superRefine(check)
export interface ActionSettings {
  readonly action: Word
  readonly key?: string | undefined
  readonly value?: unknown
  readonly from_attribute?: string | undefined
  readonly default_value?: unknown
  readonly pattern?: string | undefined
  readonly converted_type?: 'string' | 'int' | 'double' | undefined
}

function check(given: ActionSettings, ctx: z.RefinementCtx): void {
  const say = (message: string, key?: string) => ctx.addIssue({ code: 'custom', message, path: key === undefined ? [] : [key] })
  const { action: what, key, pattern } = given
  const byKeys = what === 'delete' || what === 'hash'
  const sets = what === 'insert' || what === 'update' || what === 'upsert'
  if (!key && !(byKeys && pattern)) say(byKeys ? 'must have a key or a pattern' : `must have a key, to ${what}`)
  for (const [name, may] of [
    ['value', sets],
    ['from_attribute', sets],
    ['default_value', sets],
    ['pattern', byKeys || what === 'extract'],
    ['converted_type', what === 'convert'],
  ] as const) {
    if (given[name] !== undefined && !may) say(`must not be given, to ${what}`, name)
  }
  if (sets && given.value !== undefined && given.from_attribute !== undefined) say('must not have both value and from_attribute')
  if (sets && given.value === undefined && given.from_attribute === undefined && given.default_value === undefined)
    say('must have value, from_attribute or default_value')
  if (what === 'convert' && given.converted_type === undefined) say('must have converted_type, to convert')
  if (what === 'extract' && pattern === undefined) say('must have a pattern, to extract')
  if (pattern !== undefined) checkPattern(pattern, what, ctx)
}

function checkPattern(pattern: string, what: Word, ctx: z.RefinementCtx): void {
  try {
    const { groups } = new Re2(pattern)
    if (what === 'extract' && (groups.length === 0 || groups.includes(undefined)))
      ctx.addIssue({
        code: 'custom',
        path: ['pattern'],
        message: 'must have groups, each with a name',
        params: { remedy: 'for example "^(?P<name>.*)$"' },
      })
  } catch (error) {
    if (!(error instanceof RegexError)) throw error
    const message = `column ${error.at + 1}: the pattern ${error.message}`
    ctx.addIssue({ code: 'custom', path: ['pattern'], message, params: { remedy: error.remedy } })
  }
}

type Act = (list: AttributeList) => void

export class Actions {
  readonly #acts: readonly Act[]
  /** Keys without one of which nothing can happen; undefined: something may happen in any case. */
  readonly needs: readonly string[] | undefined

  constructor(settings: readonly ActionSettings[]) {
    this.#acts = settings.map(compile)
    const may = settings.map(({ action: what, key, pattern, from_attribute, default_value }) => {
      if (what === 'insert' || what === 'upsert')
        return from_attribute !== undefined && default_value === undefined ? [from_attribute] : undefined
      return pattern !== undefined && what !== 'extract' ? undefined : [key!]
    })
    this.needs = may.includes(undefined) ? undefined : may.flatMap(keys => keys ?? [])
  }

  apply(list: AttributeList): void {
    for (const act of this.#acts) act(list)
  }
}

function compile(settings: ActionSettings): Act {
  const { action: what, key } = settings
  const regex = settings.pattern === undefined ? undefined : new Re2(settings.pattern)
  switch (what) {
    case 'insert':
    case 'update':
    case 'upsert': {
      const source = sourceOf(settings)
      return list => {
        const there = list.get(key!) !== undefined
        if (there ? what === 'insert' : what === 'update') return
        const found = source(list)
        if (found !== undefined) list.put(key!, found)
      }
    }
    case 'delete':
      return list => {
        if (key) list.remove(key)
        if (regex !== undefined) list.each(name => (regex.test(name) ? GONE : undefined))
      }
    case 'hash':
      return list => {
        const own = key ? list.get(key) : undefined
        if (own !== undefined) list.put(key!, hashed(own))
        if (regex !== undefined) list.each((name, found) => (regex.test(name) ? hashed(found) : undefined))
      }
    case 'extract':
      return list => extract(list, key!, regex!)
    case 'convert':
      return list => {
        const found = list.get(key!)
        const converted = found && converters[settings.converted_type!](found, valueType(found, 0, found.length))
        if (converted !== undefined) list.put(key!, converted)
      }
  }
}

function sourceOf({
  value: fixed,
  from_attribute: from,
  default_value: otherwise,
}: ActionSettings): (list: AttributeList) => Uint8Array | undefined {
  const encoded = (of: unknown) => (of === undefined ? undefined : encodeValue(of as AttributeValue))
  const [first, last] = [encoded(fixed), encoded(otherwise)]
  return list => first ?? (from === undefined ? undefined : list.get(from)) ?? last
}

/** SHA-256 in hex: of a text's UTF-8, of a number's eight bytes, little-endian, of a boolean's one. What has no bytes of its own becomes ''. */
function hashed(value: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(8)
  const read = readValue(value, 0, value.length)
  const of = (data: Uint8Array | string) => encodeValue(createHash('sha256').update(data).digest('hex'))
  switch (valueType(value, 0, value.length)) {
    case 'string':
      return of(read as string)
    case 'bool':
      return of(Uint8Array.of(read ? 1 : 0))
    case 'int':
      bytes.writeBigInt64LE(BigInt(read as number))
      return of(bytes)
    case 'double':
      bytes.writeDoubleLE(read as number)
      return of(bytes)
    default:
      return encodeValue('')
  }
}

function extract(list: AttributeList, key: string, regex: Re2): void {
  const value = list.get(key)
  if (value === undefined || valueType(value, 0, value.length) !== 'string') return
  const text = textOf(value, 0, value.length)
  const match = regex.find(text)
  if (match === undefined) return
  for (const [i, name] of regex.groups.entries()) {
    const [from, to] = [match[2 * i + 2]!, match[2 * i + 3]!]
    list.put(name!, encodeValue(from < 0 ? '' : text.slice(from, to)))
  }
}

type Convert = (value: Uint8Array, type: ValueType) => Uint8Array | undefined

const converters: Readonly<Record<'string' | 'int' | 'double', Convert>> = {
  string: (value, type) => (type === 'string' ? undefined : encodeValue(textOf(value, 0, value.length))),
  int(value, type) {
    const read = readValue(value, 0, value.length)
    if (type === 'double') return encodeValue(toInt64(read as number))
    if (type === 'bool') return encodeValue(read ? 1 : 0)
    if (type !== 'string' || !/^[+-]?\d+$/.test(read as string)) return undefined
    const integer = BigInt((read as string).replace(/^\+/, ''))
    return BigInt.asIntN(64, integer) === integer ? encodeValue(integer) : undefined
  },
  double(value, type) {
    const read = readValue(value, 0, value.length)
    if (type === 'int') return encodeDouble(Number(read))
    if (type === 'bool') return encodeDouble(read ? 1 : 0)
    const number = type === 'string' ? parseFloatAsGo(read as string) : undefined
    return number === undefined ? undefined : encodeDouble(number)
  },
}

/** What cannot be held becomes the least integer, as on the machines that most Collectors run on. */
function toInt64(value: number): bigint {
  return Math.abs(value) < 2 ** 63 ? BigInt(Math.trunc(value)) : -(2n ** 63n)
}

function parseFloatAsGo(text: string): number | undefined {
  if (/^[+-]?(inf|infinity)$/i.test(text)) return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  if (/^nan$/i.test(text)) return Number.NaN
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) return undefined
  const number = Number(text)
  return Number.isFinite(number) ? number : undefined
}
