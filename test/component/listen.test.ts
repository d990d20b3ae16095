import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { listen } from '../../src/component/listen.ts'

test('a connection that cannot be accepted (too many open files) does not end the process', async () => {
  const server = createServer()
  await listen(server, '127.0.0.1', 0, 'here.endpoint')
  expect(() => server.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }))).not.toThrow()
  await new Promise(resolve => server.close(resolve))
})

test('localhost is 127.0.0.1, whatever else it may be', async () => {
  const server = createServer()
  expect(await listen(server, 'localhost', 0, 'here.endpoint')).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  await new Promise(resolve => server.close(resolve))
})
