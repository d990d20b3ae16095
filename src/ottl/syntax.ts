/**
 * The syntax of OTTL, the language of the Collector's conditions: text → tree, with the place of everything in the text.
 * All of its conditions can be read; what cannot be evaluated is refused where it is compiled (compile.ts), by name.
 */

import { unescaped } from '../lib/go-literal.ts'

/** What is wrong in a condition, and where: `1:14: unknown function "IsMath"`. */
export class OttlError extends Error {
  override readonly name = 'OttlError'
  /** from 0 */
  readonly at: number
  readonly remedy: string | undefined
  constructor(message: string, at: number, remedy?: string) {
    super(message)
    this.at = at
    this.remedy = remedy
  }
}

export type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>='
export interface PathField {
  readonly name: string
  readonly keys: readonly (string | number)[]
  readonly at: number
}
interface Placed {
  /** where it begins in the text, from 0 */
  readonly at: number
}
export type Expression = Placed &
  (
    | { readonly is: 'literal'; readonly value: string | number | bigint | boolean | null | Uint8Array }
    | { readonly is: 'list'; readonly of: readonly Expression[] }
    | { readonly is: 'enum'; readonly name: string }
    | { readonly is: 'path'; readonly fields: readonly PathField[] }
    | { readonly is: 'call'; readonly name: string; readonly of: readonly Expression[] }
    | { readonly is: 'arithmetic'; readonly operator: '+' | '-' | '*' | '/'; readonly left: Expression; readonly right: Expression }
  )
export type Logical = Placed &
  (
    | { readonly is: 'and' | 'or'; readonly of: readonly Logical[] }
    | { readonly is: 'not'; readonly of: Logical }
    | { readonly is: 'compare'; readonly operator: Comparison; readonly left: Expression; readonly right: Expression }
    /** a function, or `true`, or `false` */
    | { readonly is: 'bare'; readonly of: Expression }
  )
/** `route() where …`, `route()`, or what follows its like. */
export interface Statement {
  readonly editor: string
  readonly editorArguments: readonly Expression[]
  readonly at: number
  readonly where: Logical | undefined
}

/** @throws {OttlError} */
export function parseCondition(text: string): Logical {
  const parser = new Parser(text)
  const tree = parser.either()
  parser.end()
  return tree
}

/** @throws {OttlError} */
export function parseStatement(text: string): Statement {
  return new Parser(text).statement()
}

interface Token {
  readonly is: keyof typeof tokens | 'end'
  readonly text: string
  readonly at: number
}
const tokens = {
  space: /\s+/y,
  bytes: /0x[0-9a-fA-F]+/y,
  float: /[-+]?\d*\.\d+(?:[eE][-+]?\d+)?/y,
  int: /[-+]?\d+/y,
  string: /"(?:[^"\\]|\\.)*"/y,
  word: /[a-z][a-z0-9_]*(?:[A-Z][A-Za-z0-9_]*)?/y,
  name: /[A-Z][A-Za-z0-9_]*/y,
  sign: /==|!=|<=|>=|[<>()[\],.{}:=+\-*/]/y,
} as const
const kinds = Object.keys(tokens) as (keyof typeof tokens)[]

function lex(text: string): Token[] {
  const found: Token[] = []
  for (let at = 0; at < text.length; ) {
    const token = tokenAt(text, at, found.at(-1))
    if (token.is !== 'space') found.push(token)
    at += token.text.length
  }
  return [...found, { is: 'end', text: '', at: text.length }]
}

function tokenAt(text: string, at: number, before: Token | undefined): Token {
  for (const is of kinds) {
    const pattern = tokens[is]
    pattern.lastIndex = at
    const [found] = pattern.exec(text) ?? []
    if (found === undefined) continue
    // Behind a value a sign is an operator, even if it stands at its number.
    const signed = (is === 'int' || is === 'float') && /[-+]/.test(found[0]!)
    if (signed && before !== undefined && (!['sign'].includes(before.is) || [')', ']'].includes(before.text)) && !logical.has(before.text))
      continue
    return { is, text: found, at }
  }
  if (text[at] === '"') throw new OttlError('a string without its closing quote', at)
  throw new OttlError(`unexpected ${JSON.stringify(String.fromCodePoint(text.codePointAt(at)!))}`, at)
}

