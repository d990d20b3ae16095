import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { createNoopMeter } from '@opentelemetry/api'
import { afterEach, expect, test } from 'vitest'
import { boundAllConnections, Connections } from '../../src/component/connections.ts'
import { createAuthority } from '../kit/certificates.ts'
import { VirtualClock } from '../kit/clock.ts'

const clock = new VirtualClock()
const open: { destroy(): unknown }[] = []
const servers: Server[] = []
afterEach(async () => {
  for (const one of open.splice(0)) one.destroy()
  await Promise.all(servers.splice(0).map(server => new Promise(resolve => server.close(resolve))))
})
const keep = <T extends { destroy(): unknown; on(event: 'error', run: () => void): unknown }>(one: T): T => {
  one.on('error', () => {})
  open.push(one)
  return one
}

async function serve(server: Server, most: number): Promise<{ connections: Connections; port: number }> {
  const connections = new Connections(server, { listener: 'test', most, meter: createNoopMeter(), clock })
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { connections, port: (server.address() as AddressInfo).port }
}

/** Answers, and says so. */
function answering(connections: () => Connections) {
  return (request: IncomingMessage, response: import('node:http').ServerResponse) => {
    connections().served(request.socket)
    response.end('ok')
  }
}
async function opened(port: number): Promise<Socket> {
  const socket = keep(connect(port, '127.0.0.1'))
  socket.resume()
  await once(socket, 'connect')
  return socket
}
async function ask(socket: Socket): Promise<void> {
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  await once(socket, 'data')
}
const closed = (socket: Socket) => socket.closed || once(socket, 'close')

test('for one connection too many the one closes that has waited longest and was never served; who was served stays', async () => {
  let connections: Connections
  const served = await serve(createServer(answering(() => connections)), 3)
  connections = served.connections
  const good = await opened(served.port)
  await ask(good)
  const [first, second] = [await opened(served.port), await opened(served.port)]
  const third = await opened(served.port)
  await closed(first)
  await ask(good)
  await ask(third)
  await ask(second)
  expect(connections.size).toBe(3)
})

test('when all were served, the one closes that was served longest ago', async () => {
  let connections: Connections
  const served = await serve(createServer(answering(() => connections)), 2)
  connections = served.connections
  const [first, second] = [await opened(served.port), await opened(served.port)]
  await ask(first)
  await ask(second)
  await ask(first)
  const third = await opened(served.port)
  await closed(second)
  await ask(third)
  await ask(first)
})

test('what TLS carries is known by the connection below it', async () => {
  const { cert, key } = createAuthority().issue('localhost')
  let connections: Connections
  const served = await serve(
    createTlsServer(
      { cert, key },
      answering(() => connections),
    ),
    2,
  )
  connections = served.connections
  const secure = keep(connectTls({ port: served.port, host: '127.0.0.1', rejectUnauthorized: false }))
  await once(secure, 'secureConnect')
  await ask(secure)
  const silent = await opened(served.port)
  await opened(served.port)
  await closed(silent)
  await ask(secure)
})

test('who was never served and has nothing under way is late after a while; who was served is not', async () => {
  let connections: Connections
  const served = await serve(createServer(answering(() => connections)), 10)
  connections = served.connections
  const [good, silent] = [await opened(served.port), await opened(served.port)]
  const late: Socket[] = []
  servers.at(-1)!.on('connection', socket => late.push(socket))
  await ask(good)
  await clock.advance(10_000)
  const asking = await opened(served.port)
  while (late.length === 0) await new Promise(resolve => setImmediate(resolve))
  const begun = connections.began(late[0]!)
  connections.shedTheLate(9_000)
  await closed(silent)
  await clock.advance(10_000)
  connections.shedTheLate(9_000)
  await ask(good)
  expect(connections.size).toBe(2)
  begun!.over()
  connections.shedTheLate(9_000)
  await closed(asking)
  await ask(good)
})

test('who sends many requests in one segment is cut off, and who waits for answers is not', async () => {
  let connections: Connections
  let asked = 0
  const served = await serve(
    createServer((request, response) => {
      if (connections.behindTooMany(request, response)) return
      asked++
      response.end('ok')
    }),
    10,
  )
  connections = served.connections
  const [good, flood] = [await opened(served.port), await opened(served.port)]
  flood.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(500))
  await closed(flood)
  expect(asked).toBe(16)
  for (let n = 0; n < 100; n++) await ask(good)
  expect(asked).toBe(116)
})

test('where the process may have few files, all listeners together leave some free, at the cost of the one that is flooded', async () => {
  const [one, other] = [await serve(createServer(), 1000), await serve(createServer(), 1000)]
  boundAllConnections(20)
  try {
    const good = await opened(one.port)
    for (let n = 0; n < 19; n++) await opened(other.port)
    while (other.connections.size < 19) await new Promise(resolve => setImmediate(resolve))
    for (let n = 0; n < 5; n++) await opened(other.port)
    while (open.filter(socket => !(socket as Socket).closed).length > 20) await new Promise(resolve => setImmediate(resolve))
    expect([one.connections.size, other.connections.size, good.closed]).toEqual([1, 19, false])
    await opened(one.port)
    while (one.connections.size < 2) await new Promise(resolve => setImmediate(resolve))
    expect([one.connections.size, other.connections.size, good.closed]).toEqual([2, 18, false])
  } finally {
    boundAllConnections(Number.POSITIVE_INFINITY)
  }
})
