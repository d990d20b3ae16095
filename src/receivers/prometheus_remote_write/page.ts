import type { OptionalPage } from '../../component/component.ts'

/** Where Prometheus's own servers take it, too. */
export const page: OptionalPage = {
  path: '/api/v1/write',
  remedy: 'to take remote write here, list the receiver prometheus_remote_write in a pipeline',
}
