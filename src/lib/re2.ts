/**
 * Regular expressions in Go's syntax (RE2), matched in time linear in the text: no pattern of a configuration can make a
 * text of a stranger take for ever, as a backtracking engine would. Perl's look-around and back-references are refused, as in Go.
 *
 * A pattern is parsed and compiled to a program (see re2-program.ts). `test` runs it as an automaton whose states are made as they are met;
 * who matched, and where, is found by simulating all threads of the program side by side (Pike's algorithm). Matches are leftmost-first.
 */
import { type Char, compile, type Instruction, isWord, LINE_END, LINE_START, type Program, TEXT_END, TEXT_START } from './re2-program.ts'

export { RegexError } from './re2-program.ts'

/** [states] of the automaton kept at the most; past it they are forgotten and made again. Bounds a pattern's memory to some megabytes. */
const MAX_STATES = 2_000
/** [characters] beyond ASCII of which an automaton remembers where they lead from some state; past it they are forgotten. Bounds a pattern's memory where texts are of many characters. */
const MAX_FAR = 20_000

/** Offsets in UTF-16 units: start and end of the whole, then of each group; -1 where a group took no part. */
export type Match = Int32Array

export class Re2 {
  readonly pattern: string
  /** names of the groups, from the first on; undefined for one without a name */
  readonly groups: readonly (string | undefined)[]
  readonly #program: Program
  readonly #automaton: Automaton
  /** whether a match may begin with an ASCII character; undefined: it may be empty */
  readonly #starts: Uint8Array | undefined

  /** @throws {RegexError} */
  constructor(pattern: string) {
    this.pattern = pattern
    this.#program = compile(pattern)
    this.groups = this.#program.groups
    this.#automaton = new Automaton(this.#program)
    this.#starts = startsOf(this.#program)
  }

  /** What finding a match costs is at most this times the length of the text. */
  get instructions(): number {
    return this.#program.code.length
  }

  /** [entries] of characters beyond ASCII that are remembered */
  get size(): number {
    return this.#automaton.size
  }

  /** Whether it matches anywhere in `text`. */
  test(text: string): boolean {
    const { needs } = this.#program
    return (needs === '' || text.includes(needs)) && this.#automaton.test(text)
  }

  /** Whether it matches anywhere in the UTF-8 text in `[from, to)`; undefined where those bytes are none. */
  testBytes(bytes: Uint8Array, from: number, to: number): boolean | undefined {
    return this.#automaton.testBytes(bytes, from, to)
  }

