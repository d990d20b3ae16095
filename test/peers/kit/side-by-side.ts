/**
 * One processor in many settings, in the Collector and in Thalamus at once: a pipeline for each case and signal, each with a destination of
 * its own. What Thalamus sends is read by a Collector, so that its own reading is no judge.
 */
import { freePorts, LOOPBACK } from './process.ts'
import type { Signal } from './rows.ts'
import { Collector, type Configuration, type Otlp, otlpTo, Thalamus, toHttp } from './servers.ts'
import { Sink } from './sink.ts'

const json = { compression: 'none', encoding: 'json' }

export class SideBySide implements AsyncDisposable {
  readonly thalamus: Thalamus
  readonly collector: Collector
  readonly #reader: Collector
  /** by case */
  readonly mine: readonly Sink[]
  readonly theirs: readonly Sink[]

  private constructor(thalamus: Thalamus, collector: Collector, reader: Collector, mine: readonly Sink[], theirs: readonly Sink[]) {
    this.thalamus = thalamus
    this.collector = collector
    this.#reader = reader
    this.mine = mine
    this.theirs = theirs
  }

  static async start(processor: string, signals: readonly Signal[], cases: readonly object[]): Promise<SideBySide> {
    const [mine, theirs] = await Promise.all([0, 1].map(() => Promise.all(cases.map(() => Sink.start()))))
    const ports = await freePorts(cases.length)
    const configure = (destination: (i: number) => object) => configuration(processor, signals, cases, destination)
    const reader = await Collector.start(readers(signals, ports, mine!))
    const thalamus = await Thalamus.start(configure(i => toHttp(ports[i]!)))
    const collector = await Collector.start(configure(i => toHttp(theirs![i]!.httpPort, json)))
    return new SideBySide(thalamus, collector, reader, mine!, theirs!)
  }

  /** @param request in OTLP/JSON @throws unless both say 200 */
  async send(signal: Signal, request: object): Promise<void> {
    for (const to of [this.thalamus, this.collector]) {
      const response = await fetch(`http://${LOOPBACK}:${to.httpPort}/v1/${signal}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(request),
      })
      if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of [this.collector, this.thalamus, this.#reader, ...this.theirs, ...this.mine]) await server[Symbol.asyncDispose]()
  }
}

function configuration(processor: string, signals: readonly Signal[], cases: readonly object[], destination: (i: number) => object) {
  return (ports: Otlp): Configuration => ({
    ...otlpTo(ports, {}),
    processors: Object.fromEntries(cases.map((settings, i) => [`${processor}/${i}`, settings])),
    exporters: Object.fromEntries(cases.map((_, i) => [`otlp_http/${i}`, destination(i)])),
    service: {
      pipelines: Object.fromEntries(
        signals.flatMap(signal =>
          cases.map((_, i) => [
            `${signal}/${i}`,
            { receivers: ['otlp'], processors: [`${processor}/${i}`], exporters: [`otlp_http/${i}`] },
          ]),
        ),
      ),
    },
  })
}

/** Passes on what comes in at each port to a sink of its own, as JSON. */
function readers(signals: readonly Signal[], ports: readonly number[], sinks: readonly Sink[]) {
  return (own: Otlp): Configuration => ({
    receivers: Object.fromEntries([
      ...Object.entries(otlpTo(own, {}).receivers),
      ...ports.map((port, i) => [`otlp/${i}`, { protocols: { http: { endpoint: `${LOOPBACK}:${port}` } } }]),
    ]),
    exporters: { nop: {}, ...Object.fromEntries(sinks.map((sink, i) => [`otlp_http/${i}`, toHttp(sink.httpPort, json)])) },
    service: {
      pipelines: {
        metrics: { receivers: ['otlp'], exporters: ['nop'] },
        ...Object.fromEntries(
          signals.flatMap(signal => ports.map((_, i) => [`${signal}/${i}`, { receivers: [`otlp/${i}`], exporters: [`otlp_http/${i}`] }])),
        ),
      },
    },
  })
}

/** xorshift32 as hexadecimal digits: the same in every run. */
export function hexFrom(seed: number): (digits: number) => string {
  let state = seed
  return digits => {
    let text = ''
    while (text.length < digits) {
      state ^= state << 13
      state ^= state >>> 17
      state ^= state << 5
      text += (state >>> 0).toString(16).padStart(8, '0')
    }
    return text.slice(0, digits)
  }
}
