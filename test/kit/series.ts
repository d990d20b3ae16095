import { metricsRequest } from '../../src/otlp/metrics-request.ts'
import { encode } from '../../src/otlp/write.ts'

/** A request of one gauge, `many`, with this many series. */
export function metricsBody(series: number, first = 0): Uint8Array {
  return encode(
    'metrics',
    metricsRequest({
      resource: { 'service.name': 'kit' },
      scope: { name: 'kit' },
      metrics: [
        {
          name: 'many',
          type: 'gauge',
          points: Array.from({ length: series }, (_, i) => ({ attributes: { n: String(first + i) }, timeMs: 1_700_000_000_000, value: i })),
        },
      ],
    }),
  )
}
