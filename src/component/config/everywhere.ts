/** `--forward URL` and `--store DIR`: everything also goes to one more place, whatever the pipelines are. */
import { type Signal, signals } from '../../model/signal.ts'
import type { AnyFactory } from '../component.ts'
import { find, type Located, type LocatedMap, merge, type Path, type Position } from './located.ts'

/** One more exporter for every pipeline whose signal it takes. */
export interface Everywhere {
  /** where a wrong value was written, for the message */
  readonly flag: string
  readonly id: string
  /** of the exporter */
  readonly settings: Readonly<Record<string, string>>
  /** what runs beside it, unless there is one of its type already */
  readonly extension?: { readonly id: string; readonly settings: Readonly<Record<string, string>> }
}

export const forwardFlag = '--forward'
export const storeFlag = '--store'
export const forwardTo = (endpoint: string): Everywhere => ({ flag: forwardFlag, id: 'otlp_http/forward', settings: { endpoint } })
/** Without a name of its own, so that it is the one that a file has, if a file has one. */
export const storeIn = (directory: string): Everywhere => ({
  ...{ flag: storeFlag, id: 'store', settings: { directory } },
  extension: { id: 'journal', settings: { directory: `${directory.replace(/(?<=.)\/+$/, '')}/journal` } },
})

/** Adds the exporter to every pipeline, and a pipeline for each signal that has none and that a receiver gives. */
export function addEverywhere(root: Located, { flag, id, settings, extension }: Everywhere, factories: readonly AnyFactory[]): Located {
  const { list, map, texts } = writtenAs(flag)
  const taken = signalsOf(id, factories)
  const pipelines = find(root, ['service', 'pipelines'])?.value
  const written = pipelines?.is === 'map' ? pipelines : map({})
  const more = new Map(written.entries)
  const ofSignal = (pipeline: string, signal: Signal) => pipeline.split('/')[0] === signal
  for (const [pipeline, { keyAt, value }] of written.entries)
    if (taken.some(signal => ofSignal(pipeline, signal))) more.set(pipeline, { keyAt, value: withExporter(value, id, flag) })
  for (const signal of taken) {
    if ([...written.entries.keys()].some(pipeline => ofSignal(pipeline, signal))) continue
    const receivers = receiversOf(root, signal, factories)
    if (receivers.length === 0) continue
    const value = map({ receivers: list(receivers), processors: list(guards(written)), exporters: list([id]) })
    more.set(signal, { keyAt: positionOf(flag), value })
  }
  const everywhere: LocatedMap = { is: 'map', at: written.at, entries: more }
  const whole = merge(root, map({ exporters: map({ [id]: texts(settings) }), service: map({ pipelines: everywhere }) }))
  return extension === undefined ? whole : withExtension(whole, extension, flag, factories)
}

function withExtension(
  root: Located,
  { id, settings }: NonNullable<Everywhere['extension']>,
  flag: string,
  factories: readonly AnyFactory[],
): Located {
  const { text, map, texts } = writtenAs(flag)
  const known = factories.some(({ kind, type }) => kind === 'extension' && type === id)
  if (!known || keys(root, ['extensions']).some(other => other.split('/')[0] === id)) return root
  const written = find(root, ['service', 'extensions'])?.value
  const items = written?.is === 'list' ? written.items : []
  const extensions: Located = { is: 'list', at: written?.at ?? positionOf(flag), items: [...items, text(id)] }
  return merge(root, map({ extensions: map({ [id]: texts(settings) }), service: map({ extensions }) }))
}

function withExporter(pipeline: Located, id: string, flag: string): Located {
  const { text, map } = writtenAs(flag)
  const exporters = find(pipeline, ['exporters'])?.value
  const items = exporters?.is === 'list' ? exporters.items : []
  if (items.some(item => item.is === 'scalar' && item.value === id)) return pipeline
  return merge(pipeline, map({ exporters: { is: 'list', at: exporters?.at ?? positionOf(flag), items: [...items, text(id)] } }))
}

function signalsOf(id: string, factories: readonly AnyFactory[]): readonly Signal[] {
  const factory = factories.find(({ kind, type }) => kind === 'exporter' && type === id.split('/')[0])
  return factory?.kind === 'exporter' ? signals.filter(signal => factory.create[signal] !== undefined) : []
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

const positionOf = (flag: string): Position => ({ file: flag, line: 0, column: 0 })

/** Parts of a tree that stand in no file: for the message of a problem they are where the flag is. */
function writtenAs(flag: string) {
  const at = positionOf(flag)
  const text = (value: string): Located => ({ is: 'scalar', at, value })
  const list = (ids: readonly string[]): Located => ({ is: 'list', at, items: ids.map(text) })
  const map = (entries: Readonly<Record<string, Located>>): LocatedMap => ({
    is: 'map',
    at,
    entries: new Map(Object.entries(entries).map(([key, value]) => [key, { keyAt: at, value }])),
  })
  const texts = (values: Readonly<Record<string, string>>) =>
    map(Object.fromEntries(Object.entries(values).map(([name, value]) => [name, text(value)])))
  return { text, list, map, texts }
}
