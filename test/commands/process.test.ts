/** The command line as a process of its own. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
const config = `yaml:
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } } }
exporters: { prometheus: { endpoint: "127.0.0.1:0" } }
service:
  api: { enabled: false }
  telemetry: { metrics: { level: none } }
  pipelines: { metrics: { receivers: [otlp], exporters: [prometheus] } }`

/** Runs until it ends; `onOutput` hears what it prints, so far, and may send a signal. */
function thalamus(
  argv: string[],
  onOutput: (soFar: string, kill: (signal: NodeJS.Signals) => void) => void = () => {},
  node: string[] = [],
  stderr: 'pipe' | number = 'pipe',
) {
  const args = [...node, join(root, 'bin/thalamus.js'), ...argv]
  const child = spawn(join(root, 'node_modules/.bin/node'), args, { stdio: ['ignore', 'pipe', stderr] })
  let out = ''
  let err = ''
  child.stdout?.on('data', chunk => {
    out += chunk
    onOutput(out, signal => child.kill(signal))
  })
  child.stderr?.on('data', chunk => {
    err += chunk
    onOutput(out, signal => child.kill(signal))
  })
  return new Promise<{ code: number | null; out: string; err: string }>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', code => resolve({ code, out, err }))
  })
}

test('check of a wrong file ends with 1 and says where', async () => {
  const { code, out, err } = await thalamus(['check', join(root, 'test/config/bad/typo-section.bad.yaml')])
  expect({ code, out }).toEqual({ code: 1, out: '' })
  expect(err).toContain('typo-section.bad.yaml:5:1: unknown section "exporter"\n  did you mean "exporters"?\n')
})

test('a Node that is too old is told so, whatever else it could not do', async () => {
  const old = 'data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"22.14.0"}})'
  const { code, out, err } = await thalamus(['check'], undefined, ['--import', old])
  expect({ code, out }).toEqual({ code: 1, out: '' })
  expect(err).toMatch(/^Node 22\.14\.0 is too old: Thalamus needs 22\.15 or newer\n {2}install one; /)
})

test('runs, serves, and ends with 0 on SIGTERM', async () => {
  let asked = false
  const { code, out, err } = await thalamus(['--config', config], (soFar, kill) => {
    if (asked || !soFar.includes('SDK ')) return
    asked = true
    kill('SIGTERM')
  })
  expect(
    err
      .split('\n')
      .filter(line => line !== '')
      .map(line => JSON.parse(line)),
  ).toMatchObject([{ level: 'info', component: 'service', signal: 'SIGTERM', msg: 'shutting down' }])
  expect(out).toMatch(
    /^thalamus \d+\.\d+\.\d+ runs: metrics: otlp -> prometheus; traces, logs: dropped \(no exporter; --forward URL sends them on, --store DIR keeps them\)\n {2}receives {2}OTLP over HTTP http:\/\/127\.0\.0\.1:\d+\n/,
  )
  expect(out).toMatch(/\nstopped: all that was held was delivered\n$/)
  expect(code).toBe(0)
})

test('ends when the shell that npm ran it in was ended, since npm tells nobody else', async () => {
  const node = join(root, 'node_modules/.bin/node')
  const script = '"$0" "$1" --config "$2"; true'
  const env = { ...process.env, npm_lifecycle_event: 'start' }
  const shell = spawn('sh', ['-c', script, node, join(root, 'bin/thalamus.js'), config], { env, stdio: ['ignore', 'pipe', 'ignore'] })
  let out = ''
  shell.stdout.on('data', chunk => {
    out += chunk
    if (out.includes('SDK ')) shell.kill('SIGTERM')
  })
  // Closed by the last that writes to it, which is not the shell.
  await once(shell.stdout, 'close')
  expect(out).toMatch(/\nstopped: all that was held was delivered\n$/)
})

test.runIf(existsSync('/dev/full'))('a log that cannot be written, because the disk is full, ends nothing', async () => {
  const full = openSync('/dev/full', 'w')
  let asked = false
  const run = thalamus(
    ['--config', config],
    (soFar, kill) => {
      if (asked || !soFar.includes('SDK ')) return
      asked = true
      kill('SIGTERM')
    },
    [],
    full,
  )
  const { code, out } = await run.finally(() => closeSync(full))
  expect(out).toMatch(/\nstopped: all that was held was delivered\n$/)
  expect(code).toBe(0)
})

test.each([
  ['an exception', 'throw new Error("boom")'],
  ['a rejection', 'Promise.reject(new Error("boom"))'],
])('%s that nothing handles is said, ends the process with 70, and not before it has drained', async (_, bug) => {
  const onSignal = `data:text/javascript,process.on("SIGUSR2",()=>{${bug}})`
  let asked = false
  const { code, out, err } = await thalamus(
    ['--config', config],
    (soFar, kill) => {
      if (asked || !soFar.includes('SDK ')) return
      asked = true
      kill('SIGUSR2')
    },
    ['--import', onSignal],
  )
  const lines = err.trim().split('\n')
  expect(JSON.parse(lines[0]!)).toMatchObject({
    level: 'error',
    component: 'service',
    err: { message: 'boom' },
    msg: 'a bug: an error that nothing handled; what is held is sent, then this process ends',
  })
  expect(JSON.parse(lines[1]!)).toMatchObject({ level: 'info', signal: 'bug', msg: 'shutting down' })
  expect(lines).toHaveLength(2)
  expect(out).toMatch(/stopped: all that was held was delivered\n$/)
  expect(code).toBe(70)
})

test('a configuration that listens nowhere runs until it is asked to stop', async () => {
  const silent = `yaml:
receivers: { host: { collection_interval: 100ms } }
exporters: { debug: }
service:
  api: { enabled: false }
  telemetry: { metrics: { level: none } }
  pipelines: { metrics: { receivers: [host], exporters: [debug] } }`
  let lines = 0
  const { code, out } = await thalamus(['--config', silent], (_, kill) => {
    // A line for each batch: it lives through waits in which nothing else holds the process open.
    if (++lines === 4) kill('SIGINT')
  })
  expect(out).toMatch(/stopped: all that was held was delivered\n$/)
  expect(code).toBe(0)
})
