/**
 * Where the real peers live, and how each is installed. A tool is a folder `NAME-HASH` in a cache outside the clone; the hash is of
 * its recipe, so a changed pin installs anew and an unchanged one costs nothing. A folder whose installation
 * was cut short lacks its mark and is made again.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

interface Tool {
  readonly name: string
  /** Everything the result depends on: versions and the text of our own files. */
  readonly recipe: string
  /** Programs below the tool's folder. */
  readonly programs: readonly string[]
  /** Fills `into`; `work` is an empty folder that is deleted afterwards. */
  install(into: string, work: string): void
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const text = (path: string) => readFileSync(here(path), 'utf8')

const BUILDER = 'go.opentelemetry.io/collector/cmd/builder@v0.155.0'
const TELEMETRYGEN = 'github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen@v0.161.0'
const JAEGER = 'github.com/jaegertracing/jaeger@v1.76.0'
const PROMETHEUS = 'github.com/prometheus/prometheus@v0.314.0'
const PROMETHEUS_VERSION = '3.14.0'
/** Whose PromQL is that of the suite that we pass: it was changed after 3.14.0. */
const PROMQL = 'github.com/prometheus/prometheus@v0.315.0'
const ALERTMANAGER = 'github.com/prometheus/alertmanager@v0.34.1'
const ALERTMANAGER_VERSION = '0.34.1'
/** No cloud discovery: files, HTTP and static targets stay. */
const PROMETHEUS_TAGS = 'remove_all_sd'

const tools: readonly Tool[] = [
  {
    name: 'otelcol',
    recipe: BUILDER + text('./otelcol.yaml'),
    programs: ['otelcol'],
    install(into, work) {
      go(['install', BUILDER], work, { GOBIN: work })
      command(join(work, 'builder'), ['--skip-compilation', '--config', here('./otelcol.yaml')], work)
      go(['build', ...SMALL, '-o', join(into, 'otelcol'), '.'], join(work, 'build'))
    },
  },
  {
    name: 'telemetrygen',
    recipe: TELEMETRYGEN,
    programs: ['telemetrygen'],
    install: (into, work) => go(['install', TELEMETRYGEN], work, { GOBIN: into }),
  },
  {
    name: 'jaeger',
    recipe: JAEGER,
    programs: ['jaeger'],
    install: (into, work) => insideModule(JAEGER, work, module => go(['build', '-mod=mod', ...SMALL, '-o', into, './cmd/jaeger'], module)),
  },
  {
    name: 'prometheus',
    recipe: PROMETHEUS + PROMETHEUS_TAGS,
    programs: ['prometheus', 'promtool'],
    install(into, work) {
      const flags = ['-mod=mod', '-tags', PROMETHEUS_TAGS, ...SMALL.with(-1, `-s -w ${version(PROMETHEUS_VERSION)}`), '-o', into]
      insideModule(PROMETHEUS, work, module => go(['build', ...flags, './cmd/prometheus', './cmd/promtool'], module))
    },
  },
  {
    name: 'promqltest',
    recipe: PROMQL + text('./promqltest/main.go'),
    programs: ['promqltest'],
    install: (into, work) =>
      insideModule(PROMQL, work, module => {
        cpSync(here('./promqltest'), join(module, 'cmd/promqltest'), { recursive: true })
        go(['build', '-mod=mod', ...SMALL, '-o', into, './cmd/promqltest'], module)
      }),
  },
  {
    name: 'alertmanager',
    recipe: ALERTMANAGER,
    programs: ['alertmanager', 'amtool'],
    install(into, work) {
      const flags = ['-mod=mod', ...SMALL.with(-1, `-s -w ${version(ALERTMANAGER_VERSION)}`), '-o', into]
      insideModule(ALERTMANAGER, work, module => {
        // It embeds a page that its module lacks: an empty one is enough, the API is whole.
        const page = join(module, 'ui/app/dist')
        mkdirSync(page, { recursive: true })
        writeFileSync(join(page, 'index.html'), '')
        writeFileSync(join(page, 'index.html.gz'), gzipSync(''))
        go(['build', ...flags, './cmd/alertmanager', './cmd/amtool'], module)
      })
    },
  },
  {
    name: 'loader',
    recipe: ['go.mod', 'main.go', 'bodies.go', 'http.go', 'grpc.go', 'sink.go', 'wait_linux.go', 'wait_other.go']
      .map(file => text(`./loader/${file}`))
      .join('\0'),
    programs: ['loader'],
    install: into => go(['build', ...SMALL, '-o', into, '.'], here('./loader')),
  },
  {
    name: 'kubernetes',
    recipe: ['go.mod', 'go.sum', 'main.go'].map(file => text(`./kubernetes/${file}`)).join('\0'),
    programs: ['kubernetes'],
    install: into => go(['build', ...SMALL, '-o', join(into, 'kubernetes'), '.'], here('./kubernetes')),
  },
  {
    name: 'databases',
    recipe: 'redis-server postgresql, by apt, unpacked',
    programs: ['bin/redis-server', 'bin/postgres', 'bin/initdb'],
    install(into, work) {
      // What the system lacks is unpacked beside it, not installed: neither root nor a service is needed.
      const plan = command('apt-get', ['-s', 'install', '--no-install-recommends', 'redis-server', 'postgresql'], work)
      const missing = [...plan.matchAll(/^Inst (\S+)/gm)].map(([, name]) => name!)
      if (missing.length > 0) command('apt-get', ['download', ...missing], work)
      for (const file of readdirSync(work).filter(name => name.endsWith('.deb'))) command('dpkg', ['-x', file, into], work)
      const libraries = [into, ''].flatMap(root => globSync(`${root}/usr/lib/*-linux-gnu`)).join(':')
      mkdirSync(join(into, 'bin'))
      for (const [name, pattern] of [
        ['redis-server', '/usr/bin/redis-server'],
        ['postgres', '/usr/lib/postgresql/*/bin/postgres'],
        ['initdb', '/usr/lib/postgresql/*/bin/initdb'],
      ] as const) {
        const [path] = [into, ''].flatMap(root => globSync(root + pattern))
        if (path === undefined) throw new Error(`peers: Debian's packages have no ${pattern}`)
        const script = `#!/bin/sh\nLD_LIBRARY_PATH=${libraries} exec ${path} "$@"\n`
        writeFileSync(join(into, 'bin', name), script, { mode: 0o755 })
      }
    },
  },
  {
    name: 'python',
    recipe: text('./requirements.txt'),
    programs: ['bin/python'],
    install(into, work) {
      command('python3', ['-m', 'venv', into], work)
      command(
        join(into, 'bin/python'),
        ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', here('./requirements.txt')],
        work,
      )
    },
  },
]

