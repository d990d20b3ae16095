/** Sends OTLP over gRPC: what came in goes out byte for byte, many batches in each call when the line is busy. */
import { z } from 'zod'
import { authSettings, clientSettings } from '../../component/client-auth.ts'
import { clientTlsSettings } from '../../component/client-tls.ts'
import { type Context, exporter } from '../../component/component.ts'
import { queueSettings } from '../../component/queue.ts'
import { retrySettings } from '../../component/retry.ts'
import { Sending } from '../../component/sending.ts'
import { choice, duration, headerMap, splitEndpoint, withoutEffect } from '../../component/settings.ts'
import type { Signal } from '../../model/signal.ts'
import * as cutter from '../../otlp/cut.ts'
import { GrpcDestination } from './destination.ts'

const address = /^(https?:\/\/|dns:\/\/\/)?(\[[0-9a-fA-F:.%]+\]|[^:/\s@]+):\d{1,5}\/?$/

const otherCompressions = {
  snappy: ['nothing is compressed with Snappy', 'write gzip or zstd'],
  zlib: ['gRPC has no such compression in most servers', 'write gzip or zstd'],
  deflate: ['gRPC has no such compression in most servers', 'write gzip or zstd'],
} as const

const schema = z.strictObject({
  endpoint: z
    .string()
    .regex(address, 'must be "host:port", "http://host:port" or "https://host:port"')
    .describe('Where to connect. `http://` is without TLS; `host:port` and `dns:///host:port` are with TLS unless `tls.insecure` is set.'),
  headers: headerMap().prefault({}).describe('Metadata of every call, as a map or as a list of `name` and `value`. Never logged.'),
  compression: choice(['gzip', 'zstd', 'none', ''], otherCompressions)
    .transform(word => (word === '' ? 'none' : word))
    .prefault('gzip')
    .describe('How messages are compressed, at level 1.'),
  timeout: duration().prefault('5s').describe('How long one call may take. 0: no limit.'),
  authority: z.string().optional().describe('The name of the destination in the calls, instead of its host.'),
  keepalive: z
    .strictObject({
      time: duration({ min: 1000 }).prefault('10s').describe('How often to ask whether the connection is alive.'),
      timeout: duration({ min: 1 }).prefault('20s').describe('How long to wait for the answer before the connection is given up.'),
      permit_without_stream: z.boolean().default(false).describe('Ask also while no call is under way.'),
    })
    .optional()
    .describe('Pings on the connection; none unless set. A connection on which a call has timed out is asked in any case.'),
  tls: clientTlsSettings().describe('How to connect.'),
  auth: authSettings(),
  balancer_name: choice(['pick_first', 'round_robin', ''], {})
    .prefault('pick_first')
    .describe(
      '`pick_first`: one connection. `round_robin`: one to each address that the name of the destination has, in turns; asked again every half minute.',
    ),
  wait_for_ready: withoutEffect(z.boolean().default(false), 'while there is no connection, what is to be sent waits in the queue'),
  ...clientSettings(),
  sending_queue: queueSettings().describe('What is held until it is delivered.'),
  retry_on_failure: retrySettings().describe('How a failed call is tried again.'),
})

export type OtlpGrpcSettings = z.infer<typeof schema>

export default exporter({
  type: 'otlp_grpc',
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

function create<S extends Signal>(cx: Context, signal: S, settings: OtlpGrpcSettings): Sending<S> {
  const { host, port } = splitEndpoint(settings.endpoint.replace(/^(https?:|dns:\/)?\/\/|\/$/g, ''))
  cx.account(signal).destination = { 'server.address': host, 'server.port': port }
  return new Sending(cx, signal, settings, new GrpcDestination(cx, signal, settings), cutter)
}
