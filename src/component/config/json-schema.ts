/** One JSON Schema (draft 2020-12) of a whole configuration file, for editors, made from the schemas that check it. */
import { z } from 'zod'
import type { AnyFactory } from '../component.ts'
import { type Aliases, type Section, sectionNames, sections } from './sections.ts'
import { serviceSchema } from './service.ts'

export type JsonSchema = { [key: string]: unknown }

export function configurationJsonSchema(factories: readonly AnyFactory[], aliases: Aliases = {}): JsonSchema {
  const section = (name: Section) => {
    const kind = sections[name]
    return sectionSchema(
      factories.filter(factory => factory.kind === kind),
      aliases[kind] ?? {},
    )
  }
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Configuration of Thalamus',
    type: 'object',
    properties: { ...Object.fromEntries(sectionNames.map(name => [name, section(name)])), service: lenientSettings(serviceSchema) },
    additionalProperties: false,
  }
}

/** As users write it: before defaults, durations as text. */
export function settingsJsonSchema(schema: z.ZodType): JsonSchema {
  const options = { io: 'input', target: 'draft-2020-12', unrepresentable: 'any', override: refusals } as const
  const { $schema: _, ...rest } = z.toJSONSchema(schema, options)
  return rest
}

/** What our schemas say of a setting besides its type, in words that editors have. */
function refusals({ jsonSchema }: { jsonSchema: JsonSchema }): void {
  const { refused, except, description } = jsonSchema
  delete jsonSchema['noEffect']
  if (typeof refused !== 'string') return
  for (const key of Object.keys(jsonSchema)) delete jsonSchema[key]
  const allowed = except as readonly unknown[]
  Object.assign(jsonSchema, { description, deprecated: true }, allowed.length === 0 ? { not: {} } : { enum: allowed })
}

const lenientSettings = (schema: z.ZodType) => lenient(settingsJsonSchema(schema)) as JsonSchema

function sectionSchema(factories: readonly AnyFactory[], aliases: NonNullable<Aliases[AnyFactory['kind']]>): JsonSchema {
  // A word that has a schema of its own stands for itself.
  const own = Object.entries(aliases).flatMap(([word, alias]) => (typeof alias === 'object' ? [{ words: word, config: alias.config }] : []))
  const named = factories.map(({ type, config }) => ({
    words: [type, ...Object.keys(aliases).filter(word => aliases[word] === type)].join('|'),
    config,
  }))
  const patterns = [...named, ...own].map(({ words, config }) => [`^(${words})(/.+)?$`, nullable(lenientSettings(config))])
  return { type: ['object', 'null'], patternProperties: Object.fromEntries(patterns), additionalProperties: false }
}

const nullable = (schema: JsonSchema): JsonSchema => (schema['type'] === 'object' ? { ...schema, type: ['object', 'null'] } : schema)

/** What the loader takes beyond the types: `key:` with nothing behind it, and a substitution in place of any single value. */
function lenient(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(lenient)
  if (typeof schema !== 'object' || schema === null) return schema
  const inner = Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [key, key === 'properties' ? properties(value) : lenientAt(key, value)]),
  )
  return orSubstitution(withoutFormat(inner))
}

/** Our formats are for our tables: to a validator "duration" is ISO 8601, and "endpoint" is nothing. What it shall know is a pattern. */
function withoutFormat({ format, ...schema }: JsonSchema): JsonSchema {
  return format === 'duration' ? { ...schema, pattern: durationPattern } : schema
}

const durationPattern = '^(0|\\+?((\\d+(\\.\\d*)?|\\.\\d+)(ns|us|µs|ms|s|m|h|d|w))+)$'

/** Keywords whose values are schemas; the rest (`default`, `enum`, …) are values and stay. */
const nested = new Set(['items', 'additionalProperties', 'anyOf', 'oneOf', 'allOf', '$defs'])
const lenientAt = (key: string, value: unknown): unknown => {
  if (key === '$defs') return properties(value)
  return nested.has(key) ? lenient(value) : value
}

function properties(value: unknown): unknown {
  const entries = Object.entries(value as Record<string, unknown>).map(([key, schema]) => [key, nullable(lenient(schema) as JsonSchema)])
  return Object.fromEntries(entries)
}

const substitution = { type: 'string', pattern: '\\$\\{' }

function orSubstitution(schema: JsonSchema): JsonSchema {
  const narrow =
    ['number', 'integer', 'boolean', 'array'].includes(String(schema['type'])) ||
    'enum' in schema ||
    'pattern' in schema ||
    'const' in schema
  if (!narrow) return schema
  const { description, default: fallback, ...rule } = schema
  return {
    ...(description === undefined ? {} : { description }),
    ...(fallback === undefined ? {} : { default: fallback }),
    anyOf: [rule, substitution],
  }
}
