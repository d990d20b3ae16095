/** Takes what Prometheus servers, agents and collectors write, in remote write 1.0 and 2.0, and hands it on as OTLP. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Authenticator, Consumer, Context, Receiver } from '../../component/component.ts'
import { PermanentError, RetryableError, UnauthenticatedError } from '../../component/errors.ts'
import { findAuthenticator } from '../../component/http-server.ts'
import { Families } from '../../exposition/remote/families.ts'
import { type RemoteListener, readWriteV1, readWriteV2 } from '../../exposition/remote/read.ts'
import type { RemoteMetadata, RemoteSeries } from '../../exposition/remote/series.ts'
import { SnappyError, snappyDecode } from '../../lib/snappy.ts'
import { MalformedError } from '../../model/batch.ts'
import { Raw } from '../../model/raw.ts'
import type { Settings } from './index.ts'
import { histogramProblem, labelsProblem, showLabels, sizeOf, timeProblem } from './series-check.ts'
import { OtlpRequest } from './to-otlp.ts'
import { WaitingExemplars } from './waiting.ts'

/** What a sender is told instead of "written". */
class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly status: number
  /** [s] */
  readonly retryAfter: number | undefined
  constructor(status: number, message: string, retryAfter?: number) {
    super(message)
    this.status = status
    this.retryAfter = retryAfter
  }
}

/** Not 429, after which Prometheus drops what it has sent, unless its `retry_on_http_429` says otherwise. */
const memoryIsShort = () => new Refusal(503, 'memory is short: nothing more is read for now', 1)

type Version = 1 | 2

/** [ms] for refusals that name no time of their own */
const someTimeMs = 1000

export class RemoteWriteReceiver implements Receiver {
  readonly #cx: Context
  readonly #settings: Settings
  readonly #next: Consumer<'metrics'> | undefined
  readonly #families: Families
  readonly #waiting: WaitingExemplars
  readonly #left
  #authenticator: Authenticator | undefined
  #draining = false
  /** requests being answered */
  readonly #running = new Set<Promise<void>>()

