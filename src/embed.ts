/** `start({ embed: true })`: the pipeline in a worker of the process, with what only the calling thread can measure. */
import type { Listening, Undelivered } from './app.ts'
import { type Texts, textsOf } from './component/config/texts.ts'
import { StartError } from './component/errors.ts'
import { defaultMemoryMiB, leastMemoryMiB, Pipeline } from './embed/pipeline.ts'
import { startProbe } from './embed/probe.ts'
import { recorder } from './instruments/instruments.ts'
import { type Remote, remote } from './library/remote.ts'
import { type Events, Listeners } from './library/running.ts'
import type { Unheard } from './pipeline/graph.ts'
import { everyUnheld, say } from './register/outside.ts'

export interface EmbedOptions {
  /** [MiB] the worker's heap, at least 64; what is over it ends the worker, and not the process. 256 */
  readonly memoryMiB?: number
  /** told once where the worker ends without having been asked to; without it one line goes to standard error */
  readonly died?: (why: string) => void
}

/** What runs in a worker: asked and told as what runs on this thread. */
export interface EmbeddedApp extends Remote, AsyncDisposable {
  readonly listening: readonly Listening[]
  /** what a receiver gives and no pipeline takes */
  readonly unheard: readonly Unheard[]
  /** Drains, within 1.7 s at the most; safe twice. A process that ends without it waits as long. */
  shutdown(): Promise<readonly Undelivered[]>
}

/** As `start()` has them. */
export interface Embedded extends Texts {
  readonly components?: readonly unknown[]
  readonly world?: object
}

/** @throws {ConfigFileError} {StartError} when it cannot start; nothing is left running */
export async function embed(options: Embedded, { memoryMiB, died }: EmbedOptions): Promise<EmbeddedApp> {
  const { env = {}, components = [], world } = options
  if (components.length > 0 || world !== undefined)
    throw new StartError('embed: components and a world of your own are on this thread', { remedy: 'leave them out, or leave embed out' })
  if (!((memoryMiB ?? leastMemoryMiB) >= leastMemoryMiB))
    throw new StartError(`embed.memoryMiB: must be at least ${leastMemoryMiB}, got ${JSON.stringify(memoryMiB)}`, {
      remedy: `leave it out: it is ${defaultMemoryMiB}`,
    })
  const probe = startProbe(everyUnheld)
  const listeners = new Listeners((event, error) => say(`thalamus: a handler of ${JSON.stringify(event)} failed: ${String(error)}`))
  const pipeline = new Pipeline({
    configured: { by: 'texts', texts: textsOf(options) },
    env,
    recorders: [recorder, probe.recorder],
    ...(memoryMiB !== undefined && { memoryMiB }),
    told: (event, of) => listeners.tell(event as keyof Events, of as never),
    died: why => {
      end()
      if (died === undefined) say(`thalamus: the embedded pipeline has ended: ${why}; the process goes on without it`)
      else died(why)
    },
  })
  const atExit = () => {
    end()
    pipeline.stopNow()
  }
  const end = () => {
    process.off('exit', atExit)
    probe[Symbol.dispose]()
  }
  process.on('exit', atExit)
  try {
    const { listening, unheard } = await pipeline.held(pipeline.started)
    let stopped: Promise<readonly Undelivered[]> | undefined
    const stop = async () => {
      end()
      const undelivered = await pipeline.stop()
      listeners.tell('stopped', undelivered)
      return undelivered
    }
    return {
      ...remote((asked, signal) => pipeline.ask(asked, signal), listeners),
      ...{ listening, unheard },
      shutdown: () => (stopped ??= stop()),
      [Symbol.asyncDispose]: async () => void (await (stopped ??= stop())),
    }
  } catch (error) {
    end()
    throw error
  }
}
