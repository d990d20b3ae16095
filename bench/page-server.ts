/**
 * `node bench/page-server.ts PORT`: serves a page of 10,000 samples such as a busy service has it, other numbers at each request, packed for
 * whoever asks; `/served` says how often by path. A process of its own, so that its CPU is nobody's.
 */
import { createServer } from 'node:http'
import { gzipSync } from 'node:zlib'

const pages = 32

function page(at: number): string {
  const lines: string[] = []
  const value = (i: number, scale: number) => Math.floor((at * 7919 + i * 104_729) % (1000 * scale)) + at * scale
  const labels = (family: number, i: number) =>
    `handler="/api/v1/${['orders', 'items', 'users', 'search'][i % 4]}/${family % 7}",method="${['GET', 'POST', 'PUT'][i % 3]}",pod="checkout-7d4b9c6f5-x${i}"`
  for (let f = 0; f < 20; f++) {
    lines.push(
      `# HELP http_request_${f}_duration_seconds How long requests of kind ${f} took.`,
      `# TYPE http_request_${f}_duration_seconds histogram`,
    )
    for (let i = 0; i < 10; i++) {
      const bounds = ['0.005', '0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1', '2.5', '5', '10', '+Inf']
      const count = value(i, 50)
      for (const [k, le] of bounds.entries())
        lines.push(`http_request_${f}_duration_seconds_bucket{${labels(f, i)},le="${le}"} ${Math.floor((count * (k + 1)) / bounds.length)}`)
      lines.push(`http_request_${f}_duration_seconds_sum{${labels(f, i)}} ${(value(i, 900) / 1000).toFixed(6)}`)
      lines.push(`http_request_${f}_duration_seconds_count{${labels(f, i)}} ${count}`)
    }
  }
  for (let f = 0; f < 300; f++) {
    lines.push(`# HELP app_events_${f}_total Events of kind ${f} since the start.`, `# TYPE app_events_${f}_total counter`)
    for (let i = 0; i < 12; i++) lines.push(`app_events_${f}_total{${labels(f, i)},code="${200 + (i % 5)}"} ${value(i + f, 100)}`)
  }
  for (let f = 0; f < 250; f++) {
    lines.push(`# HELP app_level_${f}_bytes Level of kind ${f} at this moment.`, `# TYPE app_level_${f}_bytes gauge`)
    for (let i = 0; i < 12; i++)
      lines.push(
        `app_level_${f}_bytes{${labels(f, i)}} ${i % 3 === 0 ? (value(i, 777) / 7).toFixed(4) : `${(value(i, 9) / 1e3).toFixed(3)}e+09`}`,
      )
  }
  for (let f = 0; f < 20; f++) {
    lines.push(`# HELP gc_${f}_seconds Pauses of kind ${f}.`, `# TYPE gc_${f}_seconds summary`)
    for (let i = 0; i < 6; i++) {
      for (const quantile of ['0.5', '0.9', '0.99'])
        lines.push(`gc_${f}_seconds{${labels(f, i)},quantile="${quantile}"} ${(value(i, 3) / 1e5).toFixed(7)}`)
      lines.push(
        `gc_${f}_seconds_sum{${labels(f, i)}} ${(value(i, 900) / 1000).toFixed(5)}`,
        `gc_${f}_seconds_count{${labels(f, i)}} ${value(i, 40)}`,
      )
    }
  }
  return `${lines.join('\n')}\n`
}

const plain = Array.from({ length: pages }, (_, at) => Buffer.from(page(at)))
const packed = plain.map(body => gzipSync(body))
/** the same, and each has a line in its middle that no other has */
const changed = plain.map((body, at) => {
  const middle = body.indexOf('\n', body.length / 2) + 1
  return gzipSync(Buffer.concat([body.subarray(0, middle), Buffer.from(`app_version{commit="${at}"} 1\n`), body.subarray(middle)]))
})
const served: Record<string, number> = {}

createServer((request, response) => {
  if (request.url === '/served')
    return response.end(JSON.stringify({ served, samples: 10_000, bytes: plain[0]!.length, packed: packed[0]!.length }))
  const count = (served[request.url!] = (served[request.url!] ?? 0) + 1)
  const gzip = request.headers['accept-encoding']?.includes('gzip') === true
  const changing = request.url!.includes('changing')
  const body = (changing ? changed : gzip ? packed : plain)[count % pages]!
  response.writeHead(200, {
    'content-type': 'text/plain; version=0.0.4; charset=utf-8',
    'content-length': body.length,
    ...(gzip ? { 'content-encoding': 'gzip' } : {}),
  })
  response.end(body)
  return undefined
}).listen(Number(process.argv[2]), '127.0.0.1')
