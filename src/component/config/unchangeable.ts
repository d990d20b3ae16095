/** What a reload cannot change, because all that runs was made with it: refused by name, never ignored. */
import { isDeepStrictEqual } from 'node:util'
import type { ServiceConfig } from '../configuration.ts'
import type { Problem } from '../errors.ts'

const settings: readonly { readonly path: readonly string[]; readonly of: (service: ServiceConfig) => unknown }[] = [
  { path: ['telemetry', 'logs', 'encoding'], of: service => service.telemetry.logs.encoding },
  { path: ['telemetry', 'logs', 'initial_fields'], of: service => service.telemetry.logs.initial_fields },
  { path: ['telemetry', 'logs', 'output_paths'], of: service => service.telemetry.logs.output_paths },
  { path: ['telemetry', 'metrics', 'level'], of: service => service.telemetry.metrics.level },
  { path: ['telemetry', 'traces', 'level'], of: service => service.telemetry.traces.level },
  { path: ['telemetry', 'resource'], of: service => service.telemetry.resource },
  { path: ['workers'], of: service => service.workers },
  { path: ['max_series'], of: service => service.maxSeries },
]

export function unchangeable(before: ServiceConfig, after: ServiceConfig): Problem[] {
  return settings
    .filter(({ of }) => !isDeepStrictEqual(of(before), of(after)))
    .map(({ path }) => ({
      path: ['service', ...path],
      message: 'cannot be changed by a reload',
      remedy: 'restart to change it, or leave it as it was',
    }))
}
