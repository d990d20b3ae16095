/**
 * `/api/v1/read`: whole series for another Prometheus, which evaluates for itself. Answered with samples in one message, or with chunks, series by series as
 * they are read: then there is never more of the answer here than a frame.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Label } from '../../exposition/labels.ts'
import { type ReadChunk, type ReadQuery, ReadResponse, readReadRequest, writeChunkedSeries } from '../../exposition/remote/read-request.ts'
import type { RemoteHistogram, RemoteSample } from '../../exposition/remote/series.ts'
import { RegexError } from '../../lib/re2.ts'
import { SnappyError, snappyDecode, snappyEncode } from '../../lib/snappy.ts'
import { MalformedError } from '../../model/batch.ts'
import { compareLabels, Labels } from '../../model/labels.ts'
import type { Matcher } from '../../model/matcher.ts'
import type { Samples, SelectedSeries, Store } from '../../model/query.ts'
import { prometheusChunks } from '../../store/prometheus/chunk-writer.ts'
import { crc32c } from '../../store/prometheus/crc32c.ts'
import { ApiError, badData } from './answer.ts'
import { type Sources, storeOf } from './asking.ts'
import { bodyOf } from './form.ts'
import { sendAll } from './respond.ts'

/** [bytes] of a request, before and after decompression: a few matchers */
const maxRequestBytes = 10 * 2 ** 20
/** [bytes] of an answer with samples, which is one message, and so in memory as a whole; streamed ones have no bound */
const maxAnswerBytes = 256 * 2 ** 20
/** [bytes] of a sample in it, at least */
const leastBytes = 13
/** [bytes] after which others get a turn */
const breathBytes = 2 ** 20
/** [bytes] of a frame, but for one chunk more, as with Prometheus */
const frameBytes = 2 ** 20
/** [bytes] that are handed to the connection at once, where frames are small */
const pieceBytes = 64 * 1024

const responseTypes = ['SAMPLES', 'STREAMED_XOR_CHUNKS'] as const

