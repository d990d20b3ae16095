/** What an instrument is, as data: a kind, a name, a unit, a sentence, the names of its attributes, and a histogram's bounds. */

export type Kind = 'counter' | 'up_down_counter' | 'gauge' | 'histogram'

export interface Definition<K extends Kind = Kind, A extends string = string, N extends string = string> {
  readonly kind: K
  /** OpenTelemetry's: words in lower case with dots between them */
  readonly name: N
  /** UCUM; '' for none, `{thing}` for what is counted */
  readonly unit: string
  readonly description: string
  readonly attributes: readonly A[]
  /** [buckets - 1] of a histogram, ascending, each the largest value of its bucket */
  readonly bounds?: readonly number[]
}

/** Goes up: `add(1)`. */
export const counter = <const N extends string, const A extends string = never>(
  name: N,
  unit: string,
  description: string,
  attributes: readonly A[] = [],
) => checked<'counter', A, N>({ kind: 'counter', name, unit, description, attributes })

/** Goes up and down: what is there now, told by its changes. */
export const upDownCounter = <const N extends string, const A extends string = never>(
  name: N,
  unit: string,
  description: string,
  attributes: readonly A[] = [],
) => checked<'up_down_counter', A, N>({ kind: 'up_down_counter', name, unit, description, attributes })

/** What is there now, told by its value. */
export const gauge = <const N extends string, const A extends string = never>(
  name: N,
  unit: string,
  description: string,
  attributes: readonly A[] = [],
) => checked<'gauge', A, N>({ kind: 'gauge', name, unit, description, attributes })

/** How many values lay between which bounds. */
export const histogram = <const N extends string, const A extends string = never>(
  name: N,
  unit: string,
  description: string,
  bounds: readonly number[],
  attributes: readonly A[] = [],
) => checked<'histogram', A, N>({ kind: 'histogram', name, unit, description, attributes, bounds })

/** OpenTelemetry's own rule; an SDK takes nothing else. */
const validName = /^[A-Za-z][A-Za-z0-9_.\-/]{0,254}$/

/** @throws {TypeError} for what no SDK would take: it is said where it was written, not where it is missed */
function checked<K extends Kind, A extends string, N extends string>(definition: Definition<K, A, N>): Definition<K, A, N> {
  const { name, bounds } = definition
  if (!validName.test(name)) {
    throw new TypeError(
      `instrument name: must begin with a letter and have letters, digits and _ . - / only, at most 255, got ${JSON.stringify(name)}`,
    )
  }
  if (bounds?.some((bound, i) => !Number.isFinite(bound) || (i > 0 && bound <= bounds[i - 1]!))) {
    throw new TypeError(`bounds of ${name}: must be finite and ascending, got ${JSON.stringify(bounds)}`)
  }
  return definition
}
