/** What a destination may write back: every request ends, and a status that was heard counts. */
import { createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { post } from '../../src/component/http-post.ts'
import { call } from '../../src/exporters/otlp_grpc/call.ts'
import { Connection } from '../../src/exporters/otlp_grpc/connection.ts'
import { VirtualClock } from '../kit/clock.ts'
import { until } from './until.ts'

test.each<[string, string, 'ends' | 'stays', number | string]>([
  ['all of it', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi', 'stays', 200],
  ['a body that breaks off', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhi', 'ends', 200],
  ['a body that never comes', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhi', 'stays', 200],
  ['a body that makes no sense', 'HTTP/1.1 503 No\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n', 'stays', 503],
  [
    'another protocol',
    'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n',
    'stays',
    'the connection was closed',
  ],
  ['nothing', '', 'ends', 'socket hang up'],
  ['nothing, for ever', '', 'stays', 'no answer within 1s'],
  ['no HTTP', 'hello\r\n\r\n', 'stays', 'Parse Error: Expected HTTP/, RTSP/ or ICE/'],
])('%s', async (_, written, then, expected) => {
  const server = createServer(socket => {
    socket.on('error', () => {})
    socket.once('data', () => {
      if (written !== '') socket.write(written)
      if (then === 'ends') socket.end()
    })
    onTestFinished(() => void socket.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const { port } = server.address() as { port: number }
  const clock = new VirtualClock()
  const options = { protocol: 'http:', host: '127.0.0.1', port, method: 'POST', headers: { 'content-length': 3 } }
  let outcome: unknown
  void post(options, [Buffer.from('abc')], 1000, clock, new AbortController().signal).then(answer => {
    outcome = 'status' in answer ? answer.status : answer.why
  })
  await until(clock, () => outcome !== undefined, 2000)
  expect(outcome).toBe(expected)
  expect(clock.pending).toBe(0)
})

test('whoever was told to stop while a body was being compressed does not begin to send it', async () => {
  let connections = 0
  const server = createServer(socket => {
    connections++
    socket.on('error', () => {})
    onTestFinished(() => void socket.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const { port } = server.address() as { port: number }
  const clock = new VirtualClock()
  const stopped = { why: 'shutting down', lost: false, stale: false }
  const options = { protocol: 'http:', host: '127.0.0.1', port, method: 'POST', headers: { 'content-length': 3 } }
  expect(await post(options, [Buffer.from('abc')], 0, clock, AbortSignal.abort())).toEqual(stopped)
  const connection = new Connection(`http://127.0.0.1:${port}`, {}, clock, undefined)
  onTestFinished(() => connection.close())
  expect(await call(connection, { ':path': '/' }, [Buffer.from('abc')], 0, clock, AbortSignal.abort())).toEqual(stopped)
  expect(connections).toBe(0)
})
