/** Answers of two servers to one request, and what differs between them. */
import { request } from 'node:http'
import { brotliDecompressSync, gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib'
import type { Asked } from './requests.ts'

export interface Answered {
  readonly status: number
  readonly type: string
  readonly encoding: string
  readonly body: string
}

const unpack: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  gzip: gunzipSync,
  deflate: inflateSync,
  br: brotliDecompressSync,
  zstd: zstdDecompressSync,
}

export function ask(url: string, { path, method = 'GET', body, headers = {} }: Asked): Promise<Answered> {
  const { promise, resolve, reject } = Promise.withResolvers<Answered>()
  const { hostname, port } = new URL(url)
  const sent = body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded', 'content-length': Buffer.byteLength(body) }
  // As it stands: what is malformed in it is meant to be.
  const target = path.startsWith('/') ? path : `/api/v1/${path}`
  const asked = request({ hostname, port, method, path: target, headers: { ...sent, ...headers } }, answer => {
    const chunks: Buffer[] = []
    answer.on('data', chunk => chunks.push(chunk))
    answer.on('error', reject)
    answer.on('end', () => {
      const encoding = answer.headers['content-encoding'] ?? ''
      const bytes = Buffer.concat(chunks)
      const text = method === 'HEAD' ? '' : (unpack[encoding]?.(bytes) ?? bytes).toString()
      resolve({ status: answer.statusCode ?? 0, type: answer.headers['content-type'] ?? '', encoding, body: text })
    })
  })
  asked.on('error', reject)
  asked.end(body)
  return promise
}

/** @returns undefined where nothing differs */
export function difference(asked: Asked, wanted: Answered, got: Answered): string | undefined {
  if (wanted.status !== got.status) return `status ${wanted.status} ${short(wanted.body)}, got ${got.status} ${short(got.body)}`
  if (wanted.type !== got.type) return `type ${wanted.type}, got ${got.type}`
  if (wanted.encoding !== got.encoding && wanted.body.length > 1200) return `encoding ${wanted.encoding}, got ${got.encoding}`
  const [a, b] = [wanted, got].map(({ type, body }) => (type === 'application/json' && body !== '' ? JSON.parse(body) : body) as unknown)
  return different('', inOrder(asked, a), inOrder(asked, b))
}

/** What Prometheus gives in no order is put into one; of what it cuts off somewhere, only how much is left is compared. */
function inOrder({ path }: Asked, answer: unknown): unknown {
  if (typeof answer === 'string') return path.startsWith('/federate') ? withoutTimes(answer) : answer
  const { data, warnings, error, ...rest } = answer as { data?: Data; warnings?: string[]; error?: string }
  const cut = warnings?.includes('results truncated due to limit') === true || /^metadata\?limit=/.test(path)
  const told = { ...rest, warnings: warnings?.toSorted(), error: error?.replace(pairs, '…') }
  return { ...told, data: JSON.parse(JSON.stringify(ordered(data, cut) ?? null), (_, value) => sortedAlerts(value)) }
}

type Data = readonly unknown[] | ({ readonly result?: readonly unknown[] } & Readonly<Record<string, unknown>>) | string | null

function ordered(data: Data | undefined, cut: boolean): unknown {
  if (Array.isArray(data)) return cut ? data.length : data.toSorted(byText)
  if (typeof data !== 'object' || data === null) return data
  const { result } = data as { result?: readonly unknown[] }
  if (result === undefined) return cut ? Object.keys(data).length : data
  if (cut) return { ...data, result: result.length }
  return typeof result[0] === 'object' ? { ...data, result: result.toSorted(byText) } : data
}

const sortedAlerts = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const { alerts, lastError } = value as { alerts?: unknown[]; lastError?: string }
  const told = lastError === undefined ? {} : { lastError: lastError.replace(pairs, '…') }
  return { ...value, ...told, ...(Array.isArray(alerts) ? { alerts: alerts.toSorted(byText) } : {}) }
}

/** Of several pairs of series each server meets another first. */
const pairs = /(?<=found duplicate series for the match group \{[^}]*\} on the \w+ hand-side of the operation: )\[.*\]/

const byText = (a: unknown, b: unknown): number => (key(a) < key(b) ? -1 : 1)
const key = (row: unknown): string => {
  const { metric, labels, seriesLabels } = (typeof row === 'object' ? row : {}) as Record<string, object>
  return JSON.stringify(Object.entries(metric ?? labels ?? seriesLabels ?? (row as object)).sort())
}

/** The page of /federate: what is scraped and evaluated is newer in one. */
const withoutTimes = (page: string): string => page.replace(/^(ALERTS_FOR_STATE.*) \S+( \d+)$/gm, '$1').replace(/ \d+$/gm, '')

/** Where two values of JSON differ first, and how. Times of what happens by the clock, how long it took, how much was held for it, and this machine's name are equal. */
function different(path: string, wanted: unknown, got: unknown): string | undefined {
  if (wanted === got || near(wanted, got)) return undefined
  if (
    typeof wanted !== 'object' ||
    typeof got !== 'object' ||
    wanted === null ||
    got === null ||
    Array.isArray(wanted) !== Array.isArray(got)
  ) {
    return byClock.test(path) && typeof wanted === typeof got ? undefined : `${path}: ${short(wanted)}, got ${short(got)}`
  }
  const keys = new Set([...Object.keys(wanted), ...Object.keys(got)])
  for (const key of keys) {
    const found = different(`${path}.${key}`, wanted[key as never], got[key as never])
    if (found !== undefined) return found
  }
  return undefined
}

const byClock = /Time|lastEvaluation|activeAt|lastScrape|keepFiringSince|globalUrl|peakSamples|timings\.\w+$/

/** Sums are made in another order, and bounds of native histograms are rounded in their last digit. */
function near(a: unknown, b: unknown): boolean {
  if (typeof a !== 'string' || typeof b !== 'string' || !number.test(a) || !number.test(b)) return false
  return Math.abs(Number(a) - Number(b)) <= 1e-12 * Math.abs(Number(a))
}
const number = /^-?\d+(\.\d+)?(e[+-]?\d+)?$/

const short = (value: unknown): string => {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing')
  return text.length > 300 ? `${text.slice(0, 300)}…` : text
}