/** @throws {ApiError} */
export async function remoteRead(sources: Sources, request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> {
  const body = await bodyOf(request, maxRequestBytes, 'the request')
  const { queries, accepted } = decoded(body)
  const asked: Asked = { store: storeOf(sources), external: sources.settings().externalLabels, signal }
  if (wanted(accepted) === 'STREAMED_XOR_CHUNKS') {
    const first = queries[0]
    // What is wrong with the first question is an answer of its own, before any frame.
    const selected = first === undefined ? [] : await select(asked, first)
    const type = 'application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse'
    return sendAll(response, type, frames(asked, queries, selected))
  }
  const bytes = await samplesOf(asked, queries, sources.settings().maxSamples)
  response.writeHead(200, { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy', 'content-length': bytes.length })
  response.end(bytes)
}

interface Asked {
  readonly store: Store
  readonly external: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

function decoded(body: Uint8Array) {
  try {
    return readReadRequest(snappyDecode(body, maxRequestBytes))
  } catch (error) {
    if (error instanceof SnappyError) throw badData(`the body is not taken: as Snappy it ${error.message}`)
    if (error instanceof MalformedError) throw badData(`the regular expression of a matcher ${error.message}`)
    throw error
  }
}

/** The first of what is accepted that is known here; whoever names nothing gets samples. */
function wanted(accepted: readonly number[]): (typeof responseTypes)[number] {
  if (accepted.length === 0) return 'SAMPLES'
  const known = accepted.map(number => responseTypes[number]).find(type => type !== undefined)
  if (known !== undefined) return known
  throw badData(
    `server does not support any of the requested response types: ${accepted.join(', ')}; supported: ${responseTypes.join(', ')}`,
  )
}

/** Sorted, as whoever merges them with others needs them. */
async function select({ store, external }: Asked, { start, end, matchers, hints }: ReadQuery): Promise<readonly SelectedSeries[]> {
  const found = await selected(store, withoutExternal(matchers, external), { from: start - 1, to: end, ...hints })
  return [...found].sort((a, b) => compareLabels(a.labels, b.labels))
}

const labelsOf = (series: SelectedSeries, external: Asked['external']) =>
  [...Labels.of([...Object.entries(external), ...series.labels])] as readonly Label[]

/** Frames of all queries, several in a piece where they are small. */
async function* frames(asked: Asked, queries: readonly ReadQuery[], first: readonly SelectedSeries[]): AsyncGenerator<Uint8Array, void> {
  let held: Uint8Array[] = []
  let size = 0
  for (const [i, query] of queries.entries()) {
    for (const series of i === 0 ? first : await select(asked, query)) {
      for (const message of messagesOf(i, query.start, series, asked)) {
        const frame = framed(message)
        held.push(frame)
        size += frame.length
        if (size < pieceBytes) continue
        yield Buffer.concat(held)
        held = []
        size = 0
      }
    }
  }
  if (size > 0) yield Buffer.concat(held)
}

function* messagesOf(query: number, start: number, series: SelectedSeries, { external, signal }: Asked): Generator<Uint8Array, void> {
  signal.throwIfAborted()
  const labels = labelsOf(series, external)
  let chunks: ReadChunk[] = []
  let size = 0
  for (const chunk of prometheusChunks(since(series.read(true), start))) {
    chunks.push(chunk)
    size += chunk.data.length
    if (size < frameBytes) continue
    yield writeChunkedSeries(query, labels, chunks)
    chunks = []
    size = 0
  }
  if (chunks.length > 0) yield writeChunkedSeries(query, labels, chunks)
}

/** Length, sum and message. */
function framed(message: Uint8Array): Uint8Array {
  const head: number[] = []
  let rest = message.length
  for (; rest > 127; rest = Math.floor(rest / 128)) head.push((rest % 128) | 128)
  head.push(rest)
  const sum = Buffer.allocUnsafe(4)
  sum.writeUInt32BE(crc32c(message))
  return Buffer.concat([Buffer.from(head), sum, message])
}

/** prometheus.ReadResponse, compressed. @throws {ApiError} where there are more samples, or bytes, than may be */
async function samplesOf(asked: Asked, queries: readonly ReadQuery[], maxSamples: number): Promise<Uint8Array> {
  const answer = new ReadResponse()
  let left = maxSamples
  let told = 0
  for (const query of queries) {
    answer.beginQuery()
    for (const series of await select(asked, query)) {
      asked.signal.throwIfAborted()
      const columns = since(series.read(true), query.start)
      left -= columns.time.length
      if (left < 0) throw new ApiError('execution', `exceeded sample limit (${maxSamples})`, { status: 400 })
      // Before they become objects.
      if (answer.size + leastBytes * columns.time.length > maxAnswerBytes) throw tooLarge()
      if (columns.time.length > 0)
        answer.series({ labels: labelsOf(series, asked.external), ...split(columns), exemplars: [], metadata: undefined })
      if (answer.size - told > breathBytes) {
        told = answer.size
        await new Promise(resolve => setImmediate(resolve))
      }
    }
    answer.endQuery()
  }
  return snappyEncode(answer.take())
}

const tooLarge = (): ApiError =>
  new ApiError('execution', `the answer has more than ${maxAnswerBytes} bytes: ask for STREAMED_XOR_CHUNKS, or for less`, { status: 400 })

function selected(store: Store, matchers: readonly Matcher[], hints: Parameters<Store['select']>[1]) {
  try {
    return store.select(matchers, hints).catch(regexProblem)
  } catch (error) {
    return regexProblem(error)
  }
}

function regexProblem(error: unknown): never {
  if (error instanceof RegexError) throw badData(`the regular expression of a matcher ${error.message}`)
  throw error
}

/** Series here lack the labels that they leave with. */
const withoutExternal = (matchers: readonly Matcher[], external: Readonly<Record<string, string>>): readonly Matcher[] =>
  matchers.map(matcher =>
    matcher.op === '=' && matcher.value !== '' && external[matcher.name] === matcher.value ? { ...matcher, value: '' } : matcher,
  )

/** Of a coarser tier there may be samples that are older than what was asked for. @param start epoch ms */
function since(samples: Samples, start: number): Samples {
  const { time, value, stale, histograms } = samples
  let from = 0
  while (from < time.length && time[from]! < start) from++
  if (from === 0) return samples
  return {
    ...{ time: time.subarray(from), value: value.subarray(from), stale: stale?.subarray(from) },
    ...{ histograms: histograms?.slice(from), start: undefined },
  }
}

function split({ time, value, stale, histograms }: Samples): { samples: RemoteSample[]; histograms: RemoteHistogram[] } {
  const out: { samples: RemoteSample[]; histograms: RemoteHistogram[] } = { samples: [], histograms: [] }
  for (let i = 0; i < time.length; i++) {
    const histogram = histograms?.[i]
    if (histogram === undefined) out.samples.push({ time: time[i]!, start: 0, stale: stale?.[i] === 1, value: value[i]! })
    else out.histograms.push({ time: time[i]!, start: 0, stale: false, histogram })
  }
  return out
}
