/** What the sections say of each other: pipelines name what exists, of the right kind, for the right signal, and run in no circle. */
import { closest } from '../../lib/distance.ts'
import { type Signal, signals } from '../../model/signal.ts'
import type { AnyFactory } from '../component.ts'
import { suggestion } from './explain.ts'
import { find, type Located, type Path, type Position } from './located.ts'
import type { LocatedProblem } from './problems.ts'
import { type Definitions, type Section, sectionNames, sections } from './sections.ts'

/** A word in a list, and where it stands. */
interface Reference {
  readonly id: string
  readonly at: Position
  readonly path: Path
}
interface PipelineReferences {
  readonly id: string
  readonly signal: Signal | undefined
  readonly at: Position
  readonly receivers: readonly Reference[]
  readonly processors: readonly Reference[]
  readonly exporters: readonly Reference[]
}
type Role = 'receivers' | 'processors' | 'exporters'

/** Where each list may point, and what to call it. */
const roles = {
  receivers: { from: ['receivers', 'connectors'], word: 'receiver, and no connector,' },
  processors: { from: ['processors'], word: 'processor' },
  exporters: { from: ['exporters', 'connectors'], word: 'exporter, and no connector,' },
} as const satisfies Record<Role, { from: readonly Section[]; word: string }>

export function checkReferences(root: Located, defined: Definitions, problems: LocatedProblem[], warnings: LocatedProblem[]): void {
  const extensions = references(root, ['service', 'extensions'])
  checkList(extensions, ['extensions'], 'extension', defined, problems)
  const pipelines = readPipelines(root, problems)
  for (const pipeline of pipelines) checkPipeline(pipeline, defined, problems, warnings)
  checkIdsAreClear(defined, problems)
  checkConnectors(pipelines, defined, problems)
  checkCycles(pipelines, defined, problems)
  checkAuthenticators(root, extensions, defined, problems)
  warnOfUnused(pipelines, extensions, defined, warnings)
}

/** The strings of a list; what is no string has been said by the schema. */
function references(root: Located, path: Path): Reference[] {
  const list = find(root, path)?.value
  if (list?.is !== 'list') return []
  return list.items.flatMap((item, i) =>
    item.is === 'scalar' && typeof item.value === 'string' ? [{ id: item.value, at: item.at, path: [...path, i] }] : [],
  )
}

function readPipelines(root: Located, problems: LocatedProblem[]): PipelineReferences[] {
  const path = ['service', 'pipelines']
  const map = find(root, path)
  if (map?.value.is !== 'map' || map.value.entries.size === 0) {
    const broken = map !== undefined && !(map.value.is === 'map' || (map.value.is === 'scalar' && map.value.value === null))
    const at = map?.keyAt ?? find(root, ['service'])?.keyAt ?? root.at
    if (!broken)
      problems.push({ at, path, message: 'there is no pipeline', remedy: 'add one: metrics: {receivers: [otlp], exporters: [debug]}' })
    return []
  }
  return [...map.value.entries].map(([id, { keyAt: at }]) => {
    const [word = '', ...name] = id.split('/')
    const signal = signals.find(known => known === word)
    if (signal === undefined)
      problems.push({ at, path: [...path, id], message: `no signal is called ${JSON.stringify(word)}`, remedy: suggestion(word, signals) })
    else if (id.includes('/') && name.join('/') === '')
      problems.push({ at, path: [...path, id], message: 'a name must follow "/"', remedy: `for example ${signal}/2` })
    const list = (role: Role) => references(root, [...path, id, role])
    return { id, signal, at, receivers: list('receivers'), processors: list('processors'), exporters: list('exporters') }
  })
}

