import type { Position } from './ast.ts'
import { Lexer } from './lex.ts'
import { ParseError, type Problem } from './parse-error.ts'
import { describe, type Kind, type Token } from './tokens.ts'

/** What of the language is turned on, and how much of it one text may hold. */
export interface ParseOptions {
  /** functions and aggregations that are experimental (promql-experimental-functions; off) */
  readonly experimentalFunctions: boolean
  /** `[5m * 2]`, `offset step()` (promql-duration-expr; off) */
  readonly durationExpressions: boolean
  /** `anchored`, `smoothed` (promql-extended-range-selectors; off) */
  readonly extendedRangeSelectors: boolean
  /** `fill`, `fill_left`, `fill_right` (promql-binop-fill-modifiers; off) */
  readonly fillModifiers: boolean
  /** [levels] of the tree (1,000): whatever walks it recurses */
  readonly maxDepth: number
  /** [levels] that are open at one place (500): reading a level takes several frames of the stack, walking one does not */
  readonly maxOpen: number
  /** [UTF-16 units] (1,048,576) */
  readonly maxLength: number
}

export const defaultParseOptions: ParseOptions = {
  experimentalFunctions: false,
  durationExpressions: false,
  extendedRangeSelectors: false,
  fillModifiers: false,
  maxDepth: 1_000,
  maxOpen: 500,
  maxLength: 1_048_576,
}

/** Everything that Prometheus hides behind a flag, on. */
export const everything: Partial<ParseOptions> = {
  experimentalFunctions: true,
  durationExpressions: true,
  extendedRangeSelectors: true,
  fillModifiers: true,
}

/** What is being read, for `unexpected … in …, expected …`. */
export interface Place {
  readonly inside: string
  readonly expected: string
  /** of an aggregation that an unexpected token leaves without arguments */
  readonly aggregation?: number
}

export const nowhere: Place = { inside: '', expected: '' }

/**
 * The tokens of one expression, one looked at ahead; what was found wrong so far; how deep it is nested.
 * Tokens are read as late as can be: what is wrong with one comes after what is wrong with what ends before it.
 */
export class Cursor {
  readonly text: string
  readonly options: ParseOptions
  readonly problems: Problem[] = []
  place: Place = nowhere
  /** [levels] of the tree of what was parsed last */
  height = 0
  /** where the token taken last ends */
  closed = 0
  readonly #lexer: Lexer
  #ahead: Token | undefined
  #depth = 0

  constructor(text: string, options: Partial<ParseOptions>) {
    this.text = text
    this.options = { ...defaultParseOptions, ...options }
    this.#lexer = new Lexer(text)
    if (text.length > this.options.maxLength) {
      this.problem(
        { start: 0, end: 0 },
        `expression is too long: ${text.length} characters, of which ${this.options.maxLength} are allowed`,
      )
      this.give()
    }
  }

  get ahead(): Token {
    if (this.#ahead === undefined) {
      this.#ahead = this.#lexer.next()
      if (this.#ahead.kind === 'error') this.problem(this.#ahead, this.#lexer.message)
    }
    return this.#ahead
  }

  peek(): Kind {
    return this.ahead.kind
  }

  take(): Token {
    const token = this.ahead
    this.#ahead = undefined
    this.closed = token.end
    return token
  }

  /** @returns the token, where it is of this kind */
  accept(kind: Kind): Token | undefined {
    return this.peek() === kind ? this.take() : undefined
  }

  expect(kind: Kind): Token {
    return this.peek() === kind ? this.take() : this.unexpected()
  }

  textOf(token: Token): string {
    return this.text.slice(token.start, token.end)
  }

  /** Notes what is wrong; reading goes on. */
  problem({ start, end }: Position, text: string): void {
    this.problems.push({ position: { start, end }, text })
  }

  /** The token ahead fits nothing: reading ends. */
  unexpected(place = this.place): never {
    const { ahead } = this
    if (ahead.kind !== 'error') {
      const inside = place.inside === '' ? '' : ` in ${place.inside}`
      const expected = place.expected === '' ? '' : `, expected ${place.expected}`
      this.problem(ahead, `unexpected ${describe(ahead.kind, this.textOf(ahead))}${inside}${expected}`)
    }
    if (place.aggregation !== undefined) {
      this.problem({ start: place.aggregation, end: ahead.start }, 'no arguments for aggregate expression provided')
    }
    this.give()
  }

  /** @throws {ParseError} with all that was found */
  give(): never {
    throw new ParseError(this.text, this.problems)
  }

  /** Reads what is nested, in a place of its own where it has one. */
  nested<T>(read: () => T, place = this.place): T {
    const outer = this.place
    this.place = place
    this.#check(++this.#depth, this.options.maxOpen)
    const result = read()
    this.#depth--
    this.place = outer
    return result
  }

  /** A node was put above one of this height. */
  above(height: number): void {
    this.height = height + 1
    this.#check(this.height, this.options.maxDepth)
  }

  #check(levels: number, most: number): void {
    if (levels <= most) return
    this.problem(this.ahead, `expression is nested too deeply: more than ${most} levels`)
    this.give()
  }
}
