/** `/api/v1/read`: whole series for another Prometheus, which evaluates for itself. Answered with samples; chunks are not made. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Label } from '../../exposition/labels.ts'
import { type ReadQuery, ReadResponse, readReadRequest } from '../../exposition/remote/read-request.ts'
import type { RemoteHistogram, RemoteSample } from '../../exposition/remote/series.ts'
import { RegexError } from '../../lib/re2.ts'
import { SnappyError, snappyDecode, snappyEncode } from '../../lib/snappy.ts'
import { MalformedError } from '../../model/batch.ts'
import { compareLabels, Labels } from '../../model/labels.ts'
import type { Matcher } from '../../model/matcher.ts'
import type { Samples, Store } from '../../model/query.ts'
import { ApiError, badData } from './answer.ts'
import { type Sources, storeOf } from './asking.ts'
import { bodyOf } from './form.ts'

/** [bytes] of a request, before and after decompression: a few matchers */
const maxRequestBytes = 10 * 2 ** 20
const samples = 0

/** @throws {ApiError} */
export async function remoteRead(sources: Sources, request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> {
  const body = await bodyOf(request, maxRequestBytes, 'the request')
  const { queries, accepted } = decoded(body)
  if (accepted.length > 0 && !accepted.includes(samples)) {
    throw badData(`server does not support any of the requested response types: ${accepted.join(', ')}; supported: SAMPLES`)
  }
  const { maxSamples, externalLabels } = sources.settings()
  const answer = new ReadResponse()
  let left = maxSamples
  for (const query of queries) {
    answer.beginQuery()
    left = await answerQuery(storeOf(sources), query, externalLabels, answer, left, signal)
    answer.endQuery()
  }
  const bytes = snappyEncode(answer.take())
  response.writeHead(200, { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy', 'content-length': bytes.length })
  response.end(bytes)
}

function decoded(body: Uint8Array) {
  try {
    return readReadRequest(snappyDecode(body, maxRequestBytes))
  } catch (error) {
    if (error instanceof SnappyError) throw badData(`the body is not taken: as Snappy it ${error.message}`)
    if (error instanceof MalformedError) throw badData(error.message)
    throw error
  }
}

/** @returns how many samples more there may be */
async function answerQuery(
  store: Store,
  { start, end, matchers, hints }: ReadQuery,
  external: Readonly<Record<string, string>>,
  answer: ReadResponse,
  left: number,
  signal: AbortSignal,
): Promise<number> {
  const found = await selected(store, withoutExternal(matchers, external), { from: start - 1, to: end, ...hints })
  let rest = left
  for (const series of [...found].sort((a, b) => compareLabels(a.labels, b.labels))) {
    signal.throwIfAborted()
    const columns = series.read()
    rest -= columns.time.length
    if (rest < 0) throw new ApiError('execution', `exceeded sample limit (${left})`, { status: 400 })
    const labels = [...Labels.of([...Object.entries(external), ...series.labels])] as readonly Label[]
    answer.series({ labels, ...split(columns, start), exemplars: [], metadata: undefined })
  }
  return rest
}

function selected(store: Store, matchers: readonly Matcher[], hints: Parameters<Store['select']>[1]) {
  try {
    return store.select(matchers, hints).catch(regexProblem)
  } catch (error) {
    return regexProblem(error)
  }
}

function regexProblem(error: unknown): never {
  if (error instanceof RegexError) throw badData(error.message)
  throw error
}

/** Series here lack the labels that they leave with. */
const withoutExternal = (matchers: readonly Matcher[], external: Readonly<Record<string, string>>): readonly Matcher[] =>
  matchers.map(matcher =>
    matcher.op === '=' && matcher.value !== '' && external[matcher.name] === matcher.value ? { ...matcher, value: '' } : matcher,
  )

/** @param start epoch ms: of a coarser tier there may be one that is older */
function split({ time, value, stale, histograms }: Samples, start: number): { samples: RemoteSample[]; histograms: RemoteHistogram[] } {
  const out: { samples: RemoteSample[]; histograms: RemoteHistogram[] } = { samples: [], histograms: [] }
  for (let i = 0; i < time.length; i++) {
    if (time[i]! < start) continue
    const histogram = histograms?.[i]
    if (histogram === undefined) out.samples.push({ time: time[i]!, start: 0, stale: stale?.[i] === 1, value: value[i]! })
    else out.histograms.push({ time: time[i]!, start: 0, stale: false, histogram })
  }
  return out
}
