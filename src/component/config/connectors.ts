/** Connectors end one pipeline and begin another, and never feed themselves. */

import { suggestion } from './explain.ts'
import { type Located, position } from './located.ts'
import type { PipelineReferences } from './pipelines.ts'
import type { LocatedProblem } from './problems.ts'
import type { Definitions } from './sections.ts'

export function checkConnectors(
  root: Located,
  pipelines: readonly PipelineReferences[],
  defined: Definitions,
  problems: LocatedProblem[],
): void {
  checkIdsAreClear(defined, problems)
  checkBothEnds(pipelines, defined, problems)
  checkCycles(pipelines, defined, problems)
  checkChoices(root, pipelines, defined, problems)
}

/** A connector that chooses among pipelines names only such as list it. */
function checkChoices(root: Located, pipelines: readonly PipelineReferences[], defined: Definitions, problems: LocatedProblem[]): void {
  for (const { id, factory, configured } of defined.connectors.values()) {
    if (factory?.kind !== 'connector' || configured === undefined) continue
    const ends = pipelines.filter(pipeline => pipeline.exporters.some(reference => reference.id === id))
    const begins = pipelines.filter(pipeline => pipeline.receivers.some(reference => reference.id === id)).map(pipeline => pipeline.id)
    for (const { path: below, id: named } of ends.length === 0 ? [] : (factory.chooses?.(configured.settings) ?? [])) {
      if (begins.includes(named)) continue
      const path = ['connectors', id, ...below]
      const exists = pipelines.some(pipeline => pipeline.id === named)
      const message = exists ? `the pipeline ${JSON.stringify(named)} does not list it` : `no pipeline is called ${JSON.stringify(named)}`
      const remedy = exists ? `add ${id} to its receivers` : suggestion(named, begins)
      problems.push({ at: position(root, path), path, message, remedy })
    }
  }
}

/** In a list of exporters, an id must not name an exporter and a connector. */
function checkIdsAreClear(defined: Definitions, problems: LocatedProblem[]): void {
  for (const { id, at, factory } of defined.connectors.values()) {
    const other = (['receivers', 'exporters'] as const).find(section => defined[section].has(id))
    if (other === undefined || factory === undefined) continue
    const message = `${JSON.stringify(id)} is also ${other === 'exporters' ? 'an exporter' : 'a receiver'}`
    problems.push({ at, path: ['connectors', id], message, remedy: `give one of them another name: ${id}/2` })
  }
}

function checkBothEnds(pipelines: readonly PipelineReferences[], defined: Definitions, problems: LocatedProblem[]): void {
  for (const { id, factory } of defined.connectors.values()) {
    const ends = pipelines.flatMap(pipeline => pipeline.exporters.filter(reference => reference.id === id))
    const begins = pipelines.flatMap(pipeline => pipeline.receivers.filter(reference => reference.id === id))
    const lone = ends[0] ?? begins[0]
    if (factory === undefined || lone === undefined || (ends.length > 0 && begins.length > 0)) continue
    const [has, lacks] = ends.length > 0 ? ['exporters', 'receivers'] : ['receivers', 'exporters']
    const message = `the connector ${JSON.stringify(id)} is among ${has} only`
    problems.push({ at: lone.at, path: lone.path, message, remedy: `list it among the ${lacks} of another pipeline too` })
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
    const message = `feeds itself: ${cycle.join(' -> ')}`
    problems.push({ at, path: ['connectors', id], message, remedy: 'take one of these connectors out of one of these pipelines' })
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
