import type { Attributes, Tracer } from '@opentelemetry/api'
import { type Clock, systemClock } from '../lib/clock.ts'
import type { Histogram } from './handles.ts'
import { instruments } from './instruments.ts'
import { errorType, globalTracer, timed } from './timed.ts'

export interface MonitoredOptions {
  /** the part of the application that it belongs to */
  readonly domain?: string
  /** of its spans */
  readonly attributes?: Attributes
  /** where its duration goes, in seconds, instead of `app.response.duration` */
  readonly duration?: Histogram
  /** told of each failure, instead of `app.errors` */
  readonly failed?: (errorType: string) => void
  /** the global one, under the name `thalamus/instruments`, without it */
  readonly tracer?: Tracer
  readonly clock?: Pick<Clock, 'monotonic'>
}

/**
 * `fn`, watched: a span of that name for each call, its duration in `app.response.duration` and its failures in `app.errors`, with `name`
 * as `endpoint`. Nothing else about it changes: `this`, arguments, what it returns or throws, its type, name and length.
 *
 *     const checkout = monitored('checkout', async (cart: Cart) => { … }, { domain: 'shop' })
 *
 * An async function is timed until its promise settles; a generator until it is returned, since it runs when it is asked.
 */
export function monitored<F extends (...args: never[]) => unknown>(name: string, fn: F, options: MonitoredOptions = {}): F {
  const { domain, attributes, clock = systemClock } = options
  const labels = { endpoint: name, domain }
  const duration = options.duration ?? instruments.app.responseDuration.with(labels)
  const failed = options.failed ?? (type => instruments.app.errors.with({ ...labels, 'error.type': type }).add())
  const tracer = options.tracer ?? globalTracer()
  const ended = (seconds: number, failure: { readonly error: unknown } | undefined) => {
    duration.record(seconds)
    if (failure !== undefined) failed(errorType(failure.error))
  }
  const watched = { tracer, clock, name, attributes, ended }
  function monitoredCall(this: unknown, ...args: never[]): unknown {
    return timed(watched, () => fn.apply(this, args))
  }
  const like = (value: unknown) => ({ value, configurable: true })
  return Object.defineProperties(monitoredCall, { name: like(fn.name), length: like(fn.length) }) as F
}
