/**
 * Which rows, said in the Collector's older way: properties to `include` and to `exclude`, each compared as `strict` or as `regexp`. They are asked of a
 * place as conditions are.
 */
import { z } from 'zod'
import { withoutEffect } from '../component/settings.ts'
import { Re2, RegexError } from '../lib/re2.ts'
import type { AttributeValue } from '../model/dictionary.ts'
import { readValue } from '../otlp/attributes.ts'
import { AttributeScan } from '../otlp/scan.ts'
import { asText, valueType } from '../otlp/value.ts'
import { attributesAt, type Context, pathOf } from './paths.ts'
import type { Place } from './place.ts'

type Ask = (at: Place) => boolean
type Match = 'strict' | 'regexp'

/** A pattern in a configuration: Go's syntax. */
export const pattern = () =>
  z.string().superRefine((text, ctx) => {
    try {
      new Re2(text)
    } catch (error) {
      if (!(error instanceof RegexError)) throw error
      ctx.addIssue({
        code: 'custom',
        message: `column ${error.at + 1}: the pattern ${error.message}`,
        params: { remedy: error.remedy },
      })
    }
  })

export const attribute = () =>
  z.strictObject({
    key: z.string().min(1).describe('The key that the attribute must have.'),
    value: z
      .unknown()
      .optional()
      .describe('Its value, of the same type; a pattern where `match_type` is `regexp`. Without it any value will do.'),
  })
type AttributeSettings = z.infer<ReturnType<typeof attribute>>

export const severities = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'].flatMap(name => ['', '2', '3', '4'].map(n => `${name}${n}`))

/** Options of a cache that a matcher in linear time does not need. */
export const regexpOptions = () =>
  z
    .strictObject({
      cacheenabled: withoutEffect(z.boolean().optional(), 'patterns are matched in linear time, without a cache').describe(
        'For existing files.',
      ),
      cachemaxnumentries: withoutEffect(z.int().min(0).optional(), 'patterns are matched in linear time, without a cache').describe(
        'For existing files.',
      ),
    })
    .optional()
    .describe('For the sake of existing files.')

export const matchType = () => z.enum(['strict', 'regexp']).describe('How texts are compared: `strict`, or as a pattern (`regexp`).')

const texts = (what: string) => z.array(z.string()).optional().describe(what)

/** What `include` and `exclude` of the attributes processor, and of the filter's `spans`, can say. */
export const properties = () =>
  z
    .strictObject({
      match_type: matchType(),
      regexp: regexpOptions(),
      services: texts('Spans: one of these is the `service.name` of the resource.'),
      span_names: texts("Spans: one of these is the span's name."),
      span_kinds: texts("Spans: one of these is the span's kind, such as `SPAN_KIND_SERVER`."),
      log_bodies: texts('Log records: one of these is the body.'),
      log_severity_texts: texts('Log records: one of these is the severity text.'),
      log_severity_number: z
        .strictObject({
          min: z.int().min(0).max(24).describe('The lowest severity number that matches.'),
          match_undefined: z.boolean().default(false).describe('Whether records without a severity match.'),
        })
        .optional()
        .describe('Log records: how severe at least.'),
      metric_names: texts("Metrics: one of these is the metric's name."),
      attributes: z.array(attribute()).optional().describe('Attributes of the span, or log record, that must all be there.'),
      resources: z.array(attribute()).optional().describe('Attributes of the resource that must all be there.'),
      libraries: z
        .array(
          z.strictObject({
            name: z.string().describe("The scope's name."),
            version: z.string().nullish().describe("The scope's version. Without it any will do."),
          }),
        )
        .optional()
        .describe('The instrumentation scope.'),
    })
    .superRefine((given, ctx) => checkPatterns(given, ctx))
export type Properties = z.infer<ReturnType<typeof properties>>

/** `regexp` makes patterns of all texts. */
export function checkPatterns(given: object, ctx: z.RefinementCtx): void {
  if ((given as { match_type?: string }).match_type !== 'regexp') return
  const check = (value: unknown, path: (string | number)[]): void => {
    if (Array.isArray(value)) for (const [i, inner] of value.entries()) check(inner, [...path, i])
    else if (typeof value === 'object' && value !== null) {
      for (const [key, inner] of Object.entries(value)) if (key !== 'key') check(inner, [...path, key])
    } else if (typeof value === 'string') {
      const [issue] = pattern().safeParse(value).error?.issues ?? []
      if (issue?.code === 'custom') ctx.addIssue({ code: 'custom', path, message: issue.message, params: issue.params })
    } else if (path.at(-1) === 'value' && value !== undefined)
      ctx.addIssue({ code: 'custom', path, message: 'must be text where match_type is regexp' })
  }
  for (const [key, value] of Object.entries(given))
    if (!['match_type', 'regexp', 'log_severity_number', 'severity_number'].includes(key)) check(value, [key])
}

/** Which of the properties can be asked of what. */
const known = {
  traces: ['services', 'span_names', 'span_kinds', 'attributes', 'resources', 'libraries'],
  logs: ['log_bodies', 'log_severity_texts', 'log_severity_number', 'attributes', 'resources', 'libraries'],
  metrics: ['metric_names', 'resources'],
} as const satisfies Record<string, readonly (keyof Properties)[]>

