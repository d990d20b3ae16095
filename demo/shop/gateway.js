/** The door of the shop: an ES module on express. GET /products asks stock; POST /orders and GET /orders/:id ask orders. */
import express from 'express'
import { Fault } from './fault.js'

const { LISTEN = '127.0.0.1:8080', ORDERS_URL = 'http://127.0.0.1:8081', STOCK_URL = 'http://127.0.0.1:8082' } = process.env
const fault = new Fault()
const app = express()
app.disable('x-powered-by')
app.use(express.json())

app.get('/healthz', (_, response) => void response.json({ status: 'ok' }))
app.get('/fault', (_, response) => void response.json(fault.now))
app.put('/fault', (request, response) => {
  try {
    response.json(fault.set(request.query))
  } catch (error) {
    response.status(400).json({ error: error.message })
  }
})

app.get('/products', misbehave, (_, response) => relay(response, `${STOCK_URL}/stock`))
app.get('/orders/:id', misbehave, ({ params }, response) => relay(response, `${ORDERS_URL}/orders/${encodeURIComponent(params.id)}`))
app.post('/orders', misbehave, ({ body }, response) =>
  relay(response, `${ORDERS_URL}/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body ?? {}),
  }),
)

async function misbehave(_, response, next) {
  if (await fault.strikes()) response.status(500).json({ error: 'the gateway has a fault' })
  else next()
}

/** Passes on what another service answers. What it cannot answer is a bad gateway: 502. */
async function relay(response, url, init) {
  try {
    const answer = await fetch(url, { ...init, signal: AbortSignal.timeout(5_000) })
    const body = await answer.json()
    response.status(answer.status < 500 ? answer.status : 502).json(body)
  } catch (error) {
    response.status(502).json({ error: `no answer: ${error.message}` })
  }
}

const { hostname, port } = new URL(`http://${LISTEN}`)
const server = app.listen(Number(port), hostname, error => {
  if (error) throw error
  console.log(`gateway listens on http://${hostname}:${server.address().port}`)
})
