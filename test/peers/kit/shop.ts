/** What a small shop sends in a minute: traces of three services with errors and health checks, metrics of every kind, logs with secrets. */
import type { Signal } from './rows.ts'

const text = (key: string, stringValue: string) => ({ key, value: { stringValue } })
const whole = (key: string, n: number) => ({ key, value: { intValue: String(n) } })
const hex = (n: number, length: number) => n.toString(16).padStart(length, '0')
const MS = 1_000_000n

const services = ['cart', 'payment', 'frontend'] as const
const routes = ['/cart', '/pay', '/healthz', '/item/:id'] as const

const resource = (service: string, i: number) => ({
  attributes: [
    text('service.name', service),
    text('service.namespace', 'shop'),
    text('service.instance.id', `${service}-${i % 2}`),
    text('deployment.environment.name', i % 3 === 0 ? 'staging' : 'production'),
    text('host.name', `host-${i % 2}`),
  ],
})

/** @param startMs of the first span, Unix epoch */
export function shop(startMs: number): Readonly<Record<Signal, readonly object[]>> {
  const start = BigInt(startMs) * MS
  return { traces: traces(start), metrics: metrics(start), logs: logs(start) }
}

/** Ids are spread, as random ones are, and the same in every run: samplers look at them. */
const traceId = (n: number) => hex((Math.imul(n + 1, 0x9e3779b1) ^ 0x5bd1e995) >>> 0, 8).repeat(4)

function traces(start: bigint): object[] {
  return Array.from({ length: 40 }, (_, n) => {
    const at = start + BigInt(n) * 10n * MS
    const failed = n % 7 === 0
    const route = routes[n % routes.length]!
    const span = (i: number, parent: number | undefined) => ({
      traceId: traceId(n),
      spanId: hex(n * 16 + i + 1, 16),
      ...(parent === undefined ? {} : { parentSpanId: hex(n * 16 + parent + 1, 16) }),
      name: `${i === 0 ? 'GET' : 'call'} ${route}`,
      kind: i === 0 ? 2 : 3,
      startTimeUnixNano: String(at + BigInt(i) * MS),
      endTimeUnixNano: String(at + BigInt(i) * MS + BigInt((n % 12) * 45) * MS + 1n),
      attributes: [
        text('http.request.method', n % 5 === 0 ? 'POST' : 'GET'),
        text('http.route', route),
        whole('http.response.status_code', failed ? 500 : 200),
        text('url.full', `https://shop.example/${n}?token=abc${n}`),
        text('user.email', `user${n}@example.com`),
        ...(i === 1 ? [text('db.statement', `select * from users where card = '4111111111111111'`)] : []),
      ],
      ...(failed ? { status: { code: 2, message: 'payment refused' } } : {}),
      events: failed ? [{ timeUnixNano: String(at), name: 'exception', attributes: [text('exception.type', 'Refused')] }] : [],
    })
    return {
      resourceSpans: services.map((service, i) => ({
        resource: resource(service, i),
        scopeSpans: [{ scope: { name: 'shop.tracer', version: '1.0' }, spans: [span(i, i === 0 ? undefined : i - 1)] }],
      })),
    }
  })
}

function metrics(start: bigint): object[] {
  return Array.from({ length: 5 }, (_, n) => {
    const times = { startTimeUnixNano: String(start), timeUnixNano: String(start + BigInt(n + 1) * 1000n * MS) }
    const at = (route: string) => ({ ...times, attributes: [text('http.route', route), text('api.key', `k${n}`)] })
    return {
      resourceMetrics: services.map((service, i) => ({
        resource: resource(service, i),
        scopeMetrics: [
          {
            scope: { name: 'shop.meter', version: '2.0' },
            metrics: [
              {
                name: 'http.server.requests',
                unit: '{request}',
                description: 'Requests served.',
                sum: {
                  aggregationTemporality: 2,
                  isMonotonic: true,
                  dataPoints: routes.map((route, r) => ({ ...at(route), asInt: String(n * 10 + r + i) })),
                },
              },
              { name: 'queue.length', unit: '1', gauge: { dataPoints: [{ ...at('/pay'), asDouble: n + i / 10 }] } },
              {
                name: 'http.server.duration',
                unit: 's',
                histogram: {
                  aggregationTemporality: 2,
                  dataPoints: [
                    {
                      ...at('/cart'),
                      count: String(6 + n),
                      sum: 1.5 + n,
                      bucketCounts: ['3', '2', String(1 + n)],
                      explicitBounds: [0.1, 1],
                    },
                  ],
                },
              },
              { name: 'internal.debug', gauge: { dataPoints: [{ ...at('/healthz'), asInt: '1' }] } },
            ],
          },
        ],
      })),
    }
  })
}

const severities = ['INFO', 'DEBUG', 'ERROR', 'WARN'] as const
const severityNumbers = { DEBUG: 5, INFO: 9, WARN: 13, ERROR: 17 } as const

function logs(start: bigint): object[] {
  return Array.from({ length: 24 }, (_, n) => {
    const severityText = severities[n % severities.length]!
    return {
      resourceLogs: [
        {
          resource: resource(services[n % services.length]!, n),
          scopeLogs: [
            {
              scope: { name: 'shop.logger' },
              logRecords: [
                {
                  timeUnixNano: String(start + BigInt(n) * MS),
                  observedTimeUnixNano: String(start + BigInt(n) * MS + 5n),
                  severityNumber: severityNumbers[severityText],
                  severityText,
                  body: { stringValue: n % 4 === 0 ? `login of user${n}@example.com with password=hunter2` : `request ${n} done` },
                  attributes: [text('http.route', routes[n % routes.length]!), text('password', 'hunter2'), whole('attempt', n)],
                  traceId: traceId(n),
                  spanId: hex(n * 16 + 1, 16),
                },
              ],
            },
          ],
        },
      ],
    }
  })
}
