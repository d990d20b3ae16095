/** The built package beside small applications, each run as a process of its own, as a user's is. */
import { execFileSync, spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Sink } from '../kit/sink.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const NODE = join(dirname(createRequire(import.meta.url).resolve('node/package.json')), 'bin/node')

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}
export interface Running {
  readonly ended: Promise<Ended>
  /** Resolves with all that was printed so far when it has this in it. */
  printed(text: string): Promise<string>
  kill(signal: NodeJS.Signals): void
}
export interface Options {
  readonly env?: Readonly<Record<string, string>>
  readonly node?: readonly string[]
  readonly args?: readonly string[]
  /** without `--import thalamus/register` */
  readonly bare?: boolean
}

/** A folder with applications in it. */
export class Project {
  readonly folder = mkdtempSync(join(tmpdir(), 'thalamus-register-'))

  /** With the package in its node_modules, compiled from the sources as they are. */
  static built(): Project {
    const project = new Project()
    project.#build()
    return project
  }

  #build(): void {
    const built = join(this.folder, 'built')
    execFileSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.build.json', '--outDir', join(built, 'dist')], { cwd: ROOT })
    cpSync(join(ROOT, 'src/otlp/decode.wasm'), join(built, 'dist/otlp/decode.wasm'))
    for (const path of ['package.json', 'bin']) cpSync(join(ROOT, path), join(built, path), { recursive: true })
    symlinkSync(join(ROOT, 'node_modules'), join(built, 'node_modules'))
    mkdirSync(join(this.folder, 'node_modules'))
    symlinkSync(built, join(this.folder, 'node_modules/thalamus'))
    this.write('package.json', JSON.stringify({ name: 'cart', version: '1.2.3' }))
  }

  write(name: string, text: string): string {
    const path = join(this.folder, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
    return path
  }

  /** A package that the repository has, as if the application had installed it. */
  link(name: string): void {
    const to = join(this.folder, 'node_modules', name)
    mkdirSync(dirname(to), { recursive: true })
    rmSync(to, { force: true })
    symlinkSync(join(ROOT, 'node_modules', name), to)
  }

  start(script: string, { env = {}, node = [], args = [], bare = false }: Options = {}): Running {
    const preload = bare ? [] : ['--import', 'thalamus/register']
    return this.command(NODE, [...preload, ...node, join(this.folder, script), ...args], env)
  }

  command(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
    const child = spawn(program, args, {
      cwd: this.folder,
      env: { PATH: `${dirname(NODE)}:${process.env['PATH']}`, HOME: this.folder, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let [stdout, stderr] = ['', '']
    const waiting = new Set<() => void>()
    const changed = () => {
      for (const look of waiting) look()
    }
    child.stdout.setEncoding('utf8').on('data', text => {
      stdout += text
      changed()
    })
    child.stderr.setEncoding('utf8').on('data', text => {
      stderr += text
      changed()
    })
    const ended = new Promise<Ended>((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
    })
    return {
      ended,
      kill: signal => void child.kill(signal),
      printed: text =>
        new Promise((resolve, reject) => {
          const look = () => {
            if (!(stdout + stderr).includes(text)) return
            waiting.delete(look)
            resolve(stdout + stderr)
          }
          waiting.add(look)
          look()
          void ended.then(() => reject(new Error(`it ended without ${JSON.stringify(text)}:\n${stdout}${stderr}`)))
        }),
    }
  }

  /** `thalamus exec …` */
  exec(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
    return this.command(NODE, [join(this.folder, 'node_modules/thalamus/bin/thalamus.js'), 'exec', ...args], env).ended
  }

  run(script: string, options?: Options): Promise<Ended> {
    return this.start(script, options).ended
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  /** 2: server, 3: client */
  readonly kind: number
  readonly attributes: Attributes
  readonly scope: string
  readonly resource: Attributes
  readonly status: { readonly code?: number }
}
export type Attributes = Readonly<Record<string, unknown>>

type Any = Readonly<Record<string, unknown>>
interface KeyValue {
  readonly key: string
  readonly value: Any
}

const plain = (list: readonly KeyValue[] = []): Attributes =>
  Object.fromEntries(list.map(({ key, value }) => [key, Object.values(value)[0]]))

const parsed = (sink: Sink, path: string) => sink.bodies.filter(body => body.path === path).map(({ body }) => JSON.parse(body.toString()))

/** Every span that has arrived, as OTLP/JSON has it. */
export function spansOf(sink: Sink): Span[] {
  return parsed(sink, '/v1/traces').flatMap(({ resourceSpans }) =>
    resourceSpans.flatMap(({ resource, scopeSpans }: { resource: { attributes: KeyValue[] }; scopeSpans: Any[] }) =>
      scopeSpans.flatMap(({ scope, spans }) =>
        (spans as (Any & { attributes: KeyValue[] })[]).map(span => ({
          ...span,
          attributes: plain(span.attributes),
          scope: (scope as { name: string }).name,
          resource: plain(resource.attributes),
        })),
      ),
    ),
  )
}

export interface Metric {
  readonly name: string
  readonly unit: string
  /** 1: delta, 2: cumulative */
  readonly temporality: number | undefined
  readonly points: readonly { readonly attributes: Attributes; readonly value: unknown; readonly count: number }[]
}

/** Of each metric what arrived last. */
export function metricsOf(sink: Sink): Map<string, Metric> {
  const found = new Map<string, Metric>()
  for (const { resourceMetrics } of parsed(sink, '/v1/metrics'))
    for (const { scopeMetrics } of resourceMetrics)
      for (const { metrics } of scopeMetrics)
        for (const { name, unit, ...data } of metrics) {
          const { dataPoints, aggregationTemporality: temporality } = Object.values(data).find(
            value => (value as { dataPoints?: unknown })?.dataPoints !== undefined,
          ) as {
            dataPoints: (Any & { attributes: KeyValue[] })[]
            aggregationTemporality?: number
          }
          const points = dataPoints.map(point => ({
            attributes: plain(point.attributes),
            value: point['asDouble'] ?? point['asInt'],
            count: Number(point['count'] ?? 0),
          }))
          found.set(name, { name, unit, temporality, points })
        }
  return found
}

export interface LogRecord {
  readonly body: { readonly stringValue: string }
  readonly severityText: string
  readonly traceId?: string
  readonly spanId?: string
}

export const logsOf = (sink: Sink): LogRecord[] =>
  parsed(sink, '/v1/logs').flatMap(({ resourceLogs }) =>
    resourceLogs.flatMap(({ scopeLogs }: Any) => (scopeLogs as { logRecords: LogRecord[] }[]).flatMap(({ logRecords }) => logRecords)),
  )
