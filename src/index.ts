/**
 * Thalamus as a library: the same pipeline inside your own process.
 *
 *     import { start } from 'thalamus'
 *     await using app = await start({ config: 'receivers: …' })
 */
import { start as startApp, type World } from './app.ts'
import { defaultConfiguration } from './commands/default.ts'
import type { AnyFactory } from './component/component.ts'
import { sourcesOf, type Texts } from './component/config/texts.ts'
import { readConfiguration } from './components.ts'
import type { EmbeddedApp, EmbedOptions } from './embed.ts'
import { recorder } from './instruments/instruments.ts'
import { keepTickShape } from './lib/ticks.ts'
import { Latest } from './library/latest.ts'
import { Listeners, type RunningApp, running, telling } from './library/running.ts'
import { systemLog, systemWorld } from './world.ts'

export type { App, Listening, Reloaded, Undelivered, World } from './app.ts'
export {
  type AnyFactory,
  type Component,
  type Consumer,
  type Consumers,
  type Context,
  connector,
  exporter,
  extension,
  processor,
  receiver,
} from './component/component.ts'
export type { Texts } from './component/config/texts.ts'
export { ConfigFileError } from './component/config.ts'
export { PermanentError, RetryableError, StartError } from './component/errors.ts'
export type { Room } from './component/room.ts'
export type { EmbeddedApp, EmbedOptions } from './embed.ts'
export * from './instruments/index.ts'
export type { ExportFormat } from './library/export.ts'
export type { Answer, HistoryOptions, QueryOptions, ValueNow, ValuesOverTime } from './library/history.ts'
export type { Remote } from './library/remote.ts'
export type { AlertChange, Current, Events, Flow, RunningApp, Summary } from './library/running.ts'
export type { BatchOf, LogBatch, MetricBatch, Reader, SpanBatch } from './model/batch.ts'
export type { Dictionary, SeriesEntry } from './model/dictionary.ts'
export type { FloatHistogram } from './model/float-histogram.ts'
export { Raw } from './model/raw.ts'
export type { Signal } from './model/signal.ts'
export { QueryError } from './promql/engine.ts'
export { ParseError } from './promql/parse.ts'

export interface StartOptions extends Texts {
  /** components of your own, known to `config` by their type beside ours */
  readonly components?: readonly AnyFactory[]
  /** time, chance, files and log, for whoever wants other ones */
  readonly world?: Partial<World>
}

export interface EmbeddedStartOptions extends StartOptions {
  /**
   * In a worker of this process instead of on this thread. Typed instruments are read where they are written, in shared memory, and
   * the event loop and the heap are measured on this thread. Components and a world of one's own cannot go there.
   */
  readonly embed: true | EmbedOptions
}

/**
 * @throws {ConfigFileError} with every problem of the configuration
 * @throws {StartError} when a component cannot start; nothing is left running
 */
export function start(options: EmbeddedStartOptions): Promise<EmbeddedApp>
export function start(options?: StartOptions): Promise<RunningApp>
export async function start(options: StartOptions | EmbeddedStartOptions = {}): Promise<RunningApp | EmbeddedApp> {
  keepTickShape()
  if ('embed' in options && options.embed) {
    const { embed } = await import('./embed.ts')
    return embed(options, options.embed === true ? {} : options.embed)
  }
  const read = ({ config, set = [], env = {} }: Texts) =>
    readConfiguration(sourcesOf(config, defaultConfiguration), { sets: set, env }, options.components)
  const configuration = await read(options)
  const { logs } = configuration.service.telemetry
  let listeners: Listeners | undefined
  const world: World = {
    ...systemWorld(systemLog(), logs),
    recorded: recorder,
    ...telling((event, of) => listeners?.tell(event, of)),
    ...options.world,
  }
  const log = world.log('library')
  listeners = new Listeners((event, error) => log.error({ event, error: String(error) }, 'a handler of the program failed'))
  const latest = new Latest(world.clock)
  return running(await startApp(latest.within(configuration), world), latest, listeners, world.clock, { read, given: options })
}
