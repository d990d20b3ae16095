import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { defaultConfiguration } from '../../src/commands/default.ts'
import { configurationJsonSchema, type JsonSchema } from '../../src/component/config.ts'
import { aliases, components } from '../components.ts'
import { corpus } from './corpus.ts'
import { factories } from './factories.ts'

/** As much of JSON Schema as an editor needs to underline what is wrong in our files. */
function accepts(schema: unknown, value: unknown): boolean {
  if (typeof schema === 'boolean') return schema
  const s = schema as JsonSchema
  const list = (key: string) => (s[key] as unknown[] | undefined) ?? []
  if (s['anyOf'] !== undefined && !list('anyOf').some(one => accepts(one, value))) return false
  if (s['oneOf'] !== undefined && list('oneOf').filter(one => accepts(one, value)).length !== 1) return false
  if (s['allOf'] !== undefined && !list('allOf').every(one => accepts(one, value))) return false
  if ('const' in s && s['const'] !== value) return false
  if (s['enum'] !== undefined && !list('enum').includes(value)) return false
  if (s['type'] !== undefined && ![s['type']].flat().some(type => isOfType(String(type), value))) return false
  if (typeof value === 'string') return typeof s['pattern'] !== 'string' || new RegExp(s['pattern']).test(value)
  if (typeof value === 'number') return value >= Number(s['minimum'] ?? -Infinity) && value <= Number(s['maximum'] ?? Infinity)
  if (Array.isArray(value)) return value.length >= Number(s['minItems'] ?? 0) && value.every(item => accepts(s['items'] ?? true, item))
  if (typeof value !== 'object' || value === null) return true
  if (!list('required').every(key => Object.hasOwn(value, String(key)))) return false
  return Object.entries(value).every(([key, item]) => acceptsProperty(s, key, item))
}

function acceptsProperty(schema: JsonSchema, key: string, value: unknown): boolean {
  const own = (schema['properties'] as JsonSchema | undefined)?.[key]
  if (own !== undefined) return accepts(own, value)
  const pattern = Object.entries((schema['patternProperties'] as JsonSchema | undefined) ?? {}).find(([text]) => new RegExp(text).test(key))
  return accepts(pattern?.[1] ?? schema['additionalProperties'] ?? true, value)
}

function isOfType(type: string, value: unknown): boolean {
  if (type === 'null') return value === null
  if (type === 'array') return Array.isArray(value)
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value)
  return type === 'integer' ? Number.isInteger(value) : typeof value === type
}

const yaml = (text: string) => parse(text, { merge: true, logLevel: 'error' })

describe('the JSON Schema of a configuration file', () => {
  const schema = configurationJsonSchema(factories)

  test.each(corpus('good/*.yaml'))('$name is accepted', ({ text }) => expect(accepts(schema, yaml(text))).toBe(true))

  test.each([
    'typo-section',
    'typo-component',
    'typo-setting',
    'typo-nested-setting',
    'typo-service',
    'typo-pipeline-list',
    'typo-telemetry',
    'typo-choice',
    'string-for-number',
    'negative-number',
    'too-large',
    'yes-for-boolean',
    'scalar-for-list',
    'scalar-for-map',
    'empty-list',
    'unknown-type',
    'missing-setting',
    'variant-unknown',
    'endpoint-without-port',
    'duration-in-words',
    'duration-without-unit',
    'negative-duration',
    'service-reader',
  ])('%s is refused', name => {
    const [file] = corpus(`bad/${name}.bad.yaml`)
    expect(accepts(schema, yaml(file!.text))).toBe(false)
  })

  test('asserts no format: a validator would take "duration" for another, and refuse those that it does not know', () => {
    expect(JSON.stringify(configurationJsonSchema(components, aliases))).not.toContain('"format"')
  })

  test('the default configuration, and that of the README, are accepted by the schema of the real components', () => {
    const real = configurationJsonSchema(components, aliases)
    const [, example] = /```yaml\n([\s\S]*?)```/.exec(readFileSync(new URL('../../README.md', import.meta.url), 'utf8'))!
    expect(accepts(real, yaml(defaultConfiguration))).toBe(true)
    expect(accepts(real, yaml(example!))).toBe(true)
  })
})
