/** String literals of Go, read and written. */
import { unescaped } from '../lib/go-literal.ts'
import { quote } from '../lib/go-text.ts'

/** The text of a literal in double quotes, back quotes or, one character, single quotes; undefined where it is none. */
export function unquote(literal: string): string | undefined {
  const quote = literal[0]
  const inside = literal.slice(1, -1)
  if (literal.length < 2 || literal.at(-1) !== quote) return undefined
  if (quote === '`') return inside.replaceAll('\r', '')
  const text = unescaped(inside, quote!)
  return typeof text === 'string' ? text : undefined
}

/** As `strconv.QuoteToASCII`: what is beyond ASCII is escaped too. */
export const quoteAscii = (text: string): string =>
  quote(text).replaceAll(/[^ -~]/gu, char => {
    const code = char.codePointAt(0)!
    return code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
  })

/** As `%#U`: `U+00A0`, and where it can be seen `U+002A '*'`. */
export function showCharacter(char: string): string {
  const code = char.codePointAt(0)!
  const name = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`
  return /[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(char) && code !== 0xa0 ? `${name} '${char}'` : name
}
