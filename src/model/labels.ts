/**
 * The label set of a Prometheus series. Immutable; sorted by name in the order of UTF-8 bytes, as Prometheus sorts; a label with an empty value is no label.
 * `key` is the identity: two sets are equal where their keys are, so that grouping, matching and joining are look-ups in a Map of strings.
 */
export class Labels {
  // `this`: the compiler makes another name of `Labels` that has no value yet.
  static readonly empty: Labels = new this([])

  /** name, value, name, value, …; sorted by name */
  readonly pairs: readonly string[]
  #key: string | undefined

  private constructor(pairs: readonly string[]) {
    this.pairs = pairs
  }

  /** Of labels in any order. Of two with one name the later counts; an empty value takes the label away. */
  static of(labels: Iterable<readonly [name: string, value: string]>): Labels {
    const unique = new Map<string, string>(labels)
    const kept = [...unique].filter(([, value]) => value !== '')
    if (kept.length === 0) return Labels.empty
    kept.sort(([a], [b]) => compareText(a, b))
    return new Labels(kept.flat())
  }

  static from(labels: Readonly<Record<string, string>>): Labels {
    return Labels.of(Object.entries(labels))
  }

  /** Of pairs that are sorted, unique and without empty values already: not checked. */
  static sorted(pairs: readonly string[]): Labels {
    return pairs.length === 0 ? Labels.empty : new Labels(pairs)
  }

  /** [labels] */
  get size(): number {
    return this.pairs.length / 2
  }

  /** An injective text of names and values. */
  get key(): string {
    this.#key ??= keyOf(this.pairs)
    return this.#key
  }

  /** The metric's name; empty where there is none. */
  get name(): string {
    return this.get('__name__')
  }

  /** The value of a label; empty where there is none. */
  get(name: string): string {
    const { pairs } = this
    for (let i = 0; i < pairs.length; i += 2) if (pairs[i] === name) return pairs[i + 1]!
    return ''
  }

  has(name: string): boolean {
    return this.get(name) !== ''
  }

  /** With one label set, or taken away where `value` is empty. */
  with(name: string, value: string): Labels {
    if (this.get(name) === value) return this
    return Labels.of([...this, [name, value]])
  }

  without(names: ReadonlySet<string>): Labels {
    return this.#where(name => !names.has(name))
  }

  /** Only the labels called so. */
  keep(names: ReadonlySet<string>): Labels {
    return this.#where(name => names.has(name))
  }

  #where(wanted: (name: string) => boolean): Labels {
    const { pairs } = this
    const kept: string[] = []
    for (let i = 0; i < pairs.length; i += 2) if (wanted(pairs[i]!)) kept.push(pairs[i]!, pairs[i + 1]!)
    return kept.length === pairs.length ? this : Labels.sorted(kept)
  }

  *[Symbol.iterator](): Generator<readonly [name: string, value: string]> {
    for (let i = 0; i < this.pairs.length; i += 2) yield [this.pairs[i]!, this.pairs[i + 1]!]
  }

  toJSON(): Record<string, string> {
    return Object.fromEntries(this)
  }
}

/** Label sets in Prometheus's order: label by label, name before value; a set that begins another comes first. */
export function compareLabels(a: Labels, b: Labels): number {
  const length = Math.min(a.pairs.length, b.pairs.length)
  for (let i = 0; i < length; i++) {
    const order = compareText(a.pairs[i]!, b.pairs[i]!)
    if (order !== 0) return order
  }
  return a.pairs.length - b.pairs.length
}

/**
 * The order of the UTF-8 bytes of two texts. UTF-16 units compare alike, but for surrogates (D800–DFFF), which stand for
 * characters above those of E000–FFFF: these are moved up before they are compared.
 */
export function compareText(a: string, b: string): number {
  if (a === b) return 0
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return (x >= 0xd800 && y >= 0xd800 ? raised(x) - raised(y) : x - y) < 0 ? -1 : 1
  }
  return a.length < b.length ? -1 : 1
}

const raised = (unit: number): number => (unit < 0xe000 ? unit + 0x2000 : unit - 0x800)

/** Lengths before texts, so that no value can look like the next label. */
function keyOf(pairs: readonly string[]): string {
  let key = ''
  for (const text of pairs) key += `${text.length}:${text}`
  return key
}
