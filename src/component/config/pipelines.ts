/** The pipelines as they are written: which ids each lists, and where. Of what is no list the schema has spoken. */
import { type Signal, signals } from '../../model/signal.ts'
import { suggestion } from './explain.ts'
import { find, type Located, type Path, type Position } from './located.ts'
import type { LocatedProblem } from './problems.ts'
import { type Definitions, type Section, sectionNames } from './sections.ts'
import { serviceSchema } from './service.ts'

export const roles = ['receivers', 'processors', 'exporters'] as const
export type Role = (typeof roles)[number]

/** An id in a list, and where it stands. */
export interface Reference {
  readonly id: string
  readonly at: Position
  readonly path: Path
}
export interface PipelineReferences extends Readonly<Record<Role, readonly Reference[]>> {
  readonly id: string
  readonly signal: Signal | undefined
  readonly at: Position
  /** it has a list that we do not know: a misspelt one is not missing */
  readonly misspelt: boolean
}

/** What there is to refer to. */
export interface Known {
  readonly defined: Definitions
  /** sections that are no map, or that a misspelt name may have hidden: what is not in them is no news */
  readonly lost: readonly Section[]
}

export const knownOf = (root: Located, defined: Definitions): Known => ({ defined, lost: sectionNames.filter(name => isLost(root, name)) })

function isLost(root: Located, section: Section): boolean {
  const value = find(root, [section])?.value
  return value === undefined ? hasUnknown(root, [...sectionNames, 'service']) : !isMapOrNothing(value)
}

/** The strings of a list. */
export function references(root: Located, path: Path): Reference[] {
  const list = find(root, path)?.value
  if (list?.is !== 'list') return []
  return list.items.flatMap((item, i) =>
    item.is === 'scalar' && typeof item.value === 'string' ? [{ id: item.value, at: item.at, path: [...path, i] }] : [],
  )
}

const pipelinesPath = ['service', 'pipelines']

export function readPipelines(root: Located, problems: LocatedProblem[]): PipelineReferences[] {
  const written = find(root, pipelinesPath)
  if (written?.value.is !== 'map' || written.value.entries.size === 0) {
    noPipelines(root, written?.value, problems)
    return []
  }
  return [...written.value.entries].map(([id, { keyAt: at, value }]) => {
    const list = (role: Role) => references(root, [...pipelinesPath, id, role])
    const misspelt = hasUnknown(value, roles)
    return {
      id,
      signal: signalOf(id, at, problems),
      at,
      misspelt,
      receivers: list('receivers'),
      processors: list('processors'),
      exporters: list('exporters'),
    }
  })
}

function noPipelines(root: Located, written: Located | undefined, problems: LocatedProblem[]): void {
  const service = find(root, ['service'])
  // What is no map, or is misspelt, has been said.
  if (
    written === undefined
      ? hasUnknown(service?.value ?? root, service === undefined ? [...sectionNames, 'service'] : Object.keys(serviceSchema.shape))
      : !isMapOrNothing(written)
  )
    return
  const at = find(root, pipelinesPath)?.keyAt ?? service?.keyAt ?? root.at
  problems.push({
    at,
    path: pipelinesPath,
    message: 'there is no pipeline',
    remedy: 'add one: metrics: {receivers: [otlp], exporters: [debug]}',
  })
}

function signalOf(id: string, at: Position, problems: LocatedProblem[]): Signal | undefined {
  const [word = '', ...name] = id.split('/')
  const signal = signals.find(known => known === word)
  const path = [...pipelinesPath, id]
  if (signal === undefined) {
    problems.push({ at, path, message: `no signal is called ${JSON.stringify(word)}`, remedy: suggestion(word, signals) })
  } else if (id.includes('/') && name.join('/').trim() === '') {
    problems.push({ at, path, message: 'a name must follow "/"', remedy: `for example ${signal}/2` })
  }
  return signal
}

function hasUnknown(map: Located, known: readonly string[]): boolean {
  return map.is === 'map' && [...map.entries.keys()].some(key => !known.includes(key))
}

const isMapOrNothing = (value: Located) => value.is === 'map' || (value.is === 'scalar' && value.value === null)