function checkPipeline(pipeline: PipelineReferences, defined: Definitions, problems: LocatedProblem[], warnings: LocatedProblem[]): void {
  const { id, at, signal } = pipeline
  const path = ['service', 'pipelines', id]
  for (const role of ['receivers', 'processors', 'exporters'] as const) {
    const { from, word } = roles[role]
    const list = pipeline[role]
    if (list.length === 0 && role !== 'processors')
      problems.push({
        at,
        path,
        message: `the pipeline has no ${role}`,
        remedy: `add ${role}: [${role === 'receivers' ? 'otlp' : 'debug'}], or delete the pipeline`,
      })
    for (const found of checkList(list, from, word, defined, problems)) {
      if (signal !== undefined) checkSignal(found.reference, found.factory, role, signal, problems)
    }
  }
  const late = pipeline.processors.findIndex(reference => reference.id.split('/')[0] === 'memory_limiter')
  if (late > 0)
    warnings.push({
      at: pipeline.processors[late]!.at,
      path: pipeline.processors[late]!.path,
      message: 'memory_limiter is not the first processor',
      remedy: 'put it first: what is refused before work is cheap',
    })
}

/** @returns those that exist, with their factories */
function checkList(
  list: readonly Reference[],
  from: readonly Section[],
  word: string,
  defined: Definitions,
  problems: LocatedProblem[],
): { reference: Reference; factory: AnyFactory }[] {
  const seen = new Set<string>()
  return list.flatMap(reference => {
    const { id, at, path } = reference
    if (seen.has(id)) {
      problems.push({ at, path, message: `${JSON.stringify(id)} is listed twice`, remedy: 'keep one' })
      return []
    }
    seen.add(id)
    const found = from.map(section => defined[section].get(id)).find(candidate => candidate !== undefined)
    if (found === undefined)
      problems.push({ at, path, message: `no ${word} is called ${JSON.stringify(id)}`, remedy: whereItIs(id, from, defined) })
    return found?.factory === undefined ? [] : [{ reference, factory: found.factory }]
  })
}

function whereItIs(id: string, from: readonly Section[], defined: Definitions): string {
  const known = from.flatMap(section => [...defined[section].keys()])
  const elsewhere = sectionNames.find(section => defined[section].has(id))
  if (elsewhere !== undefined)
    return `${JSON.stringify(id)} is ${elsewhere === 'extensions' || elsewhere === 'exporters' ? 'an' : 'a'} ${sections[elsewhere]}`
  if (closest(id, known) !== undefined) return suggestion(id, known)
  return known.length === 0 ? `define it: there is nothing under "${from[0]}"` : `known: ${known.join(', ')}`
}

function supports(factory: AnyFactory, role: Role, signal: Signal): boolean {
  if (factory.kind === 'receiver') return factory.signals.includes(signal)
  if (factory.kind === 'extension' || (factory.kind === 'connector' && role === 'receivers')) return true
  return factory.create[signal] !== undefined
}

function checkSignal({ id, at, path }: Reference, factory: AnyFactory, role: Role, signal: Signal, problems: LocatedProblem[]): void {
  if (supports(factory, role, signal)) return
  const able = signals.filter(other => supports(factory, role, other))
  const remedy = able.length === 0 ? undefined : `${factory.type} handles ${able.join(', ')}`
  problems.push({
    at,
    path,
    message: `the ${factory.kind} ${JSON.stringify(id)} does not handle ${signal}`,
    ...(remedy === undefined ? {} : { remedy }),
  })
}

/** One id must not name a connector and, in the same list, something else. */
function checkIdsAreClear(defined: Definitions, problems: LocatedProblem[]): void {
  for (const { id, at } of defined.connectors.values()) {
    const other = (['receivers', 'exporters'] as const).find(section => defined[section].has(id))
    if (other !== undefined)
      problems.push({
        at,
        path: ['connectors', id],
        message: `${JSON.stringify(id)} is also ${other === 'exporters' ? 'an exporter' : 'a receiver'}`,
        remedy: `give one another name: ${id}/2`,
      })
  }
}

