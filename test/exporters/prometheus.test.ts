import { expect, test } from 'vitest'
import prometheus from '../../src/exporters/prometheus/index.ts'
import { Raw } from '../../src/model/raw.ts'
import { createReader } from '../../src/otlp/reader.ts'
import { encode } from '../../src/otlp/write.ts'
import { testContext } from '../kit/context.ts'

test('smoke', async () => {
  const cx = testContext({ id: 'prometheus' })
  const reader = createReader({ now: () => cx.clock.now() })
  const component = prometheus.create.metrics!(cx, prometheus.config.parse({ endpoint: '127.0.0.1:0' }))
  await component.start!()
  const batch = reader.read(
    'metrics',
    Raw.of(
      encode('metrics', {
        resourceMetrics: [
          {
            resource: { attributes: { 'service.name': 'a', 'service.instance.id': 'i', 'host.name': 'h' } },
            scopeMetrics: [
              {
                scope: { name: 's' },
                metrics: [
                  {
                    name: 'a.b',
                    unit: 's',
                    sum: {
                      isMonotonic: true,
                      aggregationTemporality: 2,
                      dataPoints: [{ asDouble: 3, timeUnixNano: 1000000n, attributes: { x: 'y' } }],
                    },
                  },
                  {
                    name: 'h',
                    unit: 's',
                    histogram: {
                      aggregationTemporality: 2,
                      dataPoints: [
                        { count: 3, sum: 2, bucketCounts: [1, 2], explicitBounds: [1], timeUnixNano: 1000000n, attributes: { x: 'y' } },
                      ],
                    },
                  },
                  {
                    name: 'e',
                    unit: 's',
                    exponentialHistogram: {
                      aggregationTemporality: 2,
                      dataPoints: [
                        {
                          count: 3,
                          sum: 2,
                          scale: 3,
                          positive: { offset: -3, bucketCounts: [1, 2] },
                          timeUnixNano: 1000000n,
                          attributes: { x: 'y' },
                        },
                      ],
                    },
                  },
                ],
              },
            ],
          },
        ],
      }),
    ),
  )
  await component.consume(batch)
  expect(cx.ledger.imbalance).toBe(0)
  const answer = await fetch(cx.urls[0]!.url)
  expect(await answer.text()).toContain('a_b_seconds_total{instance="i",job="a",otel_scope_name="s",x="y"} 3\n')
  await component.shutdown!(AbortSignal.abort())
  expect(cx.clock.pending).toBe(0)
})
