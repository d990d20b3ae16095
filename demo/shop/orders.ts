/** What was ordered: TypeScript on fastify. POST /orders reserves in stock; GET /orders/:id tells. */
import Fastify from 'fastify'
import { Fault } from './fault.js'

interface Order {
  readonly id: string
  readonly product: string
  readonly quantity: number
}

const { LISTEN = '127.0.0.1:8081', STOCK_URL = 'http://127.0.0.1:8082' } = process.env
/** The oldest is forgotten for one more: the shop may run for days. */
const MOST_ORDERS = 1000
const orders = new Map<string, Order>()
let count = 0
const fault = new Fault()
const app = Fastify()

app.get('/healthz', async () => ({ status: 'ok' }))
app.get('/fault', async () => fault.now)
app.put<{ Querystring: Record<string, string> }>('/fault', async ({ query }, reply) => {
  try {
    return fault.set(query)
  } catch (error) {
    return reply.code(400).send({ error: (error as Error).message })
  }
})

app.get<{ Params: { id: string } }>('/orders/:id', async ({ params }, reply) => {
  if (await fault.strikes()) return reply.code(500).send({ error: 'orders has a fault' })
  return orders.get(params.id) ?? reply.code(404).send({ error: `no order ${JSON.stringify(params.id)}` })
})

const schema = {
  body: {
    type: 'object',
    required: ['product', 'quantity'],
    properties: { product: { type: 'string', maxLength: 100 }, quantity: { type: 'integer', minimum: 1, maximum: 100 } },
  },
} as const

app.post<{ Body: Omit<Order, 'id'> }>('/orders', { schema }, async ({ body: { product, quantity } }, reply) => {
  if (await fault.strikes()) return reply.code(500).send({ error: 'orders has a fault' })
  const reserved = await reserve(product, quantity)
  if (!reserved.ok) return reply.code(reserved.status < 500 ? reserved.status : 502).send(await reserved.json())
  const order = { id: String(++count), product, quantity }
  orders.set(order.id, order)
  if (orders.size > MOST_ORDERS) orders.delete(orders.keys().next().value as string)
  return reply.code(201).send(order)
})

const reserve = (product: string, quantity: number) =>
  fetch(`${STOCK_URL}/stock/${encodeURIComponent(product)}/reservations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ quantity }),
    signal: AbortSignal.timeout(5_000),
  })

const { hostname, port } = new URL(`http://${LISTEN}`)
console.log(`orders listens on ${await app.listen({ host: hostname, port: Number(port) })}`)
