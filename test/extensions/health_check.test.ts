import { expect, onTestFinished, test } from 'vitest'
import type { Status } from '../../src/component/component.ts'
import healthCheck from '../../src/extensions/health_check/index.ts'
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
