/** Regular expressions of relabelling: RE2, and the whole text must match. The one place that knows how they are run. */
import { Re2 } from '../lib/re2.ts'
import { plainAlternatives } from '../lib/re2-plain.ts'

/** The whole, then each group; undefined for one that took no part. */
export type Match = readonly (string | undefined)[] & { readonly groups?: Readonly<Record<string, string>> | undefined }

export interface Anchored {
  test(text: string): boolean
  exec(text: string): Match | undefined
}

const cache = new Map<string, Anchored>()
/** Distinct expressions of all configurations; more are made anew. */
const maxCached = 1000

/** @throws {RegexError} */
export function anchored(pattern: string): Anchored {
  let made = cache.get(pattern)
  if (made === undefined) {
    made = make(pattern)
    if (cache.size < maxCached) cache.set(pattern, made)
  }
  return made
}

function make(pattern: string): Anchored {
  // Most rules take all there is.
  if (pattern === '(.*)') return { test: () => true, exec: text => [text, text] }
  const plain = plainAlternatives(pattern)
  if (plain !== undefined) {
    const values = new Set(plain)
    const isGroup = pattern.startsWith('(') && !pattern.startsWith('(?:')
    return { test: text => values.has(text), exec: text => (values.has(text) ? [text, ...(isGroup ? [text] : [])] : undefined) }
  }
  const regex = new Re2(`^(?s:${pattern})$`)
  return { test: text => regex.test(text), exec: text => matchOf(regex, text) }
}

function matchOf(regex: Re2, text: string): Match | undefined {
  const found = regex.find(text)
  if (found === undefined) return undefined
  const parts = Array.from({ length: found.length / 2 }, (_, i) =>
    found[2 * i]! < 0 ? undefined : text.slice(found[2 * i], found[2 * i + 1]),
  )
  const named = regex.groups.flatMap((name, i) =>
    name === undefined || parts[i + 1] === undefined ? [] : [[name, parts[i + 1]!] as const],
  )
  return Object.assign(parts, { groups: Object.fromEntries(named) })
}
