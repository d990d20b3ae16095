/** `--forward URL`: everything also goes to one more place, whatever the pipelines are. */
import { type Signal, signals } from '../../model/signal.ts'
import type { AnyFactory } from '../component.ts'
import { find, type Located, type LocatedMap, merge, type Path, type Position } from './located.ts'

export const forwardName = '--forward'
export const forwardId = 'otlp_http/forward'
const at: Position = { file: forwardName, line: 0, column: 0 }

/** Adds the exporter to every pipeline, and a pipeline for each signal that has none and that a receiver gives. */
export function addForward(root: Located, url: string, factories: readonly AnyFactory[]): Located {
  const pipelines = find(root, ['service', 'pipelines'])?.value
  const written = pipelines?.is === 'map' ? pipelines : map({})
  const more = new Map(written.entries)
  for (const [id, { keyAt, value }] of written.entries) more.set(id, { keyAt, value: withExporter(value) })
  for (const signal of signals) {
    if ([...written.entries.keys()].some(id => id.split('/')[0] === signal)) continue
    const receivers = receiversOf(root, signal, factories)
    if (receivers.length > 0)
      more.set(signal, {
        keyAt: at,
        value: map({ receivers: list(receivers), processors: list(guards(written)), exporters: list([forwardId]) }),
      })
  }
  const forwarded: LocatedMap = { is: 'map', at: written.at, entries: more }
  return merge(root, map({ exporters: map({ [forwardId]: map({ endpoint: text(url) }) }), service: map({ pipelines: forwarded }) }))
}

function withExporter(pipeline: Located): Located {
  const exporters = find(pipeline, ['exporters'])?.value
  const items = exporters?.is === 'list' ? exporters.items : []
  if (items.some(item => item.is === 'scalar' && item.value === forwardId)) return pipeline
  return merge(pipeline, map({ exporters: { is: 'list', at: exporters?.at ?? at, items: [...items, text(forwardId)] } }))
}

function receiversOf(root: Located, signal: Signal, factories: readonly AnyFactory[]): string[] {
  const able = new Set(
    factories.filter(factory => factory.kind === 'receiver' && factory.signals.includes(signal)).map(factory => factory.type),
  )
  return keys(root, ['receivers']).filter(id => able.has(id.split('/')[0]!))
}

/** Of the first pipeline's processors, those that fit every signal: a filter of metrics is no filter of spans. */
function guards(pipelines: LocatedMap): string[] {
  const first = [...pipelines.entries.values()][0]?.value
  const processors = first === undefined ? undefined : find(first, ['processors'])?.value
  const ids = processors?.is === 'list' ? processors.items.map(item => (item.is === 'scalar' ? String(item.value) : '')) : []
  return ids.filter(id => ['memory_limiter', 'redaction', 'batch'].includes(id.split('/')[0]!))
}

function keys(root: Located, path: Path): string[] {
  const value = find(root, path)?.value
  return value?.is === 'map' ? [...value.entries.keys()] : []
}

const text = (value: string): Located => ({ is: 'scalar', at, value })
const list = (ids: readonly string[]): Located => ({ is: 'list', at, items: ids.map(text) })
const map = (entries: Readonly<Record<string, Located>>): LocatedMap => ({
  is: 'map',
  at,
  entries: new Map(Object.entries(entries).map(([key, value]) => [key, { keyAt: at, value }])),
})
