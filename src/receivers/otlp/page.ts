import type { OptionalPage } from '../../component/component.ts'

/** Where Prometheus takes OTLP. */
export const page: OptionalPage = {
  path: '/api/v1/otlp/v1/metrics',
  remedy: 'to take metrics over OTLP here, give the receiver otlp of a pipeline "api: {}"',
}
