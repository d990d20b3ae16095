/** ASCII signs, which a backslash makes plain. */
const escaped = /\\([\0-/:-@[-`{-\x7f])/g
/** What means something in a pattern, once what is escaped is taken out. */
const meaningful = /[\\.+*?()[\]{}^$]/

/**
 * The texts that a pattern of RE2 names one by one (`a|b`, `(a|10\.0\.0\.1)`), which is how lists of many values are asked for: these need no
 * automaton, and may be as many as they like. Undefined where it does not, and then it may be no pattern at all.
 */
export function plainAlternatives(pattern: string): readonly string[] | undefined {
  const inner = pattern.startsWith('(') && pattern.endsWith(')') ? pattern.slice(pattern.startsWith('(?:') ? 3 : 1, -1) : pattern
  if (!inner.isWellFormed() || inner.includes('\\|') || meaningful.test(inner.replace(escaped, ''))) return undefined
  return inner.split('|').map(text => text.replace(escaped, '$1'))
}
