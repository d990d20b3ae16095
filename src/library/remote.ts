/** What runs in another thread, asked as what runs in this one: questions and answers as data, and who gives them. */
import type { Reloaded } from '../app.ts'
import { type Texts, textsOf } from '../component/config/texts.ts'
import { type MetricName, recordMetric } from '../instruments/record-metric.ts'
import type { ExportFormat } from './export.ts'
import type { Answer, HistoryOptions, Questions, ValuesOverTime } from './history.ts'
import type { Current, Events, Listeners, RunningApp, Summary } from './running.ts'

/** Of `RunningApp`; what looks into the other thread is asynchronous. Everything rejects with a {StartError} where that thread is gone. */
export interface Remote extends Questions {
  /** One update of a typed instrument, by name: at once, in memory that both threads see. */
  recordMetric: typeof recordMetric
  current(name?: MetricName | (string & {})): Promise<Current[]>
  summary(): Promise<Summary>
  export(format?: ExportFormat): Promise<string>
  /** Calls `handler` on this thread. What it throws or rejects with is one line on standard error, and nothing else. */
  on<E extends keyof Events>(event: E, handler: (of: Events[E]) => unknown): Disposable
  /** @throws {ConfigFileError} {StartError} with everything that is wrong; what ran before goes on running */
  reload(to?: Texts): Promise<Reloaded>
}

type Timeless<O> = Omit<O, 'signal'>

/** One question, which can be sent between threads. */
export type Asked =
  | { readonly of: 'current'; readonly name: string | undefined }
  | { readonly of: 'summary' }
  | { readonly of: 'export'; readonly format: ExportFormat | undefined }
  | { readonly of: 'query'; readonly promql: string; readonly options: { readonly timeMs?: number } }
  | { readonly of: 'history'; readonly promql: string; readonly options: Timeless<HistoryOptions> }
  | { readonly of: 'reload'; readonly to: Texts | undefined }

/** In the thread of the pipeline. */
export async function answerTo(app: RunningApp, asked: Asked, signal: AbortSignal): Promise<unknown> {
  switch (asked.of) {
    case 'current':
      return app.current(asked.name)
    case 'summary':
      return app.summary()
    case 'export':
      return app.export(asked.format)
    case 'query':
      return app.query(asked.promql, { ...asked.options, signal })
    case 'history':
      return app.history(asked.promql, { ...asked.options, signal })
    case 'reload':
      return app.reload(asked.to)
  }
}

/** The memory of an answer's columns, which goes along instead of being copied. */
export function columnsOf(asked: Asked, answer: unknown): ArrayBuffer[] {
  if (asked.of !== 'history') return []
  return (answer as Answer<ValuesOverTime>).series.flatMap(({ timesMs, values }) => [timesMs.buffer, values.buffer] as ArrayBuffer[])
}

/** In the thread that asks. */
export function remote(ask: (asked: Asked, signal?: AbortSignal) => Promise<unknown>, listeners: Listeners): Remote {
  return {
    recordMetric,
    current: name => ask({ of: 'current', name }) as Promise<Current[]>,
    summary: () => ask({ of: 'summary' }) as Promise<Summary>,
    export: format => ask({ of: 'export', format }) as Promise<string>,
    query: (promql, { signal, ...options } = {}) => ask({ of: 'query', promql, options }, signal) as ReturnType<Questions['query']>,
    history: (promql, { signal, ...options } = {}) => ask({ of: 'history', promql, options }, signal) as ReturnType<Questions['history']>,
    on: listeners.on.bind(listeners),
    reload: to => ask({ of: 'reload', to: to && textsOf(to) }) as Promise<Reloaded>,
  }
}
