/**
 * `npm run docs`: writes the table of settings into the README of each component, between its two markers, from the schema that
 * checks them. With `--check` it only says which are not up to date, and exits 1 if any is.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { z } from 'zod'
import { type JsonSchema, serviceSchema, settingsJsonSchema } from '../src/component/config.ts'
import { components } from '../test/components.ts'

const begin = '<!-- settings -->'
const end = '<!-- /settings -->'

export interface Readme {
  readonly path: string
  readonly found: string
  /** the same with the table that the schema gives; undefined where the file or its markers are missing */
  readonly wanted: string | undefined
}

const root = fileURLToPath(new URL('..', import.meta.url))

/** Every page with a table, and the schema that the table is made from. */
export const pages: readonly { readonly path: string; readonly schema: z.ZodType }[] = [
  ...components.map(factory => ({ path: `src/${factory.kind}s/${factory.type}/README.md`, schema: factory.config })),
  { path: 'docs/configuration.md', schema: serviceSchema },
]

export function readme({ path, schema }: (typeof pages)[number]): Readme {
  const found = existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : ''
  return { path, found, wanted: withTable(found, settingsTable(settingsJsonSchema(schema))) }
}

function withTable(text: string, table: string): string | undefined {
  const from = text.indexOf(begin)
  const to = text.indexOf(end)
  return from < 0 || to < from ? undefined : `${text.slice(0, from)}${begin}\n${table}\n${text.slice(to)}`
}

interface Row {
  readonly path: string
  readonly type: string
  readonly fallback: string
  readonly description: string
}

export function settingsTable(schema: JsonSchema): string {
  const rows = rowsBelow('', schema)
  if (rows.length === 0) return 'There is nothing to set.'
  const lines = rows.map(
    ({ path, type, fallback, description }) => `| ${[`\`${path}\``, type, fallback, description].map(cell).join(' | ')} |`,
  )
  return ['| setting | type | default | |', '|---|---|---|---|', ...lines].join('\n')
}

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

function rowsBelow(prefix: string, schema: JsonSchema): Row[] {
  const required = new Set(schemaList(schema['required']).map(String))
  return Object.entries(properties(schema)).flatMap(([name, setting]) => {
    // What is refused stands in docs/collector-compat.md only.
    if (setting['deprecated'] === true) return []
    const path = `${prefix}${name}`
    const row = {
      path,
      type: typeWord(setting),
      fallback: fallbackWord(setting, required.has(name)),
      description: String(setting['description'] ?? ''),
    }
    return [row, ...nested(path, setting)]
  })
}

/** Rows of what is inside of a setting: a map, a list of maps, a map of maps, or one of several maps. */
function nested(path: string, setting: JsonSchema): Row[] {
  const inside = (steps: string, schema: unknown) =>
    isSchema(schema) ? [...rowsBelow(`${path}${steps}.`, schema), ...nested(`${path}${steps}`, schema)] : []
  const own = rowsBelow(`${path}.`, setting)
  const variants = [...schemaList(setting['anyOf']), ...schemaList(setting['oneOf'])].flatMap(variant =>
    isSchema(variant) ? [...rowsBelow(`${path}.`, variant), ...nested(path, variant)] : [],
  )
  const rows = [...own, ...variants, ...inside('[]', setting['items']), ...inside('.NAME', setting['additionalProperties'])]
  return rows.filter((row, i) => rows.findIndex(other => other.path === row.path) === i)
}

function typeWord(schema: JsonSchema): string {
  const variants = [...schemaList(schema['anyOf']), ...schemaList(schema['oneOf'])].filter(isSchema)
  if (typeof schema['format'] === 'string' && ['duration', 'bytes', 'endpoint'].includes(schema['format'])) return schema['format']
  if (variants.length > 0) return [...new Set(variants.map(typeWord))].join(' or ')
  if (Array.isArray(schema['enum'])) return choices(schema['enum'].map(String))
  if ('const' in schema) return `\`${schema['const']}\``
  if (schema['type'] === 'array') return isSchema(schema['items']) ? `list of ${typeWord(schema['items'])}` : 'list'
  if (schema['type'] === 'object')
    return isSchema(schema['additionalProperties']) ? `map of ${typeWord(schema['additionalProperties'])}` : 'map'
  return String(schema['type'] ?? 'any')
}

/** A word that may also be written in capitals is shown once; empty text is a choice too. */
function choices(words: readonly string[]): string {
  const distinct = words.filter((word, i) => words.findIndex(other => other.toLowerCase() === word.toLowerCase()) === i)
  return distinct.map(word => `\`${word === '' ? '""' : word}\``).join(', ')
}

function fallbackWord(schema: JsonSchema, required: boolean): string {
  const fallback = schema['default']
  if (fallback === undefined) return required ? '**required**' : ''
  const empty = typeof fallback === 'object' && fallback !== null && Object.keys(fallback).length === 0 && schema['type'] === 'object'
  return empty ? '' : `\`${typeof fallback === 'string' && fallback !== '' ? fallback : JSON.stringify(fallback)}\``
}

const isSchema = (value: unknown): value is JsonSchema => typeof value === 'object' && value !== null && !Array.isArray(value)
const schemaList = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])
const properties = (schema: JsonSchema) => (schema['properties'] ?? {}) as Record<string, JsonSchema>

function run(check: boolean): number {
  let wrong = 0
  for (const { path, found, wanted } of pages.map(readme)) {
    if (wanted === undefined) console.error(`${path}: lacks ${begin} and ${end}`)
    else if (wanted !== found && check) console.error(`${path}: is not up to date: npm run docs`)
    else if (wanted !== found) writeFileSync(join(root, path), wanted)
    if (wanted === undefined || (check && wanted !== found)) wrong++
  }
  return wrong === 0 ? 0 : 1
}

if (import.meta.main) process.exitCode = run(process.argv.includes('--check'))
