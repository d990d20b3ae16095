/** Destinations that refuse, hang, cut the line, die and come back; and a process that is told to end while it still holds rows. */
import { afterEach, describe, expect, test } from 'vitest'
import { numbered, pieces, post } from './kit/bodies.ts'
import { eventually, freePorts } from './kit/process.ts'
import { rows } from './kit/rows.ts'
import { Collector, otlpTo, Thalamus, toGrpc, toHttp } from './kit/servers.ts'
import { type Manner, Sink } from './kit/sink.ts'

const started: AsyncDisposable[] = []
const ending = <T extends AsyncDisposable>(server: T): T => {
  started.unshift(server)
  return server
}
afterEach(async () => {
  for (const server of started.splice(0)) await server[Symbol.asyncDispose]()
})

/** Quick to notice and quick to come back, so that minutes of trouble fit into seconds. */
const eager = { timeout: '500ms', retry_on_failure: { initial_interval: '50ms', max_interval: '200ms' } }
const BODIES = Array.from({ length: 60 }, (_, n) => numbered(n))
const hex = (bodies: readonly Buffer[]) => bodies.map(b => b.toString('hex')).sort()

async function accept(thalamus: Thalamus, bodies: readonly Buffer[]): Promise<void> {
  for (const body of bodies) expect(await post(thalamus, 'logs', body)).toEqual({ status: 200, body: '' })
}
const arrived = (sink: Sink, what: string, thalamus: Thalamus) =>
  eventually(
    `${what}\n${thalamus.server.output}`,
    () => {
      const found = pieces(Buffer.concat(sink.bodies('logs')), BODIES)
      return new Set(found).size === BODIES.length && found
    },
    30_000,
  )
const settled = (thalamus: Thalamus) =>
  eventually('nothing is held', async () => {
    const page = await thalamus.ledger()
    return page.components.every(c => c.held === 0) && page
  })

describe.each(['otlp_http', 'otlp_grpc'] as const)('%s', exporter => {
  test.each<Manner>([503, 'hang', 'reset'])('a destination that is %s for a while is sent everything once it recovers', async manner => {
    const sink = ending(await Sink.start())
    const to = exporter === 'otlp_http' ? toHttp(sink.httpPort, eager) : toGrpc(sink.grpcPort, eager)
    const thalamus = ending(await Thalamus.start(ports => otlpTo(ports, { [exporter]: to })))
    await accept(thalamus, BODIES.slice(0, 20))
    await eventually('the first 20', () => pieces(Buffer.concat(sink.bodies('logs')), BODIES).length === 20)
    sink.manner = manner
    await accept(thalamus, BODIES.slice(20))
    await eventually('five attempts that failed', () => sink.turnedAway >= 5)
    sink.manner = 'ok'
    const found = await arrived(sink, 'all that was accepted', thalamus)
    // The sink answers only what it keeps, so here even a repetition would be a mistake.
    expect(found).toEqual(hex(BODIES))
    const { imbalance, components } = await settled(thalamus)
    expect(imbalance).toBe(0)
    expect(components.find(c => c.id === exporter && c.signal === 'logs')).toMatchObject({ accepted: 60, taken: 60, held: 0, dropped: {} })
  })
})

test('a Collector that is killed and started again is sent everything', async () => {
  const sink = ending(await Sink.start())
  const [httpPort, grpcPort] = (await freePorts(2)) as [number, number]
  const collector = () =>
    Collector.start(ports => otlpTo(ports, { otlp_http: toHttp(sink.httpPort, { compression: 'none', encoding: 'json' }) }), {
      httpPort,
      grpcPort,
    })
  const first = ending(await collector())
  const thalamus = ending(await Thalamus.start(ports => otlpTo(ports, { otlp_http: toHttp(httpPort, eager) })))
  await accept(thalamus, BODIES.slice(0, 20))
  await eventually('the first 20', () => rows('logs', sink.json('logs')).length === 20)
  await first.server.stop('SIGKILL')
  await accept(thalamus, BODIES.slice(20))
  ending(await collector())
  await eventually('all 60', () => rows('logs', sink.json('logs')).length >= 60, 30_000)
  const lines = sink.json('logs').flatMap(request => rows('logs', [request]).map(row => JSON.parse(row).row.body.stringValue))
  expect(new Set(lines).size).toBe(60)
  expect((await settled(thalamus)).imbalance).toBe(0)
})

