/**
 * `kill -9` at random moments under load, with the queue on the disk and a destination that is up, down, or out of its mind. Every row has a
 * number, so that what was acknowledged and did not arrive, arrived changed, or arrived twice is seen exactly.
 */
import { request } from 'node:http'
import { nodeDisk } from '../../../src/disk.ts'
import { inspect, isDamaged } from '../../../src/extensions/file_storage/inspect.ts'
import { seeded } from '../../kit/context.ts'
import { eventually, Folder, LOOPBACK, pause } from '../kit/process.ts'
import { protobuf } from '../kit/protobuf.ts'
import { otlpTo, Thalamus, toHttp } from '../kit/servers.ts'
import { type Manner, Sink } from '../kit/sink.ts'
import type { Row, Say } from './row.ts'

export interface Kills {
  readonly rounds: number
  /** of chance: the same rounds again, as far as processes allow */
  readonly seed?: number
  readonly fsync?: boolean
}

export interface KillReport {
  readonly rounds: number
  /** [rows] that were answered with 200 */
  readonly acknowledged: number
  /** [rows] acknowledged, that never arrived */
  readonly lost: number
  /** pieces of requests that arrived and are not what was sent */
  readonly altered: number
  /** [rows] that arrived more than once */
  readonly twice: number
  /** [rows] that were under way when a process was killed, all rounds together: the most that may arrive twice */
  readonly begun: number
  /** [rows] that processes have counted as sent again, after a start or after an answer that never came, as far as they lived to say so */
  readonly resent: number
  /** [rows] in the queue when it was at its fullest */
  readonly most: number
  /** [ms] from the start to the first answer, the longest */
  readonly slowestStartMs: number
}

/** Rows in the body `n`, and how long their text is: from one to a few hundred, 100 bytes to 100 kB. */
const rowsIn = (n: number) => 1 + ((n * 7919) % 40)
const padding = (n: number) => 'x'.repeat((n * 104_729) % 2500)

/** A request of one resource, whose rows say which they are. */
function body(n: number): Buffer {
  const records = Array.from({ length: rowsIn(n) }, (_, row) => {
    const text = `row ${n}.${row} ${padding(n)}`
    return [
      2,
      'message',
      [
        [1, 'fixed64', 1_780_000_000_000_000_000n + BigInt(n)],
        [5, 'message', [[1, 'bytes', text]]],
      ],
    ] as const
  })
  return protobuf([[1, 'message', [[2, 'message', records]]]])
}

/** Cuts a request into what was sent, which lies in it one after the other. */
export function* resources(request: Buffer): Generator<Buffer> {
  for (let at = 0; at < request.length; ) {
    let [length, shift, next] = [0, 0, at + 1]
    for (;;) {
      const byte = request[next++] ?? 0
      length |= (byte & 127) << shift
      shift += 7
      if (byte < 128) break
    }
    yield request.subarray(at, next + length)
    at = next + length
  }
}

export async function killRounds({ rounds, seed = 1, fsync = true }: Kills, say: Say = () => {}): Promise<KillReport> {
  const random = seeded(seed)
  using queues = new Folder()
  await using sink = await Sink.start()
  const tally = new Tally(sink)
  let [begun, resent, most, slowestStartMs] = [0, 0, 0, 0]
  const startOnce = () =>
    Thalamus.start(ports => {
      const config = otlpTo(ports, {
        otlp_http: toHttp(sink.httpPort, {
          timeout: '500ms',
          retry_on_failure: { initial_interval: '50ms', max_interval: '300ms', max_elapsed_time: '0s' },
          sending_queue: { storage: 'file_storage', max_bytes: '2MiB', batch: { flush_timeout: '20ms' } },
        }),
      })
      return {
        ...config,
        // Small segments, so that many are made, sealed and deleted.
        extensions: { file_storage: { directory: queues.path, fsync, max_size: '64MiB', min_free_space: '1MiB' } },
        service: { ...config.service, extensions: ['file_storage'] },
      }
    })
  /** A port that was free may be somebody else's a moment later. */
  const start = async (tries = 5): Promise<Thalamus> => {
    try {
      return await startOnce()
    } catch (error) {
      if (tries === 0 || !/ is taken/.test(String(error))) throw error
      return start(tries - 1)
    }
  }
  for (let round = 1; round <= rounds; round++) {
    sink.manner = mannerOf(random())
    const since = performance.now()
    const thalamus = await start()
    slowestStartMs = Math.max(slowestStartMs, performance.now() - since)
    const senders = tally.send(thalamus, 8)
    // In some rounds the destination changes its mind, and some end at once.
    const livesMs = round % 5 === 0 ? random() * 60 : 50 + random() * 600
    if (random() < 0.5) void pause(livesMs * random()).then(() => (sink.manner = mannerOf(random())))
    const watching = watch(thalamus, held => {
      most = Math.max(most, held.held)
      return held.resent
    })
    await pause(livesMs)
    thalamus.server.child.kill('SIGKILL')
    await thalamus.server.stop('SIGKILL')
    await senders.end()
    resent += await watching.end()
    await thalamus[Symbol.asyncDispose]()
    tally.take()
    const left = await stats(queues.path)
    begun += left.begun
    if (left.damaged) throw new Error(`round ${round}: the queue is damaged`)
    if (round % 50 === 0) say(`${round} rounds: ${tally.acknowledged} rows acknowledged, ${left.waiting} wait`)
  }
  sink.manner = 'ok'
  const last = await start()
  const page = await eventually(
    'all is delivered',
    async () => {
      const found = (await last.ledger()).components.find(c => c.id === 'otlp_http' && c.signal === 'logs')
      return found?.held === 0 && found
    },
    120_000,
  ).catch(error => {
    throw new Error(last.server.output.slice(-3000), { cause: error })
  })
  resent += page.resent
  const { imbalance } = await last.ledger()
  if (imbalance !== 0) throw new Error(`the ledger is off by ${imbalance}`)
  await last.stop()
  await last[Symbol.asyncDispose]()
  return { rounds, ...tally.verdict(), begun, resent, most, slowestStartMs: Math.round(slowestStartMs) }
}

