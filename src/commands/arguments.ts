/** `node:util` parseArgs, with messages that say what was meant. */
import { parseArgs } from 'node:util'
import { closest } from '../lib/distance.ts'
import { type Arguments, type Command, UsageError } from './command.ts'

/** @throws {UsageError} */
export function readArguments(command: Command, args: readonly string[]): Arguments {
  const names = Object.entries(command.flags)
  const options = Object.fromEntries(
    names.map(([name, flag]) => [name, { type: flag.takes === undefined ? ('boolean' as const) : ('string' as const), multiple: true }]),
  )
  const { tokens } = parseArgs({
    args: [...args],
    options: { ...options, help: { type: 'boolean' } },
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const flags = new Map<string, string[]>()
  const rest: string[] = []
  for (const token of tokens) {
    if (token.kind === 'positional') rest.push(token.value)
    if (token.kind !== 'option') continue
    const value = flagValue(command, token)
    flags.set(token.name, command.flags[token.name]?.repeated ? [...(flags.get(token.name) ?? []), value] : [value])
  }
  if (rest.length > 0 && command.takes === undefined)
    throw new UsageError(`${command.name} takes no ${JSON.stringify(rest[0])}`, `see: thalamus ${command.name} --help`)
  return { flags, rest }
}

function flagValue(command: Command, token: { name: string; rawName: string; value: string | undefined }): string {
  const { name, rawName, value } = token
  const known = [...Object.keys(command.flags), 'help']
  if (!known.includes(name)) {
    const near = closest(name, known)
    throw new UsageError(
      `unknown flag ${rawName}`,
      near === undefined ? `known: ${known.map(flag => `--${flag}`).join(', ')}` : `did you mean --${near}?`,
    )
  }
  const takes = command.flags[name]?.takes
  if (takes === undefined && value !== undefined) throw new UsageError(`--${name} takes no value`, `write --${name} alone`)
  // parseArgs gives a flag that stands before another flag that flag as its value.
  if (takes !== undefined && (value === undefined || value === '' || (value.startsWith('--') && value !== '-')))
    throw new UsageError(`--${name} needs a value`, `write --${name} ${takes}`)
  return value ?? ''
}
