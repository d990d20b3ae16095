/**
 * Customers: RATE requests a second to the gateway (20), for SECONDS (0: until it is ended), whatever the answers take. At most 100 are
 * under way at once; one that would be the next is left out and counted. Prints what came of them every ten seconds, and at the end.
 */
const { GATEWAY_URL = 'http://127.0.0.1:8080', RATE = '20', SECONDS = '0' } = process.env
const rate = within('RATE', Number(RATE), 0.1, 500)
const seconds = within('SECONDS', Number(SECONDS), 0, 86_400)
const MOST_UNDER_WAY = 100
const products = ['apple', 'bread', 'cheese', 'dates']

function within(name, value, least, most) {
  if (value >= least && value <= most) return value
  console.error(`${name}: must be a number from ${least} to ${most}`)
  process.exit(2)
}

const pick = list => list[Math.floor(Math.random() * list.length)]
const order = () => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ product: pick(products), quantity: 1 + Math.floor(Math.random() * 5) }),
})
/** Of ten customers six look, three buy, and one asks after an order, which may be an old one. */
const wishes = [
  ...Array(6).fill(() => ['/products']),
  ...Array(3).fill(() => ['/orders', order()]),
  () => [`/orders/${1 + Math.floor(Math.random() * Math.max(1, bought))}`],
]

let bought = 0
let underWay = 0
let told = { sent: 0, leftOut: 0, byStatus: {}, times: [] }

async function ask() {
  if (underWay >= MOST_UNDER_WAY) {
    told.leftOut++
    return
  }
  const [path, init] = pick(wishes)()
  const began = performance.now()
  underWay++
  told.sent++
  let status = 'no answer'
  try {
    const answer = await fetch(GATEWAY_URL + path, { ...init, signal: AbortSignal.timeout(15_000) })
    const body = await answer.json()
    status = answer.status
    if (status === 201) bought = Math.max(bought, Number(body.id))
  } catch {}
  underWay--
  told.byStatus[status] = (told.byStatus[status] ?? 0) + 1
  told.times.push(performance.now() - began)
}

function tell() {
  const { sent, leftOut, byStatus, times } = told
  told = { sent: 0, leftOut: 0, byStatus: {}, times: [] }
  times.sort((a, b) => a - b)
  const quantile = q => `${(times[Math.floor(q * times.length)] ?? 0).toFixed(0)} ms`
  const statuses = Object.entries(byStatus).map(([status, count]) => `${status}: ${count}`)
  const left = leftOut === 0 ? '' : `, ${leftOut} left out`
  console.log(`${sent} requests${left}; ${statuses.join(', ') || 'no answers'}; p50 ${quantile(0.5)}, p95 ${quantile(0.95)}`)
}

const began = performance.now()
let due = 0
/** As many as the time that has passed asks for: a late timer makes no request less. */
const asking = setInterval(() => {
  for (const now = (rate * (performance.now() - began)) / 1000; due < now; due++) ask()
}, 10)
const telling = setInterval(tell, 10_000)
async function end() {
  clearInterval(asking)
  clearInterval(telling)
  while (underWay > 0) await new Promise(resolve => setTimeout(resolve, 10))
  tell()
  process.exit()
}
if (seconds > 0) setTimeout(end, seconds * 1000)
