/** Go's syntax of regular expressions (RE2) → a program for re2.ts: parsed to a tree, then written out as instructions. */

/** a Unicode code point */
export type Char = number

/** Assertions; the last two tell by their sign. */
export const TEXT_START = -2
export const TEXT_END = -3
export const LINE_START = -4
export const LINE_END = -5
const WORD_BOUNDARY = 1
const NO_WORD_BOUNDARY = -1

export type Instruction =
  | { readonly is: 'char'; readonly has: (char: Char) => boolean }
  | { readonly is: 'split'; first: number; second: number }
  | { readonly is: 'jump'; to: number }
  | { readonly is: 'save'; readonly slot: number }
  | { readonly is: 'assert'; readonly which: number }
  | { readonly is: 'match' }

export interface Program {
  readonly code: readonly Instruction[]
  readonly groups: readonly (string | undefined)[]
  /** a text that must be in every match; '' where none is known */
  readonly needs: string
}

/** [instructions] of one program at the most: counted repetitions multiply, and time is this times the length of the text. */
const MAX_PROGRAM = 20_000
/** As in Go. */
const MAX_REPEAT = 1_000
/** [groups in groups] */
const MAX_DEPTH = 200

/** A pattern that Go would refuse, or that needs what we do not have. */
export class RegexError extends Error {
  override readonly name = 'RegexError'
  /** where in the pattern, from 0 */
  readonly at: number
  /** what to do, for whoever has a line for it */
  readonly remedy: string
  constructor(message: string, at: number, remedy = 'patterns are those of Go (RE2)') {
    super(message)
    this.at = at
    this.remedy = remedy
  }
}

/** How large it would be is not known: whoever finds out that it is too large stops there. `why`: what makes it so. */
const tooLarge = (why: string, at: number): RegexError =>
  new RegexError(
    `is too large: ${why}, of which ${MAX_PROGRAM} are allowed`,
    at,
    'repeat less often ("{1,1000}" writes a thousand copies), or make several patterns of it',
  )

type Node =
  | { readonly is: 'empty' }
  /** `text`: the one character it stands for */
  | { readonly is: 'char'; readonly has: (char: Char) => boolean; readonly text?: string }
  | { readonly is: 'assert'; readonly which: number }
  | { readonly is: 'group'; readonly index: number; readonly of: Node }
  | { readonly is: 'concat'; readonly of: readonly Node[] }
  | { readonly is: 'either'; readonly of: readonly Node[] }
  | { readonly is: 'repeat'; readonly of: Node; readonly min: number; readonly max: number; readonly lazy: boolean; readonly at: number }

/** @throws {RegexError} */
export function compile(pattern: string): Program {
  const parser = new Parser(pattern)
  const tree = parser.whole()
  const writer = new Writer()
  writer.code.push({ is: 'save', slot: 0 })
  writer.node(tree)
  writer.code.push({ is: 'save', slot: 1 }, { is: 'match' })
  return { code: writer.code, groups: parser.groups, needs: longest(literals(tree)) }
}

class Writer {
  readonly code: Instruction[] = []
  /** where the outermost repetition is that is being written */
  #repeating: number | undefined

  node(node: Node): void {
    if (this.code.length > MAX_PROGRAM)
      throw this.#repeating === undefined
        ? tooLarge('it has too many steps', 0)
        : tooLarge('this repetition is written out to too many steps', this.#repeating)
    switch (node.is) {
      case 'char':
      case 'assert':
        this.code.push(node)
        break
      case 'group':
        this.code.push({ is: 'save', slot: 2 * node.index })
        this.node(node.of)
        this.code.push({ is: 'save', slot: 2 * node.index + 1 })
        break
      case 'concat':
        for (const part of node.of) this.node(part)
        break
      case 'either':
        this.#either(node.of)
        break
      case 'repeat': {
        const around = this.#repeating
        this.#repeating ??= node.at
        this.#repeat(node)
        this.#repeating = around
      }
    }
  }

  #either(branches: readonly Node[]): void {
    const ends: { is: 'jump'; to: number }[] = []
    for (const branch of branches.slice(0, -1)) {
      const split = this.#split()
      split.first = this.code.length
      this.node(branch)
      const end = { is: 'jump' as const, to: 0 }
      ends.push(end)
      this.code.push(end)
      split.second = this.code.length
    }
    this.node(branches.at(-1)!)
    for (const end of ends) end.to = this.code.length
  }

