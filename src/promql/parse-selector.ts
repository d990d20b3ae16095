import { Re2, RegexError } from '../lib/re2.ts'
import { plainAlternatives } from '../lib/re2-plain.ts'
import type { Matcher } from '../model/matcher.ts'
import type { VectorSelector } from './ast.ts'
import type { Cursor } from './cursor.ts'
import { unquote } from './literals.ts'
import { regexMessage } from './regex-message.ts'
import type { Token } from './tokens.ts'

const first = { inside: 'label matching', expected: 'identifier or "}"' }
const operator = { inside: 'label matching', expected: 'label matching operator' }
const value = { inside: 'label matching', expected: 'string' }
const next = { inside: 'label matching', expected: '"," or "}"' }

/** `name{label="value", …}`, of which `name` is read already where there is one. */
export function vectorSelector(cursor: Cursor, name: Token | undefined): VectorSelector {
  const start = name?.start ?? cursor.ahead.start
  const end = name?.end ?? start
  const matchers: Matcher[] = []
  const selector = {
    kind: 'vector_selector' as const,
    name: name === undefined ? '' : cursor.textOf(name),
    matchers,
    offset: 0,
    at: undefined,
    modifier: undefined,
    position: { start, end: cursor.peek() === '{' ? braces(cursor, matchers) : end },
  }
  if (name !== undefined) matchers.push({ name: '__name__', op: '=', value: selector.name })
  cursor.height = 1
  return selector
}

/** @returns where they end */
function braces(cursor: Cursor, matchers: Matcher[]): number {
  cursor.take()
  for (;;) {
    if (cursor.peek() === '}') break
    matchers.push(matcher(cursor))
    if (cursor.accept(',') === undefined) break
  }
  return cursor.peek() === '}' ? cursor.take().end : cursor.unexpected(next)
}

function matcher(cursor: Cursor): Matcher {
  const kind = cursor.peek()
  if (kind !== 'identifier' && kind !== 'string') cursor.unexpected(first)
  const label = cursor.take()
  const name = kind === 'string' ? unquote(cursor.textOf(label)) : cursor.textOf(label)
  const op = cursor.peek()
  if (op !== '=' && op !== '!=' && op !== '=~' && op !== '!~') {
    if (kind === 'identifier') cursor.unexpected(operator)
    return { name: '__name__', op: '=', value: name }
  }
  cursor.take()
  if (cursor.peek() !== 'string') cursor.unexpected(value)
  const text = cursor.take()
  const found: Matcher = { name, op, value: unquote(cursor.textOf(text)) }
  if (op === '=~' || op === '!~') checkRegex(cursor, found, label.start, text.end)
  return found
}

function checkRegex(cursor: Cursor, found: Matcher, start: number, end: number): void {
  if (plainAlternatives(found.value) !== undefined) return
  try {
    new Re2(found.value)
  } catch (error) {
    if (!(error instanceof RegexError)) throw error
    cursor.problem({ start, end }, regexMessage(found.value, error))
  }
}
