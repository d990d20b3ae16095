/** The shop by itself: what it sells, its fault switches, and its customers. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { node, ROOT, Service, SHOP, startShop } from './kit.ts'

let shop: Readonly<Record<'gateway' | 'orders' | 'stock', Service>>
beforeAll(async () => {
  shop = await startShop()
})
afterAll(() => Promise.all(Object.values(shop).map(service => service[Symbol.asyncDispose]())))
afterEach(() => Promise.all(services.map(service => put(service, 'latency_ms=0&errors=0'))))

const services = ['gateway', 'orders', 'stock'] as const
const ask = async (url: string, init?: RequestInit) => {
  const answer = await fetch(url, init)
  return [answer.status, (await answer.json()) as Record<string, never>] as const
}
const put = (service: (typeof services)[number], query: string) => ask(`${shop[service].url}/fault?${query}`, { method: 'PUT' })
const buy = (product: string, quantity: unknown) =>
  ask(`${shop.gateway.url}/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ product, quantity }),
  })
const products = () => ask(`${shop.gateway.url}/products`)

test('an order goes through all three services', async () => {
  const [, before] = await products()
  const [status, order] = await buy('apple', 3)
  expect([status, order]).toEqual([201, { id: expect.any(String), product: 'apple', quantity: 3 }])
  expect(await ask(`${shop.gateway.url}/orders/${order['id']}`)).toEqual([200, order])
  expect(await products()).toEqual([200, { ...before, apple: Number(before['apple']) - 3 }])
})

test('who asks for what is not there is told so', async () => {
  expect(await buy('gold', 1)).toEqual([404, { error: 'no product "gold"' }])
  expect(await buy('apple', 'many')).toMatchObject([400, { statusCode: 400 }])
  expect(await ask(`${shop.gateway.url}/orders/none`)).toEqual([404, { error: 'no order "none"' }])
  const [status, { bread }] = await products()
  expect(status).toBe(200)
  for (let left = Number(bread); left >= 100; left -= 100) expect(await buy('bread', 100)).toMatchObject([201, {}])
  expect(await buy('bread', 100)).toEqual([409, { error: expect.stringMatching(/^only \d+ of bread left$/) }])
  expect(await buy('bread', 100)).toMatchObject([201, {}])
})

test.each(services)('%s has a fault switch', async service => {
  expect(await put(service, 'errors=1')).toEqual([200, { latency_ms: 0, errors: 1 }])
  expect(await buy('apple', 1)).toEqual([service === 'gateway' ? 500 : 502, { error: expect.stringContaining('has a fault') }])
  expect(await put(service, 'errors=0&latency_ms=150')).toEqual([200, { latency_ms: 150, errors: 0 }])
  const began = performance.now()
  expect(await buy('apple', 1)).toMatchObject([201, {}])
  expect(performance.now() - began).toBeGreaterThan(145)
  expect(await ask(`${shop[service].url}/healthz`)).toEqual([200, { status: 'ok' }])
})

test.each(services)('%s refuses faults that there are not, and keeps the ones that are', async service => {
  await put(service, 'latency_ms=1')
  for (const wrong of ['errors=1.1', 'errors=-1', 'errors=', 'errors=all', 'latency_ms=10001', 'latency=1', 'errors=0&toString=1'])
    expect(await put(service, wrong)).toMatchObject([400, { error: expect.stringMatching(/must be a number from|no such fault/) }])
  expect(await ask(`${shop[service].url}/fault`)).toEqual([200, { latency_ms: 1, errors: 0 }])
})

test('the environment sets faults from the start, and a wrong one ends the service', async () => {
  await using broken = await Service.start(['stock.cjs'], { FAULT_ERRORS: '1', FAULT_LATENCY_MS: '5' })
  expect(await ask(`${broken.url}/fault`)).toEqual([200, { latency_ms: 5, errors: 1 }])
  expect(await ask(`${broken.url}/stock`)).toEqual([500, { error: 'stock has a fault' }])
  await expect(Service.start(['stock.cjs'], { FAULT_ERRORS: 'some' })).rejects.toThrow('errors: must be a number from 0 to 1, got "some"')
})

test('customers come as often as they are told, and say what came of it', async () => {
  const env = { ...process.env, GATEWAY_URL: shop.gateway.url, RATE: '50', SECONDS: '2' }
  const { stdout } = await promisify(execFile)(node, ['load.js'], { cwd: SHOP, env })
  const [, sent, answered] = /^(\d+) requests; (.*); p50 \d+ ms, p95 \d+ ms$/m.exec(stdout) ?? []
  expect(Number(sent)).toBeGreaterThan(90)
  expect(Number(sent)).toBeLessThan(110)
  const statuses = [...(answered ?? '').matchAll(/(\d+): (\d+)/g)]
  expect(statuses.map(([, status]) => status)).toContain('201')
  expect(statuses.reduce((sum, [, , count]) => sum + Number(count), 0)).toBe(Number(sent))
})

test.each([
  ['RATE', '501'],
  ['RATE', 'fast'],
  ['SECONDS', '-1'],
])('there is no load of %s=%s', async (name, value) => {
  const wrong = promisify(execFile)(node, ['load.js'], { cwd: SHOP, env: { ...process.env, [name]: value } })
  await expect(wrong).rejects.toMatchObject({ code: 2, stderr: expect.stringMatching(`^${name}: must be a number from`) })
})

test('it is built from what is tested here', () => {
  const { dependencies } = JSON.parse(readFileSync(`${SHOP}/package.json`, 'utf8'))
  const { devDependencies } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8'))
  expect(devDependencies).toMatchObject(dependencies)
})
