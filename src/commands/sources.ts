/** The flags that say which configuration is meant, and how they are read: the same for every command that needs one. */

import { unfolded } from '../component/config/substitute.ts'
import type { LoadedConfiguration, LoadOptions, Source } from '../component/config.ts'
import { readConfiguration } from '../components.ts'
import { type Arguments, type Flag, type Outside, UsageError } from './command.ts'
import { defaultConfiguration, defaultListeningOn, defaultName } from './default.ts'

export const sourceFlags = {
  config: {
    takes: 'FILE',
    repeated: true,
    says: 'a configuration file, - for standard input, yaml:TEXT or env:NAME; several are merged in order',
  },
  set: { takes: 'key.path=value', repeated: true, says: 'one setting, merged after all files' },
  forward: { takes: 'URL', says: 'sends everything on, as OTLP over HTTP, e.g. http://collector:4318' },
  store: { takes: 'DIR', says: 'keeps everything in that directory too, and answers PromQL over it: exporter store' },
  'feature-gates': { takes: 'GATES', says: "the Collector's; there are none here, and it says so" },
  listen: { takes: 'HOST', says: 'the default configuration listens there instead of on 127.0.0.1' },
} as const satisfies Record<string, Flag>

export interface Wanted {
  readonly sources: readonly Source[]
  readonly options: Omit<LoadOptions, 'factories'>
}

/** @throws {UsageError} where a file cannot be read */
export async function wanted({ flags, rest }: Arguments, outside: Outside): Promise<Wanted> {
  const gates = flags.get('feature-gates')?.[0]
  if (gates !== undefined)
    throw new UsageError(
      `there are no feature gates, got ${JSON.stringify(gates)}`,
      'leave --feature-gates out: what they turn on or off is a setting here, or is not there',
    )
  const names = [...(flags.get('config') ?? []), ...rest]
  const host = flags.get('listen')?.[0]
  if (host !== undefined && names.length > 0)
    throw new UsageError('--listen changes the default configuration only', 'set the endpoints in the file, or with --set')
  const sources = await Promise.all(names.map(name => readSource(name, outside)))
  const builtIn = { name: defaultName, text: host === undefined ? defaultConfiguration : defaultListeningOn(host) }
  const options = {
    sets: flags.get('set') ?? [],
    forward: flags.get('forward')?.[0],
    store: flags.get('store')?.[0],
    env: outside.env,
    readFile: outside.readSync,
  }
  return { sources: sources.length === 0 ? [builtIn] : sources, options }
}

/** @throws {UsageError} {ConfigFileError} */
export async function load(args: Arguments, outside: Outside): Promise<LoadedConfiguration> {
  const { sources, options } = await wanted(args, outside)
  return readConfiguration(sources, options)
}

async function readSource(name: string, outside: Outside): Promise<Source> {
  if (name.startsWith('yaml:')) return { name: 'yaml', text: unfolded(name.slice('yaml:'.length)) }
  if (name.startsWith('env:')) return fromEnvironment(name.slice('env:'.length), outside)
  if (/^https?:/.test(name)) throw new UsageError(`${name}: no configuration is fetched`, 'save it, and name the file')
  const path = name.startsWith('file:') ? name.slice('file:'.length) : name
  try {
    return { name: path === '-' ? 'standard input' : path, text: await outside.read(path) }
  } catch (error) {
    throw cannotRead(path, error)
  }
}

function fromEnvironment(name: string, { env }: Outside): Source {
  const text = env[name]
  if (text === undefined)
    throw new UsageError(`env:${name}: the environment variable ${name} is not set`, 'set it to the text of a configuration')
  return { name: `env:${name}`, text }
}

const reasons: Readonly<Record<string, readonly [what: string, remedy: string]>> = {
  ENOENT: ['there is no such file', 'check the path, or run without --config for the default configuration'],
  EISDIR: ['this is a folder', 'name the files in it, each with --config'],
  EACCES: ['no permission to read it', 'let the user that runs this read the file'],
}

function cannotRead(path: string, error: unknown): UsageError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const [what, remedy] = reasons[code] ?? [error instanceof Error ? error.message : String(error), 'check the path']
  return new UsageError(`${path}: ${what}`, remedy)
}
