/** Components as small as the loader's tests need them: their settings stay what they are, whatever the real ones become. */
import { z } from 'zod'
import { type AnyFactory, connector, exporter, extension, processor, receiver } from '../../src/component/component.ts'
import { bytes, duration, endpoint } from '../../src/component/settings.ts'

const nothing = () => ({ reserve() {}, consume: async () => {} })
const all = { metrics: nothing, traces: nothing, logs: nothing }
const stability = 'beta'

const auth = z.strictObject({ authenticator: z.string().describe('The id of an extension.') })
const tls = z.strictObject({
  key_pem: z.string().optional(),
  key_file: z.string().optional(),
  min_version: z.enum(['1.2', '1.3']).default('1.2'),
})

const http = z.strictObject({
  endpoint: endpoint().prefault('127.0.0.1:4318'),
  max_request_body_size: bytes().prefault('20MiB'),
  include_metadata: z.boolean().default(false),
  auth: auth.optional(),
  tls: tls.optional(),
  cors: z.strictObject({ allowed_origins: z.array(z.string().min(1)).min(1) }).optional(),
})
const grpc = z.strictObject({
  endpoint: endpoint().prefault('127.0.0.1:4317'),
  keepalive: z.strictObject({ time: duration({ min: 1000 }).prefault('2h') }).prefault({}),
})

const otlp = receiver({
  type: 'otlp',
  stability,
  signals: ['metrics', 'traces', 'logs'],
  config: z
    .strictObject({ protocols: z.strictObject({ http: http.optional(), grpc: grpc.optional() }).describe('At least one of them.') })
    .refine(c => c.protocols.http !== undefined || c.protocols.grpc !== undefined, {
      path: ['protocols'],
      message: 'must name http or grpc',
    }),
  create: () => ({}),
})

const host = receiver({
  type: 'host',
  stability,
  signals: ['metrics'],
  config: z.strictObject({
    collection_interval: duration({ min: 100 }).prefault('1s'),
    scrapers: z.array(z.enum(['cpu', 'memory', 'disk'])).optional(),
  }),
  create: () => ({}),
})

const batch = processor({
  type: 'batch',
  stability,
  config: z.strictObject({
    timeout: duration().prefault('200ms'),
    send_batch_size: z.int().min(0).default(8192),
    metadata_keys: z.array(z.string()).default([]),
  }),
  create: all,
})
const memoryLimiter = processor({
  type: 'memory_limiter',
  stability,
  config: z.strictObject({ limit_mib: z.int().min(0).default(0), limit_percentage: z.number().gt(0).max(100).default(80) }),
  create: all,
})
const tailSampling = processor({
  type: 'tail_sampling',
  stability,
  config: z.strictObject({
    policies: z
      .array(
        z.discriminatedUnion('type', [
          z.strictObject({ type: z.literal('latency'), threshold: duration() }),
          z.strictObject({ type: z.literal('probabilistic'), sampling_percentage: z.number().min(0).max(100) }),
        ]),
      )
      .default([]),
  }),
  create: { traces: nothing },
})

const spanMetrics = connector({
  type: 'span_metrics',
  stability,
  config: z.strictObject({ namespace: z.string().default('') }),
  create: { traces: nothing, metrics: nothing },
})

const debug = exporter({
  type: 'debug',
  stability,
  config: z.strictObject({ verbosity: z.enum(['basic', 'normal', 'detailed']).default('basic') }),
  create: all,
})
const prometheus = exporter({
  type: 'prometheus',
  stability,
  config: z.strictObject({ endpoint: endpoint().prefault('127.0.0.1:9464'), const_labels: z.record(z.string(), z.string()).default({}) }),
  create: { metrics: nothing },
})
const otlpHttp = exporter({
  type: 'otlp_http',
  stability,
  config: z.strictObject({
    endpoint: z.url({ protocol: /^https?$/ }).describe('Where to send, e.g. `http://127.0.0.1:4318`. Paths are added.'),
    timeout: duration().prefault('30s'),
    headers: z.record(z.string(), z.string()).default({}),
    auth: auth.optional(),
    tls: tls.optional(),
    compression: z.union([z.literal('gzip'), z.literal('none'), z.boolean()]).default('gzip'),
    sending_queue: z
      .strictObject({
        queue_size: z.int().min(1).default(1000),
        batch: z.strictObject({ max_size: z.union([bytes(), z.null()]).optional() }).optional(),
      })
      .prefault({}),
  }),
  create: all,
})

const bearer = extension({
  type: 'bearertokenauth',
  stability,
  config: z.strictObject({ token: z.string().min(16), scheme: z.string().default('Bearer') }),
  create: () => ({}),
})

/** Two kinds of one name. */
const forwards = [
  connector({ type: 'forward', stability, config: z.strictObject({}), create: all }),
  exporter({ type: 'forward', stability, config: z.strictObject({}), create: all }),
]

/** Takes no traces: it is put into no pipeline of theirs. */
const store = exporter({
  type: 'store',
  stability,
  config: z.strictObject({ directory: z.string().min(1) }),
  create: { metrics: () => ({}) as never, logs: () => ({}) as never },
})

export const factories: readonly AnyFactory[] = [
  otlp,
  host,
  memoryLimiter,
  batch,
  tailSampling,
  spanMetrics,
  debug,
  prometheus,
  otlpHttp,
  store,
  bearer,
  ...forwards,
]
