/** Sending over OTLP, one signal: what is under way, and what was lost. */
import { context, ROOT_CONTEXT } from '@opentelemetry/api'
import { type ExportResult, ExportResultCode, suppressTracing } from '@opentelemetry/core'
import type { Signal } from '../model/signal.ts'
import type { Destination } from './settings.ts'

/** The SDK's exporters, as far as they are used here. */
export interface Exporter<L> {
  export(load: L, done: (result: ExportResult) => void): void
  shutdown(): Promise<void>
}

export class Delivery<L> {
  readonly signal: Signal
  readonly destination: Destination
  /** the request's body as the destination's protocol has it; gRPC's without its frame */
  readonly encode: (load: L) => Uint8Array | undefined
  readonly rowsOf: (load: L) => number
  /** loads that were given to the exporter, and are not answered */
  readonly underWay = new Set<L>()
  /** [rows] */
  lost = 0
  /** of what was lost last */
  reason = ''
  /** told of each load that was answered: what was lost; undefined where it arrived */
  answered: (lost: { readonly rows: number; readonly reason: string } | undefined) => void = () => {}
  readonly #exporter: Exporter<L>

  constructor(options: {
    signal: Signal
    destination: Destination
    exporter: Exporter<L>
    encode: (load: L) => Uint8Array | undefined
    rowsOf: (load: L) => number
  }) {
    this.signal = options.signal
    this.destination = options.destination
    this.encode = options.encode
    this.rowsOf = options.rowsOf
    this.#exporter = options.exporter
  }

  /** Resolves when the load is delivered, or lost and counted. */
  send(load: L): Promise<void> {
    return new Promise(resolve => {
      this.underWay.add(load)
      const done = ({ code, error }: ExportResult) => {
        // What the last words took with them is counted there.
        if (this.underWay.delete(load)) {
          if (code === ExportResultCode.SUCCESS) this.answered(undefined)
          else {
            this.lose(load, error)
            this.answered({ rows: this.rowsOf(load), reason: this.reason })
          }
        }
        resolve()
      }
      // An exporter's own requests are no part of anybody's trace, nor traced.
      context.with(suppressTracing(ROOT_CONTEXT), () => {
        try {
          this.#exporter.export(load, done)
        } catch (error) {
          done({ code: ExportResultCode.FAILED, error: error as Error })
        }
      })
    })
  }

  lose(load: L, error?: Error): void {
    this.lost += this.rowsOf(load)
    this.reason = reasonOf(error)
  }

  async close(): Promise<void> {
    await this.#exporter.shutdown().catch(() => {})
  }
}

/** The innermost cause has the address: `connect ECONNREFUSED 127.0.0.1:4318`. */
function reasonOf(error: (Error & { errors?: Error[] }) | undefined): string {
  if (error === undefined) return 'refused'
  const inner = error.errors?.[0] ?? (error.cause instanceof Error ? error.cause : undefined)
  return inner === undefined ? error.message || error.name : reasonOf(inner)
}
