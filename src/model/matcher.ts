import { Re2 } from '../lib/re2.ts'
import { plainAlternatives } from '../lib/re2-plain.ts'

/** Label matchers as PromQL writes them. A missing label has the empty value. */
export interface Matcher {
  readonly name: string
  readonly op: '=' | '!=' | '=~' | '!~'
  /** for `=~` and `!~` a regular expression in Go's syntax (RE2) that must match the whole value, where `.` matches a line feed too */
  readonly value: string
}

/** @throws {RegexError} where the expression is none */
export function valueTest({ op, value }: Matcher): (text: string) => boolean {
  switch (op) {
    case '=':
      return text => text === value
    case '!=':
      return text => text !== value
    case '=~':
      return wholeMatch(value)
    case '!~': {
      const matches = wholeMatch(value)
      return text => !matches(text)
    }
  }
}

/**
 * The values that a matcher can match, where it names them one by one (`=`, or `=~"a|b|c"` of plain texts); undefined where it doesn't.
 * An index looks these up instead of testing every value that a label has.
 */
export function namedValues({ op, value }: Matcher): readonly string[] | undefined {
  if (op === '=') return [value]
  return op === '=~' ? plainAlternatives(value) : undefined
}

function wholeMatch(pattern: string): (text: string) => boolean {
  const plain = plainAlternatives(pattern)
  if (plain !== undefined) {
    const values = new Set(plain)
    return text => values.has(text)
  }
  // By itself first, where a parenthesis of its own could end the group that is put around it.
  if (pattern.includes(')')) new Re2(pattern)
  // Compiled even where it is not needed, so that a wrong expression is told from a right one in one place.
  const regex = new Re2(`^(?s:${closed(pattern)})$`)
  if (pattern === '.*') return () => true
  if (pattern === '.+') return text => text !== ''
  return text => regex.test(text)
}

/** With the end of a quotation (`\\Q…`) that goes on to the end of the expression, before something is put behind it. */
function closed(pattern: string): string {
  for (let at = pattern.indexOf('\\'); at >= 0; at = pattern.indexOf('\\', at + 2)) {
    if (pattern[at + 1] !== 'Q') continue
    at = pattern.indexOf('\\E', at)
    if (at < 0) return `${pattern}\\E`
  }
  return pattern
}
