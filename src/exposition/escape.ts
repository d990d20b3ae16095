/**
 * Names for scrapers that do not take every name. Only pages whose names may hold any character need this; names that every
 * scraper takes stay as they are.
 */
import { type Family, newRow, type Row, SampleNames } from './families.ts'
import { type Label, readLabels, showLabels } from './labels.ts'
import { type FamilyType, legacyLabel, legacyMetric } from './naming.ts'
import type { Escaping } from './negotiate.ts'

/** [code points] `plain`: those that may stand anywhere but, if digits, in front */
export function escapeName(name: string, escaping: Escaping, kind: 'metric' | 'label'): string {
  if (escaping === 'allow-utf-8' || (kind === 'metric' ? legacyMetric : legacyLabel).test(name)) return name
  const plain = kind === 'metric' ? /[A-Za-z0-9:]/ : /[A-Za-z0-9]/
  let text = escaping === 'values' ? escapedByValue : ''
  let first = true
  for (const character of name) {
    const stays = plain.test(character) && !(first && /[0-9]/.test(character))
    text += stays ? character : replaced(character, escaping)
    first = false
  }
  return escaping === 'values' || kind === 'metric' ? text : text.replace(/^__+/, '_')
}

/** What a name begins with that was escaped by the values of its characters. */
export const escapedByValue = 'U__'

/** The name that `escapeName(name, 'values')` made such a text of; the text itself where nothing was. */
export function unescapeName(text: string): string {
  if (!text.startsWith(escapedByValue)) return text
  let name = ''
  for (let at = escapedByValue.length; at < text.length; ) {
    const [, plain, code] = escapedPart.exec(text.slice(at, at + 8)) ?? []
    if (plain === undefined && code === undefined) return text
    const point = Number.parseInt(code ?? '', 16)
    if (code !== undefined && (point > 0x10ffff || (point >= 0xd800 && point < 0xe000))) return text
    name += code === undefined ? (plain === '__' ? '_' : plain) : String.fromCodePoint(point)
    at += code === undefined ? plain!.length : code.length + 2
  }
  return name
}
/** A character that stands for itself, `__` for an underscore, or `_1f600_`. */
const escapedPart = /^(?:([^_]|__)|_([0-9a-fA-F]{1,6})_)/u

function replaced(character: string, escaping: Escaping): string {
  if (escaping === 'underscores') return '_'
  if (character === '_') return '__'
  if (escaping === 'values') return `_${character.codePointAt(0)!.toString(16)}_`
  return character === '.' ? '_dot_' : '__'
}

/** [rows] after so many others may run */
const rowsAtOnce = 2000

/**
 * The same page with every name escaped, made in steps. Families that come out with one name and type are one, the first one's help stays;
 * with another type the later one is left out. Of series that come out the same the first stays. `leftOut` counts both.
 */
export function* escapeFamilies(
  families: readonly Family[],
  escaping: Escaping,
  labels: EscapedLabels,
  leftOut: (rows: number) => void = () => {},
): Generator<undefined, readonly Family[]> {
  if (escaping === 'allow-utf-8') return families
  const byName = new Map<string, EscapedFamily>()
  const names = new SampleNames<EscapedFamily>()
  const row = newRow()
  for (const family of families) {
    const into = familyFor(family, escapeName(family.name, escaping, 'metric'), byName, names)
    for (let i = 0; i < family.length; i++) {
      if (family.read(i, row) && into?.add(family, i, labels.of(row.labels, escaping)) !== true) leftOut(1)
      if (i % rowsAtOnce === rowsAtOnce - 1) yield undefined
    }
  }
  return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Undefined where the name is taken by another type. */
function familyFor(family: Family, name: string, byName: Map<string, EscapedFamily>, names: SampleNames<EscapedFamily>) {
  const found = byName.get(name)
  if (found !== undefined) return found.type === family.type ? found : undefined
  const made = new EscapedFamily(name, family)
  if (!names.claim(made, name, family.type)) return undefined
  byName.set(name, made)
  return made
}

/** Remembers from page to page what a label text becomes: reading it again costs more than all the rest. */
export class EscapedLabels {
  readonly #known = new Map<string, string>()
  #escaping: Escaping | undefined
  readonly #max: number

  constructor(max = 200_000) {
    this.#max = max
  }

  of(labels: string, escaping: Escaping): string {
    if (escaping !== this.#escaping || this.#known.size >= this.#max) {
      this.#known.clear()
      this.#escaping = escaping
    }
    let escaped = this.#known.get(labels)
    if (escaped === undefined) {
      escaped = showLabels(escapedLabels(readLabels(labels), escaping))
      this.#known.set(labels, escaped)
    }
    return escaped
  }
}

/** Labels whose names come out the same share one, their values joined by `;`. */
function escapedLabels(labels: readonly Label[], escaping: Escaping): Map<string, string> {
  const escaped = new Map<string, string>()
  for (const [key, value] of labels) {
    const name = escapeName(key, escaping, 'label')
    const before = escaped.get(name)
    escaped.set(name, before === undefined ? value : `${before};${value}`)
  }
  return escaped
}

class EscapedFamily implements Family {
  readonly name: string
  readonly type: FamilyType
  readonly unit: string
  readonly help: string
  /** [rows] whose they are, and which */
  readonly #families: Family[] = []
  readonly #indices: number[] = []
  readonly #labels: string[] = []
  readonly #seen = new Set<string>()

  constructor(name: string, { type, unit, help }: Family) {
    this.name = name
    this.type = type
    this.unit = unit
    this.help = help
  }
  get length(): number {
    return this.#labels.length
  }

  /** @returns false where a series with these labels is there already */
  add(family: Family, i: number, labels: string): boolean {
    if (this.#seen.has(labels)) return false
    this.#seen.add(labels)
    this.#families.push(family)
    this.#indices.push(i)
    this.#labels.push(labels)
    return true
  }

  read(i: number, row: Row): boolean {
    const shown = this.#families[i]!.read(this.#indices[i]!, row)
    row.labels = this.#labels[i]!
    return shown
  }
}
