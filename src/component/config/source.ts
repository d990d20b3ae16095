/** YAML text (JSON is YAML) → a tree that knows its positions. */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type Scalar,
  type ScalarTag,
  type YAMLMap,
} from 'yaml'
import { type Entry, type Located, merge, type Path, type Position } from './located.ts'
import type { LocatedProblem } from './problems.ts'

export interface Source {
  /** as messages shall name it */
  readonly name: string
  readonly text: string
}

/** [nodes] aliases may repeat what they name; a file that unfolds to more than this is an attack or a mistake */
const maxNodes = 100_000

/** `65_536`, as the Collector's YAML reads it. */
const groupedInteger: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  test: /^[-+]?\d+(_\d+)+$/,
  resolve: text => Number(text.replaceAll('_', '')),
}

/** What bytes that are not UTF-8 have become, or a NUL, as UTF-16 has them. */
const notText = /[\0\ufffd]/

/** @returns undefined where the text is empty, or is no YAML: then `problems` has grown. */
export function readSource(source: Source, problems: LocatedProblem[]): Located | undefined {
  const lines = new LineCounter()
  const document = parseDocument(source.text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    merge: false,
    logLevel: 'error',
    customTags: tags => [groupedInteger, ...tags],
  })
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset)
    return { file: source.name, line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const foreign = source.text.search(notText)
  if (foreign >= 0) {
    problems.push({ at: at(foreign), path: [], message: 'not UTF-8 text', remedy: 'save the file as UTF-8' })
    return undefined
  }
  const first = document.errors[0]
  if (first !== undefined) {
    // One mistake upsets the parser for what follows: only the first is worth reading.
    const where = at(first.pos[0])
    const line = source.text.split('\n')[where.line - 1] ?? ''
    const unquoted = /[{[,].*[^"'$]\$\{/.test(line) ? { remedy: 'inside of { } or [ ], put "${…}" in quotes' } : {}
    problems.push({ at: where, path: [], ...syntaxProblem(first.code, first.message), ...unquoted })
    return undefined
  }
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) return undefined
  return new Unfolding(document, at, problems).located(document.contents, [])
}

function syntaxProblem(code: string, message: string): { message: string; remedy?: string } {
  if (code === 'TAB_AS_INDENT') return { message: 'a tab cannot indent YAML', remedy: 'use spaces' }
  if (code === 'MULTIPLE_DOCS')
    return { message: 'more than one YAML document', remedy: 'give each file once with --config: they are merged' }
  if (code === 'MISSING_CHAR' && /quote$/.test(message)) return { message: 'not YAML: a quote is never closed' }
  const text = message.replace(/; see .*$/, '').replace(/\.$/, '')
  return { message: `not YAML: ${text.charAt(0).toLowerCase()}${text.slice(1)}` }
}

class Unfolding {
  readonly #document: Document
  readonly #at: (offset: number) => Position
  readonly #problems: LocatedProblem[]
  readonly #open = new Set<Node>()
  #nodes = 0

  constructor(document: Document, at: (offset: number) => Position, problems: LocatedProblem[]) {
    this.#document = document
    this.#at = at
    this.#problems = problems
  }

  located(node: Node | null | undefined, path: Path): Located {
    const at = this.#at(node?.range?.[0] ?? 0)
    if (node === null || node === undefined) return { is: 'scalar', at, value: null }
    if (this.#open.has(node)) return this.#refuse(at, path, 'an alias inside of what it names')
    if (++this.#nodes > maxNodes) return this.#refuse(at, path, `more than ${maxNodes} values`)
    if (isAlias(node)) return this.#alias(node.resolve(this.#document), at, path)
    if (isScalar(node)) return { is: 'scalar', at, value: scalarValue(node) }
    this.#open.add(node)
    const found: Located = isMap(node)
      ? this.#map(node, at, path)
      : { is: 'list', at, items: isSeq(node) ? node.items.map((item, i) => this.located(item as Node | null, [...path, i])) : [] }
    this.#open.delete(node)
    return found
  }

  #alias(target: Node | undefined, at: Position, path: Path): Located {
    if (target !== undefined) return this.located(target, path)
    // The word behind the "*" is not said: it may be a password that wants quotes.
    return this.#refuse(
      at,
      path,
      'an alias of no anchor',
      'write "&name" before the value that is meant, or put text that begins with "*" in quotes',
    )
  }

  #map(node: YAMLMap, at: Position, path: Path): Located {
    const entries = new Map<string, Entry>()
    const merged = new Map<string, Entry>()
    for (const pair of node.items as Pair<Node, Node | null>[]) {
      const keyAt = this.#at(pair.key?.range?.[0] ?? node.range?.[0] ?? 0)
      const key = isAlias(pair.key) ? pair.key.resolve(this.#document) : pair.key
      if (!isScalar(key)) {
        this.#problems.push({ at: keyAt, path, message: 'a key must be plain text' })
      } else if (key.value === '<<' && key.type === 'PLAIN') {
        this.#mergeKey(pair.value, path, keyAt, merged)
      } else {
        const name = String(key.value ?? '')
        const before = entries.get(name)
        const value = this.located(pair.value, [...path, name])
        const entry = { keyAt, value: pair.value === null || isEmpty(value, pair.value) ? { ...value, at: keyAt } : value }
        if (before !== undefined) this.#twice(name, keyAt, before.keyAt, path)
        // Both are looked at, so that what only one of them has is not missed as well.
        entries.set(name, before === undefined ? entry : { keyAt: before.keyAt, value: merge(before.value, entry.value) })
      }
    }
    for (const [key, entry] of merged) if (!entries.has(key)) entries.set(key, entry)
    return { is: 'map', at, entries }
  }

  /** `<<: *anchor` or `<<: [*a, *b]`: what is written here wins, then the earlier of the list. */
  #mergeKey(node: Node | null, path: Path, at: Position, into: Map<string, Entry>): void {
    const value = this.located(node, path)
    const maps = value.is === 'list' ? value.items : [value]
    for (const map of maps) {
      if (map.is !== 'map') this.#problems.push({ at, path, message: '"<<" merges maps only' })
      else for (const [key, entry] of map.entries) if (!into.has(key)) into.set(key, entry)
    }
  }

  #twice(name: string, at: Position, first: Position, path: Path): void {
    this.#problems.push({
      at,
      path: [...path, name],
      message: `written twice, first in line ${first.line}`,
      remedy: 'keep one, or merge them',
    })
  }

  #refuse(at: Position, path: Path, message: string, remedy?: string): Located {
    // Once is enough: a file that unfolds without end would say so without end.
    if (!this.#problems.some(problem => problem.message === message))
      this.#problems.push({ at, path, message, ...(remedy === undefined ? {} : { remedy }) })
    return { is: 'scalar', at, value: null, unresolved: true }
  }
}

/** `key:` with nothing behind it: point at the key. */
const isEmpty = (value: Located, node: Node) => value.is === 'scalar' && value.value === null && node.range?.[0] === node.range?.[1]

function scalarValue(node: Scalar): string | number | boolean | null {
  const { value } = node
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  return node.source ?? String(value)
}
