/** The ways out of the process: for each signal and exporter that is asked for, with what it needs and nothing else loaded. */
import type { LogRecordProcessor, ReadableLogRecord } from '@opentelemetry/sdk-logs'
import type { IMetricReader } from '@opentelemetry/sdk-metrics'
import type { SpanProcessor } from '@opentelemetry/sdk-trace'
import { type Pipeline, patienceMs } from '../embed/pipeline.ts'
import type { Signal } from '../model/signal.ts'
import { cleanAttributes } from './clean.ts'
import type { Delivery } from './delivery.ts'
import type { SpanWay } from './exporters.ts'
import { deliverNow, type LastLoad } from './last-words.ts'
import { counted, type Outages } from './outages.ts'
import { afterUnheld, everyUnheld, say } from './outside.ts'
import { Waiting } from './queue.ts'
import type { Destination, MetricsExporter, Settings } from './settings.ts'
import { typed } from './typed.ts'

export interface Signals {
  readonly spanProcessors: SpanProcessor[]
  readonly logProcessors: LogRecordProcessor[]
  readonly readers: IMetricReader[]
  /** where each signal goes, for the line */
  readonly places: { readonly signal: Signal; readonly to: string }[]
  /** The last words: what waits is sent while the process stands still; what is lost is said, if `aloud`, in one line. */
  end(aloud: boolean): void
  /** Takes no more, and forgets what waits. */
  close(): void
}

/**
 * `pipeline`: of this process, which what goes over OTLP is handed to instead, and which says itself what it cannot deliver;
 * `outages`: told what came of each load otherwise
 */
export async function openSignals(settings: Settings, problems: string[], pipeline?: Pipeline, outages?: Outages): Promise<Signals> {
  const opened = new Opened(settings, pipeline, outages)
  for (const name of settings.traces) await (name === 'otlp' ? opened.traces() : opened.printTraces())
  for (const name of settings.logs) await (name === 'otlp' ? opened.logs() : opened.printLogs())
  for (const name of settings.metrics) {
    if (name === 'otlp') await opened.metrics()
    else if (name === 'console') await opened.printMetrics()
    else await opened.page(name, problems)
  }
  return opened
}

/** A load that waits when the process ends, ready to be sent. */
interface Last {
  /** undefined: it cannot be encoded */
  readonly load: LastLoad | undefined
  lose(error: Error): void
}

interface Tally {
  readonly signal: Signal
  readonly destination: Destination
  readonly lost: number
  readonly reason: string
}

class Opened implements Signals {
  readonly spanProcessors: SpanProcessor[] = []
  readonly logProcessors: LogRecordProcessor[] = []
  readonly readers: IMetricReader[] = []
  readonly places: { signal: Signal; to: string }[] = []
  readonly #settings: Settings
  readonly #pipeline: Pipeline | undefined
  readonly #outages: Outages | undefined
  readonly #tallies: Tally[] = []
  readonly #queues: { readonly dropped: number; close(): void }[] = []
  readonly #waiting: (() => Last[])[] = []
  readonly #closing: (() => void)[] = []

  constructor(settings: Settings, pipeline: Pipeline | undefined, outages: Outages | undefined) {
    this.#settings = settings
    this.#pipeline = pipeline
    this.#outages = outages
  }

