/** The short forms of `npm run soak`: the same faults, for seconds instead of hours. */
import { expect, test } from 'vitest'
import { cardinality } from './soak/cardinality.ts'
import { type Siege, siege } from './soak/connections.ts'
import { outage, outages } from './soak/destination.ts'

const silent = () => {}
const met = { met: true }

test.each(outages(5))(
  'a destination that is $manner for 5 s ($exporter): nothing is lost, the sibling does not notice, and all is well soon',
  async one => {
    expect(await outage(one, silent)).toMatchObject(met)
  },
)

/** What `soak` does with thousands, with hundreds: memory and counts are looked at, times are not. */
const sieges: readonly Siege[] = [
  { attack: 'left', on: 'http', connections: 9_000, forMs: 500 },
  { attack: 'left', on: 'grpc', connections: 5_000, forMs: 500 },
  { attack: 'left', on: 'grpc', connections: 1_000, forMs: 500, files: 300 },
  { attack: 'slow bodies', on: 'http, fast_path', connections: 500, forMs: 500 },
  { attack: 'unread answers', on: 'http, fast_path', connections: 4, forMs: 1000 },
  { attack: 'header flood', on: 'http', connections: 4, forMs: 500 },
  { attack: 'rapid reset', on: 'grpc', connections: 4, forMs: 500 },
  { attack: 'continuation flood', on: 'grpc', connections: 4, forMs: 500 },
  { attack: 'ping flood', on: 'grpc', connections: 4, forMs: 500 },
  { attack: 'settings flood', on: 'grpc', connections: 4, forMs: 500 },
  { attack: 'left', on: 'health', connections: 600, forMs: 500 },
  { attack: 'unread pages', on: 'prometheus', connections: 50, forMs: 500 },
]
test.each(sieges)('$attack, $connections connections on $on: memory is bounded, and healthy clients are served', async one => {
  const { row } = await siege(one, silent)
  expect(row, row.measured).toMatchObject(met)
})

test('200,000 series under names of their own, a third too many: counted, and every byte passes', async () => {
  expect(await cardinality({ series: 200_000, most: 150_000, seconds: 0 }, silent)).toMatchObject(met)
})
