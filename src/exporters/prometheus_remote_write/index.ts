/** Writes samples to a server that takes remote write of Prometheus, 1.0 and 2.0: Prometheus, Mimir, Thanos, VictoriaMetrics, and so on. */
import { z } from 'zod'
import { authSettings, clientSettings } from '../../component/client-auth.ts'
import { clientTlsSettings } from '../../component/client-tls.ts'
import { type Context, exporter } from '../../component/component.ts'
import { proxySetting } from '../../component/http-proxy.ts'
import { queueSettings } from '../../component/queue.ts'
import { retrySettings } from '../../component/retry.ts'
import { Sending } from '../../component/sending.ts'
import { bytes, choice, duration, headerMap, refused, withoutEffect } from '../../component/settings.ts'
import { strategies } from '../../exposition/naming.ts'
import * as cutter from '../../otlp/cut.ts'
import { RemoteWriteDestination } from './destination.ts'

const messages = ['prometheus.WriteRequest', 'io.prometheus.write.v2.Request'] as const

const toStorage = 'name an extension that stores as sending_queue.storage: what is held outlives the process'

const otherCompressions = Object.fromEntries(
  ['none', '', 'gzip', 'zstd', 'zlib', 'deflate', 'x-snappy-framed', 'lz4'].map(word => [
    word,
    ['remote write is compressed with Snappy, always', 'leave it out'] as const,
  ]),
)

const schema = z.strictObject({
  endpoint: z
    .string()
    .refine(
      isPlainUrl,
      'must be an address such as "http://localhost:9090/api/v1/write", with http:// or https:// and without user and password',
    )
    .describe('The whole address, used as it is.'),
  protobuf_message: z
    .enum(messages)
    .default('prometheus.WriteRequest')
    .describe(
      'Remote write 1.0, or 2.0 (`io.prometheus.write.v2.Request`). A server that answers 2.0 with 415 is written to in 1.0 from then on.',
    ),
  headers: headerMap().prefault({}).describe('Added to every request, as a map or as a list of `name` and `value`. Never logged.'),
  namespace: z.string().default('').describe('First word of every metric name.'),
  external_labels: z.record(z.string().min(1), z.string()).default({}).describe('Labels added to every series.'),
  add_metric_suffixes: z.boolean().default(true).describe('Whether names get their unit and `_total` as suffixes.'),
  translation_strategy: z
    .enum(strategies)
    .optional()
    .describe('How names become Prometheus names; without it what `add_metric_suffixes` says, with other characters escaped.'),
  disable_scope_info: z.boolean().default(false).describe('Leave out the `otel_scope_…` labels.'),
  resource_to_telemetry_conversion: z
    .strictObject({
      enabled: z.boolean().default(false).describe('Make every resource attribute a label of every series.'),
      exclude_service_attributes: z.boolean().default(false).describe('But not those that `job` and `instance` are made of.'),
    })
    .prefault({})
    .describe('Resource attributes as labels; without it they are in `target_info`.'),
  target_info: z
    .strictObject({ enabled: z.boolean().default(true).describe('Whether `target_info` is written.') })
    .prefault({})
    .describe('The series that carries the attributes of resources.'),
  send_metadata: z.boolean().default(false).describe('Whether 1.0 is told type, unit and help of new families. 2.0 is, always.'),
  max_batch_size_bytes: bytes().prefault(3_000_000).describe('The most bytes of one request before compression; one series is never cut.'),
  max_batch_request_parallelism: withoutEffect(z.number().int().optional(), '`remote_write_queue.num_consumers` says how many'),
  remote_write_queue: z
    .strictObject({
      enabled: z.boolean().default(true).describe('Off: as `sending_queue.enabled: false`.'),
      queue_size: z.number().int().min(1).optional().describe('As `sending_queue.queue_size`.'),
      num_consumers: z
        .number()
        .int()
        .min(1)
        .default(5)
        .describe('How many requests are under way at one time. Samples of one series are written in their order, whatever this is.'),
    })
    .prefault({})
    .describe('How series are divided among requests.'),
  wal: refused('what is held is kept by a storage extension', toStorage),
  max_series: z
    .number()
    .int()
    .min(1)
    .default(1_000_000)
    .describe('Series of OpenTelemetry that are followed at most; rows of others are dropped and counted.'),
  timeout: duration().prefault('30s').describe('How long one request may take. 0: no limit.'),
  compression: choice(['snappy'], otherCompressions).default('snappy').describe('As the protocol wants it.'),
  compression_params: withoutEffect(
    z.strictObject({ level: z.number().int().optional().describe('No effect.') }).optional(),
    'Snappy has no levels',
  ),
  max_idle_conns: withoutEffect(z.number().int().min(0).optional(), 'as many connections are kept as there are requests at one time'),
  max_idle_conns_per_host: withoutEffect(
    z.number().int().min(0).optional(),
    'as many connections are kept as there are requests at one time',
  ),
  max_conns_per_host: withoutEffect(z.number().int().min(0).optional(), '`remote_write_queue.num_consumers` says how many'),
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
  sending_queue: queueSettings().describe(
    'What is held until it is delivered. One load is under way at a time, in as many requests as `remote_write_queue` says: `num_consumers` here has no effect.',
  ),
  retry_on_failure: retrySettings().describe('How a failed request is tried again.'),
})
export type RemoteWriteSettings = z.infer<typeof schema>

export default exporter({
  type: 'prometheus_remote_write',
  stability: 'beta',
  config: schema,
  create: { metrics: create },
})

function create(cx: Context, settings: RemoteWriteSettings): Sending<'metrics'> {
  const url = new URL(settings.endpoint)
  const port = url.port === '' ? {} : { 'server.port': Number(url.port) }
  cx.account('metrics').destination = { 'server.address': url.hostname, ...port, 'url.path': url.pathname }
  const { enabled, queue_size } = settings.remote_write_queue
  const queue = settings.sending_queue
  const sending = {
    retry_on_failure: settings.retry_on_failure,
    // The next load begins when this one has ended: so what belongs together stays in order.
    sending_queue: { ...queue, num_consumers: 1, enabled: queue.enabled && enabled, ...(queue_size !== undefined && { queue_size }) },
  }
  return new Sending(cx, 'metrics', sending, new RemoteWriteDestination(cx, settings, url), cutter)
}

function isPlainUrl(text: string): boolean {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) return false
  const { username, password, hash } = new URL(text)
  return username === '' && password === '' && hash === ''
}