/** Written last: the folder is complete. */
const WHOLE = '.whole'
const SMALL = ['-trimpath', '-ldflags', '-s -w']
/** What Prometheus' programs say that they are: their own builds set it so. */
const version = (is: string) => `-X github.com/prometheus/common/version.Version=${is}`

export type Program =
  | 'otelcol'
  | 'telemetrygen'
  | 'jaeger'
  | 'prometheus'
  | 'promtool'
  | 'promqltest'
  | 'alertmanager'
  | 'amtool'
  | 'loader'
  | 'kubernetes'
  | 'bin/python'
  | 'bin/redis-server'
  | 'bin/postgres'
  | 'bin/initdb'

/** The path of an installed program. @throws when it is not there: a missing peer is an error, never a skip. */
export function program(name: Program): string {
  const tool = tools.find(t => t.programs.includes(name))
  const path = tool === undefined ? name : join(folder(tool), name)
  if (!existsSync(path)) throw new Error(`peers: ${name} is not installed at ${path}\n  run: npm run peers -- --install`)
  return path
}

/** Installs what is missing. @throws with the failed command's own words. */
export function installAll(say: (line: string) => void): void {
  for (const tool of tools) {
    if (existsSync(join(folder(tool), WHOLE))) continue
    const began = performance.now()
    say(`installing ${tool.name}`)
    installOne(tool)
    say(`installed ${tool.name} in ${Math.round((performance.now() - began) / 1000)} s`)
  }
}

function installOne(tool: Tool): void {
  const into = folder(tool)
  rmSync(into, { recursive: true, force: true })
  mkdirSync(into, { recursive: true })
  const work = mkdtempSync(join(cache(), 'work-'))
  try {
    tool.install(into, work)
    for (const name of tool.programs) if (!existsSync(join(into, name))) throw new Error(`peers: ${tool.name} built no ${name}`)
    writeFileSync(join(into, WHOLE), '')
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

const cache = () => join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'thalamus-peers')
const folder = (tool: Tool) => join(cache(), `${tool.name}-${createHash('sha256').update(tool.recipe).digest('hex').slice(0, 12)}`)

/**
 * Modules with a `replace` or a go.work cannot be installed by name: they are built inside a writable copy, with their own go.sum.
 */
function insideModule(module: string, work: string, build: (copy: string) => void): void {
  const answer = go(['mod', 'download', '-json', module], work)
  const { Dir } = JSON.parse(answer) as { Dir: string }
  const copy = join(work, 'module')
  cpSync(Dir, copy, { recursive: true })
  command('chmod', ['-R', 'u+w', copy], work)
  build(copy)
}

const go = (args: string[], cwd: string, env: Record<string, string> = {}) =>
  command('go', args, cwd, { CGO_ENABLED: '0', GOWORK: 'off', GOFLAGS: '', ...env })

/** Runs to the end and returns what it printed. */
function command(file: string, args: readonly string[], cwd: string, env: Record<string, string> = {}): string {
  const { status, error, stdout, stderr } = spawnSync(file, args, {
    cwd,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  if (error !== undefined)
    throw new Error(`peers: cannot run ${file}: ${error.message}\n  install it (Go >= 1.26 and Python >= 3.11 are needed)`)
  if (status !== 0) throw new Error(`peers: ${file} ${args.join(' ')} ended with ${status}\n${stdout.slice(-4000)}${stderr.slice(-4000)}`)
  return stdout
}
