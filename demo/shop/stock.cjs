/** What there is: CommonJS on node:http. GET /stock tells; POST /stock/PRODUCT/reservations takes { "quantity": 2 } away. */
const { createServer } = require('node:http')
const { Fault } = require('./fault.js')

const { LISTEN = '127.0.0.1:8082' } = process.env
const FULL = 500
const stock = new Map(['apple', 'bread', 'cheese', 'dates'].map(product => [product, FULL]))
const fault = new Fault()

/** By method and path; each gets what the path holds, the query and the body, and returns status and answer. */
const routes = [
  ['GET', /^\/healthz$/, () => [200, { status: 'ok' }]],
  ['GET', /^\/fault$/, () => [200, fault.now]],
  ['PUT', /^\/fault$/, (_, query) => [200, fault.set(Object.fromEntries(query))]],
  ['GET', /^\/stock$/, async () => ((await fault.strikes()) ? failed : [200, Object.fromEntries(stock)])],
  [
    'POST',
    /^\/stock\/([^/]+)\/reservations$/,
    async (product, _, body) => ((await fault.strikes()) ? failed : reserve(decodeURIComponent(product), body)),
  ],
]
const failed = [500, { error: 'stock has a fault' }]

function reserve(product, { quantity } = {}) {
  const left = stock.get(product)
  if (left === undefined) return [404, { error: `no product ${JSON.stringify(product)}` }]
  if (!Number.isInteger(quantity) || quantity < 1)
    return [400, { error: `quantity: must be a whole number from 1 on, got ${JSON.stringify(quantity)}` }]
  // Who asks for more than there is goes without; by the next time it has been delivered.
  stock.set(product, left < quantity ? FULL : left - quantity)
  return left < quantity ? [409, { error: `only ${left} of ${product} left` }] : [201, { product, left: left - quantity }]
}

async function readJson(request) {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk
    if (text.length > 10_000) throw new RangeError('the body is too long')
  }
  return text === '' ? undefined : JSON.parse(text)
}

async function answer(request) {
  const { pathname, searchParams } = new URL(request.url, 'http://stock')
  for (const [method, pattern, handle] of routes) {
    const match = request.method === method && pattern.exec(pathname)
    if (match) return handle(match[1], searchParams, await readJson(request))
  }
  return [404, { error: 'no such page' }]
}

const server = createServer(async (request, response) => {
  const [status, body] = await answer(request).catch(error => [400, { error: error.message }])
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
})
const { hostname, port } = new URL(`http://${LISTEN}`)
server.listen(Number(port), hostname, () => console.log(`stock listens on http://${hostname}:${server.address().port}`))
