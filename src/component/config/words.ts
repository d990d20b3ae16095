/** What a schema wants, in words. */
import type { z } from 'zod'
import type { Located, Path } from './located.ts'
import { isSecretPath } from './secrets.ts'

type Issue = z.core.$ZodIssue

const nouns: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a map',
  record: 'a map',
  array: 'a list',
}
const noun = (expected: string) => nouns[expected] ?? expected

/** A noun for the value that is wanted. */
export function wanted(issue: Issue): string {
  if (issue.code === 'invalid_type') return noun(issue.expected)
  if (issue.code === 'invalid_value') return oneOf(issue.values.map(String))
  return 'it is needed'
}

/** A word that may also be written in capitals is said once. */
export function oneOf(values: readonly string[]): string {
  const words = values.filter((word, i) => values.findIndex(other => other.toLowerCase() === word.toLowerCase()) === i)
  return words.length === 1 ? JSON.stringify(words[0]) : `one of ${words.map(word => word || '""').join(', ')}`
}

/** What stands behind "must". */
export function rule(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `be ${noun(issue.expected)}`
    case 'too_small':
      return tooSmall(String(issue.origin), Number(issue.minimum), issue.inclusive !== false)
    case 'too_big':
      return tooBig(String(issue.origin), Number(issue.maximum), issue.inclusive !== false)
    case 'not_multiple_of':
      return `be a multiple of ${issue.divisor}`
    case 'invalid_format':
      if ('prefix' in issue) return `begin with ${JSON.stringify(issue.prefix)}`
      return `be ${issue.format === 'url' ? 'a URL such as "http://127.0.0.1:4318"' : `a valid ${issue.format}`}`
    default:
      return `be different: ${issue.message}`
  }
}

function tooSmall(origin: string, minimum: number, inclusive: boolean): string {
  if (origin === 'string') return minimum === 1 ? 'not be empty' : `have at least ${minimum} characters`
  if (origin === 'array' || origin === 'record') return minimum === 1 ? 'not be empty' : `have at least ${minimum} entries`
  return inclusive ? `be at least ${minimum}` : `be greater than ${minimum}`
}

function tooBig(origin: string, maximum: number, inclusive: boolean): string {
  if (origin === 'string') return `have at most ${maximum} characters`
  if (origin === 'array' || origin === 'record') return `have at most ${maximum} entries`
  return inclusive ? `be at most ${maximum}` : `be less than ${maximum}`
}

/** What would be something else in a list, such as `*` and `a, b`, stands in quotes. */
const listItem = (value: unknown) => (/^[\w./:-]+$/.test(String(value)) ? String(value) : JSON.stringify(value))

/** The same value in the type that is wanted, where a person most likely meant that. */
export function retype(expected: string, value: Located | undefined, path: Path): string | undefined {
  if (value === undefined) return undefined
  if (expected === 'array' && value.is === 'scalar')
    return `write a list: [${isSecretPath(path) || value.hidden ? '…' : listItem(value.value)}]`
  if (value.is !== 'scalar') return undefined
  if (expected === 'string' && value.value !== null) return 'write it in quotes'
  if (
    (expected === 'number' || expected === 'int') &&
    typeof value.value === 'string' &&
    value.value.trim() !== '' &&
    Number.isFinite(Number(value.value))
  )
    return 'write it without quotes'
  if (expected === 'boolean' && typeof value.value === 'string' && /^(y|yes|on|true|n|no|off|false)$/i.test(value.value))
    return `write ${/^(y|yes|on|true)$/i.test(value.value)}, without quotes`
  return undefined
}
