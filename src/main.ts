/** The command line, and the door to the outside: here, and nowhere else, are the environment, files, signals and chance. */
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { constants } from 'node:os'
import { delimiter, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'
import { readArguments } from './commands/arguments.ts'
import { type Command, type Outside, UsageError } from './commands/command.ts'
import { commandHelp, commands, helpText } from './commands/index.ts'
import { ConfigError, StartError } from './component/errors.ts'
import { nodeDisk } from './disk.ts'
import { firstFree } from './embed/ports.ts'
import { every, systemClock } from './lib/clock.ts'
import { closest } from './lib/distance.ts'
import { keepTickShape } from './lib/ticks.ts'
import { packageManifest, packageVersion, systemLog, systemWorld } from './world.ts'

/** @returns the exit code: 0 where all went well, 1 where anything did not */
export async function main(argv: readonly string[], outside: Outside = theOutside()): Promise<number> {
  keepTickShape()
  try {
    return await dispatch(argv, outside)
  } catch (error) {
    const words = explanation(error)
    if (words === undefined) throw error
    outside.complain(words)
    return 1
  }
}

async function dispatch(argv: readonly string[], outside: Outside): Promise<number> {
  const [first = '', ...rest] = argv
  if (['help', '--help', '-h'].includes(first)) return help(rest, outside)
  if (['--version', '-v'].includes(first)) return dispatch(['version'], outside)
  const named = first !== '' && !first.startsWith('-')
  const command = named ? commandCalled(first) : commands[0]!
  const args = readArguments(command, named ? rest : argv)
  if (args.flags.has('help')) return help([command.name], outside)
  return command.run(args, outside)
}

function help([name]: readonly string[], outside: Outside): number {
  outside.print(name === undefined ? helpText() : commandHelp(commandCalled(name)))
  return 0
}

function commandCalled(name: string): Command {
  const found = commands.find(command => command.name === name)
  if (found !== undefined) return found
  const known = [...commands.map(command => command.name), 'help']
  const near = closest(name, known)
  if (/\.(ya?ml|json)$/.test(name))
    throw new UsageError(`no command is called ${JSON.stringify(name)}`, `to run that file: thalamus --config ${name}`)
  throw new UsageError(
    `no command is called ${JSON.stringify(name)}`,
    near === undefined ? `known: ${known.join(', ')}` : `did you mean "${near}"?`,
  )
}

/** What the user reads; undefined where this is a bug, which shall be seen in full. */
function explanation(error: unknown): string | undefined {
  if (error instanceof ConfigError) return error.message
  if (error instanceof StartError) return `cannot start: ${error.message}${remedyLine(error.remedy)}`
  return error instanceof UsageError ? `${error.message}${remedyLine(error.remedy)}` : undefined
}

const remedyLine = (remedy: string | undefined) => (remedy === undefined ? '' : `\n  ${remedy}`)

function theOutside(): Outside {
  const log = systemLog()
  // `thalamus schema | head` closes our output: no reason to fall over.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  return {
    env: process.env,
    version: packageVersion(),
    print: line => void process.stdout.write(`${line}\n`),
    complain: line => void process.stderr.write(`${line}\n`),
    read: path => (path === '-' ? text(process.stdin) : readFile(path, 'utf8')),
    readSync: path => readFileSync(path, 'utf8'),
    log: (component, config) => log(component, config, () => config.level),
    disk: nodeDisk,
    now: () => systemClock.now(),
    start: async (configuration, load) => {
      // Only what runs needs all of it: `check` and `help` are quick.
      const { start } = await import('./app.ts')
      return start(configuration, systemWorld(log, configuration.service.telemetry.logs), load)
    },
    onStop: stopSignals,
    onReload: run => onSignals(['SIGHUP'], run),
    onBug: unhandledErrors,
    ask,
    firstFree,
    listSync: folder => {
      try {
        return readdirSync(folder)
      } catch {
        return []
      }
    },
    workingDirectory: process.cwd(),
    nodeVersion: process.version,
    apiVersion: packageManifest().dependencies['@opentelemetry/api']!,
    register: new URL(import.meta.url.endsWith('.ts') ? './register.ts' : './register.js', import.meta.url).href,
    become,
    wait: (ms, signal) => wait(ms, undefined, { signal }).catch(() => {}),
    terminal: process.stdout.isTTY ? { size: terminalSize, write: text => void process.stdout.write(text), onKey } : undefined,
    exit: (code, afterMs) => {
      if (afterMs === undefined) process.exit(code)
      else void wait(afterMs, undefined, { ref: false }).then(() => process.exit(code))
    },
  }
}

