/** Finding out that the application has an SDK of its own: it registers a provider. Then it is the application's that counts. */
import { context, logs, metrics, propagation, trace } from '@opentelemetry/api'
import {
  InstrumentationBase,
  type InstrumentationModuleDefinition,
  InstrumentationNodeModuleDefinition,
} from '@opentelemetry/instrumentation'

type Api = {
  readonly trace?: object
  readonly metrics?: object
  readonly logs?: object
  readonly context?: object
  readonly propagation?: object
}
const setters = {
  trace: 'setGlobalTracerProvider',
  metrics: 'setGlobalMeterProvider',
  logs: 'setGlobalLoggerProvider',
  context: 'setGlobalContextManager',
  propagation: 'setGlobalPropagator',
} as const

/** Whether somebody has registered something already, with any copy of the API. */
export function somebodyRegistered(): boolean {
  const globals = (globalThis as Record<symbol, Readonly<Record<string, unknown>> | undefined>)[Symbol.for('opentelemetry.js.api.1')]
  return globals?.['trace'] !== undefined || globals?.['metrics'] !== undefined
}

/**
 * Calls `found` before the application registers the first thing. Copies of the API that the application loads are watched as modules are
 * instrumented; ours is watched in any case, and often it is the same.
 */
export class OwnSdk extends InstrumentationBase {
  #found: (() => void) | undefined

  constructor() {
    super('thalamus/own-sdk', '0', {})
  }

  /** From now on: what registered before was us. */
  watch(found: () => void): void {
    this.#found = found
    this.#wrap({ trace, metrics, logs, context, propagation })
  }

  protected override init(): InstrumentationModuleDefinition[] {
    return [
      new InstrumentationNodeModuleDefinition('@opentelemetry/api', ['>=1.0.0'], (api: Api) => {
        this.#wrap(api)
        return api
      }),
    ]
  }

  #wrap(api: Api): void {
    for (const [part, setter] of Object.entries(setters)) {
      const of = api[part as keyof Api] as Record<string, (...args: unknown[]) => unknown> | undefined
      const original = of?.[setter]
      if (of === undefined || original === undefined || Object.hasOwn(of, setter)) continue
      of[setter] = (...args) => {
        const found = this.#found
        this.#found = undefined
        found?.()
        return Reflect.apply(original, of, args)
      }
    }
  }
}