  #repeat({ of, min, max, lazy }: Node & { is: 'repeat' }): void {
    if (max === Number.POSITIVE_INFINITY) {
      for (let i = 1; i < min; i++) this.node(of)
      // What may be empty is tried once before it is repeated, as in Go: so that `(a*)*` has its group in an empty match too.
      if (min > 0 || mayBeEmpty(of)) this.#again(of, min === 0, lazy)
      else this.#loop(of, lazy)
      return
    }
    for (let i = 0; i < min; i++) this.node(of)
    const splits = Array.from({ length: max - min }, () => {
      const split = this.#split()
      this.#aim(split, lazy, this.code.length)
      this.node(of)
      return split
    })
    for (const split of splits) this.#aim(split, !lazy, this.code.length)
  }

  #loop(of: Node, lazy: boolean): void {
    const from = this.code.length
    const split = this.#split()
    this.#aim(split, lazy, this.code.length)
    this.node(of)
    this.code.push({ is: 'jump', to: from })
    this.#aim(split, !lazy, this.code.length)
  }

  /** Once and again; `optional`: or not at all. */
  #again(of: Node, optional: boolean, lazy: boolean): void {
    const skip = optional ? this.#split() : undefined
    const from = this.code.length
    this.node(of)
    const split = this.#split()
    this.#aim(split, lazy, from)
    this.#aim(split, !lazy, this.code.length)
    if (skip === undefined) return
    this.#aim(skip, lazy, from)
    this.#aim(skip, !lazy, this.code.length)
  }

  #split(): { is: 'split'; first: number; second: number } {
    const split = { is: 'split' as const, first: 0, second: 0 }
    this.code.push(split)
    return split
  }

  #aim(split: { first: number; second: number }, second: boolean, to: number): void {
    if (second) split.second = to
    else split.first = to
  }
}

function mayBeEmpty(node: Node): boolean {
  switch (node.is) {
    case 'char':
      return false
    case 'group':
      return mayBeEmpty(node.of)
    case 'concat':
      return node.of.every(mayBeEmpty)
    case 'either':
      return node.of.some(mayBeEmpty)
    case 'repeat':
      return node.min === 0 || mayBeEmpty(node.of)
    default:
      return true
  }
}

/** Runs of plain characters that every match has. */
function literals(node: Node): string[] {
  switch (node.is) {
    case 'char':
      return node.text === undefined ? [] : [node.text]
    case 'group':
      return literals(node.of)
    case 'repeat':
      return node.min > 0 ? literals(node.of).slice(0, 1) : []
    case 'concat': {
      const runs: string[] = []
      let run = ''
      for (const part of node.of) {
        if (part.is === 'char' && part.text !== undefined) run += part.text
        else {
          runs.push(run, ...literals(part))
          run = ''
        }
      }
      return [...runs, run]
    }
    default:
      return []
  }
}
const longest = (texts: readonly string[]) => texts.reduce((best, text) => (text.length > best.length ? text : best), '')

interface Flags {
  readonly fold: boolean
  readonly multi: boolean
  readonly dotAll: boolean
  readonly swapGreed: boolean
}

class Parser {
  readonly groups: (string | undefined)[] = []
  readonly #text: string
  #at = 0
  #flags: Flags = { fold: false, multi: false, dotAll: false, swapGreed: false }
  #depth = 0
  /** of characters, classes and assertions, each of which is an instruction or more, and of ranges in classes */
  #size = 0

  constructor(pattern: string) {
    this.#text = pattern
  }

