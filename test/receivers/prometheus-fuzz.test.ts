import { expect, test } from 'vitest'
import { type Family, newRow } from '../../src/exposition/families.ts'
import { openMetrics } from '../../src/exposition/openmetrics.ts'
import { protobufPage } from '../../src/exposition/protobuf.ts'
import { ExpositionError, type Format } from '../../src/exposition/read.ts'
import { Relabelling } from '../../src/exposition/relabel.ts'
import { classic, textPage } from '../../src/exposition/text.ts'
import { Raw } from '../../src/model/raw.ts'
import { createReader } from '../../src/otlp/reader.ts'
import { LimitError } from '../../src/receivers/prometheus/first-sight.ts'
import { TargetSeries } from '../../src/receivers/prometheus/series.ts'
import { Chance } from '../kit/otlp.ts'

const settings = {
  ...{ honorLabels: false, honorTimestamps: true, trackTimestampsStaleness: false, externalLabels: [], relabelling: new Relabelling([]) },
  ...{ sampleLimit: 0, labelLimit: 0, labelNameLengthLimit: 0, labelValueLengthLimit: 0, bucketLimit: 0, maxScale: 20 },
  ...{ legacyNames: false, trimSuffixes: false, native: true, classic: true },
}
const rows = (name: string, type: Family['type'], ...all: object[]): Family => ({
  ...{ name, type, help: `about ${name}`, unit: '', length: all.length },
  read: (i, row) => Boolean(Object.assign(row, newRow(), all[i])),
})
const exemplar = { labels: [['trace_id', '0af7651916cd43dd8448eb211c80319c']], value: 0.5, time: 1_700_000_000_000 }
const families = [
  rows('a_total', 'counter', { labels: 'x="1"', value: 7, exemplars: [exemplar] }, { labels: 'x="2"', value: 8 }),
  rows('b', 'gauge', { value: -1.5, time: 1_700_000_000_000 }, { labels: 'y="a\\"b"', value: Number.NaN }),
  rows('c', 'histogram', { shape: 'histogram', count: 6, sum: 12.5, bounds: Float64Array.of(0.5, 10), buckets: [1, 2, 3] }),
  rows('d', 'summary', { shape: 'summary', count: 4, sum: 9, quantiles: [0.5, 1, 0.9, 2] }),
  rows('e', 'histogram', {
    ...{ shape: 'exponential', count: 6, sum: 12.5 },
    exponential: { scale: 1, zeroCount: 1, zeroThreshold: 0, positiveOffset: -1, positive: [1, 1, 3], negativeOffset: 0, negative: [] },
  }),
]
const pages: Readonly<Record<Format, Buffer>> = {
  text: Buffer.concat([...textPage(families, classic)]),
  openmetrics: Buffer.concat([...textPage(families, openMetrics(families))]),
  protobuf: Buffer.concat([...protobufPage(families)].filter(piece => piece !== undefined)),
}

test.each(Object.keys(pages) as Format[])(
  '%s: whatever a target answers is read or refused, and what it becomes can be decoded',
  format => {
    const chance = new Chance(5)
    const reader = createReader()
    const series = new TargetSeries(settings, { labels: [], job: 'j', instance: 'i', attributes: [] })
    const whole = pages[format]
    let refused = 0
    for (let round = 0; round < 3000; round++) {
      let page = Buffer.from(whole)
      if (chance.is(0.3)) page = page.subarray(0, chance.int(page.length))
      for (let n = chance.int(4); n > 0; n--)
        page[chance.int(page.length)] = chance.is(0.5) ? chance.int(256) : whole[chance.int(whole.length)]!
      let request: Uint8Array | undefined
      try {
        request = series.scrape(page, format, 1_700_000_000_000 + round).request
      } catch (error) {
        if (!(error instanceof ExpositionError) && !(error instanceof LimitError)) throw error
        refused++
        request = series.miss(1_700_000_000_000 + round)
      }
      if (request !== undefined) reader.read('metrics', Raw.of(request))
    }
    expect(refused).toBeGreaterThan(300)
    expect(refused).toBeLessThan(2900)
    series.scrape(whole, format, 1_800_000_000_000)
    const again = series.scrape(whole, format, 1_800_000_001_000)
    expect(again.added).toBe(0)
    expect(reader.read('metrics', Raw.of(again.request!)).numbers.flags.every(flag => flag === 0)).toBe(true)
  },
)
