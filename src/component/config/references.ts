/** What the sections say of each other: every id in a list names what exists, is of the right kind, and handles the signal. */
import { closest } from '../../lib/distance.ts'
import { type Signal, signals } from '../../model/signal.ts'
import type { AnyFactory } from '../component.ts'
import { checkConnectors } from './connectors.ts'
import { suggestion } from './explain.ts'
import type { Located, Path } from './located.ts'
import { type Known, knownOf, type PipelineReferences, type Reference, type Role, readPipelines, references, roles } from './pipelines.ts'
import type { LocatedProblem } from './problems.ts'
import { type Definitions, type Section, sectionNames, sections } from './sections.ts'

/** Where each list may point, and what to call it. */
const lists = {
  receivers: { from: ['receivers', 'connectors'], word: 'receiver, and no connector,' },
  processors: { from: ['processors'], word: 'processor' },
  exporters: { from: ['exporters', 'connectors'], word: 'exporter, and no connector,' },
  extensions: { from: ['extensions'], word: 'extension' },
} as const satisfies Record<Role | 'extensions', { from: readonly Section[]; word: string }>

export function checkReferences(root: Located, defined: Definitions, problems: LocatedProblem[], warnings: LocatedProblem[]): void {
  const known = knownOf(root, defined)
  const extensions = references(root, ['service', 'extensions'])
  checkList(extensions, 'extensions', known, problems)
  const pipelines = readPipelines(root, problems)
  for (const pipeline of pipelines) {
    checkPipeline(pipeline, known, problems)
    warnOfLateLimiter(pipeline, warnings)
  }
  checkConnectors(root, pipelines, defined, problems)
  checkNamedExtensions(root, extensions, known, problems)
  warnOfUnused(pipelines, extensions, defined, warnings)
}

function checkPipeline(pipeline: PipelineReferences, known: Known, problems: LocatedProblem[]): void {
  const { id, at, signal, misspelt } = pipeline
  for (const role of roles) {
    const list = pipeline[role]
    if (list.length === 0 && role !== 'processors' && !misspelt) {
      const remedy = `add ${role}: [${role === 'receivers' ? 'otlp' : 'debug'}], or delete the pipeline`
      problems.push({ at, path: ['service', 'pipelines', id], message: `the pipeline has no ${role}`, remedy })
    }
    for (const { reference, factory } of checkList(list, role, known, problems)) {
      if (signal !== undefined) checkSignal(reference, factory, role, signal, problems)
    }
  }
}

function warnOfLateLimiter({ processors }: PipelineReferences, warnings: LocatedProblem[]): void {
  const at = processors.findIndex(reference => reference.id.split('/')[0] === 'memory_limiter')
  const late = processors[at]
  if (late === undefined || at === 0) return
  const remedy = 'put it first: what is refused before it is worked on costs nothing'
  warnings.push({ at: late.at, path: late.path, message: 'memory_limiter is not the first processor', remedy })
}

/** @returns those that exist, with their factories */
function checkList(
  list: readonly Reference[],
  name: keyof typeof lists,
  known: Known,
  problems: LocatedProblem[],
): { reference: Reference; factory: AnyFactory }[] {
  const from: readonly Section[] = lists[name].from
  const seen = new Set<string>()
  return list.flatMap(reference => {
    const { id, at, path } = reference
    if (seen.has(id)) {
      problems.push({ at, path, message: `${JSON.stringify(id)} is listed twice`, remedy: 'keep one' })
      return []
    }
    seen.add(id)
    const found = from.map(section => known.defined[section].get(id)).find(candidate => candidate !== undefined)
    if (found === undefined) checkMissing(reference, name, known, problems)
    return found?.factory === undefined ? [] : [{ reference, factory: found.factory }]
  })
}

function checkMissing({ id, at, path }: Reference, name: keyof typeof lists, { defined, lost }: Known, problems: LocatedProblem[]): void {
  const { from, word } = lists[name]
  if (from.some(section => section === name && lost.includes(section))) return
  problems.push({ at, path, message: `no ${word} is called ${JSON.stringify(id)}`, remedy: whereItIs(id, from, defined) })
}

function whereItIs(id: string, from: readonly Section[], defined: Definitions): string {
  const known = from.flatMap(section => [...defined[section].keys()])
  const elsewhere = sectionNames.find(section => defined[section].has(id))
  if (elsewhere !== undefined) return `${JSON.stringify(id)} is ${/^e/.test(elsewhere) ? 'an' : 'a'} ${sections[elsewhere]}`
  if (closest(id, known) !== undefined) return suggestion(id, known)
  return known.length === 0 ? `define it: there is nothing under "${from[0]}"` : `known: ${known.join(', ')}`
}

function supports(factory: AnyFactory, role: Role, signal: Signal): boolean {
  if (factory.kind === 'receiver') return factory.signals.includes(signal)
  // What comes out of a connector, only running it tells.
  if (factory.kind === 'extension' || (factory.kind === 'connector' && role === 'receivers')) return true
  return factory.create[signal] !== undefined
}

function checkSignal({ id, at, path }: Reference, factory: AnyFactory, role: Role, signal: Signal, problems: LocatedProblem[]): void {
  if (supports(factory, role, signal)) return
  const able = signals.filter(other => supports(factory, role, other))
  const message = `the ${factory.kind} ${JSON.stringify(id)} does not handle ${signal}`
  problems.push({ at, path, message, ...(able.length === 0 ? {} : { remedy: `${factory.type} handles ${able.join(', ')}` }) })
}

/** `auth: {authenticator: ID}` and `sending_queue: {storage: ID}` anywhere name an extension that runs. */
function checkNamedExtensions(root: Located, running: readonly Reference[], known: Known, problems: LocatedProblem[]): void {
  for (const reference of namedExtensions(root, [])) {
    const { id, at, path } = reference
    if (!known.defined.extensions.has(id)) checkMissing(reference, 'extensions', known, problems)
    else if (!running.some(other => other.id === id))
      problems.push({ at, path, message: `the extension ${JSON.stringify(id)} does not run`, remedy: 'add it to service.extensions' })
  }
}

function* namedExtensions(located: Located, path: Path): Generator<Reference> {
  if (located.is === 'list') for (const [i, item] of located.items.entries()) yield* namedExtensions(item, [...path, i])
  if (located.is !== 'map') return
  for (const [key, { value }] of located.entries) {
    const names = (key === 'authenticator' && path.at(-1) === 'auth') || (key === 'storage' && path.at(-1) === 'sending_queue')
    const named = names && value.is === 'scalar' ? value : undefined
    if (typeof named?.value === 'string') yield { id: named.value, at: named.at, path: [...path, key] }
    else yield* namedExtensions(value, [...path, key])
  }
}

function warnOfUnused(
  pipelines: readonly PipelineReferences[],
  extensions: readonly Reference[],
  defined: Definitions,
  warnings: LocatedProblem[],
): void {
  const inPipelines = new Set(pipelines.flatMap(pipeline => roles.flatMap(role => pipeline[role].map(({ id }) => id))))
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
