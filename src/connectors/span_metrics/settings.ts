import { z } from 'zod'
import { duration, withoutEffect } from '../../component/settings.ts'
import { compileGlob } from './glob.ts'

/** What every series is told apart by, unless excluded. */
export const ownDimensions = ['service.name', 'span.name', 'span.kind', 'status.code', 'collector.instance.id'] as const

const dimension = z
  .strictObject({
    name: z.string().min(1).optional().describe('An attribute of the span, or else of its resource.'),
    default: z.string().optional().describe('The value where neither has it; without one the series lacks the attribute.'),
    glob: z
      .string()
      .min(1)
      .optional()
      .describe('Instead of `name`: every attribute whose key matches; `*` stays within a word, `**` crosses dots.'),
  })
  .superRefine(({ name, default: value, glob }, ctx) => {
    if ((name === undefined) === (glob === undefined)) ctx.addIssue({ code: 'custom', message: 'must have either "name" or "glob"' })
    if (glob === undefined) return
    if (value !== undefined) ctx.addIssue({ code: 'custom', path: ['default'], message: 'must not be given with "glob"' })
    if (compileGlob(glob) === undefined) ctx.addIssue({ code: 'custom', path: ['glob'], message: 'must be a pattern such as "k8s.*.name"' })
  })

const dimensions = () =>
  z.array(dimension).superRefine((list, ctx) => {
    const names = new Set<string>(ownDimensions)
    for (const [i, { name }] of list.entries()) {
      if (name === undefined) continue
      if (names.has(name))
        ctx.addIssue({ code: 'custom', path: [i, 'name'], message: `must be no dimension twice: ${JSON.stringify(name)}` })
      names.add(name)
    }
    for (const [i, { glob }] of list.entries()) {
      const pattern = glob === undefined ? undefined : compileGlob(glob)
      const matched = pattern && [...names].find(name => pattern.test(name))
      if (matched !== undefined) {
        ctx.addIssue({ code: 'custom', path: [i, 'glob'], message: `must not match the dimension ${JSON.stringify(matched)}` })
      }
    }
  })

const histogram = z
  .strictObject({
    disable: z.boolean().default(false).describe('Whether durations are left out.'),
    unit: z
      .string()
      .transform(unit => unit.toLowerCase())
      .pipe(z.enum(['ms', 's']))
      .prefault('ms')
      .describe('In what durations are told.'),
    dimensions: dimensions().default([]).describe('More dimensions of `duration` alone.'),
    explicit: z
      .strictObject({
        buckets: z
          .array(duration())
          .refine(list => list.every((bound, i) => i === 0 || bound > list[i - 1]!), 'must ascend')
          .optional()
          .describe("The buckets' upper bounds."),
      })
      .optional()
      .describe('Buckets with given bounds; this is the default.'),
    exponential: z
      .strictObject({ max_size: z.int().min(0).max(16_384).default(160).describe('Buckets at the most; 0 is 160.') })
      .optional()
      .describe('Buckets that follow the data.'),
  })
  .refine(
    ({ explicit, exponential }) => explicit === undefined || exponential === undefined,
    'must have either "explicit" or "exponential"',
  )

const events = z
  .strictObject({
    enabled: z.boolean().default(false).describe('Whether events are counted.'),
    dimensions: dimensions().default([]).describe('Attributes of the event, or else of the resource, that its series are told apart by.'),
  })
  .refine(({ enabled, dimensions }) => !enabled || dimensions.length > 0, 'must have "dimensions" when enabled')

export const config = z.strictObject({
  dimensions: dimensions().default([]).describe('More dimensions of all metrics.'),
  calls_dimensions: dimensions().default([]).describe('More dimensions of `calls` alone.'),
  exclude_dimensions: z
    .array(z.string())
    .default([])
    .describe(`Those of ${ownDimensions.map(name => `\`${name}\``).join(', ')} that series shall not have.`),
  histogram: histogram.prefault({}).describe('The metric `duration`.'),
  aggregation_temporality: z
    .enum(['AGGREGATION_TEMPORALITY_CUMULATIVE', 'AGGREGATION_TEMPORALITY_DELTA'])
    .default('AGGREGATION_TEMPORALITY_CUMULATIVE')
    .describe('Whether a point counts since the start or since the last flush.'),
  metrics_flush_interval: duration({ min: 10 }).prefault('60s').describe('How long from one flush to the next.'),
  metrics_expiration: duration().prefault('0s').describe('A resource without spans for so long is told no more; 0 is never.'),
  series_expiration: duration().prefault('0s').describe('A series without spans for so long is told no more; 0 is never.'),
  namespace: z.string().default('traces.span.metrics').describe("What the metrics' names begin with."),
  exemplars: z
    .strictObject({
      enabled: z.boolean().default(false).describe('Whether points name spans that they count.'),
      max_per_data_point: z.int().min(0).default(5).describe('Exemplars of one point at the most.'),
    })
    .prefault({})
    .describe('Spans as examples.'),
  events: events.prefault({}).describe('The metric `events`.'),
  resource_metrics_key_attributes: z
    .array(z.string())
    .default([])
    .describe('The attributes that a resource is known by; all of them unless given.'),
  resource_metrics_cache_size: z.int().min(1).default(1000).describe('Resources at the most; the one that is idle the longest goes first.'),
  aggregation_cardinality_limit: z
    .int()
    .min(0)
    .default(0)
    .describe('Series of one metric and resource at the most; the rest is one series with `otel.metric.overflow`. 0 is no limit.'),
  include_instrumentation_scope: z
    .array(z.string())
    .default([])
    .describe('Names of instrumentation scopes that series shall tell: `span.instrumentation.scope.name` and `.version`.'),
  metric_timestamp_cache_size: z
    .int()
    .min(1)
    .default(1000)
    .describe('Delta only: of how many series it is remembered when they were last told, so that the next point begins there.'),
  add_resource_attributes: withoutEffect(
    z.boolean().default(false),
    'resource attributes are told in any case, as by a Collector whose feature gates are as they come.',
  ),
  enable_metrics_sampling_method: z
    .boolean()
    .default(false)
    .describe('Whether series tell by `sampling.method` if spans stand for others: `extrapolated` or `counted`.'),
  dimensions_cache_size: withoutEffect(
    z.int().optional(),
    'the Collector has not used it since 0.130 either, which is said at start; `aggregation_cardinality_limit` bounds series.',
  ),
})
export type Settings = z.infer<typeof config>
export type Dimension = z.infer<typeof dimension>
