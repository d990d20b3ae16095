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
  let text = escaping === 'values' ? 'U__' : ''
  let first = true
  for (const character of name) {
    const stays = plain.test(character) && !(first && /[0-9]/.test(character))
    text += stays ? character : replaced(character, escaping)
    first = false
  }
  return escaping === 'values' || kind === 'metric' ? text : text.replace(/^__+/, '_')
}

function replaced(character: string, escaping: Escaping): string {
  if (escaping === 'underscores') return '_'
  if (character === '_') return '__'
  if (escaping === 'values') return `_${character.codePointAt(0)!.toString(16)}_`
  return character === '.' ? '_dot_' : '__'
}

/**
 * The same page with every name escaped. Families that come out with one name and type are one, the first one's help stays;
 * with another type the later one is left out. Of series that come out the same the first stays. `leftOut` counts both.
 */
export function escapeFamilies(
  families: readonly Family[],
  escaping: Escaping,
  leftOut: (rows: number) => void = () => {},
): readonly Family[] {
  if (escaping === 'allow-utf-8') return families
  const byName = new Map<string, EscapedFamily>()
  const names = new SampleNames<EscapedFamily>()
  const cache = new Map<string, string>()
  const escapeLabels = (labels: string) => {
    let escaped = cache.get(labels)
    if (escaped === undefined) cache.set(labels, (escaped = showLabels(escapedLabels(readLabels(labels), escaping))))
    return escaped
  }
  for (const family of families) {
    const name = escapeName(family.name, escaping, 'metric')
    let into = byName.get(name)
    if (into === undefined) {
      into = new EscapedFamily(name, family)
      if (names.claim(into, name, family.type)) byName.set(name, into)
      else into = undefined
    }
    if (into === undefined || into.type !== family.type) leftOut(family.length)
    else leftOut(family.length - into.add(family, escapeLabels))
  }
  return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
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

  /** @returns how many rows of `family` are here, or have nothing to show */
  add(family: Family, escapeLabels: (labels: string) => string): number {
    const row = newRow()
    let kept = 0
    for (let i = 0; i < family.length; i++) {
      kept++
      if (!family.read(i, row)) continue
      const labels = escapeLabels(row.labels)
      if (this.#seen.has(labels)) {
        kept--
        continue
      }
      this.#seen.add(labels)
      this.#families.push(family)
      this.#indices.push(i)
      this.#labels.push(labels)
    }
    return kept
  }

  read(i: number, row: Row): boolean {
    const shown = this.#families[i]!.read(this.#indices[i]!, row)
    row.labels = this.#labels[i]!
    return shown
  }
}
