/** An OTLP exporter before a real destination whose every answer a test chooses. */
import { afterEach, expect } from 'vitest'
import type { AnyFactory, Component, Consumer } from '../../src/component/component.ts'
import type { AnyBatch } from '../../src/model/batch.ts'
import { Raw } from '../../src/model/raw.ts'
import type { Signal } from '../../src/model/signal.ts'
import { type TestContext, type TestWorld, testContext } from '../kit/context.ts'
import { rowsBody } from '../kit/rows.ts'
import { until } from './until.ts'

interface Destination {
  readonly url: string
  reply: (received: never) => unknown
  close(): Promise<void>
}

export interface Bench<D> {
  readonly server: D
  readonly cx: TestContext
  readonly exporter: Component & Consumer<Signal>
  /** [rows] with these ids, as one batch */
  send(...ids: number[]): Promise<Uint8Array>
  held(): number
  dropped(): Record<string, number>
}

type Open<D extends Destination> = (
  reply?: () => ReturnType<D['reply']>,
  settings?: object,
  world?: TestWorld,
  signal?: Signal,
  tls?: object,
) => Promise<Bench<D>>

/** What opens one, which is over with its test; then nothing may be unaccounted for, and no timer be left. */
export function benches<D extends Destination>(factory: AnyFactory, listen: (tls?: object) => Promise<D>): Open<D> {
  const opened: Bench<D>[] = []
  afterEach(async () => {
    for (const { exporter, server, cx } of opened.splice(0)) {
      await exporter.shutdown?.(AbortSignal.abort())
      expect(cx.ledger.imbalance).toBe(0)
      expect(cx.clock.pending).toBe(0)
      await server.close()
    }
  })
  return async (reply, settings = {}, world = {}, signal = 'metrics', tls) => {
    const server = await listen(tls)
    if (reply !== undefined) server.reply = reply as unknown as D['reply']
    const cx = testContext({ id: factory.type, ...world })
    const config = factory.config.parse({ endpoint: server.url, compression: 'none', ...settings })
    const create = (factory as unknown as { create: Record<Signal, (cx: TestContext, config: unknown) => Bench<D>['exporter']> }).create[
      signal
    ]
    const exporter = create(cx, config)
    const account = cx.account(signal)
    opened.push({
      server,
      cx,
      exporter,
      held: () => account.held(),
      dropped: () => Object.fromEntries(account.dropped),
      async send(...ids) {
        const body = rowsBody(signal, ids)
        await exporter.consume({ signal, raw: Raw.of(body), rows: ids.length } as AnyBatch)
        return body
      },
    })
    await exporter.start?.()
    return opened.at(-1)!
  }
}

/** Resolves when it holds nothing. */
export const idle = <D>({ cx, held }: Bench<D>): Promise<void> => until(cx.clock, () => held() === 0)