  /** The leftmost match at or after `from`. */
  find(text: string, from = 0): Match | undefined {
    const { needs } = this.#program
    return needs === '' || text.includes(needs) ? simulate(this.#program, this.#starts, text, from) : undefined
  }

  /** Every match replaced, but for an empty one directly behind another. */
  replaceAll(text: string, replacement: (found: string, match: Match) => string): string {
    if (!this.test(text)) return text
    let result = ''
    let done = 0
    for (let at = 0; at <= text.length; ) {
      const match = this.find(text, at)
      if (match === undefined) break
      const [from, to] = [match[0]!, match[1]!]
      result += text.slice(done, from)
      if (to > done || from === 0) result += replacement(text.slice(from, to), match)
      done = to
      const width = (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1
      at = Math.max(to, at + width)
    }
    return result + text.slice(done)
  }
}

/** What is before or behind a place, as far as assertions ask. */
const NOTHING = 0
const NEWLINE = 1
const WORD = 2
const OTHER = 3
const kindOf = (char: Char): number => (char === 10 ? NEWLINE : isWord(char) ? WORD : OTHER)

/** Whether an assertion holds between the two. */
function holds(which: number, before: number, behind: number): boolean {
  switch (which) {
    case TEXT_START:
      return before === NOTHING
    case TEXT_END:
      return behind === NOTHING
    case LINE_START:
      return before === NOTHING || before === NEWLINE
    case LINE_END:
      return behind === NOTHING || behind === NEWLINE
    default:
      return ((before === WORD) !== (behind === WORD)) === which > 0
  }
}

/** A set of places in the program, and what kind of character came before. */
interface State {
  readonly places: readonly number[]
  readonly before: number
  /** by character; what ASCII characters lead to is in the table */
  readonly next: Map<Char, number>
  /** whether it matches when the text ends here; undefined: not asked yet */
  atEnd: boolean | undefined
}

/** Where it has matched. A state is the place of its row in the table, so never 0, which is a step that was not taken yet. */
const MATCHED = -1
const ROW = 128

class Automaton {
  readonly #code: readonly Instruction[]
  /** by places and what came before */
  #numbers = new Map<string, number>()
  /** the first is none */
  #states: (State | undefined)[] = [undefined]
  /** [states × 128] where an ASCII character leads */
  #table = new Int32Array(8 * ROW)
  /** how often all were forgotten */
  #forgotten = 0
  /** [entries] in `next` of all states */
  #fars = 0
  #start: number
  readonly #seen: Uint32Array
  #round = 0

  constructor({ code }: Program) {
    this.#code = code
    this.#seen = new Uint32Array(code.length)
    this.#start = this.#number([0], NOTHING)
  }

  test(text: string): boolean {
    let state = this.#start
    for (let i = 0; i < text.length; i++) {
      let char: Char = text.charCodeAt(i)
      if (char < ROW) {
        const next = this.#table[state + char]!
        state = next === 0 ? this.#step(state, char) : next
      } else {
        if (char >= 0xd800 && char < 0xdc00) {
          char = text.codePointAt(i)!
          if (char > 0xffff) i++
        }
        state = this.#far(state, char)
      }
      if (state < 0) return true
    }
    return this.#atEnd(state)
  }

  testBytes(bytes: Uint8Array, from: number, to: number): boolean | undefined {
    let table = this.#table
    let state = this.#start
    for (let i = from; i < to; i++) {
      const byte = bytes[i]!
      let next = 0
      if (byte < ROW) {
        next = table[state + byte]!
        if (next === 0) {
          next = this.#step(state, byte)
          table = this.#table
        }
      } else {
        const size = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4
        const char = i + size <= to ? charAt(bytes, i, size) : -1
        if (char < 0) return undefined
        i += size - 1
        next = this.#far(state, char)
        table = this.#table
      }
      if (next < 0) return true
      state = next
    }
    return this.#atEnd(state)
  }

  #atEnd(number: number): boolean {
    const state = this.#states[number / ROW]!
    return (state.atEnd ??= this.#closure(state, NOTHING) === undefined)
  }

  /** Where a character that is not ASCII leads. */
  #far(state: number, char: Char): number {
    return this.#states[state / ROW]!.next.get(char) ?? this.#step(state, char)
  }

  /** Where a character leads, which was not known yet. */
  #step(number: number, char: Char): number {
    const forgotten = this.#forgotten
    const state = this.#states[number / ROW]!
    const behind = kindOf(char)
    const reached = this.#closure(state, behind)
    const next = reached === undefined ? MATCHED : this.#number(this.#after(reached, char), behind)
    // Nothing is noted of a state that was forgotten just now.
    if (forgotten !== this.#forgotten) return next
    if (char < ROW) this.#table[number + char] = next
    else this.#rememberFar(state, char, next)
    return next
  }

  #rememberFar(state: State, char: Char, next: number): void {
    if (this.#fars === MAX_FAR) {
      for (const each of this.#states) each?.next.clear()
      this.#fars = 0
    }
    state.next.set(char, next)
    this.#fars++
  }

  get size(): number {
    return this.#fars
  }

  #after(reached: readonly number[], char: Char): number[] {
    // A match may begin anywhere.
    const places = new Set<number>([0])
    for (const place of reached) {
      const instruction = this.#code[place]!
      if (instruction.is === 'char' && instruction.has(char)) places.add(place + 1)
    }
    return [...places].sort((a, b) => a - b)
  }

  /** The number of the state with these places. */
  #number(places: readonly number[], before: number): number {
    const key = `${before} ${places.join(' ')}`
    const known = this.#numbers.get(key)
    if (known !== undefined) return known
    if (this.#states.length > MAX_STATES) this.#forget()
    const number = ROW * this.#states.length
    if (number === this.#table.length) {
      const table = this.#table
      this.#table = new Int32Array(2 * number)
      this.#table.set(table)
    }
    this.#states.push({ places, before, next: new Map(), atEnd: undefined })
    this.#numbers.set(key, number)
    return number
  }

  #forget(): void {
    this.#forgotten++
    this.#numbers = new Map()
    this.#states = [undefined]
    this.#fars = 0
    this.#table = new Int32Array(8 * ROW)
    this.#start = this.#number([0], NOTHING)
  }

  /** The instructions that want a character and are reached without one; undefined where the end of the program is. */
  #closure(state: State, behind: number): number[] | undefined {
    const reached: number[] = []
    const stack = [...state.places].reverse()
    const round = ++this.#round
    for (let place = stack.pop(); place !== undefined; place = stack.pop()) {
      if (this.#seen[place] === round) continue
      this.#seen[place] = round
      const instruction = this.#code[place]!
      if (instruction.is === 'match') return undefined
      if (instruction.is === 'char') reached.push(place)
      else if (instruction.is === 'split') stack.push(instruction.second, instruction.first)
      else if (instruction.is === 'jump') stack.push(instruction.to)
      else if (instruction.is === 'save') stack.push(place + 1)
      else if (holds(instruction.which, state.before, behind)) stack.push(place + 1)
    }
    return reached
  }
}

