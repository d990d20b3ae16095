/** Runs something, sync or async, inside a span, and says how long it took and whether it failed. */
import { types } from 'node:util'
import { type Attributes, type Context, context, type Span, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api'
import type { Clock } from '../lib/clock.ts'
import { scopeName } from './recorder.ts'

export interface Timed {
  readonly tracer: Tracer
  readonly clock: Pick<Clock, 'monotonic'>
  /** of the span */
  readonly name: string
  readonly attributes?: Attributes | undefined
  /** what the span is inside of; the active context without it */
  readonly within?: Context | undefined
  /** [s] and what was thrown, if anything was */
  readonly ended: (seconds: number, failure: { readonly error: unknown } | undefined) => void
}

/** The one that is registered when a span begins, whenever that happens. */
export const globalTracer = (): Tracer => trace.getTracer(scopeName)

/**
 * What `run` returns is returned as it is: a promise is watched, and stays the same promise. Other objects with a `then`, which
 * may do nothing until they are asked, are not asked: they are timed until they are returned.
 */
export function timed<T>(
  { tracer, clock, name, attributes = {}, within = context.active(), ended }: Timed,
  run: (inside: Context) => T,
): T {
  const span = tracer.startSpan(name, { attributes }, within)
  const inside = trace.setSpan(within, span)
  const from = clock.monotonic()
  const end = (failure?: { readonly error: unknown }) => {
    ended((clock.monotonic() - from) / 1000, failure)
    if (failure !== undefined) describe(span, failure.error)
    span.end()
  }
  let result: T
  try {
    result = context.with(inside, run, undefined, inside)
  } catch (error) {
    end({ error })
    throw error
  }
  if (types.isPromise(result)) {
    result.then(
      () => end(),
      (error: unknown) => end({ error }),
    )
  } else end()
  return result
}

function describe(span: Span, error: unknown): void {
  span.setAttribute('error.type', errorType(error))
  if (error instanceof Error) {
    span.recordException(error)
    span.setStatus({ code: SpanStatusCode.ERROR, message: error.message })
  } else span.setStatus({ code: SpanStatusCode.ERROR })
}

/** The name of an error's kind; what is thrown and no error is `_OTHER`. */
export const errorType = (error: unknown): string => (error instanceof Error && error.name) || '_OTHER'
