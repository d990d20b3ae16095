/** Series without number, each under a name of its own: what they cost, what is counted as too many, and whether their bytes still pass. */
import { createHash } from 'node:crypto'
import { Agent, request } from 'node:http'
import { eventually, freePorts, get, LOOPBACK, pause } from '../kit/process.ts'
import { type Field, protobuf } from '../kit/protobuf.ts'
import { Thalamus, toHttp } from '../kit/servers.ts'
import { Sink } from '../kit/sink.ts'
import { resources } from './kills.ts'
import { MB, megabytes, type Row, rss, type Say } from './row.ts'

export interface CardinalityOptions {
  readonly series: number
  /** `service.max_series` and the same of the Prometheus exporter */
  readonly most: number
  readonly seconds: number
}

const perBody = 500
/** [bytes] what a process may take: an idle one, and so much for each series that it knows by name */
export const mostMemory = (known: number): number => 300 * MB + known * 2500

export async function cardinality({ series, most, seconds }: CardinalityOptions, say: Say): Promise<Row> {
  await using sink = await Sink.start()
  const [metricsPort] = await freePorts(1)
  await using thalamus = await Thalamus.start(ports => ({
    receivers: {
      otlp: { protocols: { http: { endpoint: `${LOOPBACK}:${ports.httpPort}` }, grpc: { endpoint: `${LOOPBACK}:${ports.grpcPort}` } } },
    },
    processors: { memory_limiter: {}, batch: {} },
    exporters: {
      otlp_http: toHttp(sink.httpPort, { compression: 'none' }),
      prometheus: { endpoint: `${LOOPBACK}:${metricsPort}`, max_series: most },
    },
    service: {
      max_series: most,
      pipelines: { metrics: { receivers: ['otlp'], processors: ['memory_limiter', 'batch'], exporters: ['otlp_http', 'prometheus'] } },
    },
  }))
  const sent = new Set<string>()
  let [arrived, strange, scraped] = [0, 0, 0]
  let peak = 0
  const watch = setInterval(() => (peak = Math.max(peak, rss(thalamus.server.pid))), 100)
  const take = () => {
    for (const { body } of sink.kept.splice(0)) {
      for (const one of resources(body)) {
        if (sent.delete(digest(one))) arrived++
        else strange++
      }
    }
  }
  using agent = Object.assign(new Agent({ keepAlive: true, maxSockets: 4 }), { [Symbol.dispose]: () => agent.destroy() })
  const bodies = Math.ceil(series / perBody)
  const began = performance.now()
  let refused = 0
  for (let n = 0; n < bodies; n += 4) {
    const some = Array.from({ length: Math.min(4, bodies - n) }, (_, i) => body(n + i))
    for (const one of some) sent.add(digest(one))
    const statuses = await Promise.all(some.map(one => post(agent, thalamus.httpPort, one)))
    refused += statuses.filter(status => status !== 200).length
    take()
    if (n % 400 === 0 && n > 0) say(`${n * perBody} series, RSS ${megabytes(rss(thalamus.server.pid))}`)
    // Scraped as it would be: the page is the largest thing that is made of them.
    if (n === Math.floor(bodies / 8) * 4) scraped = (await get(`http://${LOOPBACK}:${metricsPort}/metrics`)).length
    const ahead = ((n + 4) / bodies) * seconds - (performance.now() - began) / 1000
    if (ahead > 0) await pause(ahead * 1000)
  }
  await eventually('all has arrived', () => {
    take()
    return sent.size === 0
  }).catch(() => {})
  clearInterval(watch)
  const page = await thalamus.ledger()
  const exporter = page.components.find(c => c.id === 'prometheus')
  const overflow = Object.entries(exporter?.dropped ?? {})
  const counted = overflow.reduce((sum, [, rows]) => sum + rows, 0)
  const took = (performance.now() - began) / 1000
  const bound = mostMemory(Math.min(series, most))
  return {
    fault: `${series.toLocaleString('en')} distinct series and names, ${most.toLocaleString('en')} allowed`,
    rounds: `1, in ${Math.round(took)} s`,
    must: `RSS ≤ ${megabytes(bound)} (300 MB and 2.5 kB a series), overflow counted, pass-through intact`,
    measured:
      `RSS at most ${megabytes(peak)}; ${arrived} of ${bodies} bodies arrived byte for byte, ${strange} that were not sent; ` +
      `overflow counted: ${overflow.map(([reason, rows]) => `${rows} ${reason}`).join(', ') || 'none'}; ${refused} requests refused; ` +
      `a page of ${megabytes(scraped)} was scraped half-way; imbalance ${page.imbalance}`,
    met:
      peak <= bound &&
      arrived === bodies &&
      strange === 0 &&
      refused === 0 &&
      page.imbalance === 0 &&
      counted === Math.max(0, bodies * perBody - most),
  }
}

const digest = (bytes: Uint8Array) => createHash('sha1').update(bytes).digest('base64')

/** 500 gauges of one resource, no two of one name in all bodies. */
function body(n: number): Buffer {
  const gauges = Array.from(
    { length: perBody },
    (_, i): Field => [
      2,
      'message',
      [
        [1, 'bytes', `a.metric.with.a.name.of.its.own.${n}.${i}`],
        [
          5,
          'message',
          [
            [
              1,
              'message',
              [
                [3, 'fixed64', 1_780_000_000_000_000_000n],
                [4, 'double', i],
                [
                  7,
                  'message',
                  [
                    [1, 'bytes', 'request'],
                    [2, 'message', [[1, 'bytes', `${n}-${i}`]]],
                  ],
                ],
              ],
            ],
          ],
        ],
      ],
    ],
  )
  return protobuf([[1, 'message', [[2, 'message', gauges]]]])
}

function post(agent: Agent, port: number, content: Buffer): Promise<number> {
  return new Promise(resolve => {
    const headers = { 'content-type': 'application/x-protobuf', 'content-length': content.length }
    const asked = request({ host: LOOPBACK, port, path: '/v1/metrics', method: 'POST', headers, agent }, answer => {
      answer.resume()
      answer.on('end', () => resolve(answer.statusCode ?? 0)).on('error', () => resolve(0))
    })
    asked.on('error', () => resolve(0))
    asked.end(content)
  })
}
