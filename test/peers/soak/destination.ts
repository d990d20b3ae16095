/** A destination that fails for a while in one way, beside one that does not; and how soon all is well again. */
import { Agent, request } from 'node:http'
import { numbered } from '../kit/bodies.ts'
import { eventually, LOOPBACK, pause } from '../kit/process.ts'
import { otlpTo, Thalamus, toGrpc, toHttp } from '../kit/servers.ts'
import { type Manner, Sink } from '../kit/sink.ts'
import { resources } from './kills.ts'
import { MB, megabytes, type Row, rss, type Say } from './row.ts'

export interface OutageOptions {
  readonly manner: Manner
  readonly exporter: 'otlp_http' | 'otlp_grpc'
  readonly seconds: number
}

export const outages = (seconds: number): readonly OutageOptions[] =>
  (['otlp_http', 'otlp_grpc'] as const).flatMap(exporter =>
    ([503, 'hang', 'reset', 'partial'] as const).map(manner => ({ manner, exporter, seconds })),
  )

/** [requests/s] */
const rate = 50
/** [s] the longest back-off is half as long again */
const maxInterval = 4
const timeout = 2
/** [bytes] that resident memory may grow by from the middle of the outage to its end, and what a small request costs that is held meanwhile */
const flat = 30 * MB
const heldRequest = 1500

export async function outage({ manner, exporter, seconds }: OutageOptions, say: Say): Promise<Row> {
  await using sink = await Sink.start()
  await using other = await Sink.start()
  const settings = {
    timeout: `${timeout}s`,
    retry_on_failure: { initial_interval: '500ms', max_interval: `${maxInterval}s`, max_elapsed_time: '0s' },
    sending_queue: { queue_size: 100_000 },
  }
  const to = exporter === 'otlp_http' ? toHttp(sink.httpPort, settings) : toGrpc(sink.grpcPort, settings)
  const sibling = exporter === 'otlp_http' ? toHttp(other.httpPort) : toGrpc(other.grpcPort)
  await using thalamus = await Thalamus.start(ports => otlpTo(ports, { [exporter]: to, [`${exporter}/sibling`]: sibling }))
  const agent = new Agent({ keepAlive: true, maxSockets: 4 })
  const arrivals = new Map<Sink, Map<string, number>>([sink, other].map(one => [one, new Map()]))
  const take = (one: Sink) => {
    const known = arrivals.get(one)!
    for (const { body } of one.kept.splice(0)) {
      for (const piece of resources(body)) {
        const key = piece.toString('latin1')
        known.set(key, (known.get(key) ?? 0) + 1)
      }
    }
    return known.size
  }
  let [sent, refused, lag, n] = [0, 0, 0, 0]
  const began = performance.now()
  const elapsed = () => (performance.now() - began) / 1000
  const sizes: number[] = []
  const beat = async (untilSeconds: number) => {
    while (elapsed() < untilSeconds) {
      const due = Math.floor(elapsed() * rate) - n
      const statuses = await Promise.all(Array.from({ length: due }, () => post(agent, thalamus.httpPort, numbered(n++))))
      sent += statuses.filter(status => status === 200).length
      refused += statuses.filter(status => status !== 200).length
      await pause(100)
      // What was sent 100 ms ago and has not come to the sibling.
      lag = Math.max(lag, sent - take(other))
      take(sink)
      sizes.push(rss(thalamus.server.pid))
    }
  }
  await beat(2)
  sink.manner = manner
  await beat(2 + seconds)
  sink.manner = 'ok'
  const recovered = performance.now()
  const all = await eventually('all that was accepted', () => take(sink) === sent, 60_000).catch(() => false)
  const tookMs = performance.now() - recovered
  await eventually('all at the sibling', () => take(other) === sent).catch(() => {})
  const page = await eventually('nothing is held', async () => {
    const found = await thalamus.ledger()
    return found.components.every(c => c.held === 0) && found
  }).catch(() => thalamus.ledger())
  agent.destroy()
  const account = page.components.find(c => c.id === exporter && c.signal === 'logs')!
  const dropped = Object.entries(account.dropped).map(([reason, rows]) => `${rows} ${reason}`)
  const twice = [...arrivals.get(sink)!.values()].filter(times => times > 1).length
  const missing = sent - arrivals.get(sink)!.size
  const half = sizes.slice(sizes.length >> 1)
  const grew = Math.max(...half.slice(-10)) - Math.max(...half.slice(0, 10))
  const more = manner === 'partial' ? 0 : Math.round((seconds * rate) / 2)
  const most = (maxInterval * 1.5 + (manner === 'hang' ? timeout : 0) + 1) * 1000
  const expectedDrops = manner === 'partial' ? sink.turnedAway : 0
  const lost = Object.values(account.dropped).reduce((a, b) => a + b, 0)
  say(`${exporter} ${manner}: ${missing} missing, recovered in ${Math.round(tookMs)} ms`)
  return {
    fault: `destination ${typeof manner === 'number' ? `answers ${manner}` : manner === 'partial' ? 'answers partial success' : manner === 'hang' ? 'hangs' : 'resets'}, ${exporter}`,
    rounds: seconds >= 60 ? `${Math.round(seconds / 60)} min` : `${seconds} s`,
    must: 'nothing lost within the bound, memory flat but for what the queue holds, siblings unaffected, recovers in ≤ one back-off',
    measured:
      `${sent} accepted, ${refused} refused; ${missing} missing, ${twice} arrived twice, dropped: ${dropped.join(', ') || 'none'}; ` +
      `RSS ${grew >= 0 ? '+' : '−'}${megabytes(Math.abs(grew))} in the second half, for ${more} more requests held; sibling at most ${lag} requests behind; ` +
      `all delivered ${(tookMs / 1000).toFixed(1)} s after the end (≤ ${most / 1000} s); imbalance ${page.imbalance}`,
    met:
      all !== false &&
      missing === 0 &&
      refused === 0 &&
      lost === expectedDrops &&
      grew <= flat + more * heldRequest &&
      lag <= rate &&
      tookMs <= most &&
      page.imbalance === 0,
  }
}

function post(agent: Agent, port: number, content: Buffer): Promise<number> {
  return new Promise(resolve => {
    const headers = { 'content-type': 'application/x-protobuf', 'content-length': content.length }
    const asked = request({ host: LOOPBACK, port, path: '/v1/logs', method: 'POST', headers, agent }, answer => {
      answer.resume()
      answer.on('end', () => resolve(answer.statusCode ?? 0)).on('error', () => resolve(0))
    })
    asked.on('error', () => resolve(0))
    asked.end(content)
  })
}
