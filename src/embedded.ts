/** The thread of an embedded pipeline: the same application as ever, in a worker of somebody's process. */
import { parentPort, workerData } from 'node:worker_threads'
import { type App, start } from './app.ts'
import { defaultConfiguration, embeddedConfiguration } from './commands/default.ts'
import { sourcesOf, type Texts } from './component/config/texts.ts'
import type { Source } from './component/config.ts'
import type { Configuration } from './component/configuration.ts'
import { StartError } from './component/errors.ts'
import { Handed } from './component/handed.ts'
import { readConfiguration } from './components.ts'
import { sent } from './embed/errors.ts'
import { Ending, type FromPipeline, type Seat, type ToPipeline } from './embed/messages.ts'
import { Mirror } from './embed/mirror.ts'
import { firstFree } from './embed/ports.ts'
import { systemClock } from './lib/clock.ts'
import { keepTickShape } from './lib/ticks.ts'
import { Latest } from './library/latest.ts'
import { type Asked, answerTo, columnsOf } from './library/remote.ts'
import { running as asLibrary, Listeners, type RunningApp, telling } from './library/running.ts'
import { type Signal, signals } from './model/signal.ts'
import { nodeFiles, systemLog, systemWorld } from './world.ts'

keepTickShape()

const port = parentPort!
const seat = workerData as Seat
const say = (message: FromPipeline, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer)

const handed = new Handed()
const mirror = new Mirror(seat.series, systemClock)
/** what becomes of each request that is not settled */
const open = new Map<number, Promise<boolean>>()
const settledNow = new Map<number, boolean>()
let stopping: ((message: ToPipeline & { is: 'stop' }) => void) | undefined
let stopFirst: (ToPipeline & { is: 'stop' }) | undefined

// What comes before the pipeline runs waits: a process may end before.
const early: (ToPipeline & { is: 'request' })[] = []
let running = false

/** Who answers what is asked: the library's, where a program has started it. */
let asked: RunningApp | undefined
const answering = new Map<number, AbortController>()

port.on('message', (message: ToPipeline) => {
  if (message.is === 'series') mirror.add(message.list)
  else if (message.is === 'request') running ? take(message) : early.push(message)
  else if (message.is === 'ask') void answer(message)
  else if (message.is === 'withdraw') answering.get(message.ticket)?.abort()
  else if (stopping === undefined) stopFirst = message
  else stopping(message)
})

async function answer({ ticket, question }: ToPipeline & { is: 'ask' }): Promise<void> {
  const asking = new AbortController()
  answering.set(ticket, asking)
  try {
    if (asked === undefined) throw new StartError('the embedded pipeline has ended')
    const given = await answerTo(asked, question as Asked, asking.signal)
    say({ is: 'answered', ticket, answer: given }, columnsOf(question as Asked, given))
  } catch (error) {
    say({ is: 'unanswered', ticket, error: sent(error) })
  } finally {
    answering.delete(ticket)
  }
}

function take({ ticket, signal, body }: ToPipeline & { is: 'request' }): void {
  const settled = Promise.withResolvers<boolean>()
  open.set(ticket, settled.promise)
  handed.offer(signal, body, problem => {
    open.delete(ticket)
    settledNow.set(ticket, problem === undefined)
    settled.resolve(problem === undefined)
    say({
      is: 'settled',
      ticket,
      problem: problem === undefined ? undefined : problem instanceof Error ? problem.message : String(problem),
    })
    // Nobody asks for it any more once a turn is over, but for a main thread that stands still.
    if (settledNow.size > keptVerdicts) settledNow.delete(settledNow.keys().next().value!)
  })
}

/** [requests] whose verdicts are kept for a main thread that stands still before it has heard them; it has a few open at most */
const keptVerdicts = 1024

const read = async (sources: readonly Source[], { set: sets = [], env = {} }: Omit<Texts, 'config'> = {}) =>
  asGuest(await readConfiguration(sources, { sets, env, readFile: nodeFiles.readSync }))
const readTexts = (texts: Texts) => read(sourcesOf(texts.config, defaultConfiguration), texts)