  whole(): Node {
    const node = this.#alternatives()
    if (this.#at < this.#text.length) this.#fail('has a ")" without its "("')
    return node
  }

  #alternatives(): Node {
    if (++this.#depth > MAX_DEPTH) this.#fail(`is nested more than ${MAX_DEPTH} groups deep`)
    const branches = [this.#sequence()]
    while (this.#take('|')) branches.push(this.#sequence())
    this.#depth--
    return branches.length === 1 ? branches[0]! : { is: 'either', of: branches }
  }

  #sequence(): Node {
    const parts: Node[] = []
    while (this.#at < this.#text.length && this.#text[this.#at] !== '|' && this.#text[this.#at] !== ')') {
      this.#grow()
      if (this.#take('\\Q')) parts.push(...this.#quoted())
      else if (this.#take('(')) parts.push(...this.#repeated(this.#group()))
      else parts.push(...this.#repeated(this.#atom()))
    }
    return parts.length === 1 ? parts[0]! : parts.length === 0 ? { is: 'empty' } : { is: 'concat', of: parts }
  }

  #quoted(): Node[] {
    const end = this.#text.indexOf('\\E', this.#at)
    const text = this.#text.slice(this.#at, end < 0 ? undefined : end)
    this.#at = end < 0 ? this.#text.length : end + 2
    this.#grow(text.length)
    const chars = [...text].map(char => this.#literal(char.codePointAt(0)!))
    // A repetition behind it is of the last one.
    return chars.length === 0 ? [] : [...chars.slice(0, -1), ...this.#repeated(chars.at(-1))]
  }

  /** `undefined`: only flags were set. */
  #group(): Node | undefined {
    const from = this.#at - 1
    const flags = this.#flags
    let index = 0
    if (this.#text[this.#at] !== '?') {
      this.groups.push(undefined)
      index = this.groups.length
    } else {
      const name = /^\?P?<([^>]*)>/.exec(this.#text.slice(this.#at, this.#at + 200))
      if (name !== null && !/^[=!]/.test(this.#text.slice(this.#at + 2))) {
        if (!/^[\p{L}\p{N}_]+$/u.test(name[1]!)) this.#fail('has a group with a bad name')
        this.#at += name[0].length
        this.groups.push(name[1])
        index = this.groups.length
      } else {
        const set = /^\?([a-zA-Z]*)(?:-([a-zA-Z]+))?([:)])/.exec(this.#text.slice(this.#at, this.#at + 20))
        if (set === null || (set[1] === '' && set[2] === undefined && set[3] === ')')) {
          if (/^\?<?[=!]/.test(this.#text.slice(this.#at))) this.#fail('looks ahead or behind, which RE2 cannot', from)
          this.#fail('has a "(?" that means nothing', from)
        }
        this.#at += set[0].length
        this.#setFlags(set[1]!, set[2] ?? '', from)
        if (set[3] === ')') return undefined
      }
    }
    const of = this.#alternatives()
    if (!this.#take(')')) this.#fail('has a "(" without its ")"', from)
    this.#flags = flags
    return index === 0 ? of : { is: 'group', index, of }
  }

  #setFlags(on: string, off: string, at: number): void {
    const names = { i: 'fold', m: 'multi', s: 'dotAll', U: 'swapGreed' } as const
    for (const [letters, value] of [
      [on, true],
      [off, false],
    ] as const) {
      for (const letter of letters) {
        const name = names[letter as keyof typeof names]
        if (name === undefined) this.#fail(`has an unknown flag ${JSON.stringify(letter)}`, at)
        this.#flags = { ...this.#flags, [name]: value }
      }
    }
  }

  #repeated(node: Node | undefined): Node[] {
    if (node === undefined) {
      if (this.#repetition() !== undefined) this.#fail('repeats nothing')
      return []
    }
    const at = this.#at
    const repetition = this.#repetition()
    if (repetition === undefined) return [node]
    const from = this.#at
    if (this.#repetition() !== undefined) this.#fail('repeats a repetition', from)
    return [{ is: 'repeat', of: node, ...repetition, at }]
  }

  #repetition(): { min: number; max: number; lazy: boolean } | undefined {
    const found = /^(?:([*+?])|\{(\d+)(,(\d*))?\})(\??)/.exec(this.#text.slice(this.#at, this.#at + 24))
    if (found === null) return undefined
    const [all, sign, from, comma, to, lazy] = found
    const min = sign === undefined ? Number(from) : sign === '+' ? 1 : 0
    const open = sign === undefined ? comma !== undefined && to === '' : sign !== '?'
    const max = open ? Number.POSITIVE_INFINITY : sign === '?' ? 1 : comma === undefined ? min : Number(to)
    if (min > MAX_REPEAT || (Number.isFinite(max) && (max > MAX_REPEAT || max < min)))
      this.#fail(`has a repetition that is out of order or of more than ${MAX_REPEAT}`)
    this.#at += all.length
    return { min, max, lazy: (lazy === '?') !== this.#flags.swapGreed }
  }

  #atom(): Node {
    const from = this.#at
    const char = this.#next()
    switch (char) {
      case '.':
        return { is: 'char', has: this.#flags.dotAll ? () => true : c => c !== 10 }
      case '^':
        return { is: 'assert', which: this.#flags.multi ? LINE_START : TEXT_START }
      case '$':
        return { is: 'assert', which: this.#flags.multi ? LINE_END : TEXT_END }
      case '[':
        return { is: 'char', has: this.#class(from) }
      case '\\':
        return this.#escape(from)
      case '*':
      case '+':
      case '?':
        return this.#fail(`has a ${JSON.stringify(char)} with nothing to repeat`, from)
      case '{':
        // A brace that counts nothing stands for itself.
        this.#at = from
        if (this.#repetition() !== undefined) this.#fail('has a "{" with nothing to repeat', from)
        this.#at = from + 1
        return this.#literal(0x7b)
      default:
        return this.#literal(char.codePointAt(0)!)
    }
  }

  #literal(char: Char): Node {
    if (this.#flags.fold) return { is: 'char', has: folded(c => c === char) }
    return { is: 'char', has: c => c === char, text: String.fromCodePoint(char) }
  }

  #escape(from: number): Node {
    const letter = this.#text[this.#at] ?? this.#fail('ends in a backslash', from)
    const assertions: Readonly<Record<string, number>> = { A: TEXT_START, z: TEXT_END, b: WORD_BOUNDARY, B: NO_WORD_BOUNDARY }
    if (assertions[letter] !== undefined) {
      this.#at++
      return { is: 'assert', which: assertions[letter] }
    }
    const set = this.#classEscape()
    if (set !== undefined) return { is: 'char', has: set }
    if (/[1-9]/.test(letter)) this.#fail('refers back to a group, which RE2 cannot', from)
    return this.#literal(this.#charEscape(from))
  }

  /** `\d` and its like, after the backslash. */
  #classEscape(): ((char: Char) => boolean) | undefined {
    const letter = this.#text[this.#at]!
    const perl = perlClasses[letter.toLowerCase()]
    if (perl !== undefined) {
      this.#at++
      const has = this.#fold(perl)
      return letter === letter.toLowerCase() ? has : c => !has(c)
    }
    if (letter !== 'p' && letter !== 'P') return undefined
    const from = this.#at - 1
    const found = /^[pP](?:\{(\^?)([A-Za-z_]+)\}|([A-Z]))/.exec(this.#text.slice(this.#at, this.#at + 60))
    if (found === null) return this.#fail('has a bad character class', from)
    this.#at += found[0].length
    const has = this.#fold(unicodeClass(found[2] ?? found[3]!) ?? this.#fail('has a character class that Unicode does not have', from))
    return (letter === 'P') !== (found[1] === '^') ? c => !has(c) : has
  }

  /** After the backslash. */
  #charEscape(from: number): Char {
    const rest = this.#text.slice(this.#at, this.#at + 12)
    const hex = /^x(?:([0-9a-fA-F]{2})|\{([0-9a-fA-F]{1,8})\})/.exec(rest)
    if (hex !== null) {
      this.#at += hex[0].length
      const char = Number.parseInt(hex[1] ?? hex[2]!, 16)
      return char > 0x10ffff ? this.#fail('has a character that does not exist', from) : char
    }
    const octal = /^0[0-7]{0,2}/.exec(rest)
    if (octal !== null) {
      this.#at += octal[0].length
      return Number.parseInt(octal[0], 8)
    }
    const letter = this.#next()
    const control = controls[letter]
    if (control !== undefined) return control
    // A sign stands for itself; what a letter might come to mean is not guessed.
    if (/^[\0-/:-@[-`{-\x7f]$/.test(letter)) return letter.codePointAt(0)!
    return this.#fail(`has an unknown escape ${JSON.stringify(`\\${letter}`)}`, from)
  }

  #class(from: number): (char: Char) => boolean {
    const not = this.#take('^')
    const ranges: [Char, Char][] = []
    const sets: ((char: Char) => boolean)[] = []
    for (let first = true; first || this.#text[this.#at] !== ']'; first = false) {
      if (this.#at >= this.#text.length) this.#fail('has a "[" without its "]"', from)
      const posix = /^\[:(\^?)([a-z]+):\]/.exec(this.#text.slice(this.#at, this.#at + 16))
      if (posix !== null) {
        const has = this.#fold(posixClasses[posix[2]!] ?? this.#fail('has an unknown character class', this.#at))
        this.#at += posix[0].length
        sets.push(posix[1] === '^' ? c => !has(c) : has)
        continue
      }
      this.#grow()
      const start = this.#at
      const low = this.#classChar(sets)
      if (low === undefined) continue
      let high = low
      if (this.#text[this.#at] === '-' && this.#text[this.#at + 1] !== ']' && this.#at + 1 < this.#text.length) {
        this.#at++
        high = this.#classChar(undefined) ?? low
        if (high < low) this.#fail('has a range that ends before it begins', start)
      }
      ranges.push([low, high])
    }
    this.#at++
    const ranged = this.#fold(members(ranges))
    const has = members([], [ranged, ...sets])
    return not ? c => !has(c) : has
  }

  /** One character of a class, or undefined where it was a class itself, which went to `sets`. */
  #classChar(sets: ((char: Char) => boolean)[] | undefined): Char | undefined {
    const from = this.#at
    const char = this.#next()
    if (char !== '\\') return char.codePointAt(0)!
    if (this.#at >= this.#text.length) this.#fail('ends in a backslash', from)
    const set = this.#classEscape()
    if (set === undefined) return this.#charEscape(from)
    if (sets === undefined) this.#fail('has a range that ends in a class', from)
    sets.push(set)
    return undefined
  }

  #fold(has: (char: Char) => boolean): (char: Char) => boolean {
    return this.#flags.fold ? folded(has) : has
  }

  #next(): string {
    const char = String.fromCodePoint(this.#text.codePointAt(this.#at)!)
    this.#at += char.length
    return char
  }

  #take(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false
    this.#at += text.length
    return true
  }

  /** What is too long is not read to its end. */
  #grow(by = 1): void {
    this.#size += by
    if (this.#size > MAX_PROGRAM) throw tooLarge(`its ${this.#text.length} characters have too many steps`, 0)
  }

  #fail(message: string, at = this.#at): never {
    throw new RegexError(message, at)
  }
}

/** Membership as a table for ASCII, since most text is. */
function members(ranges: readonly (readonly [Char, Char])[], sets: readonly ((char: Char) => boolean)[] = []): (char: Char) => boolean {
  const slow = (char: Char) => ranges.some(([low, high]) => char >= low && char <= high) || sets.some(set => set(char))
  const table = Uint8Array.from({ length: 128 }, (_, char) => Number(slow(char)))
  return char => (char < 128 ? table[char] === 1 : slow(char))
}

/** Whether `has` holds for the character in either case (simple folding). */
function folded(has: (char: Char) => boolean): (char: Char) => boolean {
  const slow = (char: Char) => cases(char).some(has)
  const table = Uint8Array.from({ length: 128 }, (_, char) => Number(slow(char)))
  return char => (char < 128 ? table[char] === 1 : slow(char))
}

function cases(char: Char): Char[] {
  const text = String.fromCodePoint(char)
  const lower = text.toLowerCase()
  const upper = text.toUpperCase()
  const special = char === 0x4b || char === 0x6b ? [0x212a] : char === 0x53 || char === 0x73 ? [0x17f] : []
  const others = [lower, upper, lower.toUpperCase(), upper.toLowerCase()].filter(one => [...one].length === 1)
  return [char, ...others.map(one => one.codePointAt(0)!), ...special]
}

const between = (low: string, high: string) => (char: Char) => char >= low.charCodeAt(0) && char <= high.charCodeAt(0)
const digit = between('0', '9')
const lower = between('a', 'z')
const upper = between('A', 'Z')
const alpha = (char: Char) => lower(char) || upper(char)
const alnum = (char: Char) => alpha(char) || digit(char)
export const isWord = (char: Char): boolean => alnum(char) || char === 95
/** Without the vertical tab, as in Go. */
const space = (char: Char) => char === 32 || char === 9 || char === 10 || char === 12 || char === 13

const perlClasses: Readonly<Record<string, (char: Char) => boolean>> = { d: digit, w: isWord, s: space }
const posixClasses: Readonly<Record<string, (char: Char) => boolean>> = {
  alnum,
  alpha,
  ascii: char => char < 128,
  blank: char => char === 9 || char === 32,
  cntrl: char => char < 32 || char === 127,
  digit,
  graph: char => char > 32 && char < 127,
  lower,
  print: char => char >= 32 && char < 127,
  punct: char => char > 32 && char < 127 && !alnum(char),
  space: char => space(char) || char === 11,
  upper,
  word: isWord,
  xdigit: char => digit(char) || between('a', 'f')(char) || between('A', 'F')(char),
}
const controls: Readonly<Record<string, Char>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 }

/** A general category or a script. Each is asked of one character at a time, so that V8's own table serves without backtracking. */
function unicodeClass(name: string): ((char: Char) => boolean) | undefined {
  if (name === 'Any') return () => true
  for (const property of [`gc=${name}`, `sc=${name}`]) {
    try {
      const one = new RegExp(`^\\p{${property}}$`, 'u')
      return char => one.test(String.fromCodePoint(char))
    } catch {
      // Not this kind of property.
    }
  }
  return undefined
}
