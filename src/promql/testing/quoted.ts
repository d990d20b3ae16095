/** Strings as Go writes them: in double or single quotes with escapes, or as they stand between backquotes. */
import { unescaped } from '../../lib/go-literal.ts'

const quoted = /"(?:[^"\\\n]|\\[^\n])*"|'(?:[^'\\\n]|\\[^\n])*'|`[^`]*`/y

/** The string that begins at `from`, and where it ends; undefined: there is none, or one that is no UTF-8 text. */
export function quotedAt(text: string, from: number): { readonly value: string; readonly end: number } | undefined {
  quoted.lastIndex = from
  const [found] = quoted.exec(text) ?? []
  if (found === undefined) return undefined
  const inner = found.slice(1, -1)
  const value = found.startsWith('`') ? inner : unescaped(inner, found[0]!)
  return typeof value === 'string' && value.isWellFormed() ? { value, end: from + found.length } : undefined
}
