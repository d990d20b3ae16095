/**
 * Who is on the page: the families, and for every series a slot, which is its place in all columns. Two series that look the
 * same to Prometheus (their resources differ in what no label shows) share a slot, as they do in the Collector.
 * Slots are freed by `sweep` and by nothing else, and never while the page is being read.
 */
import { type Family, type Row, SampleNames } from '../../exposition/families.ts'
import type { FamilyName, FamilyType } from '../../exposition/naming.ts'
import { grown, HashIndex } from './hash-index.ts'
import { LabelTexts } from './label-texts.ts'

/** A family and the slots of its series. */
export class SlotFamily implements Family {
  readonly name: string
  type: FamilyType
  readonly unit: string
  /** '' until somebody says what it is */
  help: string
  readonly slots: number[] = []
  readonly hash: number
  readonly #show: (slot: number, row: Row) => boolean

  constructor({ name, type, unit }: FamilyName, help: string, show: (slot: number, row: Row) => boolean) {
    this.name = name
    this.type = type
    this.unit = unit
    this.help = help
    this.hash = hash(name)
    this.#show = show
  }
  get length(): number {
    return this.slots.length
  }
  read(i: number, row: Row): boolean {
    return this.#show(this.slots[i]!, row)
  }
}

export class Page {
  /** fills a row with a series; false when it is not to be shown */
  readonly show: (slot: number, row: Row) => boolean
  readonly #families = new Map<string, SlotFamily>()
  readonly #names = new SampleNames<Family>()
  readonly #reserved: Family[] = []
  #sorted: Family[] | undefined
  /** by slot */
  readonly #labels = new LabelTexts()
  readonly #familyOf: (SlotFamily | undefined)[] = []
  /** finds a slot by its family's name and its labels */
  readonly #index = new HashIndex()
  /** where in its family's list a slot stands */
  #places = new Int32Array(0)
  readonly #free: number[] = []
  /** slots in use */
  size = 0

  /** `show` fills a row with what the columns say of a slot; false when it is not to be shown. */
  constructor(show: (slot: number, row: Row) => boolean) {
    this.show = (slot, row) => {
      if (!show(slot, row)) return false
      row.labels = this.#labels.get(slot)
      return true
    }
  }

  /** Puts a family on the page whose rows are not ours; no series may take its name. */
  reserve(family: Family): void {
    this.#names.claim(family, family.name, family.type)
    this.#reserved.push(family)
    this.#sorted = undefined
  }

  /** A family of slots that is not on the page: the one that was reserved in its name shows them. */
  behind(name: string): SlotFamily {
    return new SlotFamily({ name, type: 'gauge', unit: '' }, '', this.show)
  }

  /** One more than the largest slot ever given out: the length for a column. */
  get capacity(): number {
    return this.#familyOf.length
  }

  /** The family of that name; made if need be. Undefined where another type, or a sample of another family, has the name. */
  family(name: FamilyName, help: string): SlotFamily | undefined {
    const found = this.#families.get(name.name)
    if (found !== undefined) {
      if (found.type !== name.type && !alike(found, name)) return undefined
      found.help ||= help
      return found
    }
    const made = new SlotFamily(name, help, this.show)
    if (!this.#names.claim(made, name.name, name.type)) return undefined
    this.#families.set(name.name, made)
    this.#sorted = undefined
    return made
  }

  /** The slot of that family with these labels. */
  find(family: SlotFamily, labels: readonly string[]): number | undefined {
    const hash = this.#labels.hash(labels)
    if (hash === undefined) return undefined
    const key = hash ^ family.hash
    let slot = this.#index.first(key)
    while (slot >= 0 && (this.#familyOf[slot] !== family || !this.#labels.is(slot, labels))) slot = this.#index.next(slot, key)
    return slot < 0 ? undefined : slot
  }

  add(family: SlotFamily, labels: readonly string[]): number {
    const slot = this.#free.pop() ?? this.#familyOf.length
    this.#labels.set(slot, labels)
    this.#familyOf[slot] = family
    if (slot >= this.#places.length) this.#places = grown(this.#places, slot + 1)
    this.#places[slot] = family.slots.push(slot) - 1
    this.#index.add(slot, this.#labels.hash(labels)! ^ family.hash)
    this.size++
    return slot
  }

  remove(slot: number): void {
    const family = this.#familyOf[slot]
    if (family === undefined) return
    const last = family.slots.pop()!
    if (last !== slot) {
      family.slots[this.#places[slot]!] = last
      this.#places[last] = this.#places[slot]!
    }
    this.#index.remove(slot)
    this.#labels.delete(slot)
    this.#familyOf[slot] = undefined
    this.#free.push(slot)
    this.size--
    if (family.slots.length === 0) this.removeIfEmpty(family)
  }

  /** A family without series gives its names back. */
  removeIfEmpty(family: SlotFamily): void {
    if (family.slots.length > 0 || this.#families.get(family.name) !== family) return
    this.#families.delete(family.name)
    this.#names.release(family.name, family.type)
    this.#sorted = undefined
  }

  inUse(slot: number): boolean {
    return this.#familyOf[slot] !== undefined
  }

  /** Sorted by name. */
  families(): readonly Family[] {
    return (this.#sorted ??= [...this.#reserved, ...this.#families.values()].sort((a, b) => (a.name < b.name ? -1 : 1)))
  }
}

/** Is one of them of unknown type, and may it be that of the other, which both are then? What is known of a family of Prometheus may come after its first samples. */
function alike(found: SlotFamily, { type }: FamilyName): boolean {
  if (type === 'unknown') return found.type === 'gauge' || found.type === 'counter'
  if (found.type !== 'unknown' || (type !== 'gauge' && type !== 'counter')) return false
  found.type = type
  return true
}

/** FNV-1a over the characters. */
function hash(name: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 0x01000193)
  return h
}