/** [ms] a reload answers when what it removed has been drained */
const answerMs = { GET: 5_000, POST: 60_000 } as const

async function ask(method: 'GET' | 'POST', url: string, more: object = {}): Promise<{ status: number; text: string }> {
  try {
    const response = await fetch(url, { ...more, method, signal: AbortSignal.timeout(answerMs[method]) })
    return { status: response.status, text: await response.text() }
  } catch (error) {
    // `fetch failed` says nothing; its cause does.
    throw error instanceof Error && error.cause instanceof Error ? error.cause : error
  }
}

async function become(program: string, args: readonly string[], env: Readonly<Record<string, string | undefined>>): Promise<number> {
  const path = found(program, env['PATH'] ?? '')
  if (path === undefined) {
    process.stderr.write(`no program is called ${JSON.stringify(program)}\n`)
    return 127
  }
  if (typeof process.execve === 'function' && process.platform !== 'win32') {
    // It says that it is experimental; whoever waits for the program's output need not know.
    process.emitWarning = () => {}
    process.execve(path, [program, ...args], env as NodeJS.ProcessEnv)
  }
  const child = spawn(path, args, { env, stdio: 'inherit' })
  using _ = onSignals(['SIGTERM', 'SIGINT', 'SIGHUP'], signal => void child.kill(signal as NodeJS.Signals))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal!]))
  })
}

/** As a shell finds it. */
function found(program: string, path: string): string | undefined {
  const places = program.includes('/') ? [program] : path.split(delimiter).map(folder => join(folder, program))
  return places.find(place => {
    try {
      const is = statSync(place)
      return is.isFile() && (is.mode & 0o111) !== 0
    } catch {
      return false
    }
  })
}

const terminalSize = () => ({ columns: process.stdout.columns, rows: process.stdout.rows })

function onKey(run: (key: string) => void): Disposable {
  const { stdin } = process
  if (!stdin.isTTY) return { [Symbol.dispose]() {} }
  const listen = (keys: Buffer) => {
    for (const key of keys.toString()) run(key)
  }
  stdin.setRawMode(true)
  stdin.on('data', listen)
  return {
    [Symbol.dispose]() {
      stdin.off('data', listen)
      stdin.setRawMode(false)
      stdin.pause()
    },
  }
}

/** Node makes of an unhandled rejection an exception that nobody caught. */
function unhandledErrors(run: (error: unknown) => void): Disposable {
  process.on('uncaughtException', run)
  return { [Symbol.dispose]: () => void process.off('uncaughtException', run) }
}

/** [ms] what still holds the process open when the run is over holds it no longer than this */
const lingerMs = 1_000

function stopSignals(run: (signal: string) => void): Disposable {
  const listening = onSignals(['SIGTERM', 'SIGINT'], run)
  const abandoned = onAbandoned(() => run('SIGTERM'))
  return {
    [Symbol.dispose]() {
      listening[Symbol.dispose]()
      abandoned[Symbol.dispose]()
      void wait(lingerMs, undefined, { ref: false }).then(() => process.exit())
    },
  }
}

/** [ms] */
const lookForParentMs = 500

/**
 * npm runs a script in a shell and sends signals to that shell only, which dies of them and leaves us behind, on our ports: `npm start` that
 * was told to stop would go on. So with npm above us we stop when the shell is gone.
 */
function onAbandoned(run: () => void): Disposable {
  const parent = process.ppid
  if (process.env['npm_lifecycle_event'] === undefined) return { [Symbol.dispose]() {} }
  const watch = every(systemClock, lookForParentMs, () => {
    if (process.ppid === parent) return
    watch[Symbol.dispose]()
    run()
  })
  return watch
}

function onSignals(names: readonly NodeJS.Signals[], run: (signal: string) => void): Disposable {
  for (const name of names) process.on(name, run)
  return {
    [Symbol.dispose]() {
      for (const name of names) process.off(name, run)
    },
  }
}
