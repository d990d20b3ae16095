/**
 * `${env:NAME}`, `${env:NAME:-default}`, `${NAME}`, `${file:PATH}`, `${yaml:TEXT}` and `$$` in the values of a configuration, as the
 * Collector reads them: a value that is one substitution and nothing else is read again as YAML, so that a number from the
 * environment is a number.
 */
import { parse } from 'yaml'
import type { Located, LocatedScalar, Path, Position } from './located.ts'
import type { LocatedProblem } from './problems.ts'
import { isSecretPath } from './secrets.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** Where what is substituted comes from. */
export interface Origins {
  readonly env: Environment
  /** undefined: there are no files. @throws with `code` as node:fs does */
  readonly readFile?: ((path: string) => string) | undefined
}

/** [levels] A file may name files; one that names itself is found out here. */
const deepest = 10

export function substitute(located: Located, from: Origins, problems: LocatedProblem[], path: Path = []): Located {
  if (located.is === 'list') return { ...located, items: located.items.map((item, i) => substitute(item, from, problems, [...path, i])) }
  if (located.is === 'map') {
    const entries = [...located.entries].map(
      ([key, entry]) => [key, { keyAt: entry.keyAt, value: substitute(entry.value, from, problems, [...path, key]) }] as const,
    )
    return { ...located, entries: new Map(entries) }
  }
  if (typeof located.value !== 'string' || !located.value.includes('$')) return located
  try {
    return substituteScalar(located, expand(located.value, from))
  } catch (problem) {
    if (!(problem instanceof Unresolved)) throw problem
    const { message, remedy, got } = problem
    const shown = got === undefined ? '' : `, got ${isSecretPath(path) ? '(hidden)' : JSON.stringify(got)}`
    problems.push({ at: located.at, path, message: message + shown, remedy })
    return { is: 'scalar', at: located.at, value: null, unresolved: true } satisfies LocatedScalar
  }
}

class Unresolved extends Error {
  readonly remedy: string
  /** what stood there instead; may be part of a secret */
  readonly got: string | undefined
  constructor(message: string, remedy: string, got?: string) {
    super(message)
    this.remedy = remedy
    this.got = got
  }
}

interface Expanded {
  readonly text: string
  /** something came from the environment */
  readonly fromEnv: boolean
  /** the text is one substitution and nothing else */
  readonly whole: boolean
}

function substituteScalar({ at }: LocatedScalar, { text, fromEnv, whole }: Expanded): Located {
  const hidden = fromEnv ? { hidden: true as const } : {}
  const value = whole ? reread(text) : text
  // A string is what stood there, not what YAML makes of it: quotes and "#" are its own.
  if (typeof value === 'string') return { is: 'scalar', at, value: text, ...hidden }
  return { ...(toLocated(value, at, hidden) ?? { is: 'scalar', at, value: text, ...hidden }), text }
}

/** Text that is no YAML is text. */
function reread(text: string): unknown {
  try {
    return parse(text, { logLevel: 'error', maxAliasCount: 0 })
  } catch {
    return text
  }
}

/** A list or a map written in one environment variable: everything in it stands where the variable was named. */
function toLocated(value: unknown, at: Position, hidden: { hidden?: true }): Located | undefined {
  if (value === null || ['number', 'boolean', 'string'].includes(typeof value)) {
    return { is: 'scalar', at, value: value as LocatedScalar['value'], ...hidden }
  }
  if (typeof value !== 'object') return undefined
  if (Array.isArray(value))
    return { is: 'list', at, items: value.map(item => toLocated(item, at, hidden)).filter(item => item !== undefined) }
  const entries = Object.entries(value).map(([key, item]) => [key, toLocated(item, at, hidden)] as const)
  return {
    is: 'map',
    at,
    entries: new Map(entries.flatMap(([key, item]) => (item === undefined ? [] : [[key, { keyAt: at, value: item }] as const]))),
  }
}

/** @throws {Unresolved} */
function expand(text: string, from: Origins, depth = 0): Expanded {
  let out = ''
  let fromEnv = false
  let whole = false
  for (let i = 0; i < text.length; ) {
    if (text.startsWith('$$', i)) {
      out += '$'
      i += 2
    } else if (text.startsWith('${', i)) {
      const end = closing(text, i + 2)
      const found = resolve(text.slice(i + 2, end), from, depth)
      whole = i === 0 && end === text.length - 1
      out += found.text
      fromEnv ||= found.fromEnv
      i = end + 1
    } else {
      out += text[i]
      i++
    }
  }
  return { text: out, fromEnv, whole }
}

/** The index of the `}` that closes what begins at `from`; substitutions nest. */
function closing(text: string, from: number): number {
  let depth = 1
  for (let i = from; i < text.length; i++) {
    if (text.startsWith('${', i)) depth++
    else if (text[i] === '}' && --depth === 0) return i
  }
  throw new Unresolved('"${" is never closed', 'write "}" behind it, or "$$" for a plain "$"')
}

interface Found {
  readonly text: string
  readonly fromEnv: boolean
}

function resolve(inside: string, from: Origins, depth: number): Found {
  const { 1: scheme = 'env', 2: rest = '' } = /^(?:([a-z][a-z0-9+.-]*):(?!-))?([\s\S]*)$/i.exec(inside) ?? []
  if (depth === deepest) throw new Unresolved('substitutions go on without end', 'a file must not name itself')
  if (scheme === 'env') return fromEnvironment(rest, from, depth + 1)
  if (scheme === 'yaml') return { text: expand(unfolded(rest), from, depth + 1).text, fromEnv: true }
  if (scheme === 'file') return { text: expand(readText(expand(rest, from, depth + 1).text, from), from, depth + 1).text, fromEnv: true }
  const remedy =
    scheme === 'http' || scheme === 'https'
      ? 'nothing is fetched: save it, and write ${file:PATH}'
      : 'known: ${env:NAME}, ${env:NAME:-default}, ${file:PATH}, ${yaml:TEXT}'
  throw new Unresolved('nothing of that kind can be substituted', remedy, `${scheme}:`)
}

function fromEnvironment(rest: string, from: Origins, depth: number): Found {
  const { env } = from
  const at = rest.indexOf(':-')
  const name = expand(at < 0 ? rest : rest.slice(0, at), from, depth).text
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
    throw new Unresolved('not the name of an environment variable', 'letters, digits and "_" make a name; "$$" is a plain "$"', name)
  const value = Object.hasOwn(env, name) ? env[name] : undefined
  if (value !== undefined) return { text: value, fromEnv: true }
  if (at < 0) throw new Unresolved(`the environment variable ${name} is not set`, `set it, or write \${env:${name}:-default}`)
  const fallback = expand(rest.slice(at + 2), from, depth)
  return { text: fallback.text, fromEnv: fallback.fromEnv }
}

/** The last line's end is the file's, not the value's. */
function readText(path: string, { readFile }: Origins): string {
  try {
    if (readFile === undefined) throw new Error('there are no files here')
    return readFile(path).replace(/\r?\n$/, '')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new Unresolved(
      `cannot read the file ${JSON.stringify(path)}: ${code ?? message}`,
      'name a file that exists and that this user may read',
    )
  }
}

/** `processors::batch::timeout: 2s` is short for nested maps, as in the Collector. */
export function unfolded(text: string): string {
  const short = /^([^\s:]+(?:::[^\s:]+)+):\s+([\s\S]*)$/.exec(text.trim())
  if (short === null) return text
  const keys = short[1]!.split('::')
  return `${keys.map((key, i) => `${' '.repeat(i)}${JSON.stringify(key)}:`).join('\n')} ${short[2]}`
}
