import { z } from 'zod'
import { maxConnections } from '../../component/connections.ts'
import { httpServerSettings, listenSettings, serverAuth } from '../../component/http-server.ts'
import { serverTls } from '../../component/server-tls.ts'
import { bytes, choice, duration, endpoint, withoutEffect } from '../../component/settings.ts'
import { page } from './page.ts'

export const encodings = ['', 'gzip', 'zstd', 'zlib', 'deflate'] as const
const path = (signal: string) => z.string().startsWith('/', 'must begin with "/"').default(`/v1/${signal}`)

const otherCompressions = {
  snappy: ['bodies in Snappy are not read', 'leave it out, and let senders use gzip or zstd'],
  'x-snappy-framed': ['bodies in Snappy are not read', 'leave it out, and let senders use gzip or zstd'],
  lz4: ['bodies in LZ4 are not read', 'leave it out, and let senders use gzip or zstd'],
} as const

export const httpSettings = z.strictObject({
  endpoint: endpoint().default('127.0.0.1:4318').describe('Where OTLP over HTTP is received.'),
  max_request_body_size: bytes()
    .prefault('20MiB')
    .describe('A body that is larger, before or after decompression, is answered with 413. 0 stands for the default.'),
  metrics_url_path: path('metrics').describe('Where metrics are received.'),
  traces_url_path: path('traces').describe('Where spans are received.'),
  logs_url_path: path('logs').describe('Where log records are received.'),
  compression_algorithms: z
    .array(choice(encodings, otherCompressions))
    .default([...encodings])
    .describe('Content encodings that are taken; the empty text stands for none.'),
  read_timeout: duration().prefault('5m').describe('How long a whole request may take; 0: without end.'),
  write_timeout: withoutEffect(duration().optional(), 'an answer is a few bytes, and is written at once'),
  ...httpServerSettings(),
  fast_path: z
    .boolean()
    .default(false)
    .describe(
      'Reads plain requests without node:http, at half the cost; everything else still goes to it. Not with TLS, an authenticator, `response_headers`, or without `keep_alives_enabled`.',
    ),
})
export type HttpSettings = z.infer<typeof httpSettings>

const keepalive = z.strictObject({
  server_parameters: z
    .strictObject({
      max_connection_idle: duration().prefault('0s').describe('A connection without a call for this long is closed; 0: never.'),
      max_connection_age: duration()
        .prefault('0s')
        .describe('A connection that is this old, give or take a tenth, is closed when its calls are finished; 0: never.'),
      max_connection_age_grace: duration()
        .prefault('0s')
        .describe('Calls that are not finished this long after `max_connection_age` are cut off; 0: never.'),
      time: duration().prefault('2h').describe('How often the other side of a connection is asked whether it is still there; 0: never.'),
      timeout: duration({ min: 1 }).prefault('20s').describe('How long it has to answer before the connection is given up.'),
    })
    .prefault({})
    .describe('What the server does with connections.'),
  enforcement_policy: z
    .strictObject({
      min_time: duration().prefault('5m').describe('Whoever asks more often than this whether we are still there is disconnected.'),
      permit_without_stream: z.boolean().default(false).describe('Whether one may ask while no call is under way.'),
    })
    .optional()
    .describe('What clients may ask of the server. Without it they may ask what they like.'),
})

export const grpcSettings = z.strictObject({
  endpoint: endpoint().default('127.0.0.1:4317').describe('Where OTLP over gRPC is received.'),
  ...listenSettings(),
  tls: serverTls().optional().describe('Serves TLS.'),
  auth: serverAuth(),
  max_recv_msg_size_mib: z
    .number()
    .positive()
    .default(20)
    .describe('[MiB] A message that is larger, before or after decompression, is answered with RESOURCE_EXHAUSTED. The Collector has 4.'),
  max_concurrent_streams: z.number().int().min(1).max(0x7fffffff).default(128).describe('Calls at one time on one connection.'),
  keepalive: keepalive.prefault({}).describe('How long connections are kept.'),
  read_buffer_size: withoutEffect(z.number().int().min(0).optional(), 'Node has buffers of its own'),
  write_buffer_size: withoutEffect(z.number().int().min(0).optional(), 'Node has buffers of its own'),
  max_connections: maxConnections(4096),
  connection_timeout: duration()
    .prefault('1m')
    .describe('How long a connection may be open before its first call is answered; 0: without end.'),
  read_timeout: duration().prefault('5m').describe('How long the message of a call may take to arrive; 0: without end.'),
})
export type GrpcSettings = z.infer<typeof grpcSettings>

export const apiSettings = z.strictObject({
  metrics_url_path: z
    .string()
    .startsWith('/', 'must begin with "/"')
    .default(page.path)
    .describe('Where on the `api` listener; what else holds of a request is as in `protocols.http`.'),
})

export const protocols = z
  .strictObject({
    grpc: grpcSettings.optional().describe('OTLP over gRPC.'),
    http: httpSettings.optional().describe('OTLP over HTTP, protobuf and JSON.'),
  })
  .refine(named => named.grpc !== undefined || named.http !== undefined, 'must name "grpc" or "http" or both')