/** What is wrong with asking this of that signal; undefined: nothing. */
export function misplaced(given: Properties, signal: keyof typeof known): string | undefined {
  const said = Object.keys(given).filter(key => !['match_type', 'regexp'].includes(key) && given[key as keyof Properties] !== undefined)
  const may: readonly string[] = known[signal]
  const wrong = said.find(key => !may.includes(key))
  if (wrong !== undefined) return `must not ask for ${wrong} of ${signal}`
  return said.length === 0 ? `must ask something of ${signal}: ${may.join(', ')}` : undefined
}

const get = (context: Context, ...names: string[]) =>
  pathOf(
    context,
    names.map(name => ({ name, keys: [], at: 0 })),
  )!.get

/** Whether all of the properties hold at a row: a span, a log record, or a data point, whose metric is asked. */
export function matches(given: Properties, signal: keyof typeof known): Ask {
  const { match_type: how } = given
  const asks: Ask[] = []
  const text = (list: readonly string[] | undefined, of: (at: Place) => string) => {
    if (list === undefined || list.length === 0) return
    const one = anyText(list, how)
    asks.push(at => one(of(at)))
  }
  if (signal === 'traces') {
    text(given.services, serviceName())
    text(given.span_names, get('span', 'name') as (at: Place) => string)
    text(given.span_kinds, get('span', 'kind', 'deprecated_string') as (at: Place) => string)
  } else if (signal === 'logs') {
    text(given.log_bodies, get('log', 'body', 'string') as (at: Place) => string)
    text(given.log_severity_texts, get('log', 'severity_text') as (at: Place) => string)
    if (given.log_severity_number !== undefined)
      asks.push(severityAtLeast(given.log_severity_number.min, given.log_severity_number.match_undefined))
  } else text(given.metric_names, get('metric', 'name') as (at: Place) => string)
  for (const { name, version } of given.libraries ?? []) {
    text([name], get('scope', 'name') as (at: Place) => string)
    if (typeof version === 'string') text([version], get('scope', 'version') as (at: Place) => string)
  }
  if (given.resources !== undefined) asks.push(withAttributes(given.resources, how, 'resource'))
  if (given.attributes !== undefined && signal !== 'metrics')
    asks.push(withAttributes(given.attributes, how, signal === 'traces' ? 'span' : 'log'))
  return at => asks.every(ask => ask(at))
}

/** `include` first, then `exclude`: whether the row is one that is meant. */
export function meant(include: Ask | undefined, exclude: Ask | undefined): Ask {
  return at => (include === undefined || include(at)) && !(exclude?.(at) ?? false)
}

export function severityAtLeast(min: number, matchUndefined: boolean): Ask {
  return at => {
    const severity = at.records.severity[at.row]!
    return severity === 0 ? matchUndefined : severity >= min
  }
}

/** Whether a text is one of them, or is matched by one. */
export function anyText(list: readonly string[], how: Match): (text: string) => boolean {
  if (how === 'strict') {
    const all = new Set(list)
    return text => all.has(text)
  }
  const patterns = list.map(one => new Re2(one))
  return text => patterns.some(one => one.test(text))
}

/** What the Collector calls a service without a name. */
const NAMELESS = '<nil-service-name>'

function serviceName(): (at: Place) => string {
  const path = pathOf('resource', [{ name: 'attributes', keys: ['service.name'], at: 0 }])!
  return at => {
    const value = path.get(at)
    return value === null ? NAMELESS : asText(value as AttributeValue)
  }
}

const utf8 = new TextEncoder()

/** Whether all of these attributes are there. */
export function withAttributes(list: readonly AttributeSettings[], how: Match, context: Exclude<Context, 'metric'>): Ask {
  const { inside, field } = attributesAt(context)
  const wanted = list.map(({ key, value }) => ({
    key: utf8.encode(key),
    fits: value === undefined || value === null ? undefined : valueFits(value, how),
  }))
  const scan = new AttributeScan()
  return at => {
    const [start, end] = inside(at)
    return wanted.every(({ key, fits }) => {
      for (scan.over(at.bytes, start, end, field(at)); scan.next(); ) {
        if (scan.is(key)) return fits === undefined || fits(at.bytes, scan.valueFrom, scan.valueTo)
      }
      return false
    })
  }
}

type Fits = (bytes: Uint8Array, from: number, to: number) => boolean

function valueFits(value: unknown, how: Match): Fits {
  if (how === 'regexp') {
    const regex = new Re2(String(value))
    return (bytes, from, to) => {
      const type = valueType(bytes, from, to)
      return ['string', 'bool', 'int', 'double'].includes(type) && regex.test(asText(readValue(bytes, from, to)))
    }
  }
  const type =
    typeof value === 'string'
      ? 'string'
      : typeof value === 'boolean'
        ? 'bool'
        : Number.isInteger(value)
          ? 'int'
          : typeof value === 'number'
            ? 'double'
            : 'other'
  const text = JSON.stringify(value)
  return (bytes, from, to) => {
    const own = valueType(bytes, from, to)
    if (type === 'other')
      return (own === 'array' || own === 'map') && asText(readValue(bytes, from, to)) === asText(value as AttributeValue)
    return own === type && JSON.stringify(readValue(bytes, from, to)) === text
  }
}
