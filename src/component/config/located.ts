/** A configuration as a tree whose every value knows where it was written, so that a problem found late can still point at it. */

export interface Position {
  /** as the user named it: a path, `-`, `--set`, … */
  readonly file: string
  /** from 1; 0 where the source has no lines (`--set`) */
  readonly line: number
  /** from 1 */
  readonly column: number
}

interface Origin {
  readonly at: Position
  /** what stood in the environment, when the whole value came from there: used as it is where a string is wanted */
  readonly text?: string
}
export interface LocatedScalar extends Origin {
  readonly is: 'scalar'
  readonly value: string | number | boolean | null
  /** could not be read: that has been said, and is not said again as a wrong type */
  readonly unresolved?: true
  /** came, at least in part, from the environment: never printed */
  readonly hidden?: true
}
export interface LocatedList extends Origin {
  readonly is: 'list'
  readonly items: readonly Located[]
}
export interface LocatedMap extends Origin {
  readonly is: 'map'
  readonly entries: ReadonlyMap<string, Entry>
}
export type Located = LocatedScalar | LocatedList | LocatedMap
export interface Entry {
  readonly keyAt: Position
  readonly value: Located
}

export type Path = readonly (string | number)[]

/** The value at `path`, and where its key was written; undefined where there is none. */
export function find(root: Located, path: Path): Entry | undefined {
  let entry: Entry = { keyAt: root.at, value: root }
  for (const step of path) {
    const { value } = entry
    let next: Entry | undefined
    if (value.is === 'map') next = value.entries.get(String(step))
    else if (value.is === 'list' && typeof step === 'number' && value.items[step] !== undefined)
      next = { keyAt: value.items[step].at, value: value.items[step] }
    if (next === undefined) return undefined
    entry = next
  }
  return entry
}

/** Where `path` is written, or the nearest thing above it that is. */
export function position(root: Located, path: Path): Position {
  for (let length = path.length; length >= 0; length--) {
    const entry = find(root, path.slice(0, length))
    if (entry !== undefined) return length === path.length && entry.value.is === 'scalar' ? entry.value.at : entry.keyAt
  }
  return root.at
}

/** Maps merge key by key; anything else in `over` replaces what is in `base`, as in the Collector. */
export function merge(base: Located, over: Located): Located {
  if (base.is !== 'map' || over.is !== 'map') return over
  const entries = new Map(base.entries)
  for (const [key, entry] of over.entries) {
    const old = entries.get(key)
    const deep = old?.value.is === 'map' && entry.value.is === 'map'
    entries.set(key, deep ? { keyAt: old.keyAt, value: merge(old.value, entry.value) } : entry)
  }
  return { is: 'map', at: base.at, entries }
}

/** The plain value: what a schema checks. */
export function plain(located: Located): unknown {
  if (located.is === 'scalar') return located.value
  if (located.is === 'list') return located.items.map(plain)
  return Object.fromEntries([...located.entries].map(([key, entry]) => [key, plain(entry.value)]))
}

/** Equal for what reads equally, and for nothing else. Secrets are in it: not to be shown. */
export function spelled(located: Located): string {
  if (located.is === 'list') return `[${located.items.map(spelled).join()}]`
  if (located.is === 'map') return `{${[...located.entries].map(([key, { value }]) => `${JSON.stringify(key)}:${spelled(value)}`).join()}}`
  const { value, text } = located
  return `${typeof value === 'string' ? JSON.stringify(value) : Object.is(value, -0) ? '-0' : String(value)}${text === undefined ? '' : JSON.stringify(text)}`
}

export const emptyMap = (at: Position): LocatedMap => ({ is: 'map', at, entries: new Map() })
export const isUnresolved = (located: Located) => located.is === 'scalar' && located.unresolved === true
