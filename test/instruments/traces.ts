import { AsyncLocalStorage } from 'node:async_hooks'
import { type Context, type ContextManager, ROOT_CONTEXT } from '@opentelemetry/api'
import { type ReadableSpan, TracerProvider } from '@opentelemetry/sdk-trace'

/** A tracer, and the spans of it that have ended. */
export function traced() {
  const spans: ReadableSpan[] = []
  const keep = { onStart() {}, onEnd: (span: ReadableSpan) => void spans.push(span), forceFlush: async () => {}, shutdown: async () => {} }
  return { spans, tracer: new TracerProvider({ spanProcessors: [keep] }).getTracer('test') }
}

/** Name, parent's name, attributes, and the message where it failed. */
export const told = (spans: readonly ReadableSpan[]) =>
  spans.map(({ name, parentSpanContext, attributes, status, events }) => [
    name,
    spans.find(span => span.spanContext().spanId === parentSpanContext?.spanId)?.name,
    attributes,
    ...(status.code === 2 ? [status.message, events.map(event => event.name).join()] : []),
  ])

/** The active context follows calls and promises, as with the one of the SDK. */
export class Contexts implements ContextManager {
  readonly #storage = new AsyncLocalStorage<Context>()
  active = () => this.#storage.getStore() ?? ROOT_CONTEXT
  with: ContextManager['with'] = (context, fn, thisArg, ...args) => this.#storage.run(context, () => fn.call(thisArg as never, ...args))
  bind: ContextManager['bind'] = (_, target) => target
  enable = () => this
  disable = () => this
}