test('a dead exporter does not keep its sibling waiting, and what it cannot hold is counted', async () => {
  const sink = ending(await Sink.start())
  const [dead] = (await freePorts(1)) as [number]
  const thalamus = ending(
    await Thalamus.start(ports =>
      otlpTo(ports, {
        otlp_http: toHttp(sink.httpPort),
        'otlp_http/dead': toHttp(dead, { ...eager, sending_queue: { queue_size: 10, sizer: 'items' } }),
      }),
    ),
  )
  await accept(thalamus, BODIES)
  expect(await arrived(sink, 'all at the living one', thalamus)).toEqual(hex(BODIES))
  const page = await eventually('the dead one is full', async () => {
    const found = await thalamus.ledger()
    return found.imbalance === 0 && found
  })
  const deadOne = page.components.find(c => c.id === 'otlp_http/dead' && c.signal === 'logs')
  const wire = page.wires.find(w => w.to.includes('otlp_http/dead') && w.signal === 'logs')
  const lost =
    Object.values(wire?.dropped ?? {}).reduce((a, b) => a + b, 0) + Object.values(deadOne?.dropped ?? {}).reduce((a, b) => a + b, 0)
  expect(lost + (deadOne?.held ?? 0)).toBe(60)
  expect(lost).toBeGreaterThan(0)
})

test('SIGTERM sends what is held before the process ends', async () => {
  const sink = ending(await Sink.start())
  sink.manner = 503
  const thalamus = ending(await Thalamus.start(ports => otlpTo(ports, { otlp_http: toHttp(sink.httpPort, eager) })))
  await accept(thalamus, BODIES)
  await eventually('an attempt', () => sink.turnedAway > 0)
  const code = thalamus.stop('SIGTERM')
  sink.manner = 'ok'
  expect(await code).toBe(0)
  expect(pieces(Buffer.concat(sink.bodies('logs')), BODIES)).toEqual(hex(BODIES))
})

test('SIGTERM with a dead destination ends within its time and says how many rows are lost', async () => {
  const [dead] = (await freePorts(1)) as [number]
  const thalamus = ending(
    await Thalamus.start(ports => {
      const config = otlpTo(ports, { otlp_http: toHttp(dead, eager) })
      return { ...config, service: { ...config.service, shutdown_timeout: '1s' } }
    }),
  )
  await accept(thalamus, BODIES)
  await thalamus.stop('SIGTERM')
  expect(thalamus.server.output).toMatch(/\b60\b/)
})

test('an error that nothing handled: what is held is sent, and the exit code says that it was a bug', async () => {
  const sink = ending(await Sink.start())
  sink.manner = 503
  const onSignal = 'data:text/javascript,process.on("SIGUSR2",()=>{throw new Error("boom")})'
  const thalamus = ending(await Thalamus.start(ports => otlpTo(ports, { otlp_http: toHttp(sink.httpPort, eager) }), ['--import', onSignal]))
  await accept(thalamus, BODIES)
  await eventually('an attempt', () => sink.turnedAway > 0)
  const code = thalamus.stop('SIGUSR2')
  sink.manner = 'ok'
  expect(await code).toBe(70)
  expect(pieces(Buffer.concat(sink.bodies('logs')), BODIES)).toEqual(hex(BODIES))
  expect(thalamus.server.output).toMatch(/"level":"error".*"message":"boom".*a bug: an error that nothing handled/)
})
