/**
 * Real processes on loopback. Each is started with its output captured, is ready when it says so within a bound, and is ended with
 * the test that started it; what it printed is part of every failure.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const LOOPBACK = '127.0.0.1'

/** Polls until `check` returns something other than undefined or false. What it threw last is the cause of the failure. */
export async function eventually<T>(
  what: string,
  check: () => T | Promise<T>,
  limitMs = 20_000,
): Promise<Exclude<T, false | null | undefined>> {
  const until = performance.now() + limitMs
  let cause: unknown
  for (;;) {
    try {
      const found = await check()
      if (found !== undefined && found !== null && found !== false) return found as Exclude<T, false | null | undefined>
      cause = undefined
    } catch (error) {
      cause = error
    }
    if (performance.now() > until) throw new Error(`not within ${limitMs} ms: ${what}`, { cause })
    await pause(25)
  }
}
export const pause = (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms))

/** Ports that nobody listened on a moment ago. */
export async function freePorts<const N extends number>(count: N): Promise<number[] & { length: N }> {
  const servers = Array.from({ length: count }, () => createServer())
  const ports = await Promise.all(
    servers.map(
      server => new Promise<number>(resolve => server.listen(0, LOOPBACK, () => resolve((server.address() as { port: number }).port))),
    ),
  )
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
  return ports as number[] & { length: N }
}

export const listens = (port: number) =>
  new Promise<boolean>(resolve => {
    const socket = connect(port, LOOPBACK, () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })

/** A folder that goes with the process that uses it. */
export class Folder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'thalamus-peers-'))
  write(name: string, content: string | object): string {
    const path = join(this.path, name)
    // JSON is YAML: configurations are written as they stand in the tests.
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content, null, 2))
    return path
  }
  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

export interface Started {
  readonly file: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Asked again and again until it is true. @param output what it has printed until now */
  ready(output: string): Promise<boolean>
  /** within which it is ready; 30,000 unless given */
  readonly limitMs?: number
}

export class Server implements AsyncDisposable {
  readonly child: ChildProcess
  readonly folder: Folder | undefined
  #output = ''
  readonly #name: string
  readonly #ended: Promise<number | string>

  private constructor(what: Started, folder: Folder | undefined) {
    this.folder = folder
    this.#name = what.file
    this.child = spawn(what.file, what.args, { cwd: what.cwd, env: { ...process.env, ...what.env }, stdio: ['ignore', 'pipe', 'pipe'] })
    // Output is bounded: a server that repeats itself for minutes must not fill the memory of the tests.
    const keep = (chunk: Buffer) => {
      this.#output = (this.#output + chunk.toString()).slice(-200_000)
    }
    this.child.stdout?.on('data', keep)
    this.child.stderr?.on('data', keep)
    this.#ended = new Promise(resolve => {
      this.child.on('error', error => resolve(error.message))
      this.child.on('exit', (code, signal) => resolve(code ?? signal ?? 'unknown'))
    })
    if (started.size === 0) process.on('exit', killAll)
    started.add(this)
  }

  /** @throws when it ends before it is ready, or is not ready in time, with all it printed. */
  static async start(what: Started, folder?: Folder): Promise<Server> {
    const server = new Server(what, folder)
    let ended: number | string | undefined
    void server.#ended.then(code => {
      ended = code
    })
    try {
      await eventually(`${what.file} is ready`, () => ended !== undefined || what.ready(server.output), what.limitMs ?? 30_000)
      if (ended !== undefined) throw new Error(`ended with ${ended} before it was ready`)
    } catch (error) {
      await server[Symbol.asyncDispose]()
      throw new Error(`${what.file} ${what.args.join(' ')}\n${server.output}`, { cause: error })
    }
    return server
  }

  /** What it printed, both streams, the newest 200,000 characters. */
  get output(): string {
    return this.#output
  }
  get pid(): number {
    return this.child.pid ?? 0
  }

  /** Asks it to end and waits; resolves with its exit code. @throws when it does not end. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', limitMs = 20_000): Promise<number | string> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal)
    const late = new Promise<undefined>(resolve => setTimeout(() => resolve(undefined), limitMs).unref())
    const code = await Promise.race([this.#ended, late])
    if (code === undefined) throw new Error(`${this.#name} did not end ${limitMs} ms after ${signal}\n${this.output}`)
    return code
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill()
    await this.#ended
    started.delete(this)
    if (started.size === 0) process.off('exit', killAll)
    this.folder?.[Symbol.dispose]()
  }

  kill(): void {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL')
  }
}

/** What a test that is cut short would leave behind. */
const started = new Set<Server>()
const killAll = () => {
  for (const server of started) server.kill()
}

/** Runs a program to its end. @throws when it fails, with what it printed. */
export async function finish(
  file: string,
  args: readonly string[],
  options: { input?: string; env?: Readonly<Record<string, string>>; cwd?: string; ok?: readonly number[] } = {},
): Promise<string> {
  const child = spawn(file, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: 'pipe',
    timeout: 120_000,
    killSignal: 'SIGKILL',
  })
  let output = ''
  child.stdout.on('data', chunk => (output += chunk))
  child.stderr.on('data', chunk => (output += chunk))
  child.stdin.end(options.input ?? '')
  const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  if (code === null || !(options.ok ?? [0]).includes(code)) throw new Error(`${file} ${args.join(' ')} ended with ${code}\n${output}`)
  return output
}

/** @throws when the answer is not 2xx, with its body. */
export async function get(url: string, headers: Record<string, string> = {}): Promise<string> {
  const response = await fetch(url, { headers })
  const body = await response.text()
  if (!response.ok) throw new Error(`${url}: ${response.status} ${body}`)
  return body
}
export const getJson = async <T>(url: string): Promise<T> => JSON.parse(await get(url)) as T