/** The character of `size` bytes at `at`, or -1 where there is none: what is no UTF-8 is read as other characters, by whoever reads it. */
function charAt(bytes: Uint8Array, at: number, size: number): Char {
  let char = bytes[at]! & (size === 2 ? 0x1f : size === 3 ? 0x0f : 0x07)
  for (let i = 1; i < size; i++) {
    const byte = bytes[at + i]!
    if ((byte & 0xc0) !== 0x80) return -1
    char = char * 64 + (byte & 0x3f)
  }
  const least = size === 2 ? 0x80 : size === 3 ? 0x800 : 0x1_0000
  return bytes[at]! < 0xc0 || bytes[at]! > 0xf7 || char < least || char > 0x10_ffff || (char >= 0xd800 && char < 0xe000) ? -1 : char
}

/** Threads in order of preference; each place at most once. */
class Threads {
  readonly places: Int32Array
  readonly saved: Int32Array[]
  length = 0
  readonly #index: Int32Array
  constructor(size: number) {
    this.places = new Int32Array(size)
    this.#index = new Int32Array(size)
    this.saved = new Array(size)
  }
  /** @returns whether it was new */
  add(place: number, saved: Int32Array): boolean {
    const at = this.#index[place]!
    if (at < this.length && this.places[at] === place) return false
    this.#index[place] = this.length
    this.places[this.length] = place
    this.saved[this.length++] = saved
    return true
  }
}

function simulate({ code, groups }: Program, starts: Uint8Array | undefined, text: string, from: number): Match | undefined {
  let now = new Threads(code.length)
  let next = new Threads(code.length)
  const nothing = new Int32Array(2 * (groups.length + 1)).fill(-1)
  let found: Match | undefined
  let before = from === 0 ? NOTHING : kindOf(before0(text, from))
  for (let at = from; ; ) {
    const char = at < text.length ? text.codePointAt(at)! : -1
    const behind = char < 0 ? NOTHING : kindOf(char)
    if (found === undefined && (starts === undefined || char > 127 || starts[char] === 1)) follow(code, now, 0, nothing, at, before, behind)
    const width = char > 0xffff ? 2 : 1
    const behindNext = char < 0 || at + width >= text.length ? NOTHING : kindOf(text.codePointAt(at + width)!)
    for (let i = 0; i < now.length; i++) {
      const instruction = code[now.places[i]!]!
      if (instruction.is === 'match') {
        found = now.saved[i]!
        // What comes later in the list is less preferred.
        break
      }
      if (instruction.is === 'char' && char >= 0 && instruction.has(char))
        follow(code, next, now.places[i]! + 1, now.saved[i]!, at + width, behind, behindNext)
    }
    if (char < 0 || (found !== undefined && next.length === 0)) return found
    ;[now, next] = [next, now]
    next.length = 0
    before = behind
    at += width
  }
}

function startsOf({ code }: Program): Uint8Array | undefined {
  const starts = new Uint8Array(128)
  const seen = new Set<number>()
  const stack = [0]
  for (let place = stack.pop(); place !== undefined; place = stack.pop()) {
    if (seen.has(place)) continue
    seen.add(place)
    const instruction = code[place]!
    if (instruction.is === 'match') return undefined
    if (instruction.is === 'char') {
      for (let char = 0; char < 128; char++) if (instruction.has(char)) starts[char] = 1
    } else if (instruction.is === 'split') stack.push(instruction.first, instruction.second)
    else stack.push(instruction.is === 'jump' ? instruction.to : place + 1)
  }
  return starts
}

/** The character that ends at `at`. */
function before0(text: string, at: number): Char {
  const unit = text.charCodeAt(at - 1)
  return unit >= 0xdc00 && unit < 0xe000 && at > 1 ? text.codePointAt(at - 2)! : unit
}

/** Adds the thread at `place` and all that it leads to without a character, most preferred first. */
function follow(
  code: readonly Instruction[],
  threads: Threads,
  place: number,
  saved: Int32Array,
  at: number,
  before: number,
  behind: number,
): void {
  const stack: [number, Int32Array][] = [[place, saved]]
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const [here, kept] = top
    if (!threads.add(here, kept)) continue
    const instruction = code[here]!
    if (instruction.is === 'jump') stack.push([instruction.to, kept])
    else if (instruction.is === 'split') stack.push([instruction.second, kept], [instruction.first, kept])
    else if (instruction.is === 'save') {
      const changed = kept.slice()
      changed[instruction.slot] = at
      stack.push([here + 1, changed])
    } else if (instruction.is === 'assert' && holds(instruction.which, before, behind)) stack.push([here + 1, kept])
  }
}
