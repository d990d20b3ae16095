/** Both ends of the way for columns in one thread, each with a dictionary of its own: whoever reads columns sees what it would have read itself. */
import { describe, expect, test } from 'vitest'
import type { Exporter } from '../../src/component/component.ts'
import { RetryableError } from '../../src/component/errors.ts'
import { Room } from '../../src/component/room.ts'
import type { MetricBatch, Reader } from '../../src/model/batch.ts'
import { Raw } from '../../src/model/raw.ts'
import { createReader } from '../../src/otlp/reader.ts'
import { encode } from '../../src/otlp/write.ts'
import { type Around, ColumnLandings } from '../../src/workers/column-landing.ts'
import { ColumnShipping } from '../../src/workers/column-shipping.ts'
import { Ends } from '../../src/workers/ends.ts'
import type { Incoming } from '../../src/workers/incoming.ts'
import type { ToMain } from '../../src/workers/messages.ts'
import { pointGroups } from '../../src/workers/translation.ts'
import { VirtualClock } from '../kit/clock.ts'
import { testContext } from '../kit/context.ts'
import { metricsRequest } from '../kit/otlp.ts'
import { metricsBody } from '../kit/series.ts'

/** A thread and the main thread, with a pipeline `metrics` between them that ends in `take`. */
class Both {
  readonly clock = new VirtualClock()
  readonly theirs: Reader
  readonly ours: Reader
  readonly end: Exporter<'metrics'>
  readonly lost: unknown[] = []
  readonly said: ToMain['is'][] = []
  readonly taken: unknown[] = []
  /** what the exporter does with a batch; `seen` is kept in `taken` */
  take = async (batch: MetricBatch): Promise<void> => void this.taken.push(seen(batch))
  readonly #landings: ColumnLandings
  incoming!: Incoming

  constructor(options: { maxSeries?: number; ours?: Partial<Reader> } = {}) {
    const now = () => this.clock.monotonic()
    this.theirs = createReader({ now })
    const reader = createReader({ now, ...(options.maxSeries === undefined ? {} : { maxSeries: options.maxSeries }) })
    this.ours = reader
    const lost: Around['lost'] = (...what) => void this.lost.push(what.map(String))
    const around = { dictionary: reader.dictionary, read: reader.read.bind(reader), ...options.ours } as Reader
    this.#landings = new ColumnLandings({ clock: this.clock, reader: around, quiet: () => undefined, lost })
    const shipping: ColumnShipping = new ColumnShipping(message => {
      this.said.push(message.is)
      if (message.is === 'ring') this.incoming = this.#landings.open(message, () => shipping.goOn())
    }, new Ends())
    this.end = shipping.factory.create.metrics!(testContext({ id: '(columns) metrics', clock: this.clock }), {})
  }

  async land(): Promise<void> {
    const next = { reserve() {}, consume: (batch: MetricBatch) => this.take(batch) }
    const landing = this.#landings.factory.create(testContext({ id: '(columns) metrics' }), {}, { metrics: next })
    await landing.start?.()
  }

  async ship(body: Uint8Array, raw = Raw.of(body)): Promise<MetricBatch> {
    const batch = this.theirs.read('metrics', raw)
    await this.end.consume(batch)
    return batch
  }
}

async function both(options: ConstructorParameters<typeof Both>[0] = {}): Promise<Both> {
  const made = new Both(options)
  await made.land()
  return made
}

/** All that a reader of columns may look at. */
function seen(batch: MetricBatch) {
  const { numbers, histograms, exponentials, summaries, exemplars, dictionary, buckets, quantiles } = batch
  const all = (columns: object, names: readonly string[]) =>
    names.map(name => Array.from((columns as Record<string, Float64Array>)[name]!, x => (Number.isNaN(x) ? 'NaN' : x)))
  const points = ['series', 'flags', 'start', 'time']
  const bytes = batch.raw.bytes()
  return {
    numbers: all(numbers, [...points, 'value']),
    histograms: all(histograms, [...points, 'count', 'sum', 'min', 'max', 'bucketsFrom', 'bucketsLength']),
    bounds: [...histograms.bounds].map(id => [...dictionary.bounds(id)]),
    exponentials: all(exponentials, [...points, 'count', 'sum', 'scale', 'zeroCount', 'positiveOffset', 'positiveFrom', 'negativeLength']),
    summaries: all(summaries, [...points, 'count', 'sum', 'quantilesFrom', 'quantilesLength']),
    exemplars: all(exemplars, ['time', 'value', 'row', 'group', 'ids']),
    fields: Array.from(exemplars.from, (from, i) => Buffer.from(bytes.subarray(from, exemplars.to[i])).toString('hex')),
    pools: all({ buckets, quantiles }, ['buckets', 'quantiles']),
    names: pointGroups(batch).flatMap(({ series }) => [...series].map(id => (id < 0 ? undefined : dictionary.series(id)))),
  }
}