  constructor(cx: Context, settings: Settings, next: Consumer<'metrics'> | undefined) {
    this.#cx = cx
    this.#settings = settings
    this.#next = next
    this.#families = new Families(settings.max_metadata_families)
    this.#waiting = new WaitingExemplars(settings.max_waiting_exemplars)
    this.#left = cx.meter.createCounter('thalamus_receiver_remote_write_dropped', {
      unit: '{sample}',
      description: 'Samples, histograms and exemplars of remote write that no data point was made of, by reason: invalid, no_point.',
    })
  }

  async start(): Promise<void> {
    this.#authenticator = findAuthenticator(this.#cx, this.#settings.auth, `receivers.${this.#cx.id}`)
    this.#cx.mount(this.#settings.path, (request, response) => {
      const done = this.#serve(request, response).finally(() => this.#running.delete(done))
      this.#running.add(done)
    })
  }

  async shutdown(signal: AbortSignal): Promise<void> {
    this.#draining = true
    const over = Promise.withResolvers<void>()
    signal.addEventListener('abort', () => over.resolve(), { once: true })
    if (signal.aborted) over.resolve()
    await Promise.race([Promise.all(this.#running), over.promise])
    this.#leave('no_point', this.#waiting.size)
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let charged = 0
    const charge = (bytes: number) => {
      charged += bytes
      this.#cx.budget.charge(bytes)
      if (this.#cx.budget.used > this.#cx.budget.hardBytes) throw memoryIsShort()
    }
    let version: Version = 1
    let written: Told | undefined
    let told: Told | undefined
    try {
      version = this.#admit(request)
      const body = await gather(request, this.#settings.max_request_body_size, charge)
      const message = this.#decompressed(body)
      charge(message.length)
      told = new Told(this.#families, this.#waiting)
      if (version === 1) readWriteV1(message, told)
      else readWriteV2(message, told)
      this.#leave('invalid', told.invalid)
      await this.#handOver(told.request)
      this.#leave('no_point', told.settle())
      written = told
      if (told.problem !== undefined) throw new Refusal(400, told.problem)
      response.writeHead(204, headersOf(version, written)).end()
    } catch (error) {
      if (written === undefined && told !== undefined) this.#leave('no_point', told.giveBack())
      this.#refuse(request, response, error, headersOf(version, written))
    } finally {
      this.#cx.budget.refund(charged)
    }
  }

  /** @throws {Refusal} {UnauthenticatedError} before anything is read */
  #admit(request: IncomingMessage): Version {
    if (request.method !== 'POST') throw new Refusal(405, 'remote write is POST')
    this.#authenticator?.check(request.headers)
    if (this.#draining) throw new Refusal(503, 'shutting down', 1)
    if (this.#next === undefined) throw new Refusal(404, 'no pipeline takes metrics from this receiver')
    const version = versionOf(request.headers['content-type'])
    const encoding = request.headers['content-encoding'] ?? ''
    if (version === undefined || (encoding !== '' && encoding.toLowerCase() !== 'snappy')) {
      const types = 'application/x-protobuf, with proto=prometheus.WriteRequest or proto=io.prometheus.write.v2.Request'
      throw new Refusal(415, `takes ${types}, in Snappy's block format`)
    }
    if (this.#cx.budget.exceeded) throw memoryIsShort()
    return version
  }

  #decompressed(body: Uint8Array): Uint8Array {
    try {
      return snappyDecode(body, this.#settings.max_request_body_size)
    } catch (error) {
      if (error instanceof SnappyError)
        throw new Refusal(error.tooLarge ? 413 : 400, `the body is not taken: as Snappy it ${error.message}`)
      throw error
    }
  }

  #leave(reason: 'invalid' | 'no_point', count: number): void {
    if (count > 0) this.#left.add(count, { receiver: this.#cx.id, reason })
  }

  async #handOver(request: OtlpRequest): Promise<void> {
    if (request.points === 0) return
    const account = this.#cx.account('metrics')
    const batch = this.#cx.reader.read('metrics', Raw.owning([request.encode()]))
    const { size } = batch.raw
    this.#cx.budget.charge(size)
    try {
      await this.#next!.consume(batch)
      account.receive(batch.rows, 0, 'http')
    } catch (error) {
      account.receive(0, batch.rows, 'http')
      throw error
    } finally {
      this.#cx.budget.refund(size)
    }
  }

  #refuse(request: IncomingMessage, response: ServerResponse, error: unknown, headers: Readonly<Record<string, string>>): void {
    const { status, message, retryAfter } = this.#verdict(error)
    if (response.destroyed) return
    if (!request.complete) letGo(request, this.#settings.max_request_body_size)
    response.writeHead(status, {
      ...headers,
      'content-type': 'text/plain; charset=utf-8',
      ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }),
      ...(status === 401 && { 'www-authenticate': 'Bearer, Basic' }),
      ...(status === 405 && { allow: 'POST' }),
    })
    response.end(`${message}\n`)
  }

  #verdict(error: unknown): Refusal {
    if (error instanceof Refusal) return error
    if (error instanceof RetryableError) return new Refusal(503, error.message, Math.ceil((error.retryAfterMs || someTimeMs) / 1000))
    if (error instanceof UnauthenticatedError) return new Refusal(401, error.message)
    if (error instanceof MalformedError || error instanceof PermanentError) return new Refusal(400, error.message)
    this.#cx.log.error({ err: error }, 'a request failed for a reason that is not its own')
    return new Refusal(500, 'internal error')
  }
}

/** What a request says, series by series: what is good of it becomes OTLP. */
class Told implements RemoteListener {
  readonly request = new OtlpRequest()
  readonly #families: Families
  readonly #waiting: WaitingExemplars
  /** of series without a sample here: they wait once the request is written, since one that is not comes again */
  readonly #without: RemoteSeries[] = []
  /** what has waited and goes with this request */
  readonly #taken: Pick<RemoteSeries, 'labels' | 'exemplars'>[] = []
  /** the first thing that is wrong */
  problem: string | undefined
  /** [samples, histograms and exemplars] */
  invalid = 0
  /** [exemplars] of this request that were taken, those that wait included */
  exemplars = 0

  constructor(families: Families, waiting: WaitingExemplars) {
    this.#families = families
    this.#waiting = waiting
  }

  series(series: RemoteSeries): void {
    const problem = labelsProblem(series.labels)
    if (problem !== undefined) return this.#leave(problem, sizeOf(series))
    const good = (wrong: string | undefined): boolean => {
      if (wrong !== undefined) this.#leave(`${showLabels(series.labels)}: ${wrong}`, 1)
      return wrong === undefined
    }
    const samples = series.samples.filter(one => good(timeProblem(one)))
    const histograms = series.histograms.filter(one => good(histogramProblem(one)))
    if (samples.length + histograms.length === 0) {
      if (series.exemplars.length > 0) this.#without.push(series)
      return
    }
    const name = nameOf(series)
    const waited = this.#waiting.take(name, series.labels)
    if (waited.length > 0) this.#taken.push({ labels: series.labels, exemplars: waited })
    const exemplars = waited.length > 0 ? [...waited, ...series.exemplars] : series.exemplars
    this.request.add({ ...series, samples, histograms, exemplars }, this.#about(name, series.metadata))
    this.exemplars += series.exemplars.length
  }

  /** A sender of 2.0 that knows nothing of a series says so. */
  #about(name: string, said: RemoteMetadata | undefined): RemoteMetadata | undefined {
    if (said !== undefined && (said.type !== 'unknown' || said.help !== '' || said.unit !== '')) return said
    return this.#families.of(name) ?? said
  }

  /** The request is written: what came without a sample waits for one. @returns how many exemplars are lost for it */
  settle(): number {
    for (const { exemplars } of this.#without) this.exemplars += exemplars.length
    return this.#keep(this.#without)
  }

  /** The request is not written, and comes again without what had waited. @returns likewise */
  giveBack(): number {
    return this.#keep(this.#taken)
  }

  #keep(all: readonly Pick<RemoteSeries, 'labels' | 'exemplars'>[]): number {
    return all.reduce((lost, one) => lost + this.#waiting.keep(nameOf(one), one), 0)
  }

  wrong(problem: string): void {
    this.#leave(`a series ${problem}`, 1)
  }

  metadata(family: string, metadata: RemoteMetadata): void {
    this.#families.describe(family, metadata)
  }

  #leave(problem: string, count: number): void {
    this.problem ??= problem
    this.invalid += count
  }
}

const nameOf = ({ labels }: Pick<RemoteSeries, 'labels'>): string => labels.find(([name]) => name === '__name__')?.[1] ?? ''

/** As 2.0 wants it, whatever became of the request. */
function headersOf(version: Version, written: Told | undefined): Record<string, string> {
  if (version === 1) return {}
  const count = (of: number | undefined) => String(of ?? 0)
  return {
    'x-prometheus-remote-write-samples-written': count(written?.request.samples),
    'x-prometheus-remote-write-histograms-written': count(written?.request.histograms),
    'x-prometheus-remote-write-exemplars-written': count(written?.exemplars),
  }
}

/** By the content type, which the oldest senders of 1.0 leave out; undefined: another one. */
function versionOf(type = ''): Version | undefined {
  if (type === '') return 1
  const [media, ...parameters] = type.split(';').map(part => part.trim())
  if (media?.toLowerCase() !== 'application/x-protobuf') return undefined
  const proto = parameters.find(parameter => parameter.toLowerCase().startsWith('proto='))?.slice('proto='.length)
  if (proto === undefined || proto === 'prometheus.WriteRequest') return 1
  return proto === 'io.prometheus.write.v2.Request' ? 2 : undefined
}

function gather(request: IncomingMessage, limit: number, charge: (bytes: number) => void): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
  const chunks: Uint8Array[] = []
  let size = 0
  request.on('data', (chunk: Uint8Array) => {
    size += chunk.length
    if (size > limit) return reject(new Refusal(413, `the request is larger than the ${limit} bytes that are allowed`))
    try {
      charge(chunk.length)
    } catch (refusal) {
      return reject(refusal)
    }
    chunks.push(chunk)
  })
  request.on('end', () => resolve(Buffer.concat(chunks)))
  request.on('error', reject)
  request.on('close', () => reject(new Refusal(400, 'the request was not sent to its end')))
  return promise
}

/** What is still coming is read and forgotten: a connection that is cut while it sends loses the answer. */
function letGo(request: IncomingMessage, most: number): void {
  let left = most + 2 ** 20
  request.on('data', (chunk: Uint8Array) => {
    left -= chunk.length
    if (left < 0) request.destroy()
  })
  request.on('error', () => {})
  request.resume()
}
