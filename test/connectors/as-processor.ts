/** A connector between two pipelines of one signal behaves as a processor between two places of one: the same laws hold for it. */
import {
  type Component,
  type ConnectorFactory,
  type Consumer,
  type Context,
  type ProcessorFactory,
  processor,
} from '../../src/component/component.ts'
import { Ledger } from '../../src/component/ledger.ts'
import type { Signal } from '../../src/model/signal.ts'
import { FanOut } from '../../src/pipeline/fanout.ts'

/** `outlets`: ids of the pipelines that it chooses among; all of them lead to what the kit has downstream. */
export function asProcessor(factory: ConnectorFactory, outlets: (signal: Signal) => readonly string[] = () => []): ProcessorFactory {
  const create =
    <S extends Signal>(signal: S) =>
    (cx: Context, settings: object, next: Consumer<S>) => {
      const branch = { wire: new Ledger().wire(cx.id, 'next', signal), next, leaf: false }
      const out = new FanOut<S>([branch], cx.clock, 5_000)
      const make = factory.create[signal] as (...given: unknown[]) => Component & Consumer<S>
      return make(cx, settings, { [signal]: out }, new Map(outlets(signal).map(id => [id, out])))
    }
  return processor({
    type: factory.type,
    stability: factory.stability,
    config: factory.config,
    create: { metrics: create('metrics'), traces: create('traces'), logs: create('logs') },
  })
}
