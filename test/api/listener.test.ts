import { afterEach, expect, test } from 'vitest'
import { Api } from '../../src/api/listener.ts'
import { optionalPages } from '../../src/app/pages.ts'
import type { Status } from '../../src/component/component.ts'
import { Ledger } from '../../src/component/ledger.ts'
import { testContext } from '../kit/context.ts'

const cx = testContext()
let status: Status = { ready: true, problems: new Map() }
const api = new Api(
  async () => new Ledger(),
  () => status,
  cx.log,
  cx.meter,
  cx.clock,
  optionalPages,
)
afterEach(() => api.shutdown())

test.each<[Status, number, string]>([
  [{ ready: true, problems: new Map() }, 200, 'ready\n'],
  [{ ready: false, problems: new Map() }, 503, 'not ready\n'],
  [
    {
      ready: true,
      problems: new Map([
        ['store', 'full'],
        ['otlp', 'tired'],
      ]),
    },
    200,
    'ready\n! store: full\n! otlp: tired\n',
  ],
  [{ ready: false, problems: new Map([['store', 'full']]) }, 503, 'not ready\n! store: full\n'],
])('ready, and what is unwell: %j', async (now, code, body) => {
  status = now
  const url = await api.start({ host: '127.0.0.1', port: 0 })
  const answer = await fetch(`${url}/-/ready`)
  expect([answer.status, await answer.text()]).toEqual([code, body])
})

test('a page that throws is answered with 500 and said; the next page is served', async () => {
  api.mount('/broken', () => {
    throw new Error('boom')
  })
  const url = await api.start({ host: '127.0.0.1', port: 0 })
  const broken = await fetch(`${url}/broken`)
  expect({ status: broken.status, body: await broken.text() }).toEqual({ status: 500, body: 'a bug: the log has it\n' })
  expect(cx.lines).toMatchObject([{ level: 'error', message: 'a page could not be made', fields: { path: '/broken' } }])
  expect((await fetch(`${url}/-/healthy`)).status).toBe(200)
})

test.each([
  ['/nothing', 'nothing is served at /nothing\n  known: '],
  [
    '/api/v1/write',
    'nothing is served at /api/v1/write\n  to take remote write here, list the receiver prometheus_remote_write in a pipeline\n  known: ',
  ],
  [
    '/api/v1/otlp/v1/metrics',
    'nothing is served at /api/v1/otlp/v1/metrics\n  to take metrics over OTLP here, give the receiver otlp of a pipeline "api: {}"\n',
  ],
])('%s is not there, and what would be is said', async (path, text) => {
  const url = await api.start({ host: '127.0.0.1', port: 0 })
  const response = await fetch(`${url}${path}`)
  expect([response.status, (await response.text()).slice(0, text.length)]).toEqual([404, text])
})