/** A connector joins pipelines: it ends one and begins another. */
function checkConnectors(pipelines: readonly PipelineReferences[], defined: Definitions, problems: LocatedProblem[]): void {
  for (const { id } of defined.connectors.values()) {
    const ends = pipelines.flatMap(pipeline => pipeline.exporters.filter(reference => reference.id === id))
    const begins = pipelines.flatMap(pipeline => pipeline.receivers.filter(reference => reference.id === id))
    const lone = ends[0] ?? begins[0]
    if (lone === undefined || (ends.length > 0 && begins.length > 0)) continue
    const [has, lacks] = ends.length > 0 ? ['exporters', 'receivers'] : ['receivers', 'exporters']
    problems.push({
      at: lone.at,
      path: lone.path,
      message: `the connector ${JSON.stringify(id)} is among ${has} only`,
      remedy: `list it among the ${lacks} of another pipeline too`,
    })
  }
}

/** Data that comes back to the connector it left would go round for ever. */
function checkCycles(pipelines: readonly PipelineReferences[], defined: Definitions, problems: LocatedProblem[]): void {
  const told = new Set<string>()
  for (const { id, at } of defined.connectors.values()) {
    if (told.has(id)) continue
    const cycle = cycleFrom(id, pipelines, defined)
    if (cycle === undefined) continue
    for (const step of cycle) told.add(step)
    problems.push({
      at,
      path: ['connectors', id],
      message: `feeds itself: ${cycle.join(' -> ')}`,
      remedy: 'take one of these connectors out of one of these pipelines',
    })
  }
}

/** `span_metrics -> metrics -> span_metrics`: the shortest way from the connector through pipelines back to it. */
function cycleFrom(start: string, pipelines: readonly PipelineReferences[], defined: Definitions): string[] | undefined {
  const seen = new Set<string>()
  const ways: string[][] = [[start]]
  for (let way = ways.shift(); way !== undefined; way = ways.shift()) {
    const connector = way.at(-1)!
    for (const pipeline of pipelines.filter(({ receivers }) => receivers.some(({ id }) => id === connector))) {
      for (const { id } of pipeline.exporters.filter(reference => defined.connectors.has(reference.id))) {
        const longer = [...way, pipeline.id, id]
        if (id === start) return longer
        if (!seen.has(id)) ways.push(longer)
        seen.add(id)
      }
    }
  }
  return undefined
}

/** `auth: {authenticator: ID}` anywhere names an extension that runs. */
function checkAuthenticators(root: Located, running: readonly Reference[], defined: Definitions, problems: LocatedProblem[]): void {
  for (const { id, at, path } of [...authenticators(root, [])]) {
    if (!defined.extensions.has(id))
      problems.push({ at, path, message: `no extension is called ${JSON.stringify(id)}`, remedy: whereItIs(id, ['extensions'], defined) })
    else if (!running.some(reference => reference.id === id))
      problems.push({ at, path, message: `the extension ${JSON.stringify(id)} does not run`, remedy: 'add it to service.extensions' })
  }
}

function* authenticators(located: Located, path: Path): Generator<Reference> {
  if (located.is === 'list') for (const [i, item] of located.items.entries()) yield* authenticators(item, [...path, i])
  if (located.is !== 'map') return
  for (const [key, { value }] of located.entries) {
    const named = key === 'authenticator' && path.at(-1) === 'auth' && value.is === 'scalar' ? value : undefined
    if (typeof named?.value === 'string') yield { id: named.value, at: named.at, path: [...path, key] }
    else yield* authenticators(value, [...path, key])
  }
}

function warnOfUnused(
  pipelines: readonly PipelineReferences[],
  extensions: readonly Reference[],
  defined: Definitions,
  warnings: LocatedProblem[],
): void {
  const inPipelines = new Set(pipelines.flatMap(p => [...p.receivers, ...p.processors, ...p.exporters].map(({ id }) => id)))
  const inService = new Set(extensions.map(({ id }) => id))
  for (const section of sectionNames) {
    const used = section === 'extensions' ? inService : inPipelines
    const list = section === 'extensions' ? 'service.extensions' : 'a pipeline'
    for (const { id, at } of defined[section].values())
      if (!used.has(id))
        warnings.push({
          at,
          path: [section, id],
          message: `the ${sections[section]} is not used`,
          remedy: `add it to ${list}, or delete it`,
        })
  }
}
