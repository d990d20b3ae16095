/** The `service` section: which components run, how they are joined, and what the process says of itself. */
import { z } from 'zod'
import { signals } from '../../model/signal.ts'
import type { PipelineConfig, ServiceConfig } from '../configuration.ts'
import { duration, endpoint, refused, splitEndpoint, withoutEffect } from '../settings.ts'
import { queryConfig, querySchema } from './query.ts'
import { rulesConfig, rulesSchema } from './rules.ts'

const capitalized = (word: string) => word.charAt(0).toUpperCase() + word.slice(1)

/** A word of `words`, in lower or upper case or capitalized, as the Collector has it. */
const level = <const W extends string>(words: readonly [W, ...W[]]) =>
  z.enum([...words, ...words.map(word => word.toUpperCase()), ...words.map(capitalized)]).transform(word => word.toLowerCase() as W)

const ids = (what: string) => z.array(z.string()).describe(what)

const pipelineSchema = z.strictObject({
  receivers: ids('Ids of receivers and connectors that feed this pipeline.').prefault([]),
  processors: ids('Ids of processors, in the order in which data passes them.').prefault([]),
  exporters: ids('Ids of exporters and connectors that get what leaves this pipeline.').prefault([]),
})

const pageIsAsByDefault = "the page is as the Collector's is by default"

const prometheusReader = z.strictObject({
  host: z.string().min(1).describe('The address on which own metrics are served.').default('127.0.0.1'),
  port: z.number().int().min(0).max(65535).describe('The port on which own metrics are served.').default(8888),
  with_resource_constant_labels: refused('the resource is in target_info only', 'join with target_info'),
  without_scope_info: refused(pageIsAsByDefault, 'leave it out', [true]),
  without_type_suffix: refused(pageIsAsByDefault, 'leave it out', [true]),
  without_units: refused(pageIsAsByDefault, 'leave it out', [true]),
})
const pullExporter = z.strictObject({ prometheus: prometheusReader.describe('Serves the Prometheus text format.') })
const reader = z
  .strictObject({
    pull: z
      .strictObject({ exporter: pullExporter.describe('In which form.') })
      .optional()
      .describe('Serves own metrics to whoever asks.'),
    periodic: refused(
      'own metrics are pushed by a pipeline',
      'list the receiver "self" in a metrics pipeline, with the exporter that they shall leave by',
    ),
  })
  .refine(({ pull, periodic }) => pull !== undefined || periodic !== undefined, 'needs "pull"')

const toSelf = 'list the receiver "self" in a traces pipeline, with the exporter that they shall leave by'

const logsSchema = z.strictObject({
  level: level(['debug', 'info', 'warn', 'error']).describe('The least important lines that are written.').prefault('info'),
  encoding: z
    .enum(['json', 'console'])
    .default('json')
    .describe('`json`: a line of JSON. `console`: time, level, component, message and the rest, with tabs between them.'),
  initial_fields: z.record(z.string(), z.unknown()).default({}).describe('Added to every line.'),
  output_paths: z
    .array(z.string().min(1))
    .min(1)
    .default(['stderr'])
    .describe('Where lines go: `stderr`, `stdout`, or files that are appended to.'),
  error_output_paths: withoutEffect(z.array(z.string()).optional(), 'lines that cannot be written are lost, and nothing is said of it'),
  development: withoutEffect(z.boolean().optional(), 'errors have their stack in any case'),
  disable_caller: withoutEffect(z.boolean().optional(), 'lines name the component, and never the line of code'),
  disable_stacktrace: withoutEffect(z.boolean().optional(), 'errors have their stack in any case'),
  disable_zap_resource: withoutEffect(z.boolean().optional(), 'lines never carry the resource'),
  sampling: withoutEffect(
    z
      .strictObject({
        enabled: z.boolean().optional().describe('No effect.'),
        tick: duration().optional().describe('No effect.'),
        initial: z.number().int().min(0).optional().describe('No effect.'),
        thereafter: z.number().int().min(0).optional().describe('No effect.'),
      })
      .optional(),
    'whoever would repeat a line holds it back, and counts how often',
  ),
  processors: refused('own log lines are not sent anywhere', 'collect them where they are written'),
})

