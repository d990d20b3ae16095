/** The world of a command, in memory. */
import type { App } from '../../src/app.ts'
import type { Outside, Terminal } from '../../src/commands/command.ts'
import type { LoadedConfiguration } from '../../src/component/config.ts'
import { Ledger } from '../../src/component/ledger.ts'
import { main } from '../../src/main.ts'
import { type LogLine, testContext } from '../kit/context.ts'
import { MemoryDisk } from '../kit/disk.ts'

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

export class TestOutside implements Outside {
  readonly version = '1.2.3'
  readonly env: Record<string, string> = {}
  readonly files: Record<string, string> = {}
  readonly lines: LogLine[]
  readonly started: LoadedConfiguration[] = []
  readonly exits: number[] = []
  out = ''
  err = ''
  /** what `start` gives */
  app: Partial<App> = {}
  /** called when the app runs */
  running: (stop: (signal: string) => void) => void = stop => stop('SIGTERM')
  #ran = false
  #stop: ((signal: string) => void) | undefined
  readonly #context = testContext()

  constructor() {
    this.lines = this.#context.lines
  }
  print = (text: string) => {
    this.out += `${text}\n`
    if (this.started.length === 0 || this.#stop === undefined || this.#ran) return
    this.#ran = true
    this.running(this.#stop)
  }
  complain = (text: string) => {
    this.err += `${text}\n`
  }
  read = async (path: string) => {
    const text = this.files[path]
    if (text === undefined) throw Object.assign(new Error('no such file'), { code: path.endsWith('/') ? 'EISDIR' : 'ENOENT' })
    return text
  }
  readSync = (path: string) => {
    const text = this.files[path]
    if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
    return text
  }
  listSync = (folder: string) => [
    ...new Set(
      Object.keys(this.files)
        .filter(path => path.startsWith(`${folder}/`))
        .map(path => path.slice(folder.length + 1).split('/', 1)[0]!),
    ),
  ]
  takenPorts = new Set<number>()
  firstFree = async (port: number) => {
    let free = port
    while (this.takenPorts.has(free)) free++
    return free
  }
  workingDirectory = '/app'
  nodeVersion = 'v24.21.0'
  apiVersion = '1.10.0'
  register = 'file:///thalamus/register.js'
  became: { program: string; args: readonly string[]; env: Readonly<Record<string, string | undefined>> } | undefined
  become = async (program: string, args: readonly string[], env: Readonly<Record<string, string | undefined>>) => {
    this.became = { program, args, env }
    return 42
  }
  disk = new MemoryDisk()
  now = () => 1_700_000_000_000
  log = () => this.#context.log
  start = async (configuration: LoadedConfiguration, load: () => Promise<LoadedConfiguration>): Promise<App> => {
    this.started.push(configuration)
    this.loadAgain = load
    return {
      ledger: new Ledger(),
      status: () => ({ ready: true, problems: new Map() }),
      listening: [],
      unheard: [],
      failed: () => {},
      asked: {
        store: () => undefined,
        engine: () => {
          throw new Error('nothing runs')
        },
        settings: () => configuration.service.query,
      },
      measured: async () => undefined,
      reload: () => Promise.reject(new Error('not in this test')),
      shutdown: async () => [],
      ...this.app,
    }
  }
  /** asks for a reload, as SIGHUP does */
  hangUp: () => void = () => {}
  /** reads the configuration again, as a reload does */
  loadAgain: () => Promise<LoadedConfiguration> = () => Promise.reject(new Error('nothing was started'))
  onReload = (run: () => void): Disposable => {
    this.hangUp = run
    return { [Symbol.dispose]: () => (this.hangUp = () => {}) }
  }
  onStop = (run: (signal: string) => void): Disposable => {
    this.#stop = run
    return { [Symbol.dispose]: () => (this.#stop = undefined) }
  }
  /** [by method and URL] what is answered; without it nobody answers */
  answers: Record<string, () => { status: number; text: string }> = {}
  ask = async (method: 'GET' | 'POST', url: string) => {
    const answer = this.answers[`${method} ${url}`]
    if (answer === undefined) throw new Error('connect ECONNREFUSED')
    return answer()
  }
  /** called in each wait */
  waiting: (stop: (signal: string) => void) => void = () => {}
  wait = async () => this.waiting(signal => this.#stop?.(signal))
  terminal: Terminal | undefined = undefined
  onBug = (): Disposable => ({ [Symbol.dispose]: () => {} })
  exit = (code: number) => void this.exits.push(code)

  async thalamus(...argv: string[]): Promise<Ran> {
    const code = await main(argv, this)
    return { code, out: this.out, err: this.err }
  }
}
