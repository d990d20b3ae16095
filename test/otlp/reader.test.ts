import { describe, expect, test } from 'vitest'
import type { MetricBatch } from '../../src/model/batch.ts'
import { Raw } from '../../src/model/raw.ts'
import { signals } from '../../src/model/signal.ts'
import { createReader } from '../../src/otlp/reader.ts'
import { createTwin } from '../../src/otlp/twin.ts'
import { requestOf } from '../kit/otlp.ts'
import { expectBijection, shown } from './agree.ts'

describe.each(signals)('%s: the decoder and its twin agree', signal => {
  test.each([
    ['plain', { resources: 2, scopes: 2, points: 6 }],
    ['odd', { odd: true, resources: 2, scopes: 2, points: 6 }],
    ['odd and small', { odd: true, metrics: 1, points: 1 }],
  ])('on %s requests', (_, shape) => {
    const [reader, twin] = [createReader(), createTwin()]
    const series = new Map<number, number>()
    for (let seed = 0; seed < 150; seed++) {
      const bytes = requestOf[signal](shape, seed)
      const [a, b] = [reader.read(signal, Raw.of(bytes)), twin.read(signal, Raw.of(bytes))]
      expect(shown(a), `seed ${seed}`).toEqual(shown(b))
      if (signal !== 'metrics') continue
      for (const group of ['numbers', 'histograms', 'exponentials', 'summaries'] as const) {
        expectBijection((a as MetricBatch)[group].series, (b as MetricBatch)[group].series, series)
      }
    }
    expect(reader.dictionary.size).toBe(twin.dictionary.size)
    expect(reader.dictionary.capacity).toBe(twin.dictionary.capacity)
  })
})
