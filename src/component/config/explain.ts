/** What a schema found wrong, in words for the person who wrote the file. */
import type { z } from 'zod'
import { closest } from '../../lib/distance.ts'
import { refusal } from '../settings.ts'
import { find, isUnresolved, type Located, type Path, position } from './located.ts'
import type { LocatedProblem } from './problems.ts'
import { showValue } from './secrets.ts'
import { knownSettings, metaAt, type Schema } from './shape.ts'
import { oneOf, retype, rule, wanted } from './words.ts'

type Issue = z.core.$ZodIssue

/** What was checked: the schema, the tree it was checked against, and the path at which that tree hangs in the whole file. */
export interface Checked {
  readonly schema: Schema
  readonly located: Located
  readonly prefix: Path
  /** the value as the schema saw it */
  readonly value: unknown
}

export function explainAll(issues: readonly Issue[], checked: Checked): LocatedProblem[] {
  return issues.filter(issue => !isMisspelt(issue, issues, checked)).flatMap(issue => explain(issue, checked))
}

/** A setting that is missing because it is misspelt: one message is enough. */
function isMisspelt({ path }: Issue, issues: readonly Issue[], { schema, value }: Checked): boolean {
  if (valueAt(value, path) !== undefined) return false
  const parent = path.slice(0, -1)
  return issues.some(other => {
    if (other.code !== 'unrecognized_keys' || other.path.join('\0') !== parent.join('\0')) return false
    return other.keys.some(key => closest(key, knownSettings(schema, parent.map(String))) === path.at(-1))
  })
}

function explain(issue: Issue, checked: Checked): LocatedProblem[] {
  const path = issue.path.map(step => (typeof step === 'symbol' ? String(step) : step))
  const written = find(checked.located, path)?.value
  if (written !== undefined && isUnresolved(written)) return []
  if (issue.code === 'unrecognized_keys') return issue.keys.map(key => unknownSetting(key, path, checked))
  if (valueAt(checked.value, path) === undefined && issue.code !== 'custom') return [missing(path, issue, checked)]
  if (issue.code === 'invalid_union') return explainUnion(issue, path, checked)
  return [wrong(path, sentence(issue, path, checked), checked)]
}

export function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, step) => (typeof inner === 'object' && inner !== null ? (inner as Record<PropertyKey, unknown>)[step] : undefined),
    value,
  )
}

function unknownSetting(key: string, path: Path, { schema, located, prefix }: Checked): LocatedProblem {
  const known = knownSettings(schema, path)
  const at = find(located, [...path, key])?.keyAt ?? position(located, path)
  return {
    at,
    path: [...prefix, ...path],
    message: `unknown setting ${JSON.stringify(key)}`,
    remedy: suggestion(key, known, 'known settings'),
  }
}

/** `did you mean …?` where one is close, else all that there is. */
export function suggestion(word: string, known: readonly string[], title = 'known'): string {
  const near = closest(word, known)
  if (near !== undefined) return `did you mean ${JSON.stringify(near)}?`
  return known.length === 0 ? `${title}: none` : `${title}: ${known.join(', ')}`
}

/** Points at the parent, since there is nothing else to point at. */
function missing(path: Path, issue: Issue, { schema, located, prefix }: Checked): LocatedProblem {
  const { description, format } = metaAt(schema, path)
  const what = description === undefined ? (format ?? wanted(issue)) : firstSentence(description)
  return { at: position(located, path), path: [...prefix, ...path], message: 'missing, and has no default', remedy: `set it: ${what}` }
}

/** "e.g." ends no sentence. */
const firstSentence = (text: string) => text.replace(/\.(\s+[A-Z][\s\S]*)?$/, '').replace(/^[A-Z](?=[a-z])/, letter => letter.toLowerCase())

interface Sentence {
  readonly message: string
  readonly remedy?: string
}

function wrong(path: Path, { message, remedy }: Sentence, { located, prefix }: Checked): LocatedProblem {
  const value = find(located, path)?.value
  const whole = [...prefix, ...path]
  // A rule over a whole map says itself what it found; of a single value we say what it was.
  const got =
    value === undefined ||
    message.includes(', got ') ||
    message.startsWith(refusal) ||
    (value.is !== 'scalar' && !message.startsWith('must be a'))
      ? ''
      : `, got ${showValue(value, whole)}`
  return { at: position(located, path), path: whole, message: `${message}${got}`, ...(remedy === undefined ? {} : { remedy }) }
}

function sentence(issue: Issue, path: Path, checked: Checked): Sentence {
  // A schema that has its own words for this begins them with "must".
  if (issue.code === 'custom' && typeof issue.params?.['remedy'] === 'string')
    return { message: issue.message, remedy: issue.params['remedy'] }
  if (issue.code !== 'invalid_type' && (issue.code === 'custom' || /^(must|cannot|needs)\b/.test(issue.message)))
    return { message: issue.message }
  const value = find(checked.located, path)?.value
  const { format } = metaAt(checked.schema, path)
  if (issue.code === 'invalid_type' && format === 'endpoint') return { message: 'must be "host:port", for example "127.0.0.1:4318"' }
  if (issue.code === 'invalid_value') return wrongChoice(issue.values.map(String), value)
  const remedy = issue.code === 'invalid_type' ? retype(issue.expected, value, [...checked.prefix, ...path]) : undefined
  return { message: `must ${rule(issue)}`, ...(remedy === undefined ? {} : { remedy }) }
}

function wrongDuration(value: Located | undefined): Sentence {
  const message = 'must be a duration such as "5s", "200ms" or "1m30s"'
  return value?.is === 'scalar' && typeof value.value === 'number' ? { message, remedy: 'say the unit: s, ms, m, h' } : { message }
}

function wrongChoice(values: readonly string[], value: Located | undefined): Sentence {
  // A number that is close is no better than another.
  const word = value?.is === 'scalar' && typeof value.value === 'string' && !/^[\d.]+$/.test(value.value) ? value.value : undefined
  const near = word === undefined ? undefined : closest(word, values)
  const message = `must be ${oneOf(values)}`
  return near === undefined ? { message } : { message, remedy: `did you mean ${JSON.stringify(near)}?` }
}

function explainUnion(issue: z.core.$ZodIssueInvalidUnion, path: Path, checked: Checked): LocatedProblem[] {
  if (issue.errors.length === 0 && 'options' in issue && Array.isArray(issue.options))
    return [wrong(path, wrongChoice(issue.options.map(String), find(checked.located, path)?.value), checked)]
  const fitting = issue.errors.filter(branch => !branch.some(inner => inner.path.length === 0 && isOfOtherType(inner)))
  const best = fitting.toSorted((a, b) => a.length - b.length)[0]
  if (best !== undefined) return best.flatMap(inner => explain({ ...inner, path: [...issue.path, ...inner.path] }, checked))
  const { format } = metaAt(checked.schema, path)
  if (format === 'duration') return [wrong(path, wrongDuration(find(checked.located, path)?.value), checked)]
  if (format === 'bytes') return [wrong(path, { message: 'must be a size such as 1048576 or "64MiB"' }, checked)]
  const choices = [...new Set(issue.errors.flatMap(branch => branch.slice(0, 1).map(wanted)))]
  return [wrong(path, { message: `must be ${choices.join(' or ')}` }, checked)]
}

const isOfOtherType = (issue: Issue) => issue.code === 'invalid_type' || issue.code === 'invalid_value'
