/** Sends OTLP over HTTP: what came in goes out byte for byte, many batches in each request when the line is busy. */
import { z } from 'zod'
import { authSettings, clientSettings } from '../../component/client-auth.ts'
import { clientTlsSettings } from '../../component/client-tls.ts'
import { type Context, exporter } from '../../component/component.ts'
import { compressions } from '../../component/compress.ts'
import { ConfigError } from '../../component/errors.ts'
import { proxySetting } from '../../component/http-proxy.ts'
import { queueSettings } from '../../component/queue.ts'
import { retrySettings } from '../../component/retry.ts'
import { Sending } from '../../component/sending.ts'
import { choice, duration, headerMap, refused, withoutEffect } from '../../component/settings.ts'
import type { Signal } from '../../model/signal.ts'
import * as cutter from '../../otlp/cut.ts'
import { HttpDestination } from './destination.ts'

const url = () =>
  z
    .string()
    .refine(isPlainUrl, 'must be an address such as "http://localhost:4318", with http:// or https:// and without user and password')

const otherCompressions = {
  snappy: ['nothing is compressed with Snappy', 'write gzip or zstd'],
  'x-snappy-framed': ['nothing is compressed with Snappy', 'write gzip or zstd'],
  lz4: ['nothing is compressed with LZ4', 'write gzip or zstd'],
} as const

const schema = z
  .strictObject({
    endpoint: url().optional().describe('The base address; `/v1/metrics`, `/v1/traces` and `/v1/logs` are appended.'),
    metrics_endpoint: url().optional().describe('The whole address for metrics, used as it is.'),
    traces_endpoint: url().optional().describe('The whole address for traces, used as it is.'),
    logs_endpoint: url().optional().describe('The whole address for logs, used as it is.'),
    profiles_endpoint: refused('there are no profiles here', 'leave it out'),
    headers: headerMap().prefault({}).describe('Added to every request, as a map or as a list of `name` and `value`. Never logged.'),
    encoding: z
      .enum(['proto', 'json'])
      .default('proto')
      .describe('`proto` passes bytes through as they came; `json` encodes each request anew.'),
    compression: choice([...compressions, ''], otherCompressions)
      .transform(word => (word === '' ? 'none' : word))
      .prefault('gzip')
      .describe('How requests are compressed.'),
    compression_params: z
      .strictObject({
        level: z
          .number()
          .int()
          .min(-1)
          .max(22)
          .optional()
          .describe('The level of the compression: gzip and deflate up to 9, zstd up to 22. By default 1: level 6 costs twice the time.'),
      })
      .prefault({})
      .describe('How hard to compress.'),
    timeout: duration().prefault('30s').describe('How long one request may take. 0: no limit.'),
    max_idle_conns: z.number().int().min(0).default(100).describe('The most connections that are kept while they are idle. 0: no limit.'),
    max_idle_conns_per_host: z
      .number()
      .int()
      .min(0)
      .default(0)
      .describe('The same: there is but one host. The lesser one counts; 0: the other.'),
    max_conns_per_host: z.number().int().min(0).default(0).describe('The most connections at all. 0: as many as requests are under way.'),
    idle_conn_timeout: duration()
      .prefault('90s')
      .describe('How long a connection is kept while it is idle. 0: as long as the destination keeps it.'),
    disable_keep_alives: z.boolean().default(false).describe('A connection for each request.'),
    force_attempt_http2: withoutEffect(z.boolean().optional(), 'requests go over HTTP/1.1, on as many connections as are needed'),
    http2_read_idle_timeout: withoutEffect(duration().optional(), 'requests go over HTTP/1.1'),
    http2_ping_timeout: withoutEffect(duration().optional(), 'requests go over HTTP/1.1'),
    proxy_url: proxySetting(),
    cookies: refused('cookies that a destination sets are not kept', 'send to a destination that needs none'),
    ...clientSettings(),
    tls: clientTlsSettings().describe('For `https://` addresses.'),
    auth: authSettings(),
    sending_queue: queueSettings().describe('What is held until it is delivered.'),
    retry_on_failure: retrySettings().describe('How a failed request is tried again.'),
  })
  .refine(s => s.endpoint ?? s.metrics_endpoint ?? s.traces_endpoint ?? s.logs_endpoint, {
    message: 'needs an address: set endpoint, for example "http://localhost:4318"',
  })
  .refine(s => s.compression === 'zstd' || (s.compression_params.level ?? 1) <= 9, {
    path: ['compression_params', 'level'],
    message: 'must be at most 9 with gzip and deflate',
  })

export type OtlpHttpSettings = z.infer<typeof schema>

export default exporter({
  type: 'otlp_http',
  stability: 'beta',
  config: schema,
  // A queue on disk is one.
  parallel: settings => settings.sending_queue.storage === undefined,
  create: {
    metrics: (cx, settings) => create(cx, 'metrics', settings),
    traces: (cx, settings) => create(cx, 'traces', settings),
    logs: (cx, settings) => create(cx, 'logs', settings),
  },
})

function create<S extends Signal>(cx: Context, signal: S, settings: OtlpHttpSettings): Sending<S> {
  const url = urlFor(cx, signal, settings)
  const port = url.port === '' ? {} : { 'server.port': Number(url.port) }
  cx.account(signal).destination = { 'server.address': url.hostname, ...port, 'url.path': url.pathname }
  return new Sending(cx, signal, settings, new HttpDestination(cx, signal, settings, url), cutter)
}

function urlFor(cx: Context, signal: Signal, settings: OtlpHttpSettings): URL {
  const own = settings[`${signal}_endpoint`]
  if (own !== undefined) return new URL(own)
  if (settings.endpoint === undefined) {
    throw new ConfigError([
      { path: ['exporters', cx.id], message: `has no address for ${signal}`, remedy: `set endpoint or ${signal}_endpoint` },
    ])
  }
  return new URL(`${settings.endpoint.replace(/\/+$/, '')}/v1/${signal}`)
}

function isPlainUrl(text: string): boolean {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) return false
  const { username, password, hash } = new URL(text)
  return username === '' && password === '' && hash === ''
}
