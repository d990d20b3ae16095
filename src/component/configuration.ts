/** A configuration that has been read, merged and checked: what the graph is built from. */
import type { Signal } from '../model/signal.ts'
import type { ConnectorFactory, ExporterFactory, ExtensionFactory, ProcessorFactory, ReceiverFactory } from './component.ts'

/** One component instance: its factory, and its settings as that factory's schema read them. */
export interface Configured<F> {
  /** `type` or `type/name` */
  readonly id: string
  readonly factory: F
  readonly settings: Record<string, unknown>
  /** the settings as they were written, with the environment's values: two that are equal make equal components */
  readonly written: string
}

export interface PipelineConfig {
  /** `metrics` or `metrics/name` */
  readonly id: string
  readonly signal: Signal
  /** tells two parts of one pipeline apart, where each runs on its own; `id` where it is whole */
  readonly key?: string
  /** ids of receivers and of connectors */
  readonly receivers: readonly string[]
  /** in order */
  readonly processors: readonly string[]
  /** ids of exporters and of connectors */
  readonly exporters: readonly string[]
}

export interface LogConfig {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly encoding: 'json' | 'console'
  /** in every line */
  readonly initial_fields: Readonly<Record<string, unknown>>
  /** `stderr`, `stdout`, or files */
  readonly output_paths: readonly string[]
}

export interface ServiceConfig {
  /** ids, started in this order before all else */
  readonly extensions: readonly string[]
  readonly pipelines: readonly PipelineConfig[]
  readonly telemetry: {
    readonly logs: LogConfig
    readonly metrics: {
      readonly level: 'none' | 'basic' | 'normal' | 'detailed'
      /** where own metrics are served as the Collector serves its own; none: nowhere */
      readonly endpoints: readonly { readonly host: string; readonly port: number }[]
    }
    readonly traces: { readonly level: 'none' | 'basic' }
    /** added to the resource of own telemetry; null takes away what would be there */
    readonly resource: Readonly<Record<string, string | null>>
  }
  /** [ms] how long a batch waits when every branch is full */
  readonly consumeTimeoutMs: number
  /** [ms] how long a shutdown drains */
  readonly shutdownTimeoutMs: number
  /** threads that receive; 1: the main thread does */
  readonly workers: number
  /** distinct series that get a name; past it rows pass as bytes only */
  readonly maxSeries: number
  /** the `api` listener; undefined: off */
  readonly api: { readonly host: string; readonly port: number } | undefined
  readonly query: QueryConfig
  readonly rules: RulesConfig
}

/** Recording and alerting rules of Prometheus. */
export interface RulesConfig {
  /** paths, with wildcards */
  readonly files: readonly string[]
  /** of groups that say nothing of it themselves */
  readonly intervalMs: number
  readonly queryOffsetMs: number
  /** until an alert that goes on is told again */
  readonly resendDelayMs: number
  /** of an outage that `for` outlives */
  readonly outageToleranceMs: number
  /** that an alert waits at least after a restart */
  readonly gracePeriodMs: number
  /** [rules] of one group */
  readonly maxConcurrent: number
  /** without a slash at its end; empty: not known */
  readonly externalUrl: string
}

/** How questions in PromQL are answered. */
export interface QueryConfig {
  /** who answers instead of us */
  readonly backend: { readonly url: string; readonly headers: Readonly<Record<string, string>> } | undefined
  readonly lookbackMs: number
  readonly timeoutMs: number
  /** held at one time */
  readonly maxSamples: number
  /** [queries] */
  readonly maxConcurrency: number
  /** of PromQL, as Prometheus's `--enable-feature` calls them */
  readonly features: readonly string[]
  /** of series that leave by federation and remote read */
  readonly externalLabels: Readonly<Record<string, string>>
}

export interface Configuration {
  readonly receivers: ReadonlyMap<string, Configured<ReceiverFactory>>
  readonly processors: ReadonlyMap<string, Configured<ProcessorFactory>>
  readonly connectors: ReadonlyMap<string, Configured<ConnectorFactory>>
  readonly exporters: ReadonlyMap<string, Configured<ExporterFactory>>
  readonly extensions: ReadonlyMap<string, Configured<ExtensionFactory>>
  readonly service: ServiceConfig
  /** what it was read from, so that another thread can read it; without it none can */
  readonly origin?: Origin | undefined
}

/** Everything in it can be sent to another thread. */
export interface Origin {
  readonly sources: readonly { readonly name: string; readonly text: string }[]
  readonly sets: readonly string[]
  readonly forward: string | undefined
  readonly store: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  /** `${file:PATH}` is read */
  readonly files: boolean
}
