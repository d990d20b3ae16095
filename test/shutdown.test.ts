/** In which order, and with how much time, what runs is stopped. */
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { start, type World } from '../src/app.ts'
import { type Component, type Context, exporter, receiver } from '../src/component/component.ts'
import { loadConfiguration } from '../src/component/config.ts'
import { components } from './components.ts'
import { settled, VirtualClock } from './kit/clock.ts'
import { seeded, testContext } from './kit/context.ts'

/** Components that tell when they are stopped; whose id ends in `/slow` takes all the time there is, in `/stuck` more than that. */
async function run(pipelines: string) {
  const story: string[] = []
  const stopping = (cx: Context): Component => ({
    async shutdown(signal) {
      story.push(`${cx.id} begins${signal.aborted ? ', too late' : ''}`)
      if (cx.id.endsWith('/slow')) await new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }))
      if (cx.id.endsWith('/stuck')) await new Promise(() => {})
      story.push(`${cx.id} ends`)
    },
  })
  const config = z.strictObject({})
  const from = receiver({ type: 'from', stability: 'stable', config, signals: ['metrics'], create: stopping })
  const to = exporter({
    type: 'to',
    stability: 'stable',
    config,
    create: { metrics: cx => ({ ...stopping(cx), reserve() {}, consume: () => Promise.resolve() }) },
  })
  const clock = new VirtualClock()
  const { files, disk, lines, log } = testContext()
  const memory = () => ({ usedBytes: 0, limitBytes: 2 ** 34 })
  const world: World = { clock, random: seeded(1), files, disk, memory, log: () => log, version: '0.0.0-test' }
  const text = `
receivers: { from/1: , from/slow: , from/stuck: , otlp: { protocols: { http: { endpoint: "127.0.0.1:0" }, grpc: { endpoint: "127.0.0.1:0" } } } }
exporters: { to/good: , to/slow: , to/stuck: }
service:
  shutdown_timeout: 10s
  api: { endpoint: "127.0.0.1:0" }
  telemetry: { metrics: { level: none } }
  pipelines: { ${pipelines} }`
  const configuration = loadConfiguration([{ name: 'test.yaml', text }], { env: {}, factories: [...components, from, to] })
  return { app: await start(configuration, world), clock, lines, story }
}

test('a destination that takes all the time takes none from receivers and other destinations', async () => {
  const { app, clock, story } = await run(`
    metrics/1: { receivers: [from/1], exporters: [to/good] },
    metrics/2: { receivers: [otlp], exporters: [to/slow] }`)
  const stopped = app.shutdown()
  await settled(20)
  expect(story).toEqual(['from/1 begins', 'from/1 ends', 'to/slow begins', 'to/good begins', 'to/good ends'])
  await clock.advance(10_000)
  await stopped
  expect(story.at(-1)).toBe('to/slow ends')
})

test('a receiver whose senders never end leaves half of the time to send what is held', async () => {
  const { app, clock, story } = await run('metrics: { receivers: [from/slow], exporters: [to/good] }')
  const stopped = app.shutdown()
  await clock.advance(5_000)
  await stopped
  expect(story).toEqual(['from/slow begins', 'from/slow ends', 'to/good begins', 'to/good ends'])
})

test('who does not stop when the time is over is said, and left', async () => {
  const { app, clock, lines, story } = await run('metrics: { receivers: [from/stuck], exporters: [to/good, to/stuck] }')
  const stopped = app.shutdown()
  await clock.advance(11_000)
  await stopped
  expect(story).toEqual(['from/stuck begins', 'to/stuck begins', 'to/good begins', 'to/good ends'])
  expect(lines.map(({ fields, message }) => [fields['component'], message])).toEqual([
    ['from/stuck', 'a component did not stop in time'],
    ['to/stuck', 'a component did not stop in time'],
  ])
  expect(clock.pending).toBe(0)
})

test.each(['http', 'grpc'])('a connection over %s that has never said anything is not waited for', async protocol => {
  const { app, story } = await run('metrics: { receivers: [otlp], exporters: [to/good] }')
  const { url } = app.listening.find(({ what }) => what.toLowerCase().includes(protocol))!
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.on('error', () => {})
  await new Promise(resolve => socket.once('connect', resolve))
  await settled(20)
  await app.shutdown()
  expect(story).toEqual(['to/good begins', 'to/good ends'])
  socket.destroy()
})
