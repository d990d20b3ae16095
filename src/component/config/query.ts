/** `service.query`: how questions in PromQL are answered, in the words of Prometheus's flags. */
import { z } from 'zod'
import type { QueryConfig } from '../configuration.ts'
import { duration, headerMap } from '../settings.ts'

/** As Prometheus's `--enable-feature` calls them. */
export const queryFeatures = [
  'promql-experimental-functions',
  'promql-duration-expr',
  'promql-extended-range-selectors',
  'promql-binop-fill-modifiers',
  'promql-delayed-name-removal',
  'promql-per-step-stats',
] as const

const url = z
  .string()
  .refine(text => /^https?:\/\/[^/\s]+/.test(text) && URL.canParse(text), 'must be an address such as "http://mimir:8080/prometheus"')

export const querySchema = z.strictObject({
  backend: url
    .optional()
    .describe(
      'Where questions are sent on to, such as Mimir, VictoriaMetrics or Thanos: a server that speaks the HTTP API of Prometheus. Without it the exporter `store` answers.',
    ),
  backend_headers: headerMap().prefault({}).describe('Headers added to every question that is sent on, such as `X-Scope-OrgID`.'),
  lookback_delta: duration({ min: 1 }).prefault('5m').describe('How far an instant selector looks back for a sample.'),
  timeout: duration({ min: 1 }).prefault('2m').describe('How long a query may take; a request may ask for less.'),
  max_samples: z.number().int().min(1).default(50_000_000).describe('Samples that one query may hold at one time.'),
  max_concurrency: z.number().int().min(1).default(20).describe('Queries that are evaluated at one time; others wait.'),
  enable_feature: z.array(z.enum(queryFeatures)).default([]).describe('What of PromQL is experimental, and turned on nevertheless.'),
  external_labels: z
    .record(z.string().min(1), z.string())
    .default({})
    .describe('Labels that series get where they leave for another server: by `/federate` and by remote read.'),
})

export const queryConfig = (settings: z.output<typeof querySchema>): QueryConfig => ({
  backend: settings.backend === undefined ? undefined : { url: settings.backend, headers: settings.backend_headers },
  lookbackMs: settings.lookback_delta,
  timeoutMs: settings.timeout,
  maxSamples: settings.max_samples,
  maxConcurrency: settings.max_concurrency,
  features: settings.enable_feature,
  externalLabels: settings.external_labels,
})