async function configuration(): Promise<Configuration> {
  const { configured } = seat
  if (configured.by === 'texts') return readTexts(configured.texts)
  if (configured.by === 'files') return read(await readFiles(configured.paths), { env: configured.env })
  const { forward, moves } = configured
  const ports = moves ? { otlp: await firstFree(4318), page: await firstFree(9464) } : { otlp: 4318, page: 9464 }
  return read([{ name: 'embedded configuration', text: embeddedConfiguration(ports, forward) }])
}

async function readFiles(paths: readonly string[]) {
  return Promise.all(
    paths.map(async path => {
      try {
        return { name: path, text: Buffer.from(await nodeFiles.read(path)).toString('utf8') }
      } catch (error) {
        throw new StartError(`${path}: ${(error as Error).message}`, { remedy: 'check THALAMUS_CONFIG' })
      }
    }),
  )
}

/** It shares the process: one thread, and no longer at the end than the process waits. */
function asGuest(of: Configuration): Configuration {
  return { ...of, service: { ...of.service, workers: 1, shutdownTimeoutMs: Math.min(of.service.shutdownTimeoutMs, seat.drainMs) } }
}

/** Ports that were free may have been taken since: of services that start together each finds its own. */
async function started(): Promise<App> {
  const moves = seat.configured.by === 'default' && seat.configured.moves
  for (let left = moves ? 20 : 0; ; left--) {
    try {
      return await startOnce()
    } catch (error) {
      if (left === 0 || !(error instanceof StartError) || !error.taken) throw error
    }
  }
}

async function startOnce(): Promise<App> {
  const checked = await configuration()
  const { logs } = checked.service.telemetry
  const world = systemWorld(systemLog(), logs)
  const memory = (collect?: boolean) => {
    const { usedBytes, limitBytes } = world.memory(collect)
    return { usedBytes, limitBytes: Math.min(limitBytes, seat.memoryBytes) }
  }
  const own = { ...world, memory, handed, recorded: mirror }
  const { configured } = seat
  if (configured.by !== 'texts') return start(checked, own)
  const listeners = new Listeners(() => {})
  // The end is told where it is waited for.
  for (const event of ['alert', 'health', 'reloaded'] as const) listeners.on(event, of => say({ is: 'event', event, of }))
  const latest = new Latest(systemClock)
  const app = await start(latest.within(checked), { ...own, ...telling(listeners.tell.bind(listeners)) })
  asked = asLibrary(app, latest, listeners, systemClock, { read: readTexts, given: configured.texts })
  return app
}

/** It would be dropped, for want of a pipeline. */
const unheard = (app: App, signal: Signal) => app.unheard.some(of => of.signal === signal && of.receiver.split('/')[0] === 'otlp')

async function run(): Promise<void> {
  const app = await started()
  running = true
  for (const request of early.splice(0)) take(request)
  say({
    is: 'started',
    listening: app.listening,
    unheard: app.unheard,
    takes: signals.filter(signal => handed.takes(signal) && !unheard(app, signal)),
  })
  stopping = message => void stop(app, message)
  if (stopFirst !== undefined) stopping(stopFirst)
}

async function stop(app: App, { ending, tickets }: ToPipeline & { is: 'stop' }): Promise<void> {
  stopping = () => {}
  // What was handed over is taken or refused first: the receiver takes nothing while it drains.
  const late = Promise.withResolvers<void>()
  using _timer = systemClock.after(seat.drainMs / 2, () => late.resolve())
  await Promise.race([Promise.all(open.values()), late.promise])
  const undelivered = await app.shutdown()
  const verdict = (ticket: number) => ({ true: 1, false: 2, undefined: 0 })[`${settledNow.get(ticket)}`] as 0 | 1 | 2
  new Ending(ending).write(tickets.map(verdict), undelivered)
  say({ is: 'stopped', undelivered })
  port.close()
}

await run().catch((error: unknown) => {
  say({ is: 'failure', error: sent(error) })
  if (stopFirst !== undefined) new Ending(stopFirst.ending).write([], [])
  stopping = ({ ending }) => new Ending(ending).write([], [])
  port.close()
})
