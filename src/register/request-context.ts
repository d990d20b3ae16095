/**
 * The context of a request: its span and what frameworks leave for it, in one object. The API's own is a map and three closures, copied for
 * each value that is added; of these a request would need three.
 */
import { type Context, INVALID_SPAN_CONTEXT, type Span, trace } from '@opentelemetry/api'
import { type RPCMetadata, RPCType, setRPCMetadata } from '@opentelemetry/core'

/** The key under which `set` puts what it sets: the API does not tell it, and asks for it by that key alone. */
function keyOf(set: (into: Context) => void): symbol | undefined {
  let found: symbol | undefined
  const probe: Context = {
    getValue: () => undefined,
    setValue: key => {
      found = key
      return probe
    },
    deleteValue: () => probe,
  }
  set(probe)
  return found
}

const nobody = trace.wrapSpanContext(INVALID_SPAN_CONTEXT)
const spanKey = keyOf(probe => trace.setSpan(probe, nobody))
const metadataKey = keyOf(probe => setRPCMetadata(probe, { type: RPCType.HTTP, span: nobody }))

export class RequestContext implements Context {
  /** everything else; what it has of a span and of metadata is covered by ours */
  readonly #below: Context
  readonly #span: Span | undefined
  readonly #metadata: RPCMetadata | undefined

  constructor(below: Context, span: Span | undefined, metadata: RPCMetadata | undefined) {
    this.#below = below
    this.#span = span
    this.#metadata = metadata
  }

  /** Whether it is this one, or was made of it: both are of the same request. */
  holds(other: Context): boolean {
    return other === this || (other instanceof RequestContext && other.#metadata === this.#metadata)
  }

  getValue(key: symbol): unknown {
    if (key === spanKey) return this.#span
    if (key === metadataKey) return this.#metadata
    return this.#below.getValue(key)
  }

  /** Never deeper than this one: a context that gets value after value does not become a chain. */
  setValue(key: symbol, value: unknown): Context {
    if (key === spanKey) return new RequestContext(this.#below, value as Span | undefined, this.#metadata)
    if (key === metadataKey) return new RequestContext(this.#below, this.#span, value as RPCMetadata | undefined)
    return new RequestContext(this.#below.setValue(key, value), this.#span, this.#metadata)
  }

  deleteValue(key: symbol): Context {
    if (key === spanKey || key === metadataKey) return this.setValue(key, undefined)
    return new RequestContext(this.#below.deleteValue(key), this.#span, this.#metadata)
  }
}
