import { quote } from '../lib/go-text.ts'
import { showCharacter } from './quote.ts'

export type TokenType =
  | 'text'
  | 'left_delim'
  | 'right_delim'
  | 'space'
  | 'assign'
  | 'declare'
  | 'pipe'
  | 'left_paren'
  | 'right_paren'
  | 'string'
  | 'raw_string'
  | 'char_constant'
  | 'number'
  | 'bool'
  | 'variable'
  | 'field'
  | 'identifier'
  | 'dot'
  | 'char'
  | 'error'
  | 'eof'
  | Keyword

const keywords = ['block', 'break', 'continue', 'define', 'else', 'end', 'if', 'range', 'nil', 'template', 'with'] as const
export type Keyword = (typeof keywords)[number]

export interface Token {
  readonly type: TokenType
  /** [UTF-16 units] */
  readonly at: number
  /** from 1 */
  readonly line: number
  readonly text: string
}

/** A token as messages show it. */
export function showToken({ type, text }: Token): string {
  if (type === 'eof') return 'EOF'
  if (type === 'error') return text
  if (type === 'dot' || (keywords as readonly string[]).includes(type)) return `<${text}>`
  return text.length > 10 ? `${quote(text.slice(0, 10))}...` : quote(text)
}

/** Cuts a template into tokens. The last one is the end, or an error that says what could not be read. */
export function lex(text: string): readonly Token[] {
  const lexer = new Lexer(text)
  lexer.run()
  return lexer.tokens
}

const isSpace = (char: string | undefined): boolean => char === ' ' || char === '\t' || char === '\r' || char === '\n'
const isWord = (char: string): boolean => /^[\p{L}\p{Nd}_]$/u.test(char)
const punctuation: Readonly<Record<string, TokenType>> = { '=': 'assign', '|': 'pipe', '(': 'left_paren', ')': 'right_paren' }
/** What may stand directly behind a name. */
const terminators = new Set(['', ' ', '\t', '\r', '\n', '.', ',', '|', ':', ')', '('])

class Lexer {
  readonly tokens: Token[] = []
  readonly #text: string
  #at = 0
  #start = 0
  #line = 1
  #parens = 0
  /** Nothing is read behind an error. */
  #failed = false

  constructor(text: string) {
    this.#text = text
  }

