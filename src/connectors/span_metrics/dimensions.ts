/** Which attributes of a span, its events and its resource a series is told apart by. */
import { showTyped, type TypedAttribute, type TypedValue } from '../../otlp/find.ts'
import { compileGlob } from './glob.ts'
import type { Dimension } from './settings.ts'

export interface Named {
  readonly name: string
  readonly fallback: TypedValue | undefined
}
export interface Dimensions {
  readonly named: readonly Named[]
  readonly globs: readonly RegExp[]
}

export function toDimensions(settings: readonly Dimension[]): Dimensions {
  const named: Named[] = []
  const globs: RegExp[] = []
  for (const { name, default: value, glob } of settings) {
    if (name !== undefined) named.push({ name, fallback: value === undefined ? undefined : { stringValue: value } })
    else globs.push(compileGlob(glob!)!)
  }
  return { named, globs }
}

/** What a series gets from `dimensions`: the span's own attribute, or else the other's (the resource's, the event's), or the default. */
export function* chosen(
  { named, globs }: Dimensions,
  span: ReadonlyMap<string, TypedValue>,
  other: ReadonlyMap<string, TypedValue>,
): Generator<TypedAttribute> {
  for (const { name, fallback } of named) {
    const value = span.get(name) ?? other.get(name) ?? fallback
    if (value !== undefined) yield { key: name, value }
  }
  if (globs.length === 0) return
  for (const key of [...span.keys()].sort()) if (globs.some(glob => glob.test(key))) yield { key, value: span.get(key)! }
  for (const key of [...other.keys()].sort()) {
    if (!span.has(key) && globs.some(glob => glob.test(key))) yield { key, value: other.get(key)! }
  }
}

export const showDimension = ({ key, value }: TypedAttribute): string => `${key}:${showTyped(value)}`
