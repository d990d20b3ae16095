/** String literals of Go, read and written. */

const escapes: Readonly<Record<string, string>> = {
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
const sequence = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))/gsu

/** The text of a literal in double quotes, back quotes or, one character, single quotes; undefined where it is none. */
export function unquote(literal: string): string | undefined {
  const quote = literal[0]
  const inside = literal.slice(1, -1)
  if (literal.length < 2 || literal.at(-1) !== quote) return undefined
  if (quote === '`') return inside.replaceAll('\r', '')
  if (!inside.includes('\\')) return inside
  let valid = true
  const text = inside.replaceAll(sequence, (_, byte, short, long, octal, letter: string | undefined) => {
    const code = octal === undefined ? Number.parseInt(byte ?? short ?? long ?? '0', 16) : Number.parseInt(octal, 8)
    if (letter === undefined) {
      valid &&= code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000)
      return valid ? String.fromCodePoint(code) : ''
    }
    const other = quote === '"' ? "'" : '"'
    valid &&= letter in escapes && letter !== other
    return escapes[letter] ?? ''
  })
  return valid ? text : undefined
}

const named: ReadonlyMap<string, string> = new Map(
  Object.entries(escapes).flatMap(([letter, char]) => (char === "'" ? [] : [[char, `\\${letter}`]])),
)

const isPrinted = (char: string, ascii: boolean): boolean => /[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(char) && !(ascii && char > '~')

/** As `strconv.Quote`: in double quotes, with what cannot be printed, or is beyond ASCII, escaped. */
export function quote(text: string, ascii = false): string {
  let quoted = '"'
  for (const char of text) quoted += named.get(char) ?? (isPrinted(char, ascii) ? char : escaped(char.codePointAt(0)!))
  return `${quoted}"`
}

function escaped(code: number): string {
  if (code < 0x20 || code === 0x7f) return `\\x${hex(code, 2)}`
  if (code >= 0xd800 && code < 0xe000) return '\\ufffd'
  return code > 0xffff ? `\\U${hex(code, 8)}` : `\\u${hex(code, 4)}`
}

const hex = (code: number, digits: number): string => code.toString(16).padStart(digits, '0')

/** As `%#U`: `U+00A0`, and where it can be seen `U+002A '*'`. */
export function showCharacter(char: string): string {
  const code = char.codePointAt(0)!
  const name = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`
  return /[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(char) && code !== 0xa0 ? `${name} '${char}'` : name
}