const logical = new Set(['and', 'or', 'not', 'where'])
const comparisons: readonly string[] = ['==', '!=', '<', '<=', '>', '>=']
const operators = new Set([...comparisons, '+', '-', '*', '/'])
/** [parentheses in parentheses] */
const MAX_DEPTH = 100

class Parser {
  readonly #tokens: readonly Token[]
  #next = 0
  #depth = 0

  constructor(text: string) {
    this.#tokens = lex(text)
  }

  get #token(): Token {
    return this.#tokens[this.#next]!
  }

  statement(): Statement {
    const { is, text, at } = this.#token
    if (is !== 'word' || logical.has(text)) throw new OttlError('a statement begins with a function such as route()', at)
    this.#next++
    const editorArguments = this.#arguments()
    const where = this.#take('where') ? this.either() : undefined
    this.end()
    return { editor: text, editorArguments, at, where }
  }

  either(): Logical {
    return this.#joined('or', () => this.#joined('and', () => this.#not()))
  }

  end(): void {
    if (this.#token.is !== 'end') throw this.#unexpected()
  }

  #joined(word: 'and' | 'or', part: () => Logical): Logical {
    const { at } = this.#token
    const of = [part()]
    while (this.#take(word)) of.push(part())
    return of.length === 1 ? of[0]! : { is: word, of, at }
  }

  #not(): Logical {
    const { at } = this.#token
    if (this.#take('not')) return { is: 'not', of: this.#not(), at }
    return this.#inParentheses() ?? this.#comparison()
  }

  /** `( … )` around a condition; what is in parentheses may as well be arithmetic, to be compared. */
  #inParentheses(): Logical | undefined {
    if (this.#token.text !== '(' || operators.has(this.#afterParentheses(this.#next))) return undefined
    this.#next++
    const inner = this.#deeper(() => this.either())
    this.#expect(')')
    return inner
  }

  /** The token behind the parenthesis that closes the one at `from`. */
  #afterParentheses(from: number): string {
    let open = 0
    for (let i = from; i < this.#tokens.length; i++) {
      if (this.#tokens[i]!.text === '(') open++
      if (this.#tokens[i]!.text === ')' && --open === 0) return this.#tokens[i + 1]!.text
    }
    return ''
  }

  #comparison(): Logical {
    const { at } = this.#token
    const left = this.#sum()
    const operator = this.#token.text
    if (this.#token.is === 'sign' && comparisons.includes(operator)) {
      this.#next++
      return { is: 'compare', operator: operator as Comparison, left, right: this.#sum(), at }
    }
    const isBoolean = left.is === 'literal' && typeof left.value === 'boolean'
    if (left.is !== 'call' && !isBoolean)
      throw new OttlError('a comparison is expected here', this.#token.at, 'compare it: == true, != nil')
    return { is: 'bare', of: left, at }
  }

  #sum(): Expression {
    let left = this.#product()
    for (;;) {
      const { at, text } = this.#token
      if (!this.#take('+') && !this.#take('-')) return left
      left = { is: 'arithmetic', operator: text as '+', left, right: this.#product(), at }
    }
  }

  #product(): Expression {
    let left = this.#value()
    for (;;) {
      const { at, text } = this.#token
      if (!this.#take('*') && !this.#take('/')) return left
      left = { is: 'arithmetic', operator: text as '*', left, right: this.#value(), at }
    }
  }

  #value(): Expression {
    const { is, text, at } = this.#token
    switch (is) {
      case 'string':
        this.#next++
        return { is: 'literal', value: unquoted(text, at), at }
      case 'int':
        this.#next++
        return { is: 'literal', value: integer(text, at), at }
      case 'float':
        this.#next++
        return { is: 'literal', value: Number(text), at }
      case 'bytes':
        this.#next++
        if (text.length % 2 !== 0) throw new OttlError('bytes want two digits each', at)
        return { is: 'literal', value: Uint8Array.from(Buffer.from(text.slice(2), 'hex')), at }
      case 'name':
        return this.#nameOrCall()
      case 'word':
        return this.#wordOrPath()
    }
    if (this.#take('(')) {
      const inner = this.#deeper(() => this.#sum())
      this.#expect(')')
      return inner
    }
    if (this.#take('[')) return { is: 'list', of: this.#list(']'), at }
    throw this.#unexpected()
  }

  #nameOrCall(): Expression {
    const { text, at } = this.#token
    this.#next++
    if (this.#token.text === '(') {
      const of = this.#arguments()
      const behind = this.#token.text as string
      if (behind === '[') throw new OttlError('results of functions cannot be indexed here', this.#token.at)
      return { is: 'call', name: text, of, at }
    }
    if (/[a-z]/.test(text)) throw new OttlError(`unknown name ${JSON.stringify(text)}`, at, 'functions are called: IsMatch(…)')
    return { is: 'enum', name: text, at }
  }

  #wordOrPath(): Expression {
    const { text, at } = this.#token
    const literal = literals.get(text)
    if (literal !== undefined) {
      this.#next++
      return { is: 'literal', value: literal, at }
    }
    if (text === 'nil') {
      this.#next++
      return { is: 'literal', value: null, at }
    }
    if (logical.has(text)) throw this.#unexpected()
    const fields: PathField[] = []
    do fields.push(this.#field())
    while (this.#take('.'))
    if (this.#token.text === '(')
      throw new OttlError(`names of functions that compute begin with a capital, got ${JSON.stringify(text)}`, at)
    return { is: 'path', fields, at }
  }

  #field(): PathField {
    const { is, text, at } = this.#token
    if (is !== 'word' || /[A-Z]/.test(text)) throw this.#unexpected()
    this.#next++
    const keys: (string | number)[] = []
    while (this.#take('[')) {
      const key = this.#token
      if (key.is !== 'string' && key.is !== 'int')
        throw new OttlError('only a string or an integer can be a key here', key.at, 'write ["key"] or [0]')
      this.#next++
      keys.push(key.is === 'string' ? unquoted(key.text, key.at) : Number(key.text))
      this.#expect(']')
    }
    return { name: text, keys, at }
  }

  #arguments(): Expression[] {
    this.#expect('(')
    return this.#deeper(() => this.#list(')'))
  }

  #list(close: string): Expression[] {
    const of: Expression[] = []
    if (this.#take(close)) return of
    do of.push(this.#sum())
    while (this.#take(','))
    this.#expect(close)
    return of
  }

  #deeper<T>(parse: () => T): T {
    if (++this.#depth > MAX_DEPTH) throw new OttlError(`nested more than ${MAX_DEPTH} deep`, this.#token.at)
    const result = parse()
    this.#depth--
    return result
  }

  /** A sign or a word of the language; strings that read like one are strings. */
  #take(text: string): boolean {
    const { is } = this.#token
    if (this.#token.text !== text || (is !== 'sign' && is !== 'word')) return false
    this.#next++
    return true
  }

  #expect(text: string): void {
    if (!this.#take(text)) throw this.#unexpected(`, ${JSON.stringify(text)} is expected`)
  }

  #unexpected(expected = ''): OttlError {
    const { is, text, at } = this.#token
    return new OttlError(is === 'end' ? `the condition ends too early${expected}` : `unexpected ${JSON.stringify(text)}${expected}`, at)
  }
}

const literals: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['false', false],
])

function integer(text: string, at: number): number | bigint {
  const value = BigInt(text.replace(/^\+/, ''))
  if (BigInt.asIntN(64, value) !== value) throw new OttlError(`${text} is no 64-bit integer`, at)
  const near = Number(value)
  return Number.isSafeInteger(near) ? near : value
}

/** As Go unquotes a string in double quotes. */
function unquoted(literal: string, at: number): string {
  const text = unescaped(literal.slice(1, -1), '"')
  if (typeof text === 'string') return text
  throw new OttlError(`unknown escape ${JSON.stringify(text.escape)}`, at + 1 + text.at, 'write a backslash twice')
}
