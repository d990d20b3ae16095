/** Puts together what instruments this process, in the order that ES modules need, and says what it has done in one line. */
import { randomUUID } from 'node:crypto'
import {
  context,
  logs,
  metrics,
  ProxyTracerProvider,
  propagation,
  type TextMapPropagator,
  type Tracer,
  type TracerProvider,
  trace,
} from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core'
import type { Sampler } from '@opentelemetry/sdk-trace'
import { systemClock } from '../lib/clock.ts'
import { keepBudget, libraries, Restartable } from './budget.ts'
import { watchConsole } from './console.ts'
import { type Embedding, withEmbedding } from './embedding.ts'
import { onEnding } from './endings.ts'
import { hookModules } from './hooks.ts'
import { type Contexts, watchHttp } from './http.ts'
import { type Found, findInstrumentations, noInstrumentations } from './instrumentations.ts'
import { Outages } from './outages.ts'
import { everyUnheld, readJson, readStart, say } from './outside.ts'
import type { Part } from './overhead.ts'
import { OwnSdk, somebodyRegistered } from './own-sdk.ts'
import { provide } from './providers.ts'
import { application, describe } from './resource.ts'
import type { Settings } from './settings.ts'
import { openSignals, type Signals } from './signals.ts'
import { Spending } from './spending.ts'
import { typed } from './typed.ts'

/** @throws where it cannot be done; then nothing is registered */
export async function begin(asked: Settings, embedding: Promise<Embedding> | undefined): Promise<void> {
  const problems = [...asked.problems]
  if (somebodyRegistered()) {
    const embedded = await embedding
    if (embedded?.is === 'here') void embedded.pipeline.stop()
    if (asked.warnings) say('thalamus: another OpenTelemetry SDK is registered already: this process is left to it')
    return
  }
  const app = application(process.argv[1], process.cwd())
  // Merely made they are at work: for metrics alone, which they do not give, they would cost memory, and time of every request.
  const found = asked.traces.length + asked.logs.length > 0 ? findInstrumentations(app, process.cwd(), asked) : noInstrumentations
  const embedded = await embedding
  const settings = embedded === undefined ? asked : withEmbedding(asked, embedded, problems)
  const pipeline = embedded?.is === 'here' ? embedded.pipeline : undefined
  // Children that are forked say nothing: their parent does.
  const forked = process.send !== undefined
  const outages = settings.warnings && !forked ? new Outages(systemClock.monotonic, say) : undefined
  const signals = await openSignals(settings, problems, pipeline, outages)
  const manager = new AsyncLocalStorageContextManager()
  const version = String(readJson(new URL('../../package.json', import.meta.url).pathname)?.['version'] ?? '')
  const resource = await describe(app, settings.detectors, { ...about(), instance: randomUUID() }, version)
  const service = String(resource.attributes['service.name'] ?? 'unknown_service')
  const own = new OwnSdk()
  const tracing = signals.spanProcessors.length > 0
  const sampler = tracing ? await samplerFor(settings, service, problems) : undefined
  await provide({
    settings,
    resource,
    signals,
    manager,
    propagator: await propagator(settings.propagators),
    instrumentations: found.instrumentations.map(({ instrumentation }) => instrumentation),
    sampler,
  })
  const measuring = signals.readers.length > 0
  const tracers = tracing ? await tracersOfOurs(settings) : undefined
  if (tracers !== undefined) for (const { instrumentation } of found.instrumentations) instrumentation.setTracerProvider(tracers)
  const tracer = tracers?.getTracer('thalamus/http', version)
  let budget: ReturnType<typeof keepBudget> | undefined
  const spending = settings.overheadMs === undefined ? undefined : new Spending(systemClock.monotonic, ms => budget?.record(ms))
  const http = (traced: boolean) =>
    new Restartable(() => watchHttp({ ...httpOptions(settings, manager, traced ? tracer : undefined, measuring, version), spending }))
  let requests = http(tracing)
  const ends: Disposable[] = [{ [Symbol.dispose]: () => requests.off() }]
  const how = await hookModules([...found.instrumentations, { instrumentation: own, from: import.meta.url }])
  if (measuring) ends.push(await measureProcess(), typed.listen())
  const printed =
    signals.logProcessors.length > 0 ? new Restartable(() => watchConsole(logs.getLogger('console'), console, spending)) : undefined
  if (printed !== undefined) ends.push(printed)
  if (settings.overheadMs !== undefined && spending !== undefined) {
    const untraced = (traced: boolean) => {
      requests.off()
      requests = http(traced)
    }
    const parts: Part[] = []
    if (tracers !== undefined && found.instrumentations.length > 0) {
      const spansOfLibraries = libraries(found, spending.tracers(tracers))
      spansOfLibraries.on()
      parts.push(spansOfLibraries)
    }
    if (printed !== undefined) parts.push({ name: 'records of the console', off: () => printed.off(), on: () => printed.on() })
    if (tracing) parts.push({ name: 'spans of requests', off: () => untraced(false), on: () => untraced(true) })
    if (measuring) parts.push({ name: 'durations of requests', off: () => requests.off(), on: () => requests.on() })
    budget = keepBudget(
      settings.overheadMs,
      parts,
      measuring ? metrics.getMeter('thalamus/overhead', version) : undefined,
      settings.warnings,
    )
    ends.push(budget)
  }
  let standing = true
  own.watch(() => {
    standing = false
    for (const end of ends) end[Symbol.dispose]()
    standAside(found)
    signals.close()
    void pipeline?.stop()
    if (settings.warnings) say(`thalamus: ${service} registers an OpenTelemetry SDK of its own: it is left to it`)
  })
  onEnding(() => {
    if (standing) signals.end(settings.warnings && !forked)
  })
  if (settings.startLine && !forked) say(startLine(service, found, { tracing, ...signals, how, problems, embedded }))
  else if (problems.length > 0 && settings.warnings && !forked) say(`thalamus: ${problems.join('; ')}`)
}

