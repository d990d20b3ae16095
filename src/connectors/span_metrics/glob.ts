/**
 * Patterns for attribute keys, whose words are separated by dots: `*` is any part of one word, `**` of several, `?` one character of a word,
 * `[a-z]` and `[!a-z]` one of a set, `{a,b}` one of several patterns, and `\` takes the next character as it is.
 * @returns undefined where `glob` is none
 */
export function compileGlob(glob: string): RegExp | undefined {
  let source = ''
  let depth = 0
  for (let i = 0; i < glob.length; i++) {
    const c = glob[i]!
    if (c === '*') {
      const any = glob[i + 1] === '*'
      while (glob[i + 1] === '*') i++
      source += any ? '.*' : '[^.]*'
    } else if (c === '?') source += '[^.]'
    else if (c === '[') {
      const set = /^\[(!?)([^\]]+)\]/.exec(glob.slice(i))
      if (set === null) return undefined
      source += `[${set[1] === '!' ? '^' : ''}${set[2]!.replace(/[\\^\]]/g, '\\$&')}]`
      i += set[0].length - 1
    } else if (c === '{') {
      depth++
      source += '(?:'
    } else if (c === '}' && depth > 0) {
      depth--
      source += ')'
    } else if (c === ',' && depth > 0) source += '|'
    else {
      const plain = c === '\\' ? glob[++i] : c
      if (plain === undefined) return undefined
      source += plain.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')
    }
  }
  if (depth > 0) return undefined
  try {
    return new RegExp(`^(?:${source})$`, 's')
  } catch {
    return undefined
  }
}
