import { quote } from '../lib/go-text.ts'
import { TemplateError } from './errors.ts'
import { lex, showToken, type Token, type TokenType } from './lex.ts'
import { parseFloat64, parseInteger } from './numbers.ts'
import { unquote } from './quote.ts'
import { type Branch, type Command, type Node, type NumberNode, type Operand, type Pipe, showNode, type Variable } from './tree.ts'

/** A template that can be carried out: itself and what it defines. */
export interface Template {
  readonly name: string
  readonly text: string
  readonly root: readonly Node[]
  /** by name, the template itself too */
  readonly defined: ReadonlyMap<string, readonly Node[]>
}

/** [levels] of parentheses and blocks inside one another. Bounds the stack of whoever reads a template. */
const MAX_DEPTH = 200

/**
 * Reads a template in the language of Go's text/template.
 * @param functions the names that may be called
 * @throws {TemplateError} `template: NAME:LINE: …`, as Go words it
 */
export function parseTemplate(name: string, text: string, functions: ReadonlySet<string>): Template {
  return new Parser(name, text, functions).parse()
}

type End = { readonly kind: 'end' } | { readonly kind: 'else'; readonly at: number }
const showEnd = (end: End): string => `{{${end.kind}}}`

/** What a command may begin with. */
const operands: ReadonlySet<TokenType> = new Set<TokenType>([
  'bool',
  'char_constant',
  'dot',
  'field',
  'identifier',
  'number',
  'nil',
  'raw_string',
  'string',
  'variable',
  'left_paren',
])

class Parser {
  readonly #name: string
  readonly #text: string
  readonly #functions: ReadonlySet<string>
  readonly #tokens: readonly Token[]
  readonly #defined = new Map<string, readonly Node[]>()
  #next = 0
  /** the token read last: its line is the line of messages */
  #last: Token
  #variables: string[] = ['$']
  #depth = 0
  #ranges = 0
  #actionLine = 0

  constructor(name: string, text: string, functions: ReadonlySet<string>) {
    this.#name = name
    this.#text = text
    this.#functions = functions
    this.#tokens = lex(text)
    this.#last = this.#tokens[0]!
  }

