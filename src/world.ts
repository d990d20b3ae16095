/** The world outside, for whoever runs for real: the command line, and the library in somebody's process. */
import { readFileSync } from 'node:fs'
import { readdir, readFile, statfs } from 'node:fs/promises'
import { totalmem } from 'node:os'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { isMainThread, Worker } from 'node:worker_threads'
import pino from 'pino'
import type { World } from './app.ts'
import type { Files, Logger, MemoryUse } from './component/component.ts'
import type { LogConfig } from './component/configuration.ts'
import { boundAllConnections } from './component/connections.ts'
import { nodeDisk } from './disk.ts'
import { systemClock } from './lib/clock.ts'
import type { Thread } from './workers/crew.ts'
import type { Seat } from './workers/messages.ts'

type Level = LogConfig['level']

/** Time, chance, files and memory as they are. `log` makes the logger of one component, as `config` has it until the level is set. */
export function systemWorld(log: ReturnType<typeof systemLog>, config: LogConfig): World {
  let { level } = config
  boundAllConnections(connectionsFor(openFiles()))
  return {
    clock: systemClock,
    random: () => Math.random(),
    files: nodeFiles,
    disk: nodeDisk,
    memory: memoryUse,
    log: component => log(component, config, () => level),
    setLogLevel: to => void (level = to),
    spawn,
    version: packageVersion(),
  }
}

/** What the process may have open; where the system does not say, as many as it likes. */
function openFiles(): number {
  try {
    return Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]) || Number.POSITIVE_INFINITY
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

/** A tenth, and at least 64, stay free; an ingest thread has a quarter of the rest, as if there were four. */
function connectionsFor(files: number): number {
  const most = Math.max(16, files - Math.max(64, files / 10))
  return isMainThread ? most : most / 4
}

const levels: readonly Level[] = ['debug', 'info', 'warn', 'error']

/** Every component with a child of one logger, which is made as the first one asks. `level` is asked for each line, so that it can change. */
export function systemLog(more: object = {}): (component: string, config: LogConfig, level: () => Level) => Logger {
  let loggers: ReturnType<typeof pinoLogger> | undefined
  return (component, config, level) => {
    loggers ??= pinoLogger(config)
    const child = loggers.child({ component, ...more }, { level: 'debug' })
    const say = (of: Level) => (fields: object, message: string) => {
      if (levels.indexOf(of) >= levels.indexOf(level())) child[of](fields, message)
    }
    return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
  }
}

/** [bytes] of lines that cannot be written; more are lost */
const maxUnwrittenBytes = 2 ** 20

/** Lines are written synchronously: what is said last is read first. */
function pinoLogger({ encoding, initial_fields, output_paths }: LogConfig) {
  const formatters = { level: (label: string) => ({ level: label }) }
  const outs = output_paths.map(output)
  const write = (line: string) => {
    const shown = encoding === 'console' ? consoleLine(line) : line
    for (const out of outs) out.write(shown)
  }
  return pino({ base: { ...initial_fields }, formatters, timestamp: pino.stdTimeFunctions.isoTime }, { write })
}

function output(path: string) {
  const place = { stderr: { fd: 2 }, stdout: { fd: 1 } }[path] ?? { dest: path.replace(/^file:\/\//, ''), append: true, mkdir: true }
  const out = pino.destination({ ...place, sync: true, maxLength: maxUnwrittenBytes })
  // A full disk must not end what runs: lines wait, up to the bound, and go out when there is room again.
  out.on('error', () => {})
  return out
}

/** As the Collector writes for people: time, level, component, message and the rest as JSON, with tabs between them. */
export function consoleLine(line: string): string {
  const { time, level, component, msg, ...rest } = JSON.parse(line) as Record<string, unknown>
  const facts = Object.keys(rest).length === 0 ? [] : [JSON.stringify(rest)]
  return `${[time, level, component, msg, ...facts].join('\t')}\n`
}

export const nodeFiles: Files = {
  read: path => readFile(path),
  readSync: path => readFileSync(path, 'utf8'),
  list: path => readdir(path),
  async statfs(path) {
    const { bsize, blocks, bfree, bavail, files, ffree } = await statfs(path)
    return { total: blocks * bsize, free: bfree * bsize, available: bavail * bsize, inodes: { total: files, free: ffree } }
  },
}

function memoryUse(collect = false): MemoryUse {
  if (collect) collectGarbage()
  // Not process.memoryUsage(): it opens a file, and throws when there are too many.
  const { used_heap_size, external_memory } = getHeapStatistics()
  limitBytes = memoryLimit() ?? limitBytes
  return { usedBytes: used_heap_size + external_memory, limitBytes }
}

let limitBytes = Number.POSITIVE_INFINITY

/** [bytes] undefined when it cannot be read for now */
function memoryLimit(): number | undefined {
  const total = totalmem()
  // 0 or an absurdly large number where no control group sets a limit; also 0 when there are too many open files.
  const constrained = process.constrainedMemory()
  if (constrained > 0) return Math.min(constrained, total)
  return limitBytes === Number.POSITIVE_INFINITY && total > 0 ? total : undefined
}

let gc: ((options?: { type: 'minor' }) => void) | undefined

/** V8 shows its collector only to contexts that are made after it has been told to. */
function collectGarbage(): void {
  if (gc === undefined) {
    setFlagsFromString('--expose-gc')
    gc = runInNewContext('gc') as typeof gc
  }
  gc?.()
  // Buffers are freed in the background, and leave the sum of what is used only when the next collection begins.
  gc?.({ type: 'minor' })
}

/** The package's own, beside `src` and `dist` alike. */
export function packageManifest(): { readonly version: string; readonly dependencies: Readonly<Record<string, string>> } {
  return JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
}

export const packageVersion = (): string => packageManifest().version

/** Beside this file, compiled or not. */
function spawn(seat: Seat): Thread {
  const worker = new Worker(new URL(import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js', import.meta.url), { workerData: seat })
  let why = 'it ended'
  worker.on('error', error => (why = error instanceof Error ? (error.stack ?? error.message) : String(error)))
  return {
    post: message => worker.postMessage(message),
    hear: said => void worker.on('message', said),
    ended: new Promise(resolve => worker.on('exit', () => resolve(why))),
    terminate: () => void worker.terminate(),
  }
}
