/** `npm run demo` where nothing else is installed: what it says is there is there, and Ctrl-C leaves nothing behind. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as later } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { node, ROOT } from './kit.ts'

let cleaned: () => void = () => {}
afterEach(() => cleaned())

/** As on a machine that has Node and nothing else. */
function startDemo(...args: string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'thalamus-run-'))
  const env = { PATH: dirname(node), HOME: folder, XDG_CACHE_HOME: folder, TMPDIR: folder }
  const child = spawn(node, ['demo/run.ts', ...args], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] })
  cleaned = () => {
    child.kill('SIGTERM')
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', text => (said += text))
  const says = async (text: string) => {
    while (!said.includes(text)) {
      if (child.exitCode !== null) throw new Error(`it ended without ${JSON.stringify(text)}:\n${said}`)
      await Promise.race([once(child.stdout, 'data'), once(child.stderr, 'data'), once(child, 'exit')])
    }
    return said
  }
  return { child, folder, says }
}

const childrenOf = ({ pid }: ChildProcess) =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number).filter(Boolean)

test.runIf(process.platform === 'linux')('it runs until Ctrl-C, and takes all with it', { timeout: 90_000 }, async () => {
  const { child, folder, says } = startDemo('--rate', '50')
  const said = await says('Ctrl-C ends all of it.')
  expect(said).toContain('kept by Thalamus: Jaeger is not installed')
  const metrics = /metrics +(http:\S+)/.exec(said)![1]!
  const wanted = ['gateway', 'orders', 'stock'].flatMap(name => [
    new RegExp(`^http_server_request_duration_seconds_count{.*job="shop/${name}"`, 'm'),
    new RegExp(`^traces_span_metrics_calls_total{.*service_name="${name}"`, 'm'),
  ])
  for (let page = ''; !wanted.every(pattern => pattern.test(page)); await later(200)) page = await (await fetch(metrics)).text()
  const { imbalance } = (await (await fetch(/ledger +(http:\S+)/.exec(said)![1]!)).json()) as { imbalance: number }
  expect(imbalance).toBe(0)
  const ask = async (what: string) => (await fetch(new RegExp(`${what} +(http:\\S+)`).exec(said)![1]!)).text()
  expect(await ask('ask')).toContain('"status":"success"')
  expect(await ask('traces')).toContain('"stringValue":"gateway"')
  await says(' requests; ')

  const children = childrenOf(child)
  expect(children).toHaveLength(5)
  child.kill('SIGINT')
  // Impatience changes nothing.
  child.kill('SIGINT')
  expect(await once(child, 'exit')).toEqual([0, null])
  expect(children.filter(pid => existsSync(`/proc/${pid}`))).toEqual([])
  expect(readdirSync(folder).filter(name => name.startsWith('thalamus-demo-'))).toEqual([])
})

test('it ends by itself when it is told for how long', { timeout: 60_000 }, async () => {
  const { child, says } = startDemo('--seconds', '1', '--rate', '20')
  const [code] = await once(child, 'exit')
  expect([code, await says('requests; ')]).toEqual([0, expect.stringMatching(/^\d+ requests; /m)])
})

test.each([
  [['--rate', '0'], '--rate: must be a number from 0.1 to 500'],
  [['--seconds', 'some'], '--seconds: must be a number from 0 to 86400'],
  [['--help-me'], "Unknown option '--help-me'"],
])('%j is refused', (args, message) => {
  expect(() => execFileSync(node, ['demo/run.ts', ...args], { cwd: ROOT, stdio: 'pipe' })).toThrow(message)
})