const about = () => ({ pid: process.pid, execPath: process.execPath, argv: process.argv, version: process.version })

function httpOptions(settings: Settings, contexts: Contexts, tracer: Tracer | undefined, measuring: boolean, version: string) {
  const exact = new Set(settings.ignoredPaths.filter(path => !path.endsWith('*')))
  const prefixes = settings.ignoredPaths.filter(path => path.endsWith('*')).map(path => path.slice(0, -1))
  return {
    meter: measuring ? metrics.getMeter('thalamus/http', version) : undefined,
    tracer,
    contexts,
    tracingHeaders: tracingHeaders(settings.propagators),
    monotonic: systemClock.monotonic,
    ignores: (path: string) => exact.has(path) || prefixes.some(prefix => path.startsWith(prefix)),
  }
}

/** Of requests and of libraries; the SDK's own where it counts its spans, of which ours know nothing. */
async function tracersOfOurs({ sdkMetrics }: Settings): Promise<TracerProvider> {
  const registered = trace.getTracerProvider()
  const provider = registered instanceof ProxyTracerProvider ? registered.getDelegate() : registered
  if (sdkMetrics) return provider
  const { lightTracers } = await import('./light-span.ts')
  return lightTracers(provider, systemClock)
}

/** Without one of these there is nothing to read. Of the other propagators some read headers that they do not name. */
const tracingHeaders = (propagators: readonly string[]): readonly string[] | undefined =>
  propagators.every(name => name === 'tracecontext' || name === 'baggage') ? ['traceparent', 'baggage'] : undefined

