import type { RegexError } from '../lib/re2.ts'

/** What of a wrong expression Go shows: all of it, or the part at the place. */
type Shown = (pattern: string, at: number) => string

const whole: Shown = pattern => pattern
const nothing: Shown = () => ''
const part =
  (found: RegExp): Shown =>
  (pattern, at) =>
    found.exec(pattern.slice(at, at + 200))?.[0] ?? pattern.slice(at)

const repetition = String.raw`(?:[*+?]|\{\d+(?:,\d*)?\})\??`
/** Both of them: the place is between. */
const twoRepetitions: Shown = (pattern, at) =>
  (new RegExp(`${repetition}$`).exec(pattern.slice(Math.max(0, at - 24), at))?.[0] ?? '') +
  (new RegExp(`^${repetition}`).exec(pattern.slice(at, at + 24))?.[0] ?? '')

/** The first whose beginning fits says it in Go's words. */
const wordings: readonly (readonly [begins: string, words: string, shown: Shown])[] = [
  ['has a ")"', 'unexpected )', whole],
  ['has a "("', 'missing closing )', whole],
  ['has a "["', 'missing closing ]', (pattern, at) => pattern.slice(at)],
  ['has a "(?"', 'invalid or unsupported Perl syntax', part(/^\(\?[imsU-]*./su)],
  ['has an unknown flag', 'invalid or unsupported Perl syntax', part(/^\(\?[imsU-]*./su)],
  ['looks ahead', 'invalid or unsupported Perl syntax', part(/^\(\?./su)],
  ['has a group with a bad name', 'invalid named capture', (pattern, at) => part(/^\(\?P?<[^>]*>?/su)(pattern, at - 1)],
  ['has a repetition', 'invalid repeat count', part(/^\{[^}]*\}/su)],
  ['has a range', 'invalid character class range', part(/^(?:\\(?:x\{[^}]*\}|x..|.)|.)-(?:\\(?:x\{[^}]*\}|x..|.)|.)/su)],
  ['has a bad character class', 'invalid character class range', part(/^\\p(?:\{[^}]*\}?|.)/isu)],
  ['has a character class', 'invalid character class range', part(/^\\p(?:\{[^}]*\}|.)/isu)],
  ['has an unknown character class', 'invalid character class range', part(/^\[:[^\]]*:\]/su)],
  ['repeats a repetition', 'invalid nested repetition operator', twoRepetitions],
  ['repeats nothing', 'missing argument to repetition operator', part(new RegExp(`^${repetition}`))],
  ['ends in a backslash', 'trailing backslash at end of expression', nothing],
  ['refers back', 'invalid escape sequence', part(/^\\./su)],
  ['has an unknown escape', 'invalid escape sequence', part(/^\\./su)],
  ['has a character that does not exist', 'invalid escape sequence', part(/^\\x\{[^}]*/su)],
  ['is nested', 'expression nests too deeply', whole],
  ['is too large', 'expression too large', nothing],
  ['has a', 'missing argument to repetition operator', part(new RegExp(`^${repetition}`))],
]

/** What is wrong with a regular expression, as Go says it. */
export function regexMessage(pattern: string, error: RegexError): string {
  const found = wordings.find(([begins]) => error.message.startsWith(begins))
  if (found === undefined) return `error parsing regexp: ${error.message}`
  const [, words, shown] = found
  return `error parsing regexp: ${words}: \`${shown(pattern, error.at)}\``
}
