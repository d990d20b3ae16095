/**
 * Thalamus as a library: the same pipeline inside your own process.
 *
 *     import { start } from 'thalamus'
 *     await using app = await start({ config: 'receivers: …' })
 */
import { start as startApp, type World } from './app.ts'
import { defaultConfiguration } from './commands/default.ts'
import type { AnyFactory } from './component/component.ts'
import { loadConfiguration } from './component/config.ts'
import { aliases, components } from './components.ts'
import type { EmbeddedApp, EmbedOptions } from './embed.ts'
import { recorder } from './instruments/instruments.ts'
import { Latest } from './library/latest.ts'
import { Listeners, type RunningApp, running } from './library/running.ts'
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
export { ConfigFileError } from './component/config.ts'
export { PermanentError, RetryableError, StartError } from './component/errors.ts'
export type { Room } from './component/room.ts'
export type { EmbeddedApp, EmbedOptions } from './embed.ts'
export * from './instruments/index.ts'
export type { ExportFormat } from './library/export.ts'
export type { Answer, HistoryOptions, QueryOptions, ValueNow, ValuesOverTime } from './library/history.ts'
export type { AlertChange, Current, Events, Flow, RunningApp, Summary } from './library/running.ts'
export type { BatchOf, LogBatch, MetricBatch, Reader, SpanBatch } from './model/batch.ts'
export type { Dictionary, SeriesEntry } from './model/dictionary.ts'
export type { FloatHistogram } from './model/float-histogram.ts'
export { Raw } from './model/raw.ts'
export type { Signal } from './model/signal.ts'
export { QueryError } from './promql/engine.ts'
export { ParseError } from './promql/parse.ts'

export interface StartOptions {
  /** YAML, in the Collector's shape; several are merged in order. Without it: what `thalamus` runs without a file. */
  readonly config?: string | readonly string[]
  /** `key.path=value`, merged last */
  readonly set?: readonly string[]
  /** for `${env:NAME}`; nothing of the process's environment is read unless it is given here */
  readonly env?: Readonly<Record<string, string | undefined>>
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
  if ('embed' in options && options.embed) {
    const { embed } = await import('./embed.ts')
    return embed(options, options.embed === true ? {} : options.embed)
  }
  const texts = options.config === undefined ? [defaultConfiguration] : [options.config].flat()
  const configuration = loadConfiguration(
    texts.map((text, i) => ({ name: texts.length === 1 ? 'config' : `config[${i}]`, text })),
    { sets: options.set ?? [], env: options.env ?? {}, factories: [...components, ...(options.components ?? [])], aliases },
  )
  const { logs } = configuration.service.telemetry
  let listeners: Listeners | undefined
  const world: World = {
    ...systemWorld(systemLog(), logs),
    recorded: recorder,
    healthChanged: (component, problem) => listeners?.tell('health', { component, problem }),
    alertChanged: (_, { definition }, { alert, from, to }, timeMs) =>
      listeners?.tell('alert', {
        ...{ name: definition.alert, from, to, timeMs, value: alert.value },
        labels: alert.labels.toJSON(),
        annotations: Object.fromEntries(alert.annotations),
      }),
    ...options.world,
  }
  const log = world.log('library')
  listeners = new Listeners((event, error) => log.error({ event, error: String(error) }, 'a handler of the program failed'))
  const latest = new Latest(world.clock)
  return running(await startApp(latest.within(configuration), world), latest, listeners, world.clock)
}