test.each([{ odd: false }, { odd: true }])('columns say what the bytes say: %o', async shape => {
  const way = await both()
  const bodies = Array.from({ length: 12 }, (_, seed) => metricsRequest({ ...shape, points: 6 }, seed + 1))
  const expected: unknown[] = []
  for (const body of [...bodies, ...bodies.toReversed(), ...bodies]) {
    await way.ship(body)
    expect(await way.incoming.drain()).toBe(1)
    expected.push(seen(way.ours.read('metrics', Raw.of(body))))
  }
  expect(way.taken).toEqual(expected)
  expect(way.lost).toEqual([])
})

test('names travel once, and again before the main thread could forget them', async () => {
  let readings = 0
  const reader = createReader()
  const read = ((signal: 'metrics', raw: Raw) => {
    readings++
    return reader.read(signal, raw)
  }) as Reader['read']
  const way = await both({ ours: { read, dictionary: reader.dictionary } })
  for (const minutes of [0, 0, 3, 0, 2, 0, 3.9]) {
    await way.clock.advance(minutes * 60_000)
    await way.ship(metricsBody(3))
    await way.incoming.drain()
  }
  expect(readings).toBe(2)
})

test('an id that comes to name something else does so for the main thread, too', async () => {
  const way = await both()
  const namesOf = () => (way.taken.at(-1) as ReturnType<typeof seen>).names.map(name => name!.attributes[0]![1])
  for (const [first, expected] of [
    [0, ['0', '1']],
    [10, ['10', '11']],
  ] as const) {
    const batch = await way.ship(metricsBody(2, first))
    expect([...batch.numbers.series].toSorted()).toEqual([0, 1])
    await way.ship(metricsBody(2, first))
    await way.incoming.drain()
    expect(namesOf()).toEqual(expected)
    await way.clock.advance(60_000)
    expect(way.theirs.sweep(way.clock.monotonic(), 1_000)).toBe(2)
  }
})

test('an id that comes to name other bounds does so for the main thread, too', async () => {
  const way = await both()
  const bounded = (bound: number) => {
    const dataPoints = [{ count: 1, sum: 1, explicitBounds: [bound], bucketCounts: [1, 0] }]
    return encode('metrics', {
      resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'h', histogram: { dataPoints, aggregationTemporality: 2 } }] }] }],
    })
  }
  await way.ship(bounded(1))
  await way.clock.advance(60_000)
  await way.ship(bounded(2))
  expect(way.theirs.sweep(way.clock.monotonic(), 1_000)).toBe(0)
  const batch = await way.ship(bounded(3))
  expect([...batch.histograms.bounds]).toEqual([0])
  await way.incoming.drain()
  expect((way.taken as ReturnType<typeof seen>[]).map(({ bounds }) => bounds)).toEqual([[[1]], [[2]], [[3]]])
})

test('a series whose type is told later has it for the main thread, too', async () => {
  const way = await both()
  const told = (prometheusType: string, type: object) => {
    const metadata = [{ key: 'prometheus.type', value: { stringValue: prometheusType } }]
    return encode('metrics', { resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'rows', metadata, ...type }] }] }] })
  }
  const dataPoints = [{ asDouble: 1 }]
  const before = told('unknown', { gauge: { dataPoints } })
  const after = told('counter', { sum: { dataPoints, aggregationTemporality: 2, isMonotonic: true } })
  for (const body of [before, before, after, after]) await way.ship(body)
  await way.incoming.drain()
  const types = (way.taken as ReturnType<typeof seen>[]).map(({ names }) => names[0]!.prometheusType)
  expect(types).toEqual(['unknown', 'unknown', 'counter', 'counter'])
  expect([way.theirs.dictionary.size, way.ours.dictionary.size]).toEqual([1, 1])
})

test('batches go on one after the other, in the order in which they came', async () => {
  const way = await both()
  const order: number[] = []
  let inside = 0
  way.take = async batch => {
    expect(++inside).toBe(1)
    await new Promise(resolve => setImmediate(resolve))
    order.push(batch.numbers.length)
    inside--
  }
  const sizes = Array.from({ length: 60 }, (_, i) => 1 + ((i * 37) % 60))
  for (const size of sizes) void way.ship(metricsBody(size))
  await Promise.all([way.incoming.drain(), way.incoming.drain()])
  expect(order).toEqual(sizes)
})

