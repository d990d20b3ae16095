/**
 * What several ingest threads do of a configuration, and what is left for the one main thread. A thread runs, from a receiver that can be
 * shared, as much of each pipeline as consists of parts that can be (`parallel` in their factories); where that is not all of it, it ships
 * batches to the main thread: to the exporters that must be one, or, where a processor must be, to that processor.
 */
import type { ExporterFactory, ReceiverFactory } from '../component/component.ts'
import type { Configuration, Configured, PipelineConfig } from '../component/configuration.ts'
import type { Signal } from '../model/signal.ts'

export interface Partition {
  /** what each thread runs */
  readonly thread: Configuration
  /** what the main thread runs */
  readonly main: Configuration
}

/** What the parts that hand over are made by. */
export interface Handing {
  /** exporters of a thread, by signal */
  readonly shipping: ExporterFactory
  /** receivers of the main thread, by signal */
  landing(signal: Signal): ReceiverFactory
}

/** Begins with what no id in a file begins with, so that it is never taken for one, and is left out of the ledger. */
export const shippingId = (pipeline: string) => `(main) ${pipeline}`
export const landingId = (pipeline: string) => `(workers) ${pipeline}`

/** Undefined: there is nothing in it that threads could do. */
export function partition(configuration: Configuration, handing: Handing): Partition | undefined {
  const parts = configuration.service.pipelines.map(pipeline => split(pipeline, configuration))
  if (parts.every(part => part.thread === undefined)) return undefined
  const threads = parts.flatMap(part => part.thread ?? [])
  const mains = parts.flatMap(part => part.main)
  const { service, receivers, extensions, exporters } = configuration
  const shipped = threads.flatMap(({ exporters }) => exporters).filter(id => id.startsWith('('))
  const landed = mains.flatMap(({ signal, receivers }) => receivers.filter(id => id.startsWith('(')).map(id => ({ id, signal })))
  const isParallelReceiver = (id: string) => isParallel(receivers.get(id))
  return {
    thread: {
      ...configuration,
      receivers: new Map([...receivers].filter(([id]) => isParallelReceiver(id))),
      exporters: new Map([...exporters, ...shipped.map(id => [id, made(id, handing.shipping)] as const)]),
      service: {
        ...service,
        extensions: service.extensions.filter(id => isParallel(extensions.get(id))),
        pipelines: threads,
        telemetry: { ...service.telemetry, metrics: { ...service.telemetry.metrics, endpoints: [] } },
        api: undefined,
      },
    },
    main: {
      ...configuration,
      receivers: new Map([
        ...[...receivers].filter(([id]) => !isParallelReceiver(id)),
        ...landed.map(({ id, signal }) => [id, made(id, handing.landing(signal))] as const),
      ]),
      service: { ...service, pipelines: mains },
    },
  }
}

interface Split {
  readonly thread: PipelineConfig | undefined
  readonly main: readonly PipelineConfig[]
}

function split(pipeline: PipelineConfig, { receivers, processors, exporters }: Configuration): Split {
  const shared = pipeline.receivers.filter(id => isParallel(receivers.get(id)))
  if (shared.length === 0) return { thread: undefined, main: [pipeline] }
  const others = pipeline.receivers.filter(id => !shared.includes(id))
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
    const whole = others.length === 0 ? [] : [{ ...pipeline, receivers: others }]
    // What is shipped comes first: it looks at what its siblings have reserved.
    if (rest.length === 0) return { thread: thread(pipeline.processors, ours), main: whole }
    const landing = { ...pipeline, key: landingId(id), receivers: [landingId(id)], processors: [], exporters: rest }
    return { thread: thread(pipeline.processors, [shippingId(id), ...ours]), main: [...whole, landing] }
  }
  // The processor that must be one has one instance, also where receivers of the main thread feed it.
  const passed = others.length === 0 ? pipeline.processors.slice(0, single) : []
  const left = pipeline.processors.slice(passed.length)
  return { thread: thread(passed, [shippingId(id)]), main: [{ ...pipeline, receivers: [...others, landingId(id)], processors: left }] }
}

function isParallel(configured: Configured<{ parallel?(settings: never): boolean }> | undefined): boolean {
  return configured?.factory.parallel?.(configured.settings as never) === true
}

const made = <F>(id: string, factory: F): Configured<F> => ({ id, factory, settings: {}, written: '' })