  parse(): Template {
    const root: Node[] = []
    while (this.#peek().type !== 'eof') {
      if (this.#peek().type === 'left_delim' && this.#behindSpace(this.#next + 1).type === 'define') this.#definition()
      else root.push(this.#node(end => this.#fail(`unexpected ${showEnd(end)}`)))
    }
    this.#define(this.#name, root)
    return { name: this.#name, text: this.#text, root: this.#defined.get(this.#name)!, defined: this.#defined }
  }

  #definition(): void {
    this.#advance()
    this.#advanceBehindSpace()
    const name = this.#templateName(this.#advanceBehindSpace(), 'define clause')
    this.#expect('right_delim', 'define clause')
    this.#define(name, this.#separate('define clause'))
  }

  /** The nodes of a template of its own, up to its end: with no variables but `$`, and outside any loop. */
  #separate(context: string): readonly Node[] {
    const [variables, ranges] = [this.#variables, this.#ranges]
    this.#variables = ['$']
    this.#ranges = 0
    const [list, end] = this.#list()
    if (end.kind !== 'end') this.#fail(`unexpected ${showEnd(end)} in ${context}`)
    this.#variables = variables
    this.#ranges = ranges
    return list
  }

  /** A definition with nothing in it counts as none. */
  #define(name: string, nodes: readonly Node[]): void {
    const before = this.#defined.get(name)
    if (before === undefined || isEmpty(before)) this.#defined.set(name, nodes)
    else if (!isEmpty(nodes)) this.#fail(`template: multiple definition of template ${quote(name)}`)
  }

  #list(): [list: readonly Node[], end: End] {
    const list: Node[] = []
    let end: End | undefined
    while (this.#peekBehindSpace().type !== 'eof') {
      const node = this.#node(found => {
        end = found
        return undefined
      })
      if (end !== undefined) return [list, end]
      list.push(node as Node)
    }
    return this.#fail('unexpected EOF')
  }

  #node<Ended>(ended: (end: End) => Ended): Node | Ended {
    const token = this.#advanceBehindSpace()
    if (token.type === 'text') return { kind: 'text', at: token.at, text: token.text }
    if (token.type !== 'left_delim') return this.#unexpected(token, 'input')
    this.#actionLine = token.line
    const node = this.#nested(() => this.#action(ended))
    this.#actionLine = 0
    return node
  }

  #action<Ended>(ended: (end: End) => Ended): Node | Ended {
    const token = this.#peekBehindSpace()
    switch (token.type) {
      case 'if':
      case 'with':
      case 'range':
        this.#advance()
        return this.#branch(token.type)
      case 'else':
        this.#advance()
        return ended(this.#else())
      case 'end':
        this.#advance()
        this.#expect('right_delim', 'end')
        return ended({ kind: 'end' })
      case 'break':
      case 'continue':
        this.#advance()
        return this.#leave(token.type, token.at)
      case 'template':
        this.#advance()
        return this.#template()
      case 'block':
        this.#advance()
        return this.#block()
      default:
        return { kind: 'action', at: token.at, pipe: this.#pipe('command', 'right_delim') }
    }
  }

  #else(): End {
    const token = this.#peekBehindSpace()
    if (token.type !== 'if' && token.type !== 'with') this.#expect('right_delim', 'else')
    return { kind: 'else', at: token.at }
  }

  #branch(kind: Branch['kind']): Branch {
    const before = this.#variables.length
    const pipe = this.#pipe(kind, 'right_delim')
    if (kind === 'range') this.#ranges++
    const [list, end] = this.#list()
    if (kind === 'range') this.#ranges--
    const otherwise = end.kind === 'else' ? this.#otherwise(kind) : undefined
    this.#variables.length = before
    return { kind, at: pipe.at, pipe, list, otherwise }
  }

  #otherwise(kind: Branch['kind']): readonly Node[] {
    const token = this.#peek()
    if (kind !== 'range' && token.type === kind) {
      this.#advance()
      return [this.#nested(() => this.#branch(kind))]
    }
    const [list, end] = this.#list()
    if (end.kind !== 'end') this.#fail(`expected end; found ${showEnd(end)}`)
    return list
  }

  #leave(kind: 'break' | 'continue', at: number): Node {
    const token = this.#advanceBehindSpace()
    if (token.type !== 'right_delim') this.#unexpected(token, `{{${kind}}}`)
    if (this.#ranges === 0) this.#fail(`{{${kind}}} outside {{range}}`)
    return { kind, at }
  }

  #template(): Node {
    const token = this.#advanceBehindSpace()
    const name = this.#templateName(token, 'template clause')
    if (this.#peekBehindSpace().type === 'right_delim') {
      this.#advance()
      return { kind: 'template', at: token.at, name, pipe: undefined }
    }
    return { kind: 'template', at: token.at, name, pipe: this.#pipe('template clause', 'right_delim') }
  }

  #block(): Node {
    const token = this.#advanceBehindSpace()
    const name = this.#templateName(token, 'block clause')
    const pipe = this.#pipe('block clause', 'right_delim')
    this.#define(name, this.#separate('block clause'))
    return { kind: 'template', at: token.at, name, pipe }
  }

  #templateName(token: Token, context: string): string {
    if (token.type !== 'string' && token.type !== 'raw_string') return this.#unexpected(token, context)
    return this.#string(token)
  }

  #string(token: Token): string {
    return unquote(token.text) ?? this.#fail('invalid syntax')
  }

  #pipe(context: string, end: 'right_delim' | 'right_paren'): Pipe {
    const { at } = this.#peekBehindSpace()
    const { variables, assign } = this.#declaration(context)
    const commands: Command[] = []
    for (;;) {
      const token = this.#peekBehindSpace()
      if (token.type === end) break
      if (!operands.has(token.type)) this.#unexpected(this.#advance(), context)
      commands.push(this.#command())
    }
    this.#advance()
    this.#check(commands, context)
    return { kind: 'pipe', at, assign, variables, commands }
  }

  /** `$x :=`, `$x =`, and in a range `$i, $x :=` */
  #declaration(context: string): { variables: Variable[]; assign: boolean } {
    const variables: Variable[] = []
    for (;;) {
      const token = this.#peekBehindSpace()
      if (token.type !== 'variable') return { variables, assign: false }
      const behind = this.#behindSpace(this.#next + 1)
      const comma = behind.type === 'char' && behind.text === ','
      if (behind.type !== 'assign' && behind.type !== 'declare' && !comma) return { variables, assign: false }
      this.#advance()
      this.#advanceBehindSpace()
      variables.push({ kind: 'variable', at: token.at, names: token.text.split('.') })
      this.#variables.push(token.text)
      if (!comma) return { variables, assign: behind.type === 'assign' }
      if (context !== 'range' || variables.length > 1) this.#fail(`too many declarations in ${context}`)
      const { type } = this.#peekBehindSpace()
      if (type !== 'variable' && type !== 'right_delim' && type !== 'right_paren') this.#fail('range can only initialize variables')
    }
  }

  #check(commands: readonly Command[], context: string): void {
    if (commands.length === 0) this.#fail(`missing value for ${context}`)
    for (const [i, { args }] of commands.entries()) {
      if (i > 0 && /^(bool|dot|nil|number|string)$/.test(args[0]!.kind)) this.#fail(`non executable command in pipeline stage ${i + 1}`)
    }
  }

  #command(): Command {
    const { at } = this.#peekBehindSpace()
    const args: Operand[] = []
    for (;;) {
      this.#peekBehindSpace()
      const operand = this.#operand()
      if (operand !== undefined) args.push(operand)
      const token = this.#peek()
      if (token.type === 'right_delim' || token.type === 'right_paren') break
      this.#advance()
      if (token.type === 'pipe') break
      if (token.type !== 'space') this.#unexpected(token, 'operand')
    }
    if (args.length === 0) this.#fail('empty command')
    return { kind: 'command', at, args }
  }

  #operand(): Operand | undefined {
    const operand = this.#term()
    if (operand === undefined || this.#peek().type !== 'field') return operand
    const { at } = this.#peek()
    const names: string[] = []
    while (this.#peek().type === 'field') names.push(this.#advance().text.slice(1))
    switch (operand.kind) {
      case 'field':
      case 'variable':
        return { ...operand, at, names: [...operand.names, ...names] }
      case 'bool':
      case 'string':
      case 'number':
      case 'nil':
      case 'dot':
        return this.#fail(`unexpected . after term ${quote(showNode(operand))}`)
      default:
        return { kind: 'chain', at, of: operand, names }
    }
  }

  #term(): Operand | undefined {
    const token = this.#peekBehindSpace()
    if (!operands.has(token.type)) return undefined
    const { at, text } = this.#advance()
    switch (token.type) {
      case 'identifier':
        if (!this.#functions.has(text)) this.#fail(`function ${quote(text)} not defined`)
        return { kind: 'identifier', at, name: text }
      case 'variable':
        if (!this.#variables.includes(text)) this.#fail(`undefined variable ${quote(text)}`)
        return { kind: 'variable', at, names: [text] }
      case 'field':
        return { kind: 'field', at, names: [text.slice(1)] }
      case 'dot':
      case 'nil':
        return { kind: token.type, at }
      case 'bool':
        return { kind: 'bool', at, value: text === 'true' }
      case 'left_paren':
        return this.#nested(() => this.#pipe('parenthesized pipeline', 'right_paren'))
      case 'char_constant':
        return this.#character(token)
      case 'number':
        return this.#number(token)
      default:
        return { kind: 'string', at, literal: text, value: this.#string(token) }
    }
  }

  #character({ at, text }: Token): NumberNode {
    const char = unquote(text)
    if (char === undefined || [...char].length !== 1) return this.#fail(`malformed character constant: ${text}`)
    // A byte is the character of its number here.
    const code = char.isWellFormed() ? char.codePointAt(0)! : char.charCodeAt(0) - 0xdc00
    return { kind: 'number', at, literal: text, int: BigInt(code), float: code }
  }

  #number({ at, text }: Token): NumberNode {
    const int = parseInteger(text)
    if (int !== undefined && BigInt.asIntN(64, int) === int) return { kind: 'number', at, literal: text, int, float: Number(int) }
    const float = parseFloat64(text.replaceAll('_', ''))
    if (int !== undefined || (float !== undefined && !/[.eEpP]/.test(text))) return this.#fail(`integer overflow: ${quote(text)}`)
    if (float === undefined || !Number.isFinite(float)) return this.#fail(`illegal number syntax: ${quote(text)}`)
    const whole = Number.isInteger(float) && Math.abs(float) < 2 ** 63
    return { kind: 'number', at, literal: text, int: whole ? BigInt(float) : undefined, float }
  }

  #nested<T>(read: () => T): T {
    if (++this.#depth > MAX_DEPTH) this.#fail('max expression depth exceeded')
    const result = read()
    this.#depth--
    return result
  }

  #peek(): Token {
    return this.#tokens[this.#next]!
  }

  /** The next token that is no space; spaces before it are gone. */
  #peekBehindSpace(): Token {
    while (this.#peek().type === 'space') this.#advance()
    return this.#peek()
  }

  #behindSpace(from: number): Token {
    let i = Math.min(from, this.#tokens.length - 1)
    while (this.#tokens[i]!.type === 'space') i++
    return this.#tokens[i]!
  }

  /** The last token, an end or an error, is read as often as one likes. */
  #advance(): Token {
    this.#last = this.#peek()
    if (this.#next < this.#tokens.length - 1) this.#next++
    return this.#last
  }

  #advanceBehindSpace(): Token {
    this.#peekBehindSpace()
    return this.#advance()
  }

  #expect(type: TokenType, context: string): void {
    const token = this.#advanceBehindSpace()
    if (token.type !== type) this.#unexpected(token, context)
  }

  #unexpected(token: Token, context: string): never {
    this.#last = token
    if (token.type !== 'error') return this.#fail(`unexpected ${showToken(token)} in ${context}`)
    const elsewhere = this.#actionLine !== 0 && this.#actionLine !== token.line
    const started = `started at ${this.#name}:${this.#actionLine}`
    const where = elsewhere ? (token.text.endsWith(' action') ? ` ${started}` : ` in action ${started}`) : ''
    return this.#fail(`${token.text}${where}`)
  }

  #fail(message: string): never {
    throw new TemplateError(`template: ${this.#name}:${this.#last.line}: ${message}`)
  }
}

const isEmpty = (nodes: readonly Node[]): boolean => nodes.every(node => node.kind === 'text' && node.text.trim() === '')