test('a row without a series on either side has none', async () => {
  const way = await both({ maxSeries: 2 })
  for (let i = 0; i < 2; i++) await way.ship(metricsBody(4))
  await way.incoming.drain()
  const [first, second] = way.taken as ReturnType<typeof seen>[]
  expect(first!.numbers[0]).toEqual([0, 1, -1, -1])
  expect(second).toEqual(first)
})

describe('a ring that is full', () => {
  test('makes the sender wait, and takes no more for now', async () => {
    const way = await both()
    const bodies: Uint8Array<ArrayBuffer>[] = []
    const isFreed = ({ buffer }: Uint8Array<ArrayBuffer>) => buffer.detached
    const waits: Promise<unknown>[] = []
    const asked = () => {
      const room = new Room()
      way.end.reserve(1, room)
      return room
    }
    while (!asked().mustWait) {
      const body = Uint8Array.from(metricsBody(500))
      bodies.push(body)
      waits.push(way.ship(body, Raw.owning([body])))
    }
    expect(asked().blocked).toBe(true)
    // Of the last one a part is still to be written.
    expect(bodies.map(isFreed)).toEqual(bodies.map(body => body !== bodies.at(-1)))
    const freed = asked().freed(new AbortController().signal)
    expect(waits.length).toBeGreaterThan(20)
    await way.incoming.drain()
    await freed
    expect(asked().mustWait).toBe(false)
    await Promise.all(waits)
    await way.incoming.drain()
    expect(way.taken.length).toBe(waits.length)
    expect(new Set(way.taken.map(one => JSON.stringify(one))).size).toBe(1)
    expect(bodies.every(isFreed)).toBe(true)
  })

  test('is emptied before the end of the pipeline is closed', async () => {
    const way = await both()
    const waits: Promise<unknown>[] = []
    while (!way.said.includes('closed')) {
      const room = new Room()
      way.end.reserve(1, room)
      if (room.mustWait) break
      waits.push(way.ship(metricsBody(500)))
    }
    const closed = way.end.shutdown!(new AbortController().signal)
    expect(way.said).not.toContain('closed')
    await way.incoming.drain()
    await closed
    expect(way.said.at(-1)).toBe('closed')
    await way.incoming.close()
    expect(way.taken.length).toBe(waits.length)
    expect(way.clock.pending).toBe(0)
  })
})

test('it is looked at by itself while something comes, and sleeps when nothing does', async () => {
  const way = await both()
  await way.ship(metricsBody(1))
  expect(way.said).toEqual(['ring', 'called'])
  await way.incoming.look()
  await way.ship(metricsBody(1))
  await way.clock.advance(20)
  expect(way.taken.length).toBe(2)
  await way.clock.advance(20)
  expect([way.clock.pending, way.said]).toEqual([0, ['ring', 'called']])
  await way.ship(metricsBody(1))
  expect(way.said).toEqual(['ring', 'called', 'called'])
})

describe('what cannot go on', () => {
  test('comes again, if the component says so', async () => {
    const way = await both()
    let tries = 0
    way.take = async () => {
      if (++tries < 3) throw new RetryableError('it is being replaced')
    }
    await way.ship(metricsBody(2))
    const drained = way.incoming.drain()
    for (let i = 0; i < 3; i++) await way.clock.advance(100)
    await drained
    expect([tries, way.lost]).toEqual([3, []])
  })

  test('is counted where it never will, and where its pipeline is gone', async () => {
    const way = new Both()
    await way.ship(metricsBody(2))
    await way.incoming.drain()
    await way.land()
    way.take = async () => {
      throw new Error('no')
    }
    await way.ship(metricsBody(3))
    await way.incoming.drain()
    expect(way.lost).toEqual([
      ['metrics', 'no_exporter', '2'],
      ['metrics', 'rejected', '3', 'Error: no'],
    ])
  })

  test('is counted where it cannot be read; no name is then taken for another', async () => {
    let full = false
    const reader = createReader()
    const read = ((signal: 'metrics', raw: Raw) => {
      if (full) throw new Error('no memory left')
      return reader.read(signal, raw)
    }) as Reader['read']
    const way = await both({ ours: { read, dictionary: reader.dictionary } })
    await way.ship(metricsBody(1))
    await way.incoming.drain()
    full = true
    await way.ship(metricsBody(2))
    await way.ship(metricsBody(2))
    await way.incoming.drain()
    expect(way.lost).toEqual([['metrics', 'rejected', '2', 'Error: no memory left']])
    expect((way.taken.at(-1) as ReturnType<typeof seen>).names).toEqual([undefined, undefined])
  })
})
