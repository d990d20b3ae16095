/**
 * What several ingest threads do of a configuration, and what is left for the one main thread. A thread runs, from a receiver that can be
 * shared, as much of each pipeline as consists of parts that can be (`parallel` in their factories); where that is not all of it, it ships
 * batches to the main thread: to the exporters that must be one (columns are enough for some), or, where a processor must be, to that
 * processor.
 */
import type { ExporterFactory, ReceiverFactory } from '../component/component.ts'
import type { Configuration, Configured, PipelineConfig } from '../component/configuration.ts'
import type { Signal } from '../model/signal.ts'

/** What a thread hands over by: exporters. */
export interface Ships {
  readonly bytes: ExporterFactory
  readonly columns: ExporterFactory
}
/** What the main thread takes over by: receivers. */
export interface Lands {
  bytes(signal: Signal): ReceiverFactory
  readonly columns: ReceiverFactory
}

/** Begins with what no id in a file begins with, so that it is never taken for one, and is left out of the ledger. */
const shippingId = (pipeline: string) => `(main) ${pipeline}`
const landingId = (pipeline: string) => `(workers) ${pipeline}`
/** on both sides */
const columnsId = (pipeline: string) => `(columns) ${pipeline}`
const isColumns = (id: string) => id === columnsId(pipelineOf(id))
const isWay = (id: string) => id.startsWith('(')
/** The pipeline that an id of these speaks of. */
export const pipelineOf = (id: string) => id.slice(id.indexOf(' ') + 1)

/** What each thread runs. Undefined: there is nothing in it that threads could do. */
export function threadPart(configuration: Configuration, ships: Ships): Configuration | undefined {
  const pipelines = divided(configuration)?.flatMap(part => part.thread ?? [])
  if (pipelines === undefined) return undefined
  const { service, receivers, extensions, exporters } = configuration
  const ways = pipelines.flatMap(({ exporters }) => exporters.filter(isWay))
  return {
    ...configuration,
    receivers: new Map([...receivers].filter(([, receiver]) => isParallel(receiver))),
    exporters: new Map([...exporters, ...ways.map(id => [id, made(id, isColumns(id) ? ships.columns : ships.bytes)] as const)]),
    service: {
      ...service,
      extensions: service.extensions.filter(id => isParallel(extensions.get(id))),
      pipelines,
      telemetry: { ...service.telemetry, metrics: { ...service.telemetry.metrics, endpoints: [] } },
      api: undefined,
    },
  }
}

/** What the main thread runs. Undefined: all of it. */
export function mainPart(configuration: Configuration, lands: Lands): Configuration | undefined {
  const pipelines = divided(configuration)?.flatMap(part => part.main)
  if (pipelines === undefined) return undefined
  const { service, receivers } = configuration
  const ways = pipelines.flatMap(({ signal, receivers }) => receivers.filter(isWay).map(id => ({ id, signal })))
  return {
    ...configuration,
    receivers: new Map([
      ...[...receivers].filter(([, receiver]) => !isParallel(receiver)),
      ...ways.map(({ id, signal }) => [id, made(id, isColumns(id) ? lands.columns : lands.bytes(signal))] as const),
    ]),
    service: { ...service, pipelines },
  }
}

function divided(configuration: Configuration): readonly Split[] | undefined {
  const parts = configuration.service.pipelines.map(pipeline => split(pipeline, configuration))
  return parts.every(part => part.thread === undefined) ? undefined : parts
}

interface Split {
  readonly thread: PipelineConfig | undefined
  readonly main: readonly PipelineConfig[]
}

function split(pipeline: PipelineConfig, { receivers, processors, exporters }: Configuration): Split {
  const shared = pipeline.receivers.filter(id => isParallel(receivers.get(id)))
  if (shared.length === 0) return { thread: undefined, main: [pipeline] }
  const unshared = pipeline.receivers.filter(id => !shared.includes(id))
  const { id } = pipeline
  const thread = (passed: readonly string[], ends: readonly string[]) => ({
    ...pipeline,
    receivers: shared,
    processors: passed,
    exporters: ends,
  })
  const single = pipeline.processors.findIndex(processor => !isParallel(processors.get(processor)))
  if (single < 0) {
    const rest = pipeline.exporters.filter(exporter => !isParallel(exporters.get(exporter)))
    const ours = pipeline.exporters.filter(exporter => !rest.includes(exporter))
    const whole = unshared.length === 0 ? [] : [{ ...pipeline, receivers: unshared }]
    const readers = rest.filter(exporter => readsColumns(exporters.get(exporter)))
    const others = rest.filter(exporter => !readers.includes(exporter))
    const landing = (at: string, ends: readonly string[]) =>
      ends.length === 0 ? [] : [{ ...pipeline, key: at, receivers: [at], processors: [], exporters: ends }]
    // What is shipped in its bytes comes first: it looks at what its siblings have reserved.
    const ways = [...(others.length === 0 ? [] : [shippingId(id)]), ...(readers.length === 0 ? [] : [columnsId(id)])]
    return {
      thread: thread(pipeline.processors, [...ways, ...ours]),
      main: [...whole, ...landing(landingId(id), others), ...landing(columnsId(id), readers)],
    }
  }
  // The processor that must be one has one instance, also where receivers of the main thread feed it.
  const passed = unshared.length === 0 ? pipeline.processors.slice(0, single) : []
  const left = pipeline.processors.slice(passed.length)
  return { thread: thread(passed, [shippingId(id)]), main: [{ ...pipeline, receivers: [...unshared, landingId(id)], processors: left }] }
}

function isParallel(configured: Configured<{ parallel?(settings: never): boolean }> | undefined): boolean {
  return configured?.factory.parallel?.(configured.settings as never) === true
}

const readsColumns = (exporter: Configured<ExporterFactory> | undefined) => exporter?.factory.readsColumns === true

const made = <F>(id: string, factory: F): Configured<F> => ({ id, factory, settings: {}, written: '' })
