/** `npm run demo` with everything installed: what it says is there answers, with the shop's traces, and Ctrl-C ends all of it. */
import { expect, test } from 'vitest'
import { eventually, getJson, Server } from './kit/process.ts'
import { node } from './kit/servers.ts'

test('Jaeger has the traces of the shop, Prometheus scrapes, Alertmanager answers', { timeout: 120_000 }, async () => {
  await using demo = await Server.start({
    file: node(),
    args: ['demo/run.ts', '--rate', '30'],
    // The package's Node first: it runs the compiler.
    env: { PATH: `node_modules/.bin:${process.env['PATH']}` },
    limitMs: 60_000,
    ready: async output => output.includes('Ctrl-C ends all of it.'),
  })
  const at = (what: string) => new URL(new RegExp(`${what} +(http:\\S+)`).exec(demo.output)![1]!).origin
  try {
    await eventually('traces of all three', async () => {
      const { data } = await getJson<{ data: string[] }>(`${at('traces')}/api/services`)
      return ['gateway', 'orders', 'stock'].every(service => data.includes(service))
    })
    await eventually('every target is up', async () => {
      const { data } = await getJson<{ data: { result: { value: [number, string] }[] } }>(`${at('queries')}/api/v1/query?query=up`)
      return data.result.length === 6 && data.result.every(({ value }) => value[1] === '1')
    })
    expect(await getJson(`${at('alerts')}/api/v2/alerts`)).toBeInstanceOf(Array)
  } finally {
    // It has to end what it has started.
    expect(await demo.stop('SIGINT')).toBe(0)
  }
})
