/** What comes in as Prometheus goes out as the same Prometheus: every receiver that reads it, every way to write it, every strategy. */
import { describe, expect, test } from 'vitest'
import type { DerivedSample } from '../../src/component/derived.ts'
import { State } from '../../src/exporters/prometheus/state.ts'
import type { Labelling } from '../../src/exposition/describe.ts'
import { type Strategy, strategies } from '../../src/exposition/naming.ts'
import { Relabelling } from '../../src/exposition/relabel.ts'
import type { RemoteType } from '../../src/exposition/remote/series.ts'
import { classic, textPage } from '../../src/exposition/text.ts'
import { Labels } from '../../src/model/labels.ts'
import { Raw } from '../../src/model/raw.ts'
import { createReader } from '../../src/otlp/reader.ts'
import { derivedRequest } from '../../src/receivers/derived/request.ts'
import { TargetSeries } from '../../src/receivers/prometheus/series.ts'
import { OtlpRequest } from '../../src/receivers/prometheus_remote_write/to-otlp.ts'
import { Translator } from '../../src/translation/translate.ts'
import { VirtualClock } from '../kit/clock.ts'

const at = 1_700_000_000_000
type Named = readonly [name: string, type: RemoteType, unit: string, label: string]

const scrapeSettings = {
  ...{ honorLabels: false, honorTimestamps: true, trackTimestampsStaleness: false, externalLabels: [], relabelling: new Relabelling([]) },
  ...{ sampleLimit: 0, labelLimit: 0, labelNameLengthLimit: 0, labelValueLengthLimit: 0, bucketLimit: 0, maxScale: 20 },
  ...{ legacyNames: false, trimSuffixes: false, native: true, classic: false },
}

const receivers: Readonly<Record<string, (of: Named) => Uint8Array>> = {
  scraped([name, type, , label]) {
    const target = new TargetSeries(scrapeSettings, { labels: [], job: 'j', instance: 'h:1', attributes: [] })
    const page = `# TYPE ${name} ${type === 'unknown' ? 'untyped' : type}\n${name}{${label}="v"} 1\n`
    return target.scrape(Buffer.from(page), 'text', at).request!
  },
  'remote write'([name, type, unit, label]) {
    const request = new OtlpRequest()
    const labels = [
      ['__name__', name],
      ['instance', 'h:1'],
      ['job', 'j'],
      [label, 'v'],
    ] as const
    const samples = [{ time: at, start: 0, stale: false, value: 1 }]
    request.add({ labels, samples, histograms: [], exemplars: [], metadata: undefined }, { type, unit, help: '' })
    return request.encode()
  },
  'remote write, nothing told'([name, , , label]) {
    const request = new OtlpRequest()
    const labels = [
      ['__name__', name],
      ['instance', 'h:1'],
      ['job', 'j'],
      [label, 'v'],
    ] as const
    request.add(
      { labels, samples: [{ time: at, start: 0, stale: false, value: 1 }], histograms: [], exemplars: [], metadata: undefined },
      undefined,
    )
    return request.encode()
  },
  derived([name, , , label]) {
    const sample: DerivedSample = { labels: Labels.from({ __name__: name, job: 'j', instance: 'h:1', [label]: 'v' }), time: at, value: 1 }
    return derivedRequest('rules', [sample])
  },
}

const labelling = (strategy: Strategy): Labelling => ({ strategy, namespace: '', constLabels: [], scope: true, resource: 'none' })
const read = (request: Uint8Array) => createReader().read('metrics', Raw.of(request))

/** → `name{labels}` */
const exporters: Readonly<Record<string, (request: Uint8Array, strategy: Strategy) => string[]>> = {
  'store and remote write'(request, strategy) {
    const translator = new Translator(
      labelling(strategy),
      new VirtualClock(at),
      100,
      () => {},
      () => true,
    )
    const { incoming } = translator.translate(read(request))
    return incoming.series
      .map(({ labels }) => labels)
      .filter(({ name }) => name !== 'target_info')
      .map(shown)
  },
  page(request, strategy) {
    const settings = { ...labelling(strategy), maxSeries: 100, expirationMs: 1e6, sendTimestamps: false }
    const state = new State(settings, new VirtualClock(at), () => {})
    state.take(read(request))
    const text = Buffer.concat([...textPage(state.page.families(), classic)]).toString()
    return text
      .split('\n')
      .filter(line => line !== '' && !line.startsWith('#') && !line.startsWith('target_info'))
      .map(line => line.replace(/ 1$/, ''))
  },
}
const shown = (labels: Labels) =>
  `${labels.name}{${[...labels.without(new Set(['__name__']))].map(([name, value]) => `${name}="${value}"`).join()}}`

