import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs'
import { expect, test } from 'vitest'
import { logDelivery } from '../../src/register/exporters.ts'

/** As much of a record as is written. */
const record = {
  hrTime: [0, 0],
  hrTimeObserved: [0, 0],
  body: 'said',
  attributes: {},
  droppedAttributesCount: 0,
  resource: { attributes: {} },
  instrumentationScope: { name: 'test' },
} as unknown as ReadableLogRecord

test('one load after the other goes over one connection, and each arrives once', async () => {
  const arrived: (Socket | null)[] = []
  const server = createServer((request, response) => {
    arrived.push(request.socket)
    request.resume().on('end', () => response.end('{}'))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const delivery = await logDelivery({
    protocol: 'http/json',
    url: `http://127.0.0.1:${port}/v1/logs`,
    headers: {},
    timeoutMs: 5000,
    certificate: undefined,
    clientCertificate: undefined,
    clientKey: undefined,
    given: true,
  })
  // Larger than what a socket takes at once, as loads under way are.
  const load = Array.from({ length: 2000 }, () => record)
  for (let i = 0; i < 5; i++) {
    await delivery.send(load)
    // The connection is free by the next turn of the event loop.
    await new Promise(resolve => setImmediate(resolve))
  }
  await delivery.close()
  server.close()
  expect(delivery.lost).toBe(0)
  expect(arrived).toHaveLength(5)
  expect(new Set(arrived).size).toBe(1)
})
