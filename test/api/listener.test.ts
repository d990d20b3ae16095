import { afterEach, expect, test } from 'vitest'
import { Api } from '../../src/api/listener.ts'
import { Ledger } from '../../src/component/ledger.ts'
import { testContext } from '../kit/context.ts'

const cx = testContext()
const api = new Api(
  async () => new Ledger(),
  () => ({ ready: true, problems: new Map() }),
  cx.log,
  cx.meter,
  cx.clock,
)
afterEach(() => api.shutdown())

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
