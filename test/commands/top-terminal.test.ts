/** `thalamus top` in a real terminal. */
import { execFile, spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
const node = join(root, 'node_modules/.bin/node')
const config = `yaml:
receivers: { host: { collection_interval: 100ms } }
exporters: { prometheus: { endpoint: "127.0.0.1:0" } }
service:
  api: { endpoint: "127.0.0.1:0" }
  telemetry: { metrics: { readers: [] } }
  pipelines: { metrics: { receivers: [host], exporters: [prometheus] } }`

const cleanUp: (() => unknown)[] = []
afterEach(() => {
  for (const clean of cleanUp.splice(0).reverse()) clean()
})

const socket = ['-L', `thalamus-top-${process.pid}`]
const execute = promisify(execFile)
const tmux = async (...args: string[]) => (await execute('tmux', [...socket, ...args])).stdout

/** What is on the screen once it is so. */
async function screen(is: (text: string) => boolean): Promise<string> {
  for (let looks = 0; looks < 2_000; looks++) {
    const text = await tmux('capture-pane', '-p')
    if (is(text)) return text
  }
  throw new Error(`the screen never was so:\n${await tmux('capture-pane', '-p')}`)
}

const hasTmux = spawnSync('tmux', ['-V']).status === 0

test.runIf(hasTmux)('it is drawn, refreshed, and the shell comes back', { timeout: 60_000 }, async () => {
  const watched = spawn(node, [join(root, 'bin/thalamus.js'), '--config', config], { stdio: ['ignore', 'pipe', 'ignore'] })
  cleanUp.push(() => watched.kill())
  const api = await new Promise<string>(resolve => {
    let out = ''
    watched.stdout.on('data', chunk => {
      out += chunk
      const [, url] = /api (http:[^,\s]+)/.exec(out) ?? []
      if (url !== undefined) resolve(url)
    })
  })
  // The server that this leaves behind would keep our pipes open.
  spawnSync('tmux', [...socket, 'new-session', '-d', '-x', '120', '-y', '30', 'sh'], { stdio: 'ignore' })
  cleanUp.push(() => spawnSync('tmux', [...socket, 'kill-server'], { stdio: 'ignore' }))
  await tmux('send-keys', 'echo be""fore', 'Enter')
  await screen(text => text.includes('before'))
  const begin = () => tmux('send-keys', `'${node}' '${root}/bin/thalamus.js' top --url ${api}`, 'Enter')
  await begin()
  const drawn = await screen(text => /^ {2}host metrics +[1-9][\d,]* +0 +[1-9]/m.test(text))
  expect(drawn).toMatch(/^thalamus \d+\.\d+\.\d+ {2}up \d+s {2}ready\ncpu \d+ % {2}rss \d+ MiB .*\nledger balances\n\nreceivers /)
  expect(drawn).not.toContain('before')
  const up = (text: string) => /up (\d+)s/.exec(text)?.[1]
  await screen(text => up(text) !== undefined && up(text) !== up(drawn))
  for (const key of ['C-c', 'q']) {
    await screen(text => text.includes('accepted in all'))
    await tmux('send-keys', key)
    expect(await screen(text => text.includes('before'))).not.toContain('accepted in all')
    await begin()
  }
})
