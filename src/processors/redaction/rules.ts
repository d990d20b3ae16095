/** What becomes of an attribute, by its key and its value, and of texts: the rules, without knowledge of batches. */
import { createHash, createHmac } from 'node:crypto'
import { Re2 } from '../../lib/re2.ts'
import type { Settings } from './index.ts'

/** Written by the processor itself, and so always allowed. */
const ownKeys = [
  'redaction.redacted.keys',
  'redaction.redacted.count',
  'redaction.masked.keys',
  'redaction.masked.count',
  'redaction.ignored.count',
]

export type Fate = 'stays' | 'ignored' | 'redacted' | 'allowed' | 'masked'

export class Rules {
  readonly summary: 'silent' | 'info' | 'debug'
  /** values of all types are looked at, as text */
  readonly allTypes: boolean
  /** undefined: all */
  readonly #allowedKeys: ReadonlySet<string> | undefined
  readonly #ignoredKeys: ReadonlySet<string>
  readonly #ignoredPatterns: Re2 | undefined
  readonly #maskedKeys: Re2 | undefined
  readonly #allowedValues: Re2 | undefined
  readonly #blocked: readonly Re2[]
  /** any of them, asked in one walk: most values have nothing to mask */
  readonly #anyBlocked: Re2 | undefined
  readonly #hash: (found: string) => string
  /** the last text that was masked, and what became of it: who asks for its fate masks it next */
  #last: readonly [text: string | undefined, masked: string] = [undefined, '']

  constructor(settings: Settings) {
    this.summary = settings.summary === '' ? 'silent' : settings.summary
    this.allTypes = settings.redact_all_types
    this.#allowedKeys = settings.allow_all_keys ? undefined : new Set([...settings.allowed_keys, ...ownKeys])
    this.#ignoredKeys = new Set(settings.ignored_keys)
    this.#ignoredPatterns = anyOf(settings.ignored_key_patterns)
    this.#maskedKeys = anyOf(settings.blocked_key_patterns)
    this.#allowedValues = anyOf(settings.allowed_values)
    this.#blocked = settings.blocked_values.map(pattern => new Re2(pattern))
    this.#anyBlocked = anyOf(settings.blocked_values)
    this.#hash = hasher(settings)
  }

  ignores(key: string): boolean {
    return this.#ignoredKeys.has(key) || this.#ignoredPatterns?.test(key) === true
  }
  redacts(key: string): boolean {
    return this.#allowedKeys?.has(key) === false
  }
  masksKey(key: string): boolean {
    return this.#maskedKeys?.test(key) === true
  }
  allows(text: string): boolean {
    return this.#allowedValues?.test(text) === true
  }

  /** Whether values may be allowed whatever is in them. */
  get allowsAny(): boolean {
    return this.#allowedValues !== undefined
  }
  /** Whether there is something to mask in the UTF-8 text in `[from, to)`; undefined where that takes reading it as text. */
  hides(bytes: Uint8Array, from: number, to: number): boolean | undefined {
    return this.#anyBlocked === undefined ? false : this.#anyBlocked.testBytes(bytes, from, to)
  }

  /** `text` is '' for values that are no text and are not looked at. */
  fate(key: string, text: string): Fate {
    if (this.ignores(key)) return 'ignored'
    if (this.redacts(key)) return 'redacted'
    if (this.allows(text)) return 'allowed'
    if (this.masksKey(key)) return 'masked'
    return this.#anyBlocked?.test(text) === true && this.masked(text) !== text ? 'masked' : 'stays'
  }

  /** Without what is blocked in it. */
  masked(text: string): string {
    if (this.#anyBlocked?.test(text) !== true) return text
    if (text === this.#last[0]) return this.#last[1]
    let result = text
    for (const pattern of this.#blocked) result = pattern.replaceAll(result, this.#hash)
    this.#last = [text, result]
    return result
  }

  /** All of it, line by line, as `.*` matches it in the Collector. */
  maskedWhole(text: string): string {
    return everything.replaceAll(text, this.#hash)
  }
}

const everything = new Re2('.*')

function anyOf(patterns: readonly string[]): Re2 | undefined {
  return patterns.length === 0 ? undefined : new Re2(patterns.map(pattern => `(?:${pattern})`).join('|'))
}

function hasher({ hash_function: name, hmac_key: key }: Settings): (found: string) => string {
  if (name === '') return () => '****'
  if (name === 'hmac-sha256' || name === 'hmac-sha512') return found => createHmac(name.slice(5), key).update(found).digest('hex')
  const algorithm = name === 'sha3' ? 'sha3-256' : name
  return found => createHash(algorithm).update(found).digest('hex')
}