/** The host and this process, and what runs inside it. */
async function measureProcess(): Promise<Disposable> {
  const [{ HostMetrics }, { watchRuntime }, network] = await Promise.all([
    import('@opentelemetry/host-metrics'),
    import('./runtime.ts'),
    import('./network.ts'),
  ])
  const ours = network.hasNetworkFiles(readStart)
  new HostMetrics({ meterProvider: metrics.getMeterProvider(), ...(ours && { metricGroups: network.groupsWithoutNetwork }) }).start()
  if (ours) network.watchNetwork(metrics.getMeter('thalamus/network'), readStart)
  return watchRuntime(metrics.getMeter('thalamus/runtime'))
}

async function propagator(names: readonly string[]): Promise<TextMapPropagator | null> {
  const made = await Promise.all(
    names.map(async (name): Promise<TextMapPropagator> => {
      switch (name) {
        case 'tracecontext':
          return new W3CTraceContextPropagator()
        case 'baggage':
          return new W3CBaggagePropagator()
        case 'jaeger': {
          const { JaegerPropagator } = await import('./jaeger-propagator.ts')
          return new JaegerPropagator()
        }
        default: {
          const { B3InjectEncoding, B3Propagator } = await import('@opentelemetry/propagator-b3')
          return new B3Propagator({ injectEncoding: name === 'b3' ? B3InjectEncoding.SINGLE_HEADER : B3InjectEncoding.MULTI_HEADER })
        }
      }
    }),
  )
  return made.length === 0 ? null : new CompositePropagator({ propagators: made })
}

/** undefined: the SDK makes the standard ones from the same variables. */
async function samplerFor({ sampler, samplerArgument }: Settings, service: string, problems: string[]): Promise<Sampler | undefined> {
  if (sampler !== 'jaeger_remote' && sampler !== 'parentbased_jaeger_remote') return undefined
  const { JaegerRemoteSampler, parentBased, readArgument } = await import('./jaeger-sampler.ts')
  const { fetchJson } = await import('./ask.ts')
  const outside = { fetchJson, every: everyUnheld, monotonic: systemClock.monotonic }
  const remote = new JaegerRemoteSampler(service, readArgument(samplerArgument, problems), outside)
  return sampler === 'jaeger_remote' ? remote : parentBased(remote)
}

/** The application's own SDK has come: everything of ours falls silent, and the places where one registers are free. */
function standAside({ instrumentations }: Found): void {
  const nobody: TracerProvider = new ProxyTracerProvider()
  for (const { instrumentation } of instrumentations) {
    instrumentation.disable()
    instrumentation.setTracerProvider(nobody)
  }
  for (const part of [trace, metrics, logs, context, propagation]) part.disable()
}

function startLine(
  service: string,
  found: Found,
  of: Pick<Signals, 'places' | 'logProcessors' | 'readers'> & {
    tracing: boolean
    how: string
    problems: readonly string[]
    embedded: Embedding | undefined
  },
): string {
  const what = [
    ...(of.tracing || of.readers.length > 0 ? ['http', 'fetch'] : []),
    ...found.names,
    ...(of.logProcessors.length > 0 ? ['console'] : []),
  ]
  const to = [...Map.groupBy(of.places, ({ to }) => to.replace(/\/v1\/(traces|metrics|logs)$/, ''))].map(
    ([place, signals]) => `${signals.map(({ signal }) => signal).join(', ')} to ${place}`,
  )
  // Where the pipeline's own exporters serve, and it receives.
  if (of.embedded?.is === 'here') to.push(...of.embedded.started.listening.map(({ component, url }) => `${component} on ${url}`))
  const not = [...found.failed, ...of.problems]
  if (found.missed.length > 0) not.push(`${found.missed.join(', ')}: npm install @opentelemetry/auto-instrumentations-node`)
  if (of.how === 'none') not.push('ES modules: this Node has no hooks for them')
  return `thalamus: ${service}: ${what.join(', ') || 'nothing'}; ${to.join('; ') || 'no signal goes anywhere'}${not.length === 0 ? '' : `; not: ${not.join('; ')}`}`
}