const text = z.union([z.string(), z.null()])

/** By name, or as the declarative configuration has it. */
const resourceSchema: z.ZodType<Readonly<Record<string, string | null>>, object> = z
  .object({
    attributes: z
      .array(
        z.strictObject({
          name: z.string().min(1).describe('The name.'),
          value: text.describe('The value; none: the attribute is left out.'),
          type: withoutEffect(z.enum(['string']).optional(), 'attributes of own telemetry are strings'),
        }),
      )
      .optional()
      .describe('The same as a list.'),
    schema_url: withoutEffect(z.string().optional(), 'the resource of own telemetry says no schema'),
    attributes_list: refused('one way to write a list is enough', 'write attributes'),
    detectors: refused('the resource of own telemetry is not detected', 'write attributes'),
  })
  .catchall(text.describe('One attribute; none: it is left out.'))
  .transform(
    ({ attributes = [], schema_url: _, attributes_list: __, detectors: ___, ...named }): Readonly<Record<string, string | null>> => ({
      ...(named as Record<string, string | null>),
      ...Object.fromEntries(attributes.map(({ name, value }) => [name, value])),
    }),
  )

const telemetrySchema = z.strictObject({
  logs: logsSchema.describe('Own log.').prefault({}),
  metrics: z
    .strictObject({
      level: level(['none', 'basic', 'normal', 'detailed']).describe('How much is measured.').prefault('normal'),
      readers: z.array(reader).optional().describe('Where own metrics are served. Without it: on 127.0.0.1:8888.'),
      address: endpoint().optional().describe('The older way to say where own metrics are served; beside `readers`, there too.'),
      views: refused('own metrics are what they are', 'drop what is not wanted where they are scraped'),
    })
    .describe('Own metrics, on the names of the OpenTelemetry Collector.')
    .prefault({}),
  traces: z
    .strictObject({
      level: level(['none', 'basic']).describe('Whether own work is traced.').prefault('basic'),
      propagators: refused('spans of own work do not go on with the trace of a sender', 'leave it out'),
      processors: refused('spans of own work are sent by a pipeline', toSelf),
      sampler: refused('of own work, a hundred traces a second are recorded', 'put a sampler into the pipeline that they leave by'),
      limits: refused('spans of own work are small', 'leave it out'),
    })
    .describe('Spans of own work.')
    .prefault({}),
  resource: resourceSchema
    .describe('Attributes added to the resource of own telemetry, by name; none: that attribute is left out.')
    .prefault({}),
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
  workers: z
    .number()
    .int()
    .min(1)
    .max(64)
    .describe(
      'Threads that receive, and process and send what needs no other place; 1: the main thread does it all. docs/operation.md says what runs where.',
    )
    .default(1),
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
  query: querySchema.describe('How questions in PromQL are answered, at `/api/v1/` of the listener above.').prefault({}),
  rules: rulesSchema.describe('Recording and alerting rules; what they compute enters by the receiver `derived`.').prefault({}),
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
    workers: settings.workers,
    maxSeries: settings.max_series,
    api: api.enabled ? splitEndpoint(api.endpoint) : undefined,
    query: queryConfig(settings.query),
    rules: rulesConfig(settings.rules),
  }
}

function ownEndpoints({ level, readers, address }: ServiceSettings['telemetry']['metrics']): { host: string; port: number }[] {
  if (level === 'none') return []
  const asked = [
    ...(readers ?? []).flatMap(({ pull }) => (pull === undefined ? [] : [pull.exporter.prometheus])),
    ...(address === undefined ? [] : [splitEndpoint(address)]),
  ]
  return readers === undefined && address === undefined ? [{ host: '127.0.0.1', port: 8888 }] : asked
}
