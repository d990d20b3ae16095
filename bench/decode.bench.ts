/**
 * Decoding OTLP protobuf: rows per CPU-second, the copy into the decoder and the copy of the columns out of it included.
 * Run: node bench/decode.bench.ts
 */
import { cpus } from 'node:os'
import { Raw } from '../src/model/raw.ts'
import type { Signal } from '../src/model/signal.ts'
import { createReader, memoryOf } from '../src/otlp/reader.ts'
import { Writer } from '../test/kit/otlp.ts'

const runs = 9
/** [ms] of CPU per run */
const runMs = 150

/** Median and best of `runs`, in rows per CPU-second. */
function measure(step: () => number): { median: number; best: number; spread: number } {
  const rates: number[] = []
  for (let run = -2; run < runs; run++) {
    const before = process.cpuUsage()
    let rows = 0
    let used = 0
    do {
      for (let i = 0; i < 8; i++) rows += step()
      const { user, system } = process.cpuUsage(before)
      used = (user + system) / 1e6
    } while (used < runMs / 1000)
    if (run >= 0) rates.push(rows / used)
  }
  rates.sort((a, b) => a - b)
  const median = rates[runs >> 1]!
  return { median, best: rates[runs - 1]!, spread: (rates[runs - 1]! - rates[0]!) / median }
}

function report(name: string, { median, best, spread }: { median: number; best: number; spread: number }): number {
  const million = (x: number) => `${(x / 1e6).toFixed(2)} M/s`
  console.log(
    `${name.padEnd(54)} ${million(median).padStart(10)}  best ${million(best).padStart(10)}  spread ${Math.round(spread * 100)} %`,
  )
  return median
}

const startNs = 1_700_000_000_000_000_000n

function attributes(w: Writer, field: number, salt: number): void {
  for (const [key, value] of [
    ['http.request.method', 'GET'],
    ['url.scheme', 'https'],
    ['http.route', `/api/v1/things/${salt % 50}`],
    ['server.address', 'shop.example.test'],
    ['instance.number', `${salt}`],
  ] as const) {
    w.message(field, kv => kv.text(1, key).message(2, any => any.text(1, value)))
  }
  w.message(field, kv => kv.text(1, 'http.response.status_code').message(2, any => any.varint(3, 200)))
}

function resource(w: Writer, r: number): void {
  w.message(1, inner => {
    for (let i = 0; i < 9; i++)
      inner.message(1, kv => kv.text(1, `resource.attribute.${i}`).message(2, any => any.text(1, `value ${r} ${i}`)))
  })
}

/** One SDK's export: `points` data points in metrics of ten, each tenth metric a histogram of 16 buckets. */
function metrics(points: number, salt = 0, perMetric = 10): Uint8Array {
  const w = new Writer()
  w.message(1, rm => {
    resource(rm, salt)
    rm.message(2, sm => {
      sm.message(1, scope => scope.text(1, '@example/instrumentation').text(2, '1.2.3'))
      for (let m = 0; m * perMetric < points; m++) {
        sm.message(2, metric => {
          metric.text(1, `http.server.request.duration.${m}`).text(2, 'How long it took').text(3, 's')
          const histogram = m % 11 === 10
          metric.message(histogram ? 9 : 7, data => {
            for (let i = m * perMetric; i < Math.min(points, (m + 1) * perMetric); i++) {
              data.message(1, p => {
                if (histogram) attributes(p, 9, salt * points + i)
                p.fixed64(2, startNs).fixed64(3, startNs + 1_000_000_000n)
                if (histogram) {
                  p.fixed64(4, 100).double(5, 12.5)
                  p.message(6, counts => Array.from({ length: 16 }, (_, k) => counts.raw(Uint8Array.of(k, 0, 0, 0, 0, 0, 0, 0))))
                  p.message(7, bounds => bounds.raw(new Uint8Array(Float64Array.from({ length: 15 }, (_, k) => 2 ** k).buffer)))
                } else {
                  p.double(4, i * 1.5)
                  attributes(p, 7, salt * points + i)
                }
              })
            }
            data.varint(2, 2)
            if (!histogram) data.varint(3, 1)
          })
        })
      }
    })
  })
  return w.finish()
}

function spans(n: number): Uint8Array {
  const w = new Writer()
  w.message(1, rs => {
    resource(rs, 0)
    rs.message(2, ss => {
      for (let i = 0; i < n; i++) {
        ss.message(2, span => {
          span.bytes(1, new Uint8Array(16).fill(i)).bytes(2, new Uint8Array(8).fill(i)).bytes(4, new Uint8Array(8).fill(1))
          span
            .text(5, `GET /api/v1/things/${i % 40}`)
            .varint(6, 2)
            .fixed64(7, startNs)
            .fixed64(8, startNs + 5_000_000n)
          attributes(span, 9, i)
          span.message(15, status => status.varint(3, 1))
        })
      }
    })
  })
  return w.finish()
}

function logs(n: number): Uint8Array {
  const w = new Writer()
  w.message(1, rl => {
    resource(rl, 0)
    rl.message(2, sl => {
      for (let i = 0; i < n; i++) {
        sl.message(2, record => {
          record
            .fixed64(1, startNs)
            .fixed64(11, startNs)
            .varint(2, 9)
            .text(3, 'INFO')
            .message(5, any => any.text(1, `request ${i} was answered`))
          attributes(record, 6, i)
          record.bytes(9, new Uint8Array(16).fill(i)).bytes(10, new Uint8Array(8).fill(i))
        })
      }
    })
  })
  return w.finish()
}

function body(name: string, signal: Signal, bytes: Uint8Array): void {
  const reader = createReader()
  const raw = Raw.of(bytes)
  report(
    `${name}, ${bytes.length} bytes`,
    measure(() => reader.read(signal, raw).rows),
  )
}

/** 1,100 points a request, always as many bytes by turns as `most` series need, so that only the number of series differs. */
function cardinality(series: number, most: number): number {
  const reader = createReader()
  const distinct = Math.ceil(series / 1100)
  const requests = Array.from({ length: Math.ceil(most / 1100) }, (_, i) => Raw.of(metrics(1100, i % distinct)))
  const before = process.cpuUsage()
  for (const raw of requests.slice(0, distinct)) reader.read('metrics', raw)
  const { user, system } = process.cpuUsage(before)
  const first = (user + system) / (distinct * 1100)
  let next = 0
  const rate = measure(() => reader.read('metrics', requests[next++ % requests.length]!).rows)
  const megabytes = Math.round(memoryOf(reader) / 2 ** 20)
  return report(`${reader.dictionary.size} series, ${first.toFixed(2)} us at first sight, ${megabytes} MiB`, rate)
}

console.log(`${cpus()[0]?.model}, node ${process.version}, median of ${runs}, per CPU-second`)
body('11 points in 11 metrics', 'metrics', metrics(11, 0, 1))
body('110 points', 'metrics', metrics(110))
body('1,100 points', 'metrics', metrics(1100))
body('1,000 spans', 'traces', spans(1000))
body('1,000 log records', 'logs', logs(1000))
const few = cardinality(1_000, 900_000)
cardinality(100_000, 900_000)
const many = cardinality(900_000, 900_000)
console.log(`cost of a point among many series: ${(few / many).toFixed(2)} times that among few`)
