/** Strings as Go writes them: in double or single quotes with escapes, or as they stand between backquotes. */

const plain: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  "'": "'",
  '"': '"',
}
const quoted = /"(?:[^"\\\n]|\\[^\n])*"|'(?:[^'\\\n]|\\[^\n])*'|`[^`]*`/y
const piece = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))|[^\\]+/gs

/** The string that begins at `from`, and where it ends; undefined: there is none, or one that is no UTF-8 text. */
export function quotedAt(text: string, from: number): { readonly value: string; readonly end: number } | undefined {
  quoted.lastIndex = from
  const [found] = quoted.exec(text) ?? []
  if (found === undefined) return undefined
  const inner = found.slice(1, -1)
  const value = found.startsWith('`') ? inner : unescaped(inner, found[0]!)
  return value === undefined ? undefined : { value, end: from + found.length }
}

/** Escapes may give single bytes (`\xe2\x82\xac`), which are a text together only. */
function unescaped(inner: string, quote: string): string | undefined {
  const parts: Buffer[] = []
  for (const [whole, byte, short, long, octal, letter] of inner.matchAll(piece)) {
    if (letter !== undefined) {
      const char = plain[letter]
      if (char === undefined || ((letter === '"' || letter === "'") && letter !== quote)) return undefined
      parts.push(Buffer.from(char))
    } else if (byte !== undefined || octal !== undefined) {
      const code = Number.parseInt(byte ?? octal!, byte === undefined ? 8 : 16)
      if (code > 255) return undefined
      parts.push(Buffer.of(code))
    } else if (short !== undefined || long !== undefined) {
      const code = Number.parseInt(short ?? long!, 16)
      if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return undefined
      parts.push(Buffer.from(String.fromCodePoint(code)))
    } else parts.push(Buffer.from(whole))
  }
  const bytes = Buffer.concat(parts)
  const text = bytes.toString()
  return Buffer.from(text).equals(bytes) ? text : undefined
}