  run(): void {
    while (this.#outside()) while (this.#inside()) {}
  }

  /** Text up to an action; false at the end. */
  #outside(): boolean {
    if (this.#failed) return false
    const open = this.#text.indexOf('{{', this.#at)
    if (open < 0) {
      this.#at = this.#text.length
      if (this.#at > this.#start) this.#emit('text')
      this.#emit('eof')
      return false
    }
    const trims = this.#text[open + 2] === '-' && isSpace(this.#text[open + 3])
    this.#at = open
    if (trims) while (this.#at > this.#start && isSpace(this.#text[this.#at - 1])) this.#at--
    if (this.#at > this.#start) this.#emit('text')
    this.#skipTo(open)
    return this.#open(trims ? 2 : 0)
  }

  #open(marker: number): boolean {
    if (this.#text.startsWith('/*', this.#at + 2 + marker)) return this.#comment(this.#at + 2 + marker)
    this.#at += 2
    this.#emit('left_delim')
    this.#skipTo(this.#at + marker)
    this.#parens = 0
    return true
  }

  /** A comment is no token. Goes on with the text behind it. */
  #comment(from: number): boolean {
    const end = this.#text.indexOf('*/', from + 2)
    if (end < 0) return this.#error('unclosed comment')
    const length = this.#closing(end + 2)
    if (length === 0) return this.#error('comment ends before closing delimiter')
    this.#close(end + 2, length)
    return this.#outside()
  }

  /** [units] of `}}` or ` -}}` at a place; 0 where there is neither. */
  #closing(at: number): number {
    if (isSpace(this.#text[at]) && this.#text.startsWith('-}}', at + 1)) return 4
    return this.#text.startsWith('}}', at) ? 2 : 0
  }

  /** Goes behind a closing delimiter, and behind the white space that it trims. */
  #close(at: number, length: number): void {
    let to = at + length
    if (length === 4) while (isSpace(this.#text[to])) to++
    this.#skipTo(to)
  }

  /** One token of an action; false behind the last one. */
  #inside(): boolean {
    const closing = this.#closing(this.#at)
    if (closing > 0) return this.#rightDelim(closing)
    const char = this.#peek()
    if (char === '') return this.#error('unclosed action')
    if (isSpace(char)) return this.#space()
    if (char === '"' || char === "'") return this.#quoted(char)
    if (char === '`') return this.#raw()
    if (char === '$') return this.#name('variable')
    if (char === '.' && !/[0-9]/.test(this.#text[this.#at + 1] ?? '')) return this.#name('field')
    if (/[.+\-0-9]/.test(char)) return this.#number()
    if (isWord(char)) return this.#word()
    return this.#sign(char)
  }

  #rightDelim(length: number): boolean {
    if (this.#parens > 0) return this.#error('unclosed left paren')
    const at = this.#at
    if (length === 4) this.#skipTo(at + 2)
    this.#at = at + length
    this.#emit('right_delim')
    this.#close(at, length)
    return false
  }

  #space(): boolean {
    while (isSpace(this.#text[this.#at]) && this.#closing(this.#at) === 0) this.#at++
    return this.#emit('space')
  }

  #sign(char: string): boolean {
    this.#at += char.length
    if (char === ':') {
      if (this.#text[this.#at] !== '=') return this.#error('expected :=')
      this.#at++
      return this.#emit('declare')
    }
    if (char === '(') this.#parens++
    if (char === ')' && --this.#parens < 0) return this.#error('unexpected right paren')
    if (!/^[!-~]$/.test(char)) return this.#error(`unrecognized character in action: ${showCharacter(char)}`)
    return this.#emit(punctuation[char] ?? 'char')
  }

  #quoted(quote: string): boolean {
    this.#at++
    for (;;) {
      const char = this.#text[this.#at++]
      if (char === quote) return this.#emit(quote === '"' ? 'string' : 'char_constant')
      const next = this.#text[this.#at]
      if (char === undefined || char === '\n' || (char === '\\' && (next === undefined || next === '\n'))) {
        return this.#error(quote === '"' ? 'unterminated quoted string' : 'unterminated character constant')
      }
      if (char === '\\') this.#at++
    }
  }

  #raw(): boolean {
    const end = this.#text.indexOf('`', this.#at + 1)
    if (end < 0) return this.#error('unterminated raw quoted string')
    this.#at = end + 1
    return this.#emit('raw_string')
  }

  /** `$`, `$name`, `.`, `.name` */
  #name(type: 'variable' | 'field'): boolean {
    this.#at++
    if (this.#atTerminator()) return this.#emit(type === 'field' ? 'dot' : type)
    this.#words()
    return this.#atTerminator() ? this.#emit(type) : this.#error(`bad character ${showCharacter(this.#peek())}`)
  }

  #word(): boolean {
    this.#words()
    if (!this.#atTerminator()) return this.#error(`bad character ${showCharacter(this.#peek())}`)
    const word = this.#text.slice(this.#start, this.#at)
    const keyword = keywords.find(keyword => keyword === word)
    return this.#emit(keyword ?? (word === 'true' || word === 'false' ? 'bool' : 'identifier'))
  }

  #words(): void {
    for (let char = this.#peek(); char !== '' && isWord(char); char = this.#peek()) this.#at += char.length
  }

  #number(): boolean {
    const found = /[+-]?(?:0[xX][0-9a-fA-F_]*\.?[0-9a-fA-F_]*(?:[pP][+-]?[0-9_]*)?|0[oObB][0-9_]*|[0-9_]*\.?[0-9_]*(?:[eE][+-]?[0-9_]*)?)/y
    found.lastIndex = this.#at
    this.#at += found.exec(this.#text)![0].length
    const behind = this.#peek()
    if (behind !== '' && (isWord(behind) || behind === '+' || behind === '-')) {
      this.#at += behind.length
      return this.#error(`bad number syntax: ${quote(this.#text.slice(this.#start, this.#at))}`)
    }
    return this.#emit('number')
  }

  #atTerminator(): boolean {
    return terminators.has(this.#peek()) || this.#text.startsWith('}}', this.#at)
  }

  /** The character here, whole also beyond the BMP; empty at the end. */
  #peek(): string {
    const code = this.#text.codePointAt(this.#at)
    return code === undefined ? '' : String.fromCodePoint(code)
  }

  #emit(type: TokenType): true {
    this.tokens.push({ type, at: this.#start, line: this.#line, text: this.#text.slice(this.#start, this.#at) })
    this.#skipTo(this.#at)
    return true
  }

  #skipTo(at: number): void {
    for (let i = this.#start; i < at; i++) if (this.#text.charCodeAt(i) === 10) this.#line++
    this.#at = at
    this.#start = at
  }

  #error(message: string): false {
    this.tokens.push({ type: 'error', at: this.#start, line: this.#line, text: message })
    this.#failed = true
    return false
  }
}
