/** What a command is, and the outside that it may reach: a test gives its own. */
import type { App } from '../app.ts'
import type { Logger } from '../component/component.ts'
import type { LoadedConfiguration } from '../component/config.ts'
import type { LogConfig } from '../component/configuration.ts'
import type { Disk } from '../component/disk.ts'

/** Everything a command does to the world goes through here. */
export interface Outside {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly version: string
  /** standard output, a line or several */
  readonly print: (text: string) => void
  /** standard error */
  readonly complain: (text: string) => void
  /** The text of a file; `-` is standard input. @throws with `code` as node:fs does */
  readonly read: (path: string) => Promise<string>
  /** The same at once, for files that a configuration names: they are small. */
  readonly readSync: (path: string) => string
  readonly log: (component: string, config: LogConfig) => Logger
  /** for what is kept between runs */
  readonly disk: Disk
  /** Unix epoch milliseconds */
  readonly now: () => number
  /** `load` reads the configuration again. @throws {StartError} and leaves nothing running */
  readonly start: (configuration: LoadedConfiguration, load: () => Promise<LoadedConfiguration>) => Promise<App>
  /** Calls `run` each time somebody asks this process to stop. */
  readonly onStop: (run: (signal: string) => void) => Disposable
  /** Calls `run` for each error that nothing handled: thrown out of a callback, or a rejection that nobody awaits. */
  readonly onBug: (run: (error: unknown) => void) => Disposable
  /** Calls `run` each time somebody asks this process to read its configuration again. */
  readonly onReload: (run: () => void) => Disposable
  /** Asks a server, and waits for the answer a few seconds at the most. @throws when there is none */
  readonly ask: (
    method: 'GET' | 'POST',
    url: string,
    more?: { readonly headers: Readonly<Record<string, string>>; readonly body: string },
  ) => Promise<{ readonly status: number; readonly text: string }>
  /** @returns `port`, or the next that nobody listens on at that address of this machine */
  readonly firstFree: (port: number, host: string) => Promise<number>
  /** The names in a folder; none where there is no such folder. */
  readonly listSync: (folder: string) => readonly string[]
  readonly workingDirectory: string
  readonly nodeVersion: string
  /** of the OpenTelemetry API that comes with us */
  readonly apiVersion: string
  /** URL of what `node --import` takes */
  readonly register: string
  /** Runs a program in place of this process; where the system cannot do that, as its child. @returns its exit code, 127 where there is no such program */
  readonly become: (program: string, args: readonly string[], env: Readonly<Record<string, string | undefined>>) => Promise<number>
  /** Resolves after so long, or when `signal` aborts. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>
  /** what standard output is, if it is one */
  readonly terminal: Terminal | undefined
  /** At once, whatever is under way; with `afterMs`, when this process still lives after so long. */
  readonly exit: (code: number, afterMs?: number) => void
}

export interface Terminal {
  readonly size: () => { readonly columns: number; readonly rows: number }
  readonly write: (text: string) => void
  /** Calls `run` with each key that is pressed, which the terminal shows no longer; Ctrl-C is one of them, and no signal. */
  readonly onKey: (run: (key: string) => void) => Disposable
}

/** A flag: `repeated` ones gather, others keep the last. */
export interface Flag {
  readonly takes?: string
  readonly repeated?: true
  readonly says: string
}
export interface Arguments {
  /** by flag; a flag that takes nothing has `['']` */
  readonly flags: ReadonlyMap<string, readonly string[]>
  readonly rest: readonly string[]
}

export interface Command {
  readonly name: string
  /** what it takes besides flags, for the help text */
  readonly takes?: string
  readonly says: string
  readonly flags: Readonly<Record<string, Flag>>
  /** @returns the exit code @throws {UsageError} {ConfigFileError} {StartError} */
  run(args: Arguments, outside: Outside): Promise<number>
}

/** The command line asks for something that there is not. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  readonly remedy: string | undefined
  constructor(message: string, remedy?: string) {
    super(message)
    this.remedy = remedy
  }
}