export async function kills(options: Kills, say: Say): Promise<Row> {
  const r = await killRounds(options, say)
  const met = r.lost === 0 && r.altered === 0 && r.twice <= r.begun
  return {
    fault: 'kill -9 at random moments under load, queue on the disk, destination up and down',
    rounds: `${r.rounds}${options.fsync === false ? ', fsync: false' : ''}`,
    must: '0 acknowledged items lost, none altered; sent twice bounded and counted',
    measured: `${r.acknowledged} rows acknowledged: ${r.lost} lost, ${r.altered} altered; ${r.twice} arrived twice, of ${r.begun} that were marked as under way at a kill; \`resent\` counted ${r.resent}, answers lost to a destination that hung included; up to ${r.most} rows in the queue, slowest start ${r.slowestStartMs} ms`,
    met,
  }
}

const manners: readonly Manner[] = ['ok', 'ok', 'ok', 503, 'hang', 'reset']
const mannerOf = (chance: number): Manner => manners[Math.floor(chance * manners.length)]!

/** What senders were told, and what arrived. */
class Tally {
  readonly #sink: Sink
  #next = 1
  readonly #acknowledged = new Set<number>()
  readonly #arrived = new Map<number, number>()
  #altered = 0
  acknowledged = 0

  constructor(sink: Sink) {
    this.#sink = sink
  }

  /** Several at once, each with one request after the other, over connections that are kept. */
  send(to: Thalamus, connections: number): { end(): Promise<void> } {
    let live = true
    const loops = Array.from({ length: connections }, async () => {
      while (live) {
        const n = this.#next++
        const status = await post(to.httpPort, body(n))
        if (status === 200) {
          this.#acknowledged.add(n)
          this.acknowledged += rowsIn(n)
        } else if (status !== 503) return
        else await pause(20)
      }
    })
    return {
      end: async () => {
        live = false
        await Promise.all(loops)
      },
    }
  }

  /** Looks at what has arrived, and forgets its bytes. */
  take(): void {
    for (const kept of this.#sink.kept.splice(0)) {
      for (const one of resources(kept.body)) {
        const n = Number(/row (\d+)\.0 /.exec(one.toString('latin1', 0, 80))?.[1])
        if (!Number.isSafeInteger(n) || !one.equals(body(n))) this.#altered++
        else this.#arrived.set(n, (this.#arrived.get(n) ?? 0) + 1)
      }
    }
  }

  verdict() {
    this.take()
    let [lost, twice] = [0, 0]
    for (const n of this.#acknowledged) if (!this.#arrived.has(n)) lost += rowsIn(n)
    for (const [n, times] of this.#arrived) twice += rowsIn(n) * (times - 1)
    return { acknowledged: this.acknowledged, lost, altered: this.#altered, twice }
  }
}

/** The status; 0 where the process was gone. */
function post(port: number, content: Buffer): Promise<number> {
  return new Promise(resolve => {
    const asked = request(
      {
        host: LOOPBACK,
        port,
        path: '/v1/logs',
        method: 'POST',
        headers: { 'content-type': 'application/x-protobuf', 'content-length': content.length },
      },
      answer => {
        answer.on('error', () => {})
        answer.resume()
        resolve(answer.statusCode ?? 0)
      },
    )
    asked.on('error', () => resolve(0))
    asked.end(content)
  })
}

/** The exporter's page of the ledger, again and again. */
function watch(thalamus: Thalamus, see: (page: { held: number; resent: number }) => number): { end(): Promise<number> } {
  let live = true
  let last = 0
  const loop = (async () => {
    while (live) {
      const found = await thalamus.ledger().then(
        page => page.components.find(c => c.id === 'otlp_http' && c.signal === 'logs'),
        () => undefined,
      )
      if (found !== undefined) last = see(found)
      await pause(20)
    }
  })()
  return {
    end: async () => {
      live = false
      await loop
      return last
    },
  }
}

/** What is left on the disk, as `thalamus queue` sees it. */
async function stats(directory: string): Promise<{ begun: number; waiting: number; damaged: boolean }> {
  const segments = (await inspect(nodeDisk, directory)).flatMap(queue => queue.segments)
  const rows = (of: 'begun' | 'waiting') => segments.reduce((sum, segment) => sum + segment[of].rows, 0)
  return { begun: rows('begun'), waiting: rows('waiting'), damaged: segments.some(isDamaged) }
}
