/** The package as users get it: packed, installed into an empty project, run and compiled against there. */
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pack } from './kit/packed.ts'
import { Sink } from './kit/sink.ts'

const { devDependencies } = createRequire(import.meta.url)('../package.json') as { devDependencies: Record<string, string> }
const ROOT = fileURLToPath(new URL('..', import.meta.url))
const BIN = join(ROOT, 'node_modules/.bin')
const exec = promisify(execFile)
let folder: string
let tarball: string
let project: string
let installed: { readonly stdout: string; readonly stderr: string }

/** With the Node of the repository first: the one of the PATH may be too old. @throws with what the command printed. */
const run = (cwd: string, command: string, ...args: string[]) =>
  exec(command, args, {
    cwd,
    env: { ...process.env, PATH: `${BIN}:${process.env['PATH']}`, NO_COLOR: '1' },
    maxBuffer: 1 << 24,
    timeout: 110_000,
  })

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'thalamus-package-'))
  tarball = await pack(folder, run)
  project = join(folder, 'project')
  cpSync(join(ROOT, 'LICENSE'), join(project, 'LICENSE'))
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'a-user', private: true, type: 'module' }))
  // Whoever writes TypeScript for Node has its types; ours speak of node:http.
  installed = await run(
    project,
    'npm',
    'install',
    tarball,
    `@types/node@${devDependencies['@types/node']}`,
    '--omit=dev',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
  )
}, 120_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('in an empty project', () => {
  test('npm installs it without a word of warning about it', () => {
    expect(`${installed.stdout}${installed.stderr}`).not.toContain('thalamus')
  })

  test('npx thalamus says its version and its help', async () => {
    expect((await run(project, 'npx', '--no', 'thalamus', 'version')).stdout).toContain('0.1.0')
    expect((await run(project, 'npx', '--no', 'thalamus', 'help')).stdout).toContain('check')
  })

  test('npx thalamus check reads a file', async () => {
    const good = join(project, 'good.yaml')
    writeFileSync(
      good,
      'receivers: {otlp: {protocols: {http: {}}}}\nexporters: {debug: {}}\nservice: {pipelines: {traces: {receivers: [otlp], exporters: [debug]}}}\n',
    )
    await run(project, 'npx', '--no', 'thalamus', 'check', good)
    const bad = join(project, 'bad.yaml')
    writeFileSync(bad, 'receivers: {oltp: {}}\n')
    await expect(run(project, 'npx', '--no', 'thalamus', 'check', bad)).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('did you mean "otlp"?'),
    })
  })

  test('its types resolve, in a strict project without skipLibCheck', async () => {
    writeFileSync(join(project, 'index.ts'), "import * as thalamus from 'thalamus'\nexport const { start } = thalamus\n")
    writeFileSync(join(project, 'wrong.ts'), "import { noSuchThing } from 'thalamus'\nexport const wrong = noSuchThing\n")
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2024', '--types', 'node', '--skipLibCheck', 'false']
    await run(project, 'tsc', ...options, 'index.ts')
    await expect(run(project, 'tsc', ...options, 'wrong.ts')).rejects.toMatchObject({ stdout: expect.stringContaining('noSuchThing') })
  }, 60_000)

  test('it can be imported', async () => {
    const { stdout } = await run(project, 'node', '--input-type=module', '-e', "console.log(typeof (await import('thalamus')).start)")
    expect(stdout.trim()).toBe('function')
  })

  test('the instruments alone are the same ones, and bring nothing of the pipeline', async () => {
    const script = `
    import { registerHooks } from 'node:module'
    const loaded = []
    registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context) } })
    const { instruments, recorder } = await import('thalamus/instruments')
    instruments.cache.evictions.with().add(2)
    const pipeline = loaded.filter(url => /dist.(pipeline|component|otlp).|zod|yaml|pino/.test(url)).length
    console.log(recorder.series().length, pipeline, (await import('thalamus')).recorder === recorder)`
    const { stdout } = await run(project, 'node', '--input-type=module', '-e', script)
    expect(stdout).toBe('1 0 true\n')
  })

  test('it runs there: OTLP in, a page out', async () => {
    const script = `
    import { start } from 'thalamus'
    const config = \`
    receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } } }
    exporters: { prometheus: { endpoint: "127.0.0.1:0" } }
    service:
      api: { enabled: false }
      telemetry: { metrics: { level: none } }
      pipelines: { metrics: { receivers: [otlp], exporters: [prometheus] } }\`
    await using app = await start({ config })
    const url = component => app.listening.find(place => place.component === component).url
    const point = { timeUnixNano: String(BigInt(Date.now()) * 1_000_000n), asInt: '7' }
    const body = { resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'a', gauge: { dataPoints: [point] } }] }] }] }
    const answer = await fetch(url('otlp') + '/v1/metrics', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
    console.log(answer.status, await (await fetch(url('prometheus'))).text())`
    const { stdout } = await run(project, 'node', '--input-type=module', '-e', script)
    expect(stdout).toBe('200 # TYPE a gauge\na 7\n\n')
  })
})

describe('a service beside it', () => {
  test('is instrumented by one flag, and ends as it would have ended', async () => {
    const sink = await Sink.open()
    writeFileSync(join(project, 'service.mjs'), "console.log('hello'); process.exitCode = 3")
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url }
    await expect(run(project, 'env', ...pairs(env), 'node', '--import', 'thalamus/register', 'service.mjs')).rejects.toMatchObject({
      code: 3,
      stdout: 'hello\n',
      stderr: `thalamus: a-user: http, fetch, console; traces, logs, metrics to ${sink.url}\n`,
    })
    expect([...new Set(sink.bodies.map(({ path }) => path))].toSorted()).toEqual(['/v1/logs', '/v1/metrics'])
    await sink.close()
  })
})

const pairs = (env: Readonly<Record<string, string>>) => Object.entries(env).map(([name, value]) => `${name}=${value}`)

describe('by the tools that check packages', () => {
  test('publint has nothing to say', async () => {
    const { stdout } = await run(project, join(BIN, 'publint'), 'run', '--strict', join(project, 'node_modules/thalamus'))
    expect(stdout).toContain('All good!')
  })
  test('attw finds the types of an ESM package right', async () => {
    await run(project, join(BIN, 'attw'), tarball, '--profile', 'esm-only', '--no-emoji')
  })
})

test('it holds what it needs and nothing else', async () => {
  const { stdout } = await run(folder, 'tar', '-tzf', tarball)
  const top = new Set(
    stdout
      .trim()
      .split('\n')
      .map(path => path.split('/')[1]),
  )
  expect([...top].sort()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'bin', 'dist', 'package.json'])
  expect(stdout).toContain('.wasm')
  expect(dirname(tarball)).toBe(folder)
})
