import { get } from 'node:https'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Status } from '../../src/component/component.ts'
import { RetryableError, UnauthenticatedError } from '../../src/component/errors.ts'
import healthCheck from '../../src/extensions/health_check/index.ts'
import { createAuthority } from '../kit/certificates.ts'
import { testContext } from '../kit/context.ts'
import { paperworkContract } from '../kit/contract.ts'

paperworkContract(healthCheck)

test.each<[string, Status, number, object]>([
  ['all is well', { ready: true, problems: new Map() }, 200, { status: 'healthy', problems: {} }],
  ['not ready', { ready: false, problems: new Map() }, 503, { status: 'not ready', problems: {} }],
  ['a problem', { ready: true, problems: new Map([['x', 'why']]) }, 503, { status: 'unhealthy', problems: { x: 'why' } }],
])('%s', async (_, status, code, body) => {
  const cx = Object.assign(testContext({ id: 'health_check' }), { status: () => status })
  const component = healthCheck.create(cx, healthCheck.config.parse({ endpoint: '127.0.0.1:0' }))
  await component.start!()
  onTestFinished(() => component.shutdown!(AbortSignal.abort()))
  const { url } = cx.urls[0]!
  const answer = await fetch(url)
  expect(answer.status).toBe(code)
  expect(await answer.json()).toEqual(body)
  expect((await fetch(`${url}/elsewhere`)).status).toBe(404)
})

test('shutdown without start, and twice', async () => {
  const component = healthCheck.create(testContext(), healthCheck.config.parse({}))
  await component.shutdown!(AbortSignal.abort())
  await component.shutdown!(AbortSignal.abort())
})

describe('settings of its server', () => {
  async function started(settings: object, world: object = {}) {
    const cx = Object.assign(testContext({ id: 'health_check' }), { status: () => ({ ready: true, problems: new Map() }) }, world)
    const component = healthCheck.create(cx, healthCheck.config.parse({ endpoint: '127.0.0.1:0', ...settings }))
    await component.start!()
    onTestFinished(() => component.shutdown!(AbortSignal.abort()))
    return { cx, url: cx.urls[0]!.url }
  }

  test('it answers at / and with the words that it was given', async () => {
    const { url } = await started({ response_body: { healthy: 'I am good' }, response_headers: { 'X-Site': 'lab' } })
    const answer = await fetch(url)
    expect([new URL(url).pathname, await answer.text(), answer.headers.get('x-site')]).toEqual(['/', 'I am good', 'lab'])
  })

  test('who may ask', async () => {
    const authenticator = () => ({
      check: (headers: Record<string, unknown>) => {
        if (headers['authorization'] === 'Bearer many') throw new RetryableError('come again')
        if (headers['authorization'] !== 'Bearer good') throw new UnauthenticatedError('the token is not known')
      },
      headers: () => ({}),
    })
    const { url } = await started({ auth: { authenticator: 'bearertokenauth' } }, { authenticator })
    const statusOf = async (authorization: string) => (await fetch(url, { headers: { authorization } })).status
    expect([await statusOf('Bearer good'), await statusOf('Bearer bad'), await statusOf('Bearer many')]).toEqual([200, 401, 503])
  })

  test('pages in browsers', async () => {
    const { url } = await started({ cors: { allowed_origins: ['https://*.example.com'] } })
    const origin = 'https://status.example.com'
    expect((await fetch(url, { headers: { origin } })).headers.get('access-control-allow-origin')).toBe(origin)
    expect((await fetch(url, { headers: { origin: 'https://else.where' } })).headers.get('access-control-allow-origin')).toBeNull()
    const preflight = await fetch(url, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'GET' } })
    expect([preflight.status, preflight.headers.get('access-control-allow-methods')]).toEqual([204, 'GET, HEAD'])
  })

  test('over TLS', async () => {
    const authority = createAuthority()
    const { cert: cert_pem, key: key_pem } = authority.issue('localhost')
    const { url } = await started({ tls: { cert_pem, key_pem } })
    const status = await new Promise((resolve, reject) => {
      get(url.replace('127.0.0.1', 'localhost'), { ca: authority.cert }, ({ statusCode }) => resolve(statusCode)).on('error', reject)
    })
    expect([new URL(url).protocol, status]).toEqual(['https:', 200])
  })
})
