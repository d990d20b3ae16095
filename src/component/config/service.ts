/** The `service` section: which components run, how they are joined, and what the process says of itself. */
import { z } from 'zod'
import { signals } from '../../model/signal.ts'
import type { PipelineConfig, ServiceConfig } from '../configuration.ts'
import { duration, endpoint, splitEndpoint } from '../settings.ts'

/** A word of `words`, in lower or upper case as the Collector has it. */
const level = <const W extends string>(words: readonly [W, ...W[]]) =>
  z.enum([...words, ...words.map(word => word.toUpperCase())]).transform(word => word.toLowerCase() as W)

const ids = (what: string) => z.array(z.string()).describe(what)

const pipelineSchema = z.strictObject({
  receivers: ids('Ids of receivers and connectors that feed this pipeline.').prefault([]),
  processors: ids('Ids of processors, in the order in which data passes them.').prefault([]),
  exporters: ids('Ids of exporters and connectors that get what leaves this pipeline.').prefault([]),
})

const prometheusReader = z.strictObject({
  host: z.string().min(1).describe('The address on which own metrics are served.').default('127.0.0.1'),
  port: z.number().int().min(0).max(65535).describe('The port on which own metrics are served.').default(8888),
})
const pullExporter = z.strictObject({ prometheus: prometheusReader.describe('Serves the Prometheus text format.') })
const pullReader = z.strictObject({
  pull: z.strictObject({ exporter: pullExporter.describe('In which form.') }).describe('Serves own metrics to whoever asks.'),
})

const telemetrySchema = z.strictObject({
  logs: z
    .strictObject({
      level: level(['debug', 'info', 'warn', 'error']).describe('The least important lines that are written.').prefault('info'),
    })
    .describe('Own log, JSON lines on standard error.')
    .prefault({}),
  metrics: z
    .strictObject({
      level: level(['none', 'basic', 'normal', 'detailed']).describe('How much is measured.').prefault('normal'),
      readers: z.array(pullReader).optional().describe('Where own metrics are served. Without it: on 127.0.0.1:8888.'),
      address: endpoint().optional().describe('The older way to say where own metrics are served; beside `readers`, there too.'),
    })
    .describe('Own metrics, on the names of the OpenTelemetry Collector.')
    .prefault({}),
  traces: z
    .strictObject({ level: level(['none', 'basic']).describe('Whether own work is traced.').prefault('basic') })
    .describe('Spans of own work.')
    .prefault({}),
  resource: z.record(z.string(), z.string()).describe('Attributes added to the resource of own telemetry.').prefault({}),
})

export const serviceSchema = z.strictObject({
  extensions: ids('Ids of extensions, started in this order before all else.').prefault([]),
  pipelines: z
    .record(z.string(), pipelineSchema)
    .describe('`metrics`, `traces` or `logs`, with `/name` where there are several of a signal.')
    .prefault({}),
  telemetry: telemetrySchema.describe('What the process says of itself.').prefault({}),
  consume_timeout: duration()
    .describe('How long a batch waits when every branch of a fan-out is full, before its sender is asked to come again.')
    .prefault('5s'),
  shutdown_timeout: duration().describe('How long a shutdown goes on sending what is held.').prefault('10s'),
  max_series: z
    .number()
    .int()
    .min(1)
    .describe('Distinct series that get a name. Rows of further ones pass as bytes, and Prometheus-shaped exporters drop them, counted.')
    .default(1_000_000),
  api: z
    .strictObject({
      enabled: z.boolean().describe('Whether the listener is opened at all.').default(true),
      endpoint: endpoint()
        .describe('Where `/-/ready`, `/debug/ledger` and everything else that is HTTP of ours is served.')
        .prefault('127.0.0.1:2242'),
    })
    .describe('The one listener of our own HTTP interface.')
    .prefault({}),
})
export type ServiceSettings = z.output<typeof serviceSchema>

/** A pipeline whose key names no signal is left out: that has been said by whoever checks references. */
export function serviceConfig(settings: ServiceSettings): ServiceConfig {
  const { telemetry, api } = settings
  return {
    extensions: settings.extensions,
    pipelines: Object.entries(settings.pipelines).flatMap(([id, lists]): PipelineConfig[] => {
      const signal = signals.find(name => name === id.split('/')[0])
      return signal === undefined ? [] : [{ id, signal, ...lists }]
    }),
    telemetry: {
      logs: telemetry.logs,
      metrics: { level: telemetry.metrics.level, endpoints: ownEndpoints(telemetry.metrics) },
      traces: telemetry.traces,
      resource: telemetry.resource,
    },
    consumeTimeoutMs: settings.consume_timeout,
    shutdownTimeoutMs: settings.shutdown_timeout,
    maxSeries: settings.max_series,
    api: api.enabled ? splitEndpoint(api.endpoint) : undefined,
  }
}

function ownEndpoints({ level, readers, address }: ServiceSettings['telemetry']['metrics']): { host: string; port: number }[] {
  if (level === 'none') return []
  const asked = [
    ...(readers ?? []).map(reader => reader.pull.exporter.prometheus),
    ...(address === undefined ? [] : [splitEndpoint(address)]),
  ]
  return readers === undefined && address === undefined ? [{ host: '127.0.0.1', port: 8888 }] : asked
}