  async traces(): Promise<void> {
    const to = this.#settings.destinations.traces
    const exporters = this.#pipeline === undefined ? await import('./exporters.ts') : undefined
    const bytes = exporters === undefined ? (await import('./handing.ts')).handedSpans(this.#pipeline!, to) : await exporters.byteWay(to)
    this.spanProcessors.push(bytes !== undefined ? this.#spans(bytes) : this.#spans(await exporters!.spanWay(to)))
  }

  #spans<T>({ delivery, itemOf }: SpanWay<T>): SpanProcessor {
    const queue = this.#queue(delivery, this.#settings.spans)
    return {
      onStart() {},
      onEnd(span) {
        // 1: sampled
        if ((span.spanContext().traceFlags & 1) === 0) return
        cleanAttributes(span.attributes)
        queue.add(itemOf(span))
      },
      forceFlush: () => queue.flush(),
      shutdown: () => queue.flush(),
    }
  }

  async logs(): Promise<void> {
    const to = this.#settings.destinations.logs
    const delivery =
      this.#pipeline === undefined
        ? await (await import('./exporters.ts')).logDelivery(to)
        : (await import('./handing.ts')).handedLogs(this.#pipeline, to)
    const queue = this.#queue<ReadableLogRecord>(delivery, this.#settings.records)
    this.logProcessors.push({ onEmit: record => queue.add(record), forceFlush: () => queue.flush(), shutdown: () => queue.flush() })
  }

  async metrics(): Promise<void> {
    const { SendingReader } = await import('./reading.ts')
    const to = this.#settings.destinations.metrics
    const { delivery, exporter } =
      this.#pipeline === undefined
        ? await (await import('./exporters.ts')).metricDelivery(to)
        : { delivery: (await import('./handing.ts')).handedMetrics(this.#pipeline, to), exporter: {} }
    const reader = new SendingReader(exporter, load => delivery.send(load))
    const timer = everyUnheld(this.#settings.metricIntervalMs, () => void reader.run())
    this.#closing.push(() => timer[Symbol.dispose]())
    this.#follow(delivery, () => [reader.readNow()].filter(load => load !== undefined))
    this.readers.push(reader)
  }

  async printTraces(): Promise<void> {
    const { ConsoleSpanExporter, SimpleSpanProcessor } = await import('@opentelemetry/sdk-trace')
    this.spanProcessors.push(new SimpleSpanProcessor({ exporter: new ConsoleSpanExporter() }))
    this.places.push({ signal: 'traces', to: 'console' })
  }

  async printLogs(): Promise<void> {
    const { ConsoleLogRecordExporter, SimpleLogRecordProcessor } = await import('@opentelemetry/sdk-logs')
    this.logProcessors.push(new SimpleLogRecordProcessor({ exporter: new ConsoleLogRecordExporter() }))
    this.places.push({ signal: 'logs', to: 'console' })
  }

  async printMetrics(): Promise<void> {
    const { ConsoleMetricExporter, PeriodicExportingMetricReader } = await import('@opentelemetry/sdk-metrics')
    const exportIntervalMillis = this.#settings.metricIntervalMs
    const metricProducers = [typed.producer()]
    this.readers.push(new PeriodicExportingMetricReader({ exporter: new ConsoleMetricExporter(), exportIntervalMillis, metricProducers }))
    this.places.push({ signal: 'metrics', to: 'console' })
  }

  async page(name: Extract<MetricsExporter, `prometheus${string}`>, problems: string[]): Promise<void> {
    const { host, port, portAskedFor } = this.#settings.prometheus
    try {
      const { startPage } = name === 'prometheus' ? await import('./pages/own.ts') : await import('./pages/stock.ts')
      const { reader, url } = await startPage(host, port, !portAskedFor)
      this.readers.push(reader)
      const moved = !portAskedFor && !url.endsWith(`:${port}/metrics`)
      this.places.push({ signal: 'metrics', to: moved ? `${url} (${port} is taken)` : url })
      this.#closing.push(() => void reader.shutdown())
    } catch (error) {
      problems.push(`metrics on ${host}:${port}: ${(error as Error).message}`)
    }
  }

  end(aloud: boolean): void {
    const all = this.#waiting.flatMap(take => take())
    const ready = all.filter(last => last.load !== undefined)
    for (const last of all) if (last.load === undefined) last.lose(new Error('it could not be encoded'))
    const verdicts = ready.length === 0 ? [] : deliverNow(ready.map(({ load }) => load as LastLoad))
    for (const [i, verdict] of verdicts.entries()) if (verdict !== true) ready[i]!.lose(new Error(verdict))
    const inside = this.#pipeline?.stopNow()
    const words = this.#tallies
      .filter(({ lost }) => lost > 0)
      .map(({ lost, signal, destination, reason }) => `${counted(lost, signal)} to ${destination.url} (${reason})`)
    for (const { signal, rows: left } of inside?.undelivered ?? []) words.push(`${counted(left, signal)} that the pipeline held`)
    if (inside?.late === true) words.push(`what the pipeline held: it was not done within ${patienceMs / 1000} s`)
    const dropped = this.#queues.reduce((sum, queue) => sum + queue.dropped, 0)
    if (dropped > 0) words.push(`${dropped} that found their queue full`)
    if (aloud && words.length > 0) say(`thalamus: not delivered: ${words.join(', ')}`)
  }

  close(): void {
    for (const queue of this.#queues) queue.close()
    for (const close of this.#closing) close()
  }

  #queue<T>(delivery: Delivery<readonly T[]>, batching: Settings['spans']): Waiting<T> {
    const queue = new Waiting<T>(batching, { after: afterUnheld }, load => delivery.send(load))
    this.#queues.push(queue)
    this.#follow(delivery, () => queue.take())
    return queue
  }

  #follow<L>(delivery: Delivery<L>, take: () => readonly L[]): void {
    this.#tallies.push(delivery)
    this.#closing.push(() => void delivery.close())
    this.places.push({ signal: delivery.signal, to: delivery.destination.url })
    if (this.#pipeline !== undefined) {
      // It has what is under way, and answers while this thread stands still.
      this.#waiting.push(() => {
        for (const load of take()) void delivery.send(load)
        return []
      })
      return
    }
    if (this.#outages !== undefined) delivery.answered = this.#outages.of(delivery.signal, delivery.destination.url)
    // What is under way may have arrived: it is sent again, because nobody will hear the answer.
    this.#waiting.push(() => {
      const underWay = [...delivery.underWay]
      delivery.underWay.clear()
      return [...underWay, ...take()].map(load => last(delivery, load))
    })
  }
}

function last<L>(delivery: Delivery<L>, load: L): Last {
  const { signal, destination } = delivery
  let body: Uint8Array | undefined
  try {
    body = delivery.encode(load)
  } catch {}
  return {
    load: body === undefined ? undefined : { signal, destination, body },
    lose: error => delivery.lose(load, error),
  }
}
