/** Queues on the disk, with real processes: killed at random moments, told to end, started while another runs, and full. */
import { closeSync, existsSync, openSync, rmSync, writeSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { numbered, pieces, post } from './kit/bodies.ts'
import { eventually, Folder } from './kit/process.ts'
import { type Otlp, otlpTo, Thalamus, toHttp } from './kit/servers.ts'
import { Sink } from './kit/sink.ts'
import { killRounds } from './soak/kills.ts'

const started: AsyncDisposable[] = []
const ending = <T extends AsyncDisposable>(server: T): T => {
  started.unshift(server)
  return server
}
afterEach(async () => {
  for (const server of started.splice(0)) await server[Symbol.asyncDispose]()
})

const BODIES = Array.from({ length: 60 }, (_, n) => numbered(n))
const hex = (bodies: readonly Buffer[]) => bodies.map(b => b.toString('hex')).sort()
const eager = { timeout: '500ms', retry_on_failure: { initial_interval: '50ms', max_interval: '200ms' } }

function stored(folder: Folder, sinkPort: number, queue: object = {}, storage: object = {}, through: string[] = []): Promise<Thalamus> {
  const configure = (ports: Otlp) => {
    const config = otlpTo(ports, { otlp_http: toHttp(sinkPort, { ...eager, sending_queue: { storage: 'file_storage', ...queue } }) })
    return {
      ...config,
      extensions: { file_storage: { directory: folder.path, ...storage } },
      service: { ...config.service, extensions: ['file_storage'], shutdown_timeout: '1s', consume_timeout: '300ms' },
    }
  }
  return Thalamus.start(configure, [], through)
}

test.each([true, false])(
  'kill -9 at random moments, 10 rounds (fsync: %s): nothing acknowledged is lost or altered, and repetitions were marked',
  async fsync => {
    const report = await killRounds({ rounds: 10, seed: fsync ? 3 : 4, fsync })
    expect(report).toMatchObject({ lost: 0, altered: 0 })
    expect(report.acknowledged).toBeGreaterThan(1000)
    expect(report.twice).toBeLessThanOrEqual(report.begun)
  },
  120_000,
)

test('SIGTERM with a dead destination keeps what is held, and the next process delivers it', async () => {
  using folder = new Folder()
  const sink = ending(await Sink.start())
  sink.manner = 503
  const first = ending(await stored(folder, sink.httpPort))
  for (const body of BODIES) expect(await post(first, 'logs', body)).toEqual({ status: 200, body: '' })
  expect(await first.stop('SIGTERM')).toBe(0)
  sink.manner = 'ok'
  const second = ending(await stored(folder, sink.httpPort))
  await eventually('all 60', () => pieces(Buffer.concat(sink.bodies('logs')), BODIES).length === 60)
  expect(pieces(Buffer.concat(sink.bodies('logs')), BODIES)).toEqual(hex(BODIES))
  const page = await eventually('nothing is held', async () => {
    const found = await second.ledger()
    return found.components.every(({ held }) => held === 0) && found
  })
  expect(page.imbalance).toBe(0)
  const account = page.components.find(c => c.id === 'otlp_http' && c.signal === 'logs')
  expect(account).toMatchObject({ recovered: 60, taken: 60, held: 0, dropped: {} })
})

test('a second process is not let into the directory, and is when the first was killed', async () => {
  using folder = new Folder()
  const sink = ending(await Sink.start())
  const first = ending(await stored(folder, sink.httpPort))
  const refused = await stored(folder, sink.httpPort).catch((error: Error) => error)
  expect(String(refused)).toMatch(/is in use, by another process/)
  await first.server.stop('SIGKILL')
  ending(await stored(folder, sink.httpPort))
  expect(existsSync(`${folder.path}/thalamus.lock`)).toBe(true)
})

test('a full queue asks senders to come again, and drops nothing', async () => {
  using folder = new Folder()
  const sink = ending(await Sink.start())
  sink.manner = 503
  const thalamus = ending(await stored(folder, sink.httpPort, { queue_size: 20 }))
  const statuses: number[] = []
  for (const body of BODIES.slice(0, 25)) statuses.push((await post(thalamus, 'logs', body)).status)
  expect(statuses).toEqual([...Array<number>(20).fill(200), ...Array<number>(5).fill(503)])
  sink.manner = 'ok'
  for (const body of BODIES.slice(20)) {
    await eventually('it is taken', async () => (await post(thalamus, 'logs', body)).status === 200)
  }
  await eventually('all 60', () => pieces(Buffer.concat(sink.bodies('logs')), BODIES).length === 60)
  const { imbalance, components } = await thalamus.ledger()
  expect([imbalance, components.find(c => c.id === 'otlp_http' && c.signal === 'logs')?.dropped]).toEqual([0, {}])
})

test('a disk that is full, and free again: nothing that was acknowledged is lost, and it goes on by itself', async () => {
  using folder = new Folder()
  const sink = ending(await Sink.start())
  sink.manner = 503
  // A file system of its own, of 8 MiB, that ends with the process; /proc/PID/root is how it looks from in there.
  const mounted = `mount -t tmpfs -o size=8m thalamus ${folder.path} && exec "$@"`
  const through = ['unshare', '--mount', '--map-root-user', '--propagation', 'private', 'sh', '-c', mounted, 'sh']
  const thalamus = ending(await stored(folder, sink.httpPort, { num_consumers: 1 }, { min_free_space: 0 }, through))
  const filler = `/proc/${thalamus.server.pid}/root${folder.path}/filler`
  const fill = () => {
    const file = openSync(filler, 'a')
    try {
      for (let chunk = 64 * 1024; chunk >= 1024; ) {
        try {
          writeSync(file, Buffer.alloc(chunk))
        } catch {
          chunk /= 2
        }
      }
    } finally {
      closeSync(file)
    }
  }
  const many = Array.from({ length: 200 }, (_, n) => numbered(n))
  for (const body of many.slice(0, 20)) expect((await post(thalamus, 'logs', body)).status).toBe(200)
  fill()
  // What was written before has left a page that is not full: some of them still find room.
  const statuses = await Promise.all(many.slice(20).map(async body => (await post(thalamus, 'logs', body)).status))
  const refused = many.slice(20).filter((_, i) => statuses[i] !== 200)
  expect([...new Set(statuses)].filter(status => status !== 200)).toEqual([503])
  expect(Buffer.from((await post(thalamus, 'logs', many[0]!)).body, 'hex').toString()).toContain('cannot be written: ENOSPC')
  const { imbalance, components } = await thalamus.ledger()
  expect([imbalance, components.find(c => c.id === 'otlp_http' && c.signal === 'logs')?.dropped]).toEqual([0, {}])

  rmSync(filler)
  for (const body of refused) await eventually('it is taken', async () => (await post(thalamus, 'logs', body)).status === 200)
  sink.manner = 'ok'
  await eventually('all 200', () => pieces(Buffer.concat(sink.bodies('logs')), many).length >= 200)
  expect(pieces(Buffer.concat(sink.bodies('logs')), many)).toEqual(hex(many))
  expect((await thalamus.ledger()).imbalance).toBe(0)
})
