import type { Position } from './ast.ts'

/** What is wrong with an expression, and where. */
export interface Problem {
  readonly position: Position
  /** Prometheus's wording */
  readonly text: string
}

/** A text that is no expression. The message is of the first problem: `1:5: parse error: unclosed left parenthesis`. */
export class ParseError extends Error {
  override readonly name = 'ParseError'
  /** in the order in which Prometheus finds them; never empty */
  readonly problems: readonly Problem[]
  /** of the first */
  readonly position: Position
  constructor(text: string, problems: readonly Problem[]) {
    const [first] = problems as readonly [Problem]
    super(`${lineAndColumn(text, first.position.start)}: parse error: ${first.text}`)
    this.problems = problems
    this.position = first.position
  }
}

const encoder = new TextEncoder()

/**
 * A place in a text as Prometheus shows it, `line:column`: both from 1, columns in bytes of UTF-8.
 * @param offset [UTF-16 units]
 */
export function lineAndColumn(text: string, offset: number): string {
  if (text === '') return 'unknown position'
  if (offset < 0 || offset > text.length) return 'invalid position'
  let line = 1
  let from = 0
  for (let at = text.indexOf('\n'); at >= 0 && at < offset; at = text.indexOf('\n', from)) {
    line++
    from = at + 1
  }
  return `${line}:${encoder.encode(text.slice(from, offset)).length + 1}`
}
