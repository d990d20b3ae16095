import { stringify } from 'yaml'
import type { AnyFactory } from '../component/component.ts'
import { allComponents } from '../components.ts'
import { type Signal, signals } from '../model/signal.ts'
import type { Command } from './command.ts'

/** The shape of the Collector's own `components`. */
export const components: Command = {
  name: 'components',
  says: 'prints the components there are, their signals and how stable they are',
  flags: {},
  async run(_, outside) {
    const all = await allComponents()
    const kinds = ['receiver', 'processor', 'exporter', 'connector', 'extension'] as const
    const lists = kinds.map(kind => [`${kind}s`, all.filter(factory => factory.kind === kind).map(describe)])
    outside.print(stringify({ buildinfo: { command: 'thalamus', version: outside.version }, ...Object.fromEntries(lists) }).trimEnd())
    return 0
  },
}

function describe(factory: AnyFactory): object {
  const { type: name, stability } = factory
  if (factory.kind === 'extension') return { name, stability: { extension: stability } }
  return { name, stability: Object.fromEntries(signalsOf(factory).map(signal => [signal, stability])) }
}

function signalsOf(factory: Exclude<AnyFactory, { kind: 'extension' }>): readonly Signal[] {
  return factory.kind === 'receiver' ? factory.signals : signals.filter(signal => factory.create[signal] !== undefined)
}
