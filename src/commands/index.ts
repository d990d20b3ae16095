/** The commands there are. The first is what runs where none is named. */
import { check, validate } from './check.ts'
import type { Command } from './command.ts'
import { components } from './components.ts'
import { doctor } from './doctor.ts'
import { exec } from './exec.ts'
import { journal } from './journal.ts'
import { queue } from './queue.ts'
import { reload } from './reload.ts'
import { run } from './run.ts'
import { schema } from './schema.ts'
import { store } from './store.ts'
import { test } from './test.ts'
import { top } from './top.ts'
import { version } from './version.ts'

export const commands: readonly Command[] = [
  run,
  check,
  validate,
  top,
  reload,
  exec,
  doctor,
  queue,
  store,
  journal,
  test,
  schema,
  components,
  version,
]

export function helpText(): string {
  const lines = commands.map(({ name, takes, says }) => [`${name}${takes === undefined ? '' : ` ${takes}`}`, says] as const)
  return [
    'thalamus: receives OpenTelemetry, measures this host, and passes both on',
    '',
    'usage: thalamus [COMMAND] [FLAG…]',
    '',
    'commands:',
    ...table([...lines, ['help', 'prints this; thalamus COMMAND --help says more']]),
    '',
    'flags of run, which is what runs where no command is named:',
    ...table(flagLines(commands[0]!)),
  ].join('\n')
}

export function commandHelp(command: Command): string {
  const { name, takes, says } = command
  const flags = flagLines(command)
  return [
    `usage: thalamus ${name}${takes === undefined ? '' : ` ${takes}`}${flags.length === 0 ? '' : ' [FLAG…]'}`,
    '',
    says,
    ...(flags.length === 0 ? [] : ['', 'flags:', ...table(flags)]),
  ].join('\n')
}

const flagLines = ({ flags }: Command) =>
  Object.entries(flags).map(
    ([name, { takes, says, repeated }]) =>
      [`--${name}${takes === undefined ? '' : ` ${takes}`}`, repeated ? `${says}; repeatable` : says] as const,
  )

function table(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`)
}
