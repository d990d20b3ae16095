/** An ingest thread: its part of the configuration, run by the same application as the whole. */
import { parentPort, workerData } from 'node:worker_threads'
import { start } from './app.ts'
import type { Configuration, Origin } from './component/configuration.ts'
import { ConfigError, StartError } from './component/errors.ts'
import { readConfiguration } from './components.ts'
import { keepTickShape } from './lib/ticks.ts'
import { ColumnShipping } from './workers/column-shipping.ts'
import { Ends } from './workers/ends.ts'
import type { Counts, Failure, Seat, Standing, ToMain, ToThread } from './workers/messages.ts'
import { threadPart } from './workers/partition.ts'
import { Shipping } from './workers/shipping.ts'
import { nodeFiles, systemLog, systemWorld } from './world.ts'

keepTickShape()

const port = parentPort!
const seat = workerData as Seat
const say = (message: ToMain, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer)

const ends = new Ends()
const shipping = new Shipping(say, ends)
const columns = new ColumnShipping(say, ends)
const ships = { bytes: shipping.factory, columns: columns.factory }

/** What a thread does of it; nothing, where a reload has left nothing for threads. */
async function read({ sources, sets, forward, store, env, files }: Origin): Promise<Configuration> {
  const readFile = files ? { readFile: nodeFiles.readSync } : {}
  const whole = await readConfiguration(sources, { sets, forward, store, env, ...readFile })
  const part = threadPart(whole, ships)
  return part ?? { ...whole, service: { ...whole.service, extensions: [], pipelines: [], api: undefined } }
}

async function run(): Promise<void> {
  const configuration = await read(seat.origin)
  const log = systemLog({ worker: seat.number })
  const ports = { bound: new Map(seat.ports), first: seat.number === 1 }
  const world = systemWorld(log, configuration.service.telemetry.logs)
  const app = await start(configuration, { ...world, seat: { number: seat.number, slots: seat.slots, ports } })
  const standing = (): Standing => ({ listening: app.listening, unheard: app.unheard, ports: [...ports.bound] })
  const counts = async (): Promise<Counts> => {
    const metrics = await app.measured()
    return { metrics, ledger: app.ledger.copy(), problems: [...app.status().problems] }
  }
  /** when nothing is measured any more */
  const uncounted = { metrics: undefined, problems: [] }
  const answers: { readonly [K in ToThread['is']]: (message: ToThread & { is: K }) => unknown } = {
    settled: ({ list }) => shipping.settled(list),
    room: () => columns.goOn(),
    count: async ({ request }) => say({ is: 'counts', request, ...(await counts()) }),
    reload: async ({ origin, ports: known }) => {
      for (const [asked, port] of known) ports.bound.set(asked, port)
      try {
        await app.reload(() => read(origin))
        say({ is: 'reloaded', ...standing() })
      } catch (error) {
        say(failure(error))
      }
    },
    stop: async () => {
      const stopped = app.shutdown()
      void ends.stopping().then(() => say({ is: 'quiet' }))
      say({ is: 'stopped', undelivered: await stopped, ...uncounted, ledger: app.ledger.copy() })
    },
  }
  port.on('message', (message: ToThread) => void (answers[message.is] as (message: ToThread) => unknown)(message))
  say({ is: 'started', ...standing() })
}

function failure(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error)
  const wrong = error instanceof ConfigError ? 'configuration' : error instanceof StartError ? 'start' : 'bug'
  return { is: 'failure', wrong, message, remedy: error instanceof StartError ? error.remedy : undefined }
}

await run().catch((error: unknown) => say(failure(error)))