describe.each(Object.keys(receivers))('%s', receiver => {
  describe.each(Object.keys(exporters))('to %s', exporter => {
    describe.each(strategies)('%s', strategy => {
      test.each<Named>([
        ['a__b', 'gauge', '', 'x__y'],
        ['__a_', 'unknown', '', 'x_'],
        ['job:rate:5m', 'gauge', '', 'x'],
        ['rows', 'counter', '', 'x'],
        ['rows_total', 'counter', '', 'x'],
        ['total_rows_total', 'counter', '', 'total'],
        ['size', 'gauge', 'bytes', 'bytes'],
        ['seconds_used', 'counter', 'seconds', '__replica__'],
        ['share', 'gauge', 'ratio', 'x'],
      ])('%s, a %s in %s', (...named) => {
        const [name, , , label] = named
        const sorted = [label, 'instance', 'job'].sort().map(key => `${key}="${key === label ? 'v' : key === 'job' ? 'j' : 'h:1'}"`)
        expect(exporters[exporter]!(receivers[receiver]!(named), strategy)).toEqual([`${name}{${sorted.join()}}`])
      })
    })
  })
})

test.each<[Strategy, string]>([
  ['UnderscoreEscapingWithSuffixes', 'a_b__c{instance="h:1",job="j",x_y="v"}'],
  ['NoUTF8EscapingWithSuffixes', 'a.b..c{instance="h:1",job="j",x.y="v"}'],
])('%s: what is no plain letter is escaped or not, and nothing else is', (strategy, want) => {
  const request = receivers['remote write']!(['a.b..c', 'counter', 'seconds', 'x.y'])
  expect(exporters['store and remote write']!(request, strategy)).toEqual([want])
})

test('what has another name than Prometheus gave it is named like anything of OpenTelemetry', () => {
  const target = new TargetSeries({ ...scrapeSettings, trimSuffixes: true }, { labels: [], job: 'j', instance: 'h:1', attributes: [] })
  const page = '# TYPE rows_seconds counter\n# UNIT rows_seconds seconds\nrows_seconds_total 1\n# TYPE a__b gauge\na__b 1\n# EOF\n'
  const { request } = target.scrape(Buffer.from(page), 'openmetrics', at)
  const names = exporters['store and remote write']!(request!, 'UnderscoreEscapingWithSuffixes').map(series => series.split('{')[0])
  expect(names.sort()).toEqual(['a__b', 'rows_seconds_total'])
})

test('what is told of a family after its first samples reaches who keeps it, and the page', () => {
  const write = (name: string, type: RemoteType | undefined) => {
    const request = new OtlpRequest()
    const series = { labels: [['__name__', name]] as const, histograms: [], exemplars: [], metadata: undefined }
    request.add(
      { ...series, samples: [{ time: at, start: 0, stale: false, value: 1 }] },
      type && { type, help: `About ${name}.`, unit: '' },
    )
    return request.encode()
  }
  const translator = new Translator(
    labelling(strategies[0]),
    new VirtualClock(at),
    100,
    () => {},
    () => false,
  )
  const state = new State(
    { ...labelling(strategies[0]), maxSeries: 100, expirationMs: 1e6, sendTimestamps: false },
    new VirtualClock(at),
    () => {},
  )
  const reader = createReader()
  const told = (name: string, type?: RemoteType) => {
    const batch = reader.read('metrics', Raw.of(write(name, type)))
    state.take(batch)
    return translator.translate(batch).incoming.metadata.map(({ family, metadata }) => `${family} ${metadata.type} ${metadata.help}`)
  }
  const all = [
    ['up', 'gauge'],
    ['rows', 'counter'],
    ['rows_total', 'counter'],
    ['h_bucket', 'histogram'],
    ['s_sum', 'summary'],
  ] as const
  for (const [name] of all) expect(told(name)).toEqual([])
  expect(all.flatMap(([name, type]) => told(name, type))).toEqual([
    'up gauge About up.',
    'rows counter About rows.',
    'rows_total counter About rows_total.',
    'h histogram About h_bucket.',
    's summary About s_sum.',
  ])
  expect(state.dropped.every(rows => rows === 0)).toBe(true)
  expect(Buffer.concat([...textPage(state.page.families(), classic)]).toString()).toContain(
    '# HELP rows About rows.\n# TYPE rows counter\nrows 1\n',
  )
})
