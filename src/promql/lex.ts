import { quote } from '../lib/go-text.ts'
import { type Kind, keywords, type Token } from './tokens.ts'

/**
 * Cuts an expression into tokens, as Prometheus's lexer does: in its order, with its errors. What a character means depends on where it stands:
 * inside braces, at the beginning of brackets (a duration), elsewhere. An `error` token is the last; its words are in `message`, its start is where the error is shown.
 */
export class Lexer {
  readonly text: string
  message = ''
  #at = 0
  #ended = false
  #parens = 0
  #braces = false
  #brackets = false
  /** behind a `[`, before its first number */
  #duration = false
  #colon = false
  #sawDuration = false

  constructor(text: string) {
    this.text = text
  }

  next(): Token {
    if (this.#ended) return { kind: 'eof', start: this.text.length, end: this.text.length }
    if (!this.#skip()) return this.#inDuration(this.#at)
    return this.#braces ? this.#inBraces(this.#at) : this.#elsewhere(this.#at)
  }

  /** Passes over spaces and comments. @returns false where a duration is expected: there is no comment */
  #skip(): boolean {
    for (;;) {
      while (isSpace(this.#code())) this.#at++
      if (this.#duration) return false
      if (this.#code() !== HASH) return true
      while (this.#at < this.text.length && !isLineEnd(this.#code())) this.#at++
    }
  }

  #elsewhere(start: number): Token {
    const code = this.#code()
    if (Number.isNaN(code)) return this.#end(start)
    if (isDigit(code) || (code === DOT && isDigit(this.#code(1)))) return this.#numberOrDuration(start)
    if (code === DOUBLE || code === SINGLE || code === BACK) return this.#string(start)
    if (isAlpha(code) || code === COLON) return this.#brackets ? this.#wordInBrackets(start) : this.#word(start)
    const char = this.text[this.#at++]!
    switch (char) {
      case ',':
      case '*':
      case '/':
      case '%':
      case '+':
      case '-':
      case '^':
      case '@':
        return this.#token(char, start)
      case '=':
        if (this.#code() === TILDE) return this.#error(start, `unexpected character after '=': '~'`)
        return this.#token(this.#accept('=') ? '==' : '=', start)
      case '!':
        return this.#accept('=') ? this.#token('!=', start) : this.#error(start, `unexpected character after '!': ${this.#quoted()}`)
      case '<':
        return this.#token(this.#accept('=') ? '<=' : this.#accept('/') ? '</' : '<', start)
      case '>':
        return this.#token(this.#accept('=') ? '>=' : this.#accept('/') ? '>/' : '>', start)
      case '(':
      case ')':
        return this.#paren(char, start)
      case '{':
        this.#braces = true
        return this.#token('{', start)
      case '[':
        if (this.#brackets) return this.#error(start, "unexpected left bracket '['")
        this.#brackets = this.#duration = true
        this.#colon = false
        return this.#token('[', start)
      case ']':
        if (!this.#brackets) return this.#error(start, "unexpected right bracket ']'")
        this.#brackets = false
        return this.#token(']', start)
      default:
        this.#at = start
        return this.#error(start, `unexpected character: ${this.#quoted()}`)
    }
  }

  #end(start: number): Token {
    if (this.#parens !== 0) return this.#error(start, 'unclosed left parenthesis')
    if (this.#brackets) return this.#error(start, 'unclosed left bracket')
    return this.#token('eof', start)
  }

  #paren(char: '(' | ')', start: number): Token {
    this.#parens += char === '(' ? 1 : -1
    // Shown behind the parenthesis.
    return this.#parens < 0 ? this.#error(this.#at, "unexpected right parenthesis ')'") : this.#token(char, start)
  }

  /** Behind a number in brackets only a colon and the words of durations may come. */
  #wordInBrackets(start: number): Token {
    const char = this.#quoted()
    if (this.#code() === COLON) {
      if (this.#colon) return this.#error(start, "unexpected colon ':'")
      this.#at++
      this.#colon = true
      return this.#token(':', start)
    }
    return this.#durationWord(start) ?? this.#error(start, `unexpected character: ${char}, expected ':'`)
  }

  #inDuration(start: number): Token {
    const code = this.#code()
    if (Number.isNaN(code)) return this.#error(start, 'unexpected end of input in duration expression')
    if (isDigit(code) || (code === DOT && isDigit(this.#code(1)))) {
      this.#sawDuration = true
      this.#duration = false
      return this.#numberOrDuration(start)
    }
    const quoted = this.#quoted()
    const word = isAlpha(code) ? this.#durationWord(start) : undefined
    if (word !== undefined) return word
    const char = this.text[this.#at]
    switch (char) {
      case ']':
        this.#at++
        this.#brackets = this.#duration = this.#colon = false
        return this.#token(']', start)
      case ':':
        this.#at++
        if (!this.#sawDuration) return this.#error(this.#at, 'unexpected colon before duration in duration expression')
        if (this.#colon) return this.#error(this.#at, 'unexpected repeated colon in duration expression')
        this.#colon = true
        return this.#token(':', start)
      case '(':
      case ')':
        this.#at++
        return this.#paren(char, start)
      case '+':
      case '-':
      case '*':
      case '/':
      case '%':
      case '^':
      case ',':
        this.#at++
        return this.#token(char, start)
      default:
        return this.#error(start, `unexpected character in duration expression: ${quoted}`)
    }
  }

  /** `step`, `range`, `min_of`, `max_of`, or nothing where the word is another. */
  #durationWord(start: number): Token | undefined {
    let end = start
    while (isAlpha(this.text.charCodeAt(end))) end++
    const kind = keywords.get(this.text.slice(start, end).toLowerCase())
    if (kind !== 'step' && kind !== 'range' && kind !== 'min_of' && kind !== 'max_of') return undefined
    this.#at = end
    return this.#token(kind, start)
  }

  #inBraces(start: number): Token {
    const code = this.#code()
    if (Number.isNaN(code)) return this.#error(start, 'unexpected end of input inside braces')
    if (code === DOUBLE || code === SINGLE || code === BACK) return this.#string(start)
    if (isAlpha(code)) {
      while (isAlphaNumeric(this.#code())) this.#at++
      return this.#token('identifier', start)
    }
    const char = this.text[this.#at++]!
    switch (char) {
      case ',':
        return this.#token(',', start)
      case '=':
        return this.#token(this.#accept('~') ? '=~' : '=', start)
      case '!':
        if (this.#accept('~')) return this.#token('!~', start)
        return this.#accept('=')
          ? this.#token('!=', start)
          : this.#error(start, `unexpected character after '!' inside braces: ${this.#quoted()}`)
      case '{':
        return this.#error(start, "unexpected left brace '{'")
      case '}':
        this.#braces = false
        return this.#token('}', start)
      default:
        this.#at = start
        return this.#error(start, `unexpected character inside braces: ${this.#quoted()}`)
    }
  }

  #word(start: number): Token {
    while (isAlphaNumeric(this.#code()) || this.#code() === COLON) this.#at++
    const word = this.text.slice(start, this.#at)
    const kind = keywords.get(word.toLowerCase())
    // So that metrics may be called fill.
    if ((kind === 'fill' || kind === 'fill_left' || kind === 'fill_right') && !this.#beforeParen()) return this.#token('identifier', start)
    return this.#token(kind ?? (word.includes(':') ? 'metric_identifier' : 'identifier'), start)
  }

  #beforeParen(): boolean {
    let at = this.#at
    while (isSpace(this.text.charCodeAt(at))) at++
    return this.text[at] === '('
  }

  #numberOrDuration(start: number): Token {
    if (this.#scanNumber()) return this.#token('number', start)
    if (this.#scanDuration()) return this.#token('duration', start)
    return this.#error(start, `bad number or duration syntax: ${quote(this.text.slice(start, this.#at))}`)
  }

  /** What looks like a number; whether it is one shows when it is read. Where it doesn't, the place reached is part of the message. */
  #scanNumber(): boolean {
    const from = this.#at
    let digit = isDigit
    if (this.#accept('0') && this.#acceptIf(code => (code | 32) === X)) {
      this.#accept('_')
      digit = isHex
    }
    this.#accept('.')
    this.#acceptIf(digit)
    let dot = false
    let exponent = false
    for (;;) {
      const code = this.#code()
      if (code === DOT) {
        this.#at++
        if (dot || this.#acceptIf(next => next === UNDERSCORE || next === DOT) || digit === isHex) return false
        dot = true
      } else if (isE(code)) {
        this.#at++
        if (exponent) return false
        exponent = true
        if (!this.#accept('+')) this.#accept('-')
        if (this.#separated()) return false
      } else if (code === UNDERSCORE) {
        this.#at++
        if (this.#separated()) return false
      } else if (digit(code)) {
        while (digit(this.#code())) this.#at++
      } else {
        return this.#at > from && !isAlphaNumeric(code)
      }
    }
  }

  /** What must not follow an exponent or an underscore. */
  #separated(): boolean {
    return this.#acceptIf(code => code === DOT || code === UNDERSCORE || isE(code)) || this.#at >= this.text.length
  }

  /** The rest of a duration whose first number is read. */
  #scanDuration(): boolean {
    if (!this.#acceptIf(isUnit)) return false
    this.#accept('s')
    while (this.#acceptIf(isDigit)) {
      while (this.#acceptIf(isDigit)) {}
      if (this.#code() === Y || !this.#acceptIf(isUnit)) return false
      this.#accept('s')
    }
    if (!isAlphaNumeric(this.#code())) return true
    this.#at++
    return false
  }

  #string(start: number): Token {
    const quoteCode = this.text.charCodeAt(this.#at++)
    const raw = quoteCode === BACK
    for (;;) {
      const code = this.text.charCodeAt(this.#at)
      if (code === quoteCode) {
        this.#at++
        return this.#token('string', start)
      }
      if (Number.isNaN(code) || (code === LINE_FEED && !raw)) {
        return this.#error(start, raw ? 'unterminated raw string' : 'unterminated quoted string')
      }
      if (code === 0xfffd || isLoneSurrogate(this.text, this.#at)) return this.#error(start, 'invalid UTF-8 rune')
      this.#at += code >= 0xd800 && code < 0xdc00 ? 2 : 1
      if (code === BACKSLASH && !raw) {
        const wrong = this.#escape(quoteCode)
        if (wrong !== undefined) return this.#error(start, wrong)
      }
    }
  }

  /** Behind a backslash. @returns what is wrong with it */
  #escape(quoteCode: number): string | undefined {
    const at = this.#at
    const code = this.#code()
    if (Number.isNaN(code)) return 'escape sequence not terminated'
    const char = this.text[at]!
    if (code === quoteCode || 'abfnrtv\\'.includes(char)) {
      this.#at++
      return undefined
    }
    const [digits, base, most, skip] = numericEscape(char) ?? [0, 0, 0, 0]
    if (digits === 0) return `unknown escape sequence ${unicodeOf(this.text, at)}`
    let value = 0
    for (let i = 0; i < digits; i++) {
      const place = at + skip + i
      if (place >= this.text.length) return 'escape sequence not terminated'
      const digit = Number.parseInt(this.text[place]!, 16)
      if (!(digit < base)) return `illegal character ${unicodeOf(this.text, place)} in escape sequence`
      value = value * base + digit
    }
    this.#at = at + skip + digits
    if (value > most || (value >= 0xd800 && value < 0xe000)) return 'escape sequence is an invalid Unicode code point'
    return undefined
  }

  #code(ahead = 0): number {
    return this.text.charCodeAt(this.#at + ahead)
  }

  #accept(char: string): boolean {
    if (this.text[this.#at] !== char) return false
    this.#at++
    return true
  }

  #acceptIf(wanted: (code: number) => boolean): boolean {
    if (!wanted(this.#code())) return false
    this.#at++
    return true
  }

  /** The character here as Go's `%q` writes it. */
  #quoted(): string {
    return quotedChar(this.text, this.#at)
  }

  #token(kind: Kind, start: number): Token {
    if (kind === 'eof') this.#ended = true
    return { kind, start, end: this.#at }
  }

  #error(start: number, message: string): Token {
    this.#ended = true
    this.message = message
    return { kind: 'error', start, end: this.text.length }
  }
}

const HASH = 0x23
const DOT = 0x2e
const COLON = 0x3a
const UNDERSCORE = 0x5f
const DOUBLE = 0x22
const SINGLE = 0x27
const BACK = 0x60
const BACKSLASH = 0x5c
const TILDE = 0x7e
const LINE_FEED = 0x0a
const X = 0x78
const Y = 0x79

// All of these are false of NaN, which stands behind the end.
const isSpace = (code: number): boolean => code === 0x20 || code === 0x09 || code === LINE_FEED || code === 0x0d
const isLineEnd = (code: number): boolean => code === LINE_FEED || code === 0x0d
const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39
const isHex = (code: number): boolean => isDigit(code) || ((code | 32) >= 0x61 && (code | 32) <= 0x66)
const isAlpha = (code: number): boolean => code === UNDERSCORE || ((code | 32) >= 0x61 && (code | 32) <= 0x7a)
const isAlphaNumeric = (code: number): boolean => isAlpha(code) || isDigit(code)
const isE = (code: number): boolean => (code | 32) === 0x65
const isUnit = (code: number): boolean => 'smhdwy'.includes(String.fromCharCode(code))

const isLoneSurrogate = (text: string, at: number): boolean => {
  const code = text.codePointAt(at)!
  return code >= 0xd800 && code < 0xe000
}

/** [digits], base, highest value, [units] before the digits */
function numericEscape(char: string): readonly [number, number, number, number] | undefined {
  if (char >= '0' && char <= '7') return [3, 8, 255, 0]
  if (char === 'x') return [2, 16, 255, 1]
  if (char === 'u') return [4, 16, 0x10ffff, 1]
  return char === 'U' ? [8, 16, 0x10ffff, 1] : undefined
}

const charAt = (text: string, at: number): string => {
  const code = text.codePointAt(at)
  return code === undefined || (code >= 0xd800 && code < 0xe000) ? '\ufffd' : String.fromCodePoint(code)
}

/** Go's `%q` of a character. */
function quotedChar(text: string, at: number): string {
  const char = charAt(text, at)
  if (char === "'") return "'\\''"
  return char === '"' ? `'"'` : `'${quote(char).slice(1, -1)}'`
}

/** Go's `%#U` of a character: `U+0063 'c'`. */
function unicodeOf(text: string, at: number): string {
  const char = charAt(text, at)
  const printable = !/\p{C}|(?! )\p{Z}/u.test(char)
  return `U+${char.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}${printable ? ` '${char}'` : ''}`
}
