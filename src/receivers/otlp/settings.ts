import { z } from 'zod'
import { serverTls } from '../../component/server-tls.ts'
import { bytes, duration, endpoint } from '../../component/settings.ts'

const auth = z
  .strictObject({ authenticator: z.string().describe('The id of an extension that authenticates, such as `bearertokenauth`.') })
  .describe('Who may come in. Without it, everyone.')

export const encodings = ['', 'gzip', 'zstd', 'zlib', 'deflate'] as const
const path = (signal: string) => z.string().startsWith('/', 'must begin with "/"').default(`/v1/${signal}`)

const cors = z.strictObject({
  allowed_origins: z
    .array(z.string())
    .default([])
    .describe('Origins of pages that may send, such as `https://*.example.com`; `*` stands for any text. Empty: none.'),
  allowed_headers: z
    .array(z.string())
    .default([])
    .describe('Request headers that such pages may set besides `Accept`, `Content-Type` and the like; `*`: any.'),
  exposed_headers: z.array(z.string()).default([]).describe('Response headers that such pages may read.'),
  max_age: z.number().int().min(0).default(0).describe('[s] How long a browser keeps the answer; 0: its own default.'),
})

export const httpSettings = z.strictObject({
  endpoint: endpoint().default('127.0.0.1:4318').describe('Where OTLP over HTTP is received.'),
  tls: serverTls().optional().describe('Serves HTTPS.'),
  auth: auth.optional(),
  cors: cors.optional().describe('Lets pages in browsers send.'),
  max_request_body_size: bytes()
    .prefault('20MiB')
    .describe('A body that is larger, before or after decompression, is answered with 413. 0 stands for the default.'),
  metrics_url_path: path('metrics').describe('Where metrics are received.'),
  traces_url_path: path('traces').describe('Where spans are received.'),
  logs_url_path: path('logs').describe('Where log records are received.'),
  compression_algorithms: z
    .array(z.enum(encodings))
    .default([...encodings])
    .describe('Content encodings that are taken; the empty text stands for none.'),
  read_header_timeout: duration().prefault('1m').describe('How long the headers of a request may take.'),
  read_timeout: duration().prefault('5m').describe('How long a whole request may take; 0: without end.'),
  idle_timeout: duration().prefault('1m').describe('How long a connection is kept between requests.'),
  fast_path: z
    .boolean()
    .default(false)
    .describe(
      'Reads plain requests without node:http, at half the cost; everything else still goes to it. Not with TLS or an authenticator.',
    ),
})
export type HttpSettings = z.infer<typeof httpSettings>

const keepalive = z.strictObject({
  server_parameters: z
    .strictObject({
      max_connection_idle: duration().prefault('0s').describe('A connection without a call for this long is closed; 0: never.'),
    })
    .prefault({})
    .describe('What the server does with connections.'),
})

export const grpcSettings = z.strictObject({
  endpoint: endpoint().default('127.0.0.1:4317').describe('Where OTLP over gRPC is received.'),
  tls: serverTls().optional().describe('Serves TLS.'),
  auth: auth.optional(),
  max_recv_msg_size_mib: z
    .number()
    .positive()
    .default(20)
    .describe('[MiB] A message that is larger, before or after decompression, is answered with RESOURCE_EXHAUSTED. The Collector has 4.'),
  max_concurrent_streams: z.number().int().min(1).max(0x7fffffff).default(128).describe('Calls at one time on one connection.'),
  keepalive: keepalive.prefault({}).describe('How long connections are kept.'),
})
export type GrpcSettings = z.infer<typeof grpcSettings>

export const protocols = z
  .strictObject({
    grpc: grpcSettings.optional().describe('OTLP over gRPC.'),
    http: httpSettings.optional().describe('OTLP over HTTP, protobuf and JSON.'),
  })
  .refine(named => named.grpc !== undefined || named.http !== undefined, 'must name "grpc" or "http" or both')
