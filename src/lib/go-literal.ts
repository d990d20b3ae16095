/** What stands between the quotes of a string literal of Go. */

export interface WrongEscape {
  /** where it begins, counted from the first character between the quotes */
  readonly at: number
  /** as it is written: `\d` */
  readonly escape: string
}

const letters: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
  "'": "'",
}
const escapes = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.?))/gsu

/**
 * `quote`: the one that the literal stands in; the other one needs no escape, and has none. `\xC3` and `\303` are bytes of UTF-8, which
 * make characters together with their neighbours. A byte that is no UTF-8 becomes a lone surrogate, U+DC00 and the byte: such a text is not
 * well-formed, and `quote` of go-text.ts writes it as it was.
 */
export function unescaped(inner: string, quote: string): string | WrongEscape {
  if (!inner.includes('\\')) return inner
  let wrong: WrongEscape | undefined
  let hasBytes = false
  const text = inner.replaceAll(escapes, (written, hex, short, long, octal, letter: string | undefined, at: number) => {
    const byte = hex === undefined ? octal && Number.parseInt(octal, 8) : Number.parseInt(hex, 16)
    hasBytes ||= byte > 0x7f
    const char = letter === undefined ? (byte === undefined ? scalar(short ?? long) : byteOf(byte)) : letters[letter]
    const isOther = letter !== quote && (letter === '"' || letter === "'")
    if (char === undefined || isOther) wrong ??= { at, escape: written }
    return char ?? ''
  })
  return wrong ?? (hasBytes ? text.replaceAll(/[\udc80-\udcff]+/gu, joined) : text)
}

/** A character, not half of one. */
function scalar(hex: string): string | undefined {
  const code = Number.parseInt(hex, 16)
  return code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? undefined : String.fromCodePoint(code)
}

function byteOf(byte: number): string | undefined {
  if (byte > 0xff) return undefined
  return String.fromCharCode(byte < 0x80 ? byte : 0xdc00 + byte)
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Bytes that follow each other, as far as they make characters. */
function joined(surrogates: string): string {
  const bytes = Uint8Array.from(surrogates, char => char.charCodeAt(0) - 0xdc00)
  let text = ''
  for (let at = 0; at < bytes.length; ) {
    const lead = bytes[at]!
    const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
    const char = decoded(bytes.subarray(at, at + length))
    text += char ?? surrogates[at]
    at += char === undefined ? 1 : length
  }
  return text
}

function decoded(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}
