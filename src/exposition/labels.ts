/**
 * The labels of a series as one text, made once per series: `code="200",method="GET"`, sorted by name, no empty values
 * (to Prometheus an empty label is no label), names quoted where they are not plain. Equal texts are equal series.
 */
import { legacyLabel } from './naming.ts'

export type Label = readonly [name: string, value: string]

export function showLabels(labels: Iterable<Label>): string {
  const sorted = [...labels].filter(([, value]) => value !== '').sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  return sorted.map(showLabel).join(',')
}

/** The labels one by one, sorted: `['code="200"', 'method="GET"']`. */
export function showEach(labels: ReadonlyMap<string, string>): string[] {
  const shown: string[] = []
  for (const name of [...labels.keys()].sort()) {
    const value = labels.get(name)!
    if (value !== '') shown.push(showLabel([name, value]))
  }
  return shown
}

const showLabel = ([name, value]: Label): string => `${showName(name)}="${escapeValue(value)}"`

/** The inverse of `showLabels`; trusts its input. */
export function readLabels(text: string): Label[] {
  const labels: Label[] = []
  let at = 0
  while (at < text.length) {
    const quoted = text[at] === '"'
    const nameEnd = quoted ? endOfQuote(text, at + 1) : text.indexOf('=', at)
    const name = quoted ? unescaped(text.slice(at + 1, nameEnd)) : text.slice(at, nameEnd)
    const from = nameEnd + (quoted ? 3 : 2)
    const to = endOfQuote(text, from)
    labels.push([name, unescaped(text.slice(from, to))])
    at = to + 2
  }
  return labels
}

/** A label name, in quotes where it is not a plain one. */
export const showName = (name: string): string => (legacyLabel.test(name) ? name : `"${escapeValue(name)}"`)

/** Inside quotes: backslash, newline and the quote itself. */
export function escapeValue(text: string): string {
  return special.test(text) ? text.replace(/["\\\n]/g, c => (c === '\n' ? '\\n' : `\\${c}`)) : text
}
const special = /["\\\n]/

/** The place of the closing quote; `from` is behind the opening one. */
function endOfQuote(text: string, from: number): number {
  let end = text.indexOf('"', from)
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1)
  return end
}

/** Behind an odd number of backslashes. */
function isEscaped(text: string, at: number): boolean {
  let first = at
  while (text[first - 1] === '\\') first--
  return (at - first) % 2 === 1
}

const unescaped = (text: string): string => (text.includes('\\') ? text.replace(/\\(.)/gs, (_, c: string) => (c === 'n' ? '\n' : c)) : text)
