/** `receivers`, `processors`, …: which factory each id names, and its settings as that factory's schema reads them. */
import type { z } from 'zod'
import type { AnyFactory } from '../component.ts'
import type { Configured } from '../configuration.ts'
import { check } from './check.ts'
import { elsewhereRemedy } from './elsewhere.ts'
import { suggestion } from './explain.ts'
import { emptyMap, find, type Located, type Position, spelled } from './located.ts'
import type { LocatedProblem } from './problems.ts'

export const sections = {
  receivers: 'receiver',
  processors: 'processor',
  connectors: 'connector',
  exporters: 'exporter',
  extensions: 'extension',
} as const satisfies Record<string, AnyFactory['kind']>
export type Section = keyof typeof sections
export const sectionNames = Object.keys(sections) as Section[]

/** An id under one of the sections. */
export interface Defined {
  readonly section: Section
  readonly id: string
  readonly at: Position
  /** undefined: nothing is called so, and that has been said */
  readonly factory: AnyFactory | undefined
  /** undefined: they are wrong, and that has been said */
  readonly configured: Configured<AnyFactory> | undefined
}
export type Definitions = Readonly<Record<Section, ReadonlyMap<string, Defined>>>

/** By kind: what a type is called elsewhere or was called once → what it is called. */
export type Aliases = Readonly<Partial<Record<AnyFactory['kind'], Readonly<Record<string, string | Alias>>>>>
export interface Alias {
  readonly type: string
  /** Under the other word settings are read by this schema, which gives what the type's own would. */
  readonly config: z.ZodType
}
export const typeOf = (alias: string | Alias | undefined) => (typeof alias === 'object' ? alias.type : alias)

interface Known {
  readonly factories: readonly AnyFactory[]
  /** types beside those, for suggestions */
  readonly names?: ((kind: AnyFactory['kind']) => readonly string[]) | undefined
  readonly aliases: Aliases
}

/** What the ids in all sections are of, each once, under the words of today. */
export function typesIn(root: Located, aliases: Aliases): readonly { readonly kind: AnyFactory['kind']; readonly type: string }[] {
  return sectionNames.flatMap(section => {
    const kind = sections[section]
    const written = find(root, [section])?.value
    const words = written?.is === 'map' ? [...written.entries.keys()].map(id => id.split('/')[0]!) : []
    return [...new Set(words.map(word => typeOf(aliases[kind]?.[word]) ?? word))].map(type => ({ kind, type }))
  })
}

export function readSections(root: Located, known: Known, problems: LocatedProblem[], warnings: LocatedProblem[]): Definitions {
  const read = (section: Section) => readSection(root, section, known, problems, warnings)
  return {
    receivers: read('receivers'),
    processors: read('processors'),
    connectors: read('connectors'),
    exporters: read('exporters'),
    extensions: read('extensions'),
  }
}

function readSection(
  root: Located,
  section: Section,
  known: Known,
  problems: LocatedProblem[],
  warnings: LocatedProblem[],
): Map<string, Defined> {
  const written = find(root, [section])
  const defined = new Map<string, Defined>()
  if (written === undefined || (written.value.is === 'scalar' && written.value.value === null)) return defined
  if (written.value.is !== 'map') {
    problems.push({
      at: written.keyAt,
      path: [section],
      message: `must be a map of ${section} by id`,
      remedy: 'for example "otlp:" or "otlp/2:"',
    })
    return defined
  }
  for (const [id, { keyAt: at, value }] of written.value.entries) {
    const factory = readId(id, at, section, known, problems)
    const settings = value.is === 'scalar' && value.value === null ? emptyMap(value.at) : value
    const alias = known.aliases[sections[section]]?.[id.split('/')[0]!]
    if (factory !== undefined && alias !== undefined) warnings.push(olderWord(id, factory.type, section, at))
    const schema = typeof alias === 'object' ? alias.config : factory?.config
    const checked = schema === undefined ? undefined : check(schema, settings, [section, id], problems)
    const configured =
      factory === undefined || checked === undefined
        ? undefined
        : { id, factory, settings: checked as Record<string, unknown>, written: spelled(settings) }
    defined.set(id, { section, id, at, factory, configured })
  }
  return defined
}

function olderWord(id: string, type: string, section: Section, at: Position): LocatedProblem {
  const [word] = id.split('/')
  const remedy = `it works as it is; ${JSON.stringify(id.replace(word!, type))} is the word of today`
  return { at, path: [section, id], message: `${JSON.stringify(word)} is another word for ${JSON.stringify(type)}`, remedy, aside: true }
}

function readId(
  id: string,
  at: Position,
  section: Section,
  { factories, names, aliases }: Known,
  problems: LocatedProblem[],
): AnyFactory | undefined {
  const [type = '', ...name] = id.split('/')
  const path = [section, id]
  if (type === '' || (id.includes('/') && name.join('/').trim() === '') || id !== id.trim()) {
    problems.push({ at, path, message: 'must be "type" or "type/name"', remedy: 'for example "otlp" or "otlp/2"' })
    return undefined
  }
  const kind = sections[section]
  const known = factories.filter(factory => factory.kind === kind)
  const factory = known.find(candidate => candidate.type === (typeOf(aliases[kind]?.[type]) ?? type))
  if (factory === undefined) {
    const words = new Set([...known.map(candidate => candidate.type), ...(names?.(kind) ?? [])])
    const remedy = elsewhereRemedy(section, type) ?? suggestion(type, [...words].toSorted(), `known ${section}`)
    problems.push({ at, path, message: `no ${kind} is called ${JSON.stringify(type)}`, remedy })
  }
  return factory
}
