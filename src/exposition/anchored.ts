/** Regular expressions of relabelling: RE2, and the whole text must match. The one place that knows how they are run. */

export type Match = readonly (string | undefined)[] & { readonly groups?: Readonly<Record<string, string>> | undefined }

export interface Anchored {
  test(text: string): boolean
  exec(text: string): Match | undefined
}

const cache = new Map<string, Anchored>()
/** Distinct expressions of all configurations; more are made anew. */
const maxCached = 1000

/** @throws {SyntaxError} */
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
  const regex = compile(pattern.replaceAll('(?P<', '(?<'))
  return { test: text => regex.test(text), exec: text => (regex.exec(text) as Match | null) ?? undefined }
}

function compile(pattern: string): RegExp {
  const flags = /^\(\?([a-z]+)\)/.exec(pattern)
  const body = flags === null ? pattern : pattern.slice(flags[0].length)
  const ignoreCase = flags?.[1]?.includes('i') === true ? 'i' : ''
  try {
    return new RegExp(`^(?:${body})$`, `su${ignoreCase}`)
  } catch {
    // More may be escaped in RE2 than JavaScript allows where it reads Unicode.
    return new RegExp(`^(?:${body})$`, `s${ignoreCase}`)
  }
}
