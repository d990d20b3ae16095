/** Looks into zod schemas: what may stand at a path. */
import { z } from 'zod'
import type { Path } from './located.ts'

export type Schema = z.core.$ZodType

/** `schema` and everything it wraps: what is optional, defaulted, transformed, or one of several. Outermost first. */
export function layers(schema: Schema): Schema[] {
  const { def } = (schema as z.core.$ZodTypes)._zod
  if (def.type === 'pipe') return [schema, ...layers(def.in)]
  if (def.type === 'union') return [schema, ...def.options.flatMap(layers)]
  if (def.type === 'lazy') return [schema, ...layers(def.getter())]
  return 'innerType' in def && def.innerType !== undefined ? [schema, ...layers(def.innerType as Schema)] : [schema]
}

/** All schemas that have a say at `path`. */
export function schemasAt(schema: Schema, path: Path): Schema[] {
  let found = layers(schema)
  for (const step of path) found = found.flatMap(level => below(level, step)).flatMap(layers)
  return found
}

function below(schema: Schema, step: string | number): Schema[] {
  const { def } = (schema as z.core.$ZodTypes)._zod
  if (def.type === 'object') {
    const own = Object.hasOwn(def.shape, step) ? def.shape[step] : def.catchall
    // A strict object catches all others with a schema that nothing fits.
    return own === undefined || (own as z.core.$ZodTypes)._zod.def.type === 'never' ? [] : [own]
  }
  if (def.type === 'record') return [def.valueType]
  return def.type === 'array' ? [def.element] : []
}

/** The settings that a map at `path` may have; those that are refused are no use to anybody. */
export function knownSettings(schema: Schema, path: Path): string[] {
  const names = schemasAt(schema, path).flatMap(level => {
    const { def } = (level as z.core.$ZodTypes)._zod
    if (def.type !== 'object') return []
    return Object.entries(def.shape).flatMap(([name, setting]) => (metaOf(setting)['refused'] === undefined ? [name] : []))
  })
  return [...new Set(names)]
}

/** What `.meta()` and `.describe()` said about the setting at `path`; the outermost word counts. */
export function metaAt(schema: Schema, path: Path): { description?: string; format?: string } {
  const metas = schemasAt(schema, path).map(level => z.globalRegistry.get(level))
  const description = metas.find(meta => typeof meta?.description === 'string')?.description
  const format = metas.find(meta => typeof meta?.['format'] === 'string')?.['format']
  return { ...(description === undefined ? {} : { description }), ...(typeof format === 'string' ? { format } : {}) }
}

/** What our own helpers have noted on exactly this schema: `refused`, `remedy`, `noEffect`. */
export const metaOf = (schema: Schema): Readonly<Record<string, unknown>> => z.globalRegistry.get(schema) ?? {}
