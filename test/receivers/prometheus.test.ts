import type { Server, ServerResponse } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { Budget } from '../../src/component/budget.ts'
import { PermanentError, RetryableError } from '../../src/component/errors.ts'
import factory from '../../src/receivers/prometheus/index.ts'
import { offsetOf } from '../../src/receivers/prometheus/target.ts'
import { createAuthority } from '../kit/certificates.ts'
import { settled } from '../kit/clock.ts'
import { paperworkContract } from '../kit/contract.ts'
import { job, Scraping, Site, told, until } from './scraping.ts'

paperworkContract(factory, { config: { scrape_configs: [{ job_name: 'x' }] } })

const page = (n: number) => `# HELP requests_total All of them.
# TYPE requests_total counter
requests_total{code="200"} ${n}
requests_total{code="500"} 1
# TYPE temperature gauge
temperature -${n}.5
`

describe('a scrape', () => {
  test('becomes one batch: what the page says, and what the scrape says of itself', async () => {
    await using site = await Site.open({ '/metrics': page(5) })
    await using scraping = new Scraping(job(site.address))
    await scraping.receiver.start()
    await scraping.advance(10_000)
    expect(scraping.values).toEqual({ 'requests_total code=200': 5, 'requests_total code=500': 1, temperature: -5.5 })
    expect(scraping.report).toEqual({
      up: 1,
      scrape_duration_seconds: 0,
      scrape_samples_scraped: 3,
      scrape_samples_post_metric_relabeling: 3,
      scrape_series_added: 3,
    })
    const [counter] = scraping.last
    const port = site.address.split(':')[1]!
    expect(counter).toMatchObject({
      ...{ type: 'sum', scope: 'thalamus/prometheus', time: expect.any(Number) },
      resource: { 'service.name': 'shop', 'service.instance.id': site.address, 'server.port': port, 'url.scheme': 'http' },
      metric: { description: 'All of them.', sum: { isMonotonic: true, aggregationTemporality: 2 } },
    })
    expect(counter?.resource['server.address']).toBeUndefined()
    expect(scraping.ledger.imbalance).toBe(0)
    expect(scraping.cx.account('metrics')).toMatchObject({ received: 8, accepted: 8, refused: 0 })
    expect(scraping.cx.budget.used).toBe(0)
  })

  test('is shown to whoever asks what is scraped, before it and after, well and ill', async () => {
    await using site = await Site.open({ '/metrics': page(5) })
    await using scraping = new Scraping(job(site.address))
    await scraping.receiver.start()
    const { targets, id } = scraping.cx
    expect(targets.get(id)?.()).toMatchObject([
      {
        job: 'shop',
        targets: [
          {
            ...{ job: 'shop', url: `http://${site.address}/metrics`, labels: { job: 'shop', instance: site.address } },
            ...{ discovered: { __address__: site.address, __metrics_path__: '/metrics' }, interval: 10_000 },
            ...{ health: 'unknown', lastError: '', lastScrape: undefined },
          },
        ],
        ...{ dropped: [], droppedCount: 0 },
      },
    ])
    await scraping.advance(10_000)
    expect(targets.get(id)?.()).toMatchObject([{ targets: [{ health: 'up', lastError: '', lastScrape: expect.any(Number) }] }])
    delete site.pages['/metrics']
    await scraping.advance(10_000)
    expect(targets.get(id)?.()).toMatchObject([{ targets: [{ health: 'down', lastError: expect.stringContaining('404') }] }])
  })

  test('the same lines again, with other numbers', async () => {
    await using site = await Site.open({ '/metrics': page(5) })
    await using scraping = new Scraping(job(site.address))
    await scraping.receiver.start()
    await scraping.advance(10_000)
    const first = scraping.last
    site.pages['/metrics'] = page(123_456)
    await scraping.advance(10_000)
    expect(scraping.values).toEqual({ 'requests_total code=200': 123_456, 'requests_total code=500': 1, temperature: -123_456.5 })
    expect(scraping.last.map(({ time }) => time)).toEqual(first.map(({ time }) => time + 10_000))
    expect(scraping.report['scrape_series_added']).toBe(0)
  })

  test('asks in the words of Prometheus', async () => {
    await using site = await Site.open({ '/m': page(5) })
    await using scraping = new Scraping(
      job(site.address, { metrics_path: '/m', params: { a: ['1', '2'], b: ['x y'] }, scrape_timeout: '5s' }),
    )
    await scraping.receiver.start()
    await scraping.advance(10_000)
    expect(site.asked[0]?.url).toBe('/m?a=1&a=2&b=x+y')
    expect(site.asked[0]?.headers).toMatchObject({
      accept:
        'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,' +
        'text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2',
      'accept-encoding': 'gzip',
      'user-agent': 'thalamus',
      'x-prometheus-scrape-timeout-seconds': '5',
    })
  })

  test('comes packed', async () => {
    const packed = (n: number) => (_: unknown, response: ServerResponse) =>
      response.writeHead(200, { 'content-type': 'text/plain', 'content-encoding': 'gzip' }).end(gzipSync(page(n)))
    await using site = await Site.open({ '/metrics': packed(1) })
    await using scraping = new Scraping(job(site.address, { extra_scrape_metrics: true }))
    await scraping.receiver.start()
    await scraping.advance(10_000)
    site.pages['/metrics'] = packed(2)
    await scraping.advance(10_000)
    expect(scraping.values['requests_total code=200']).toBe(2)
    expect(scraping.report).toMatchObject({ scrape_timeout_seconds: 10, scrape_sample_limit: 0, scrape_body_size_bytes: page(2).length })
  })
})

describe('what becomes of each type', () => {
  async function scraped(text: string, type = 'application/openmetrics-text', more: object = {}) {
    await using site = await Site.open({ '/metrics': (_, response) => response.writeHead(200, { 'content-type': type }).end(text) })
    await using scraping = new Scraping(job(site.address, more))
    await scraping.receiver.start()
    await scraping.advance(10_000)
    expect(scraping.report['up']).toBe(1)
    return scraping.last
  }

  test('a histogram is one point, its buckets no longer cumulative', async () => {
    const [point, ...more] = await scraped(
      '# TYPE h histogram\nh_bucket{a="b",le="1"} 2\nh_bucket{a="b",le="5"} 3\nh_bucket{a="b",le="+Inf"} 7\nh_sum{a="b"} 1.5\nh_count{a="b"} 7\n',
      'text/plain',
    )
    expect(more).toEqual([])
    expect(point).toMatchObject({
      ...{ name: 'h', type: 'histogram', attributes: { a: 'b' } },
      point: { count: '7', sum: 1.5, bucketCounts: ['2', '1', '4'], explicitBounds: [1, 5] },
    })
  })
  test('buckets in another order are sorted; a histogram without count is none', async () => {
    const points = await scraped(
      '# TYPE h histogram\nh_bucket{le="+Inf"} 7\nh_bucket{le="5"} 3\nh_bucket{le="1"} 2\nh_count 7\n# TYPE i histogram\ni_bucket{le="1"} 2\ni_sum 1\n',
      'text/plain',
    )
    expect(points).toHaveLength(1)
    expect(points[0]?.point).toMatchObject({ count: '7', bucketCounts: ['2', '1', '4'], explicitBounds: [1, 5] })
    expect(points[0]?.point).not.toHaveProperty('sum')
  })
  test('a histogram of OpenMetrics without sum has no count: its last bucket is read as such, at the next scrape too', async () => {
    const pages = [2, 5].map(n => `# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} ${n}\n# EOF\n`)
    const type = { 'content-type': 'application/openmetrics-text' }
    await using site = await Site.open({ '/metrics': (_, response) => response.writeHead(200, type).end(pages.shift()) })
    await using scraping = new Scraping(job(site.address))
    await scraping.receiver.start()
    for (const [count, above] of [
      ['2', '1'],
      ['5', '4'],
    ]) {
      await scraping.advance(10_000)
      expect(scraping.last).toMatchObject([{ name: 'h', point: { count, bucketCounts: ['1', above], explicitBounds: [1] } }])
      expect(scraping.last[0]?.point).not.toHaveProperty('sum')
    }
  })
  test('a summary is one point', async () => {
    const [point] = await scraped('# TYPE s summary\ns{quantile="0.5"} 2\ns{quantile="0.9"} NaN\ns_sum 9\ns_count 4\n', 'text/plain')
    expect(point).toMatchObject({
      ...{ name: 's', type: 'summary' },
      point: {
        ...{ count: '4', sum: 9 },
        quantileValues: [
          { quantile: 0.5, value: 2 },
          { quantile: 0.9, value: 'NaN' },
        ],
      },
    })
  })
  test('a summary without count is none, whatever its quantiles are called', async () => {
    expect(await scraped('# TYPE s summary\ns{quantile="+Inf"} 2\ns_sum 9\n', 'text/plain')).toEqual([])
  })
  test('OpenMetrics: start times, units, exemplars, info and state sets', async () => {
    const points = await scraped(`# TYPE wait_seconds counter
# UNIT wait_seconds seconds
# HELP wait_seconds How long.
wait_seconds_total{a="b"} 5 # {trace_id="0af7651916cd43dd8448eb211c80319c",span_id="b7ad6b7169203331",k="v"} 0.5 1700000000.25
wait_seconds_created{a="b"} 1700000000.5
# TYPE build info
build_info{version="1"} 1
# TYPE door stateset
door{door="open"} 1
door{door="shut"} 0
# EOF
`)
    const named = (name: string) => points.filter(point => point.name === name)
    expect(named('wait_seconds_total')).toMatchObject([
      {
        ...{ type: 'sum', attributes: { a: 'b' } },
        metric: { unit: 's', description: 'How long.', metadata: [{ key: 'prometheus.type', value: { stringValue: 'counter' } }] },
        point: {
          ...{ startTimeUnixNano: '1700000000500000000', asDouble: 5 },
          exemplars: [
            {
              ...{ asDouble: 0.5, timeUnixNano: '1700000000250000000', spanId: 'b7ad6b7169203331' },
              ...{ traceId: '0af7651916cd43dd8448eb211c80319c', filteredAttributes: [{ key: 'k', value: { stringValue: 'v' } }] },
            },
          ],
        },
      },
    ])
    expect(named('build_info')).toMatchObject([{ type: 'sum', attributes: { version: '1' }, value: 1 }])
    expect(named('build_info')[0]?.metric['sum']).not.toHaveProperty('isMonotonic')
    expect(named('door').map(({ attributes, value }) => [attributes['door'], value])).toEqual([
      ['open', 1],
      ['shut', 0],
    ])
  })
  test('target_info is the resource, otel_scope labels the scope', async () => {
    const points = await scraped(
      'target_info{version="1.2",env="x"} 1\na{otel_scope_name="lib",otel_scope_version="3",otel_scope_kind="k",b="c"} 1\nd 2\n',
      'text/plain',
    )
    expect(points.map(({ name, scope, attributes }) => [name, scope, attributes])).toEqual([
      ['a', 'lib', { b: 'c' }],
      ['d', 'thalamus/prometheus', {}],
    ])
    for (const { resource } of points) expect(resource).toMatchObject({ version: '1.2', env: 'x', 'service.name': 'shop' })
  })
  test('timestamps on the page count, unless they are not honored', async () => {
    expect((await scraped('a 1 1234567\n', 'text/plain'))[0]?.time).toBe(1_234_567)
    expect((await scraped('a 1 1234567\n', 'text/plain', { honor_timestamps: false }))[0]?.time).toBeGreaterThan(1_800_000_000_000)
  })
  test('names lose what is said elsewhere, if asked', async () => {
    await using site = await Site.open({
      '/metrics': (_, response) =>
        response
          .writeHead(200, { 'content-type': 'application/openmetrics-text' })
          .end('# TYPE a_seconds counter\n# UNIT a_seconds seconds\na_seconds_total 1\n# EOF\n'),
    })
    await using scraping = new Scraping({ ...job(site.address), trim_metric_suffixes: true })
    await scraping.receiver.start()
    await scraping.advance(10_000)
    expect(scraping.last.map(({ name }) => name)).toEqual(['a'])
  })
})

describe('labels', () => {
  const scrapedWith = async (text: string, more: object) => {
    await using site = await Site.open({ '/metrics': text })
    const targets = [{ targets: [site.address], labels: { env: 'prod', a: 'target' } }]
    await using scraping = new Scraping(job(site.address, { static_configs: targets, ...more }))
    await scraping.receiver.start()
    await scraping.advance(10_000)
    return { scraping, last: scraping.last }
  }
  test("the target's win, and the page's are kept as exported", async () => {
    const { last } = await scrapedWith('x{a="page",job="mine",exported_a="taken"} 1\n', {})
    expect(last[0]).toMatchObject({
      attributes: { a: 'target', env: 'prod', exported_a: 'taken', exported_exported_a: 'page', exported_job: 'mine' },
      resource: { 'service.name': 'shop' },
    })
  })
  test("the page's win with honor_labels, job and instance too", async () => {
    const { last } = await scrapedWith('x{a="page",job="mine",instance="me:1"} 1\n', { honor_labels: true })
    expect(last[0]).toMatchObject({
      attributes: { a: 'page', env: 'prod' },
      resource: { 'service.name': 'mine', 'service.instance.id': 'me:1', 'server.address': 'me', 'server.port': '1' },
    })
  })
  test('metric relabelling drops and renames, and is counted', async () => {
    const { scraping } = await scrapedWith('go_x 1\nx{b="1"} 2\ny 3\n', {
      metric_relabel_configs: [
        { source_labels: ['__name__'], regex: 'go_.*', action: 'drop' },
        { source_labels: ['__name__'], regex: 'y', target_label: '__name__', replacement: 'z' },
        { regex: 'a|env', action: 'labeldrop' },
      ],
    })
    expect(scraping.values).toEqual({ 'x b=1': 2, z: 3 })
    expect(scraping.report).toMatchObject({ scrape_samples_scraped: 3, scrape_samples_post_metric_relabeling: 2, scrape_series_added: 2 })
  })
  test('external labels are on every series', async () => {
    await using site = await Site.open({ '/metrics': 'x{region="page"} 1\n' })
    const settings = job(site.address)
    await using scraping = new Scraping({ config: { ...settings.config, global: { external_labels: { region: 'eu', n: 5 } } } })
    await scraping.receiver.start()
    await scraping.advance(10_000)
    for (const { attributes } of told(scraping.batches[0]!)) expect(attributes).toEqual({ region: 'eu', n: '5' })
  })
  test('relabelling decides which targets there are, and where', async () => {
    await using site = await Site.open({ '/special': 'x 1\n' })
    await using scraping = new Scraping(
      job(site.address, {
        static_configs: [{ targets: [site.address, 'nowhere:1', 'nowhere:2'], labels: { __path: '/special' } }],
        keep_dropped_targets: 1,
        relabel_configs: [
          { source_labels: ['__address__'], regex: 'nowhere.*', action: 'drop' },
          { source_labels: ['__path'], target_label: '__metrics_path__' },
          { target_label: 'instance', replacement: 'here' },
        ],
      }),
    )
    await scraping.receiver.start()
    await scraping.advance(10_000)
    expect(scraping.last[0]?.resource['service.instance.id']).toBe('here')
    expect(site.asked.map(({ url }) => url)).toEqual(['/special'])
    const { targets, id } = scraping.cx
    const [pool] = targets.get(id)!()
    expect(pool).toMatchObject({ targets: [{}], dropped: [{ __address__: 'nowhere:1', __path: '/special' }], droppedCount: 2 })
    expect(pool!.dropped.length).toBe(1)
  })
})

describe('staleness', () => {
  test('a series that is not on the page any more ends, once', async () => {
    await using site = await Site.open({ '/metrics': 'a 1\nb 2\n' })
    await using scraping = new Scraping(job(site.address))
    await scraping.receiver.start()
    await scraping.advance(10_000)
    site.pages['/metrics'] = 'a 1\n'
    await scraping.advance(10_000)
    expect(scraping.values).toEqual({ a: 1, b: 'stale' })
    await scraping.advance(10_000)
    expect(scraping.values).toEqual({ a: 1 })
    site.pages['/metrics'] = 'a 1\nb 5\n'
    await scraping.advance(10_000)
    expect(scraping.values).toEqual({ a: 1, b: 5 })
    expect(scraping.report['scrape_series_added']).toBe(1)
  })
  test('of histograms and summaries too, with their bounds', async () => {
    await using site = await Site.open({
      '/metrics':
        '# TYPE h histogram\nh_bucket{le="1"} 2\nh_bucket{le="+Inf"} 7\nh_count 7\nh_sum 1\n# TYPE s summary\ns{quantile="0.5"} 1\ns_count 1\ns_sum 1\n',
    })
    await using scraping = new Scraping(job(site.address))
    await scraping.receiver.start()
    await scraping.advance(10_000)
    await scraping.advance(10_000)
    site.pages['/metrics'] = 'x 1\n'
    await scraping.advance(10_000)
    const [, histogram, summary] = scraping.last
    expect(histogram?.point).toMatchObject({ flags: 1, bucketCounts: ['0', '0'], explicitBounds: [1] })
    expect(summary?.point).toMatchObject({ flags: 1, quantileValues: [{ quantile: 0.5, value: 0 }] })
  })
  test('a target that is down: up is 0, its series end, and its resource stays what target_info said', async () => {
    await using site = await Site.open({ '/metrics': 'a 1\ntarget_info{version="1"} 1\n' })
    await using scraping = new Scraping(job(site.address))
    await scraping.receiver.start()
    await scraping.advance(10_000)
    const { '/metrics': before } = site.pages
    delete site.pages['/metrics']
    await scraping.advance(10_000)
    expect(scraping.values).toEqual({ a: 'stale' })
    expect(scraping.report).toMatchObject({ up: 0, scrape_samples_scraped: 0 })
    await scraping.advance(10_000)
    expect(scraping.values).toEqual({})
    for (const { resource } of told(scraping.batches.at(-1)!)) expect(resource).toMatchObject({ version: '1' })
    site.pages['/metrics'] = before!
    await scraping.advance(10_000)
    expect(scraping.values).toEqual({ a: 1 })
    expect(scraping.cx.lines.map(({ level, message, fields }) => [level, message, fields['why']])).toEqual([
      ['warn', 'a scrape failed', 'HTTP 404 Not Found'],
      ['info', 'a target is scraped again', undefined],
    ])
  })
  test('series with timestamps do not end, unless that is tracked', async () => {
    for (const [track, values] of [
      [false, { b: 1 }],
      [true, { b: 1, a: 'stale' }],
    ] as const) {
      await using site = await Site.open({ '/metrics': 'a 1 5000\nb 1\n' })
      await using scraping = new Scraping(job(site.address, { track_timestamps_staleness: track }))
      await scraping.receiver.start()
      await scraping.advance(10_000)
      site.pages['/metrics'] = 'b 1\n'
      await scraping.advance(10_000)
      expect(scraping.values).toEqual(values)
    }
  })
  test('of a target that is gone all series end two intervals later, unless it is back by then', async () => {
    await using site = await Site.open({ '/metrics': 'a 1\n' })
    let file = JSON.stringify([{ targets: [site.address] }])
    const files = { read: async () => Buffer.from(file), list: async () => ['t.json'] }
    await using scraping = new Scraping(
      job('', { static_configs: [], file_sd_configs: [{ files: ['t.json'], refresh_interval: '10s' }] }),
      { files },
    )
    await scraping.receiver.start()
    await scraping.advance(10_000)
    file = '[]'
    await scraping.clock.advance(10_000)
    file = JSON.stringify([{ targets: [site.address] }])
    await scraping.clock.advance(10_000)
    await scraping.advance(10_000)
    expect(scraping.values).toEqual({ a: 1 })
    file = '[]'
    await scraping.advance(10_000)
    expect(scraping.values).toEqual({ a: 1 })
    const last = scraping.batches.length
    await scraping.advance(40_000)
    expect(scraping.batches.length).toBe(last + 1)
    expect(scraping.values).toEqual({ a: 'stale' })
    expect(scraping.report).toMatchObject({ up: 'stale', scrape_series_added: 'stale' })
  })
})

describe('limits and failures fail the scrape, and no other', () => {
  test.each<[string, object, string, string]>([
    ['sample_limit', { sample_limit: 1 }, 'a 1\nb 1\n', 'more than 1 samples (sample_limit)'],
    ['label_limit', { label_limit: 3 }, 'a{b="c"} 1\n', '"a" has 4 labels, and at most 3 may be (label_limit)'],
    [
      'label_name_length_limit',
      { label_name_length_limit: 8 },
      'a{bcdefghij="c"} 1\n',
      'a label of "a" has a name of more than 8 bytes (label_name_length_limit)',
    ],
    [
      'label_value_length_limit',
      { label_value_length_limit: 16 },
      'a{b="12345678901234567"} 1\n',
      'label "b" of "a" is longer than 16 bytes (label_value_length_limit)',
    ],
    ['body_size_limit', { body_size_limit: 10 }, 'a 1\nb 1\nc 1\nd 1\n', 'the page is larger than 10B (body_size_limit)'],
    ['a page that is wrong', {}, 'a 1\nb{ 2\n', 'line 2: "{" is never closed'],
    [
      'names without UTF-8',
      { metric_name_validation_scheme: 'legacy' },
      '{"a.b"} 1\n',
      'line 1: "a.b" is no name without UTF-8 (metric_name_validation_scheme)',
    ],
    [
      'a name taken away',
      { metric_relabel_configs: [{ regex: '__name__', action: 'labeldrop' }] },
      'a 1\n',
      'line 1: metric relabelling took away the name of a series',
    ],
  ])('%s', async (_, more, bad, why) => {
    await using site = await Site.open({ '/bad': bad, '/good': 'a 1\n' })
    const good = { job_name: 'good', scrape_interval: '10s', metrics_path: '/good', static_configs: [{ targets: [site.address] }] }
    const settings = job(site.address, { metrics_path: '/bad', ...more })
    await using scraping = new Scraping({ config: { scrape_configs: [...settings.config.scrape_configs, good] } })
    await scraping.receiver.start()
    await scraping.advance(10_000, 2)
    const up = Object.fromEntries(
      scraping.batches.flatMap(told).flatMap(({ name, resource, value }) => (name === 'up' ? [[resource['service.name'], value]] : [])),
    )
    expect(up).toEqual({ shop: 0, good: 1 })
    expect(scraping.cx.lines.map(({ message, fields }) => [message, fields['why']])).toEqual([['a scrape failed', why]])
  })

  test('target_limit fails all of the job', async () => {
    await using site = await Site.open({ '/metrics': 'a 1\n' })
    const targets = [{ targets: [site.address, site.address.replace('127.0.0.1', 'localhost')] }]
    await using scraping = new Scraping(job(site.address, { static_configs: targets, target_limit: 1 }))
    await scraping.receiver.start()
    await scraping.advance(10_000, 2)
    expect(site.asked).toEqual([])
    expect(scraping.report['up']).toBe(0)
  })

  test('a target that does not answer in time', async () => {
    await using site = await Site.open({ '/metrics': () => {} })
    await using scraping = new Scraping(job(site.address, { scrape_timeout: '10s' }))
    await scraping.receiver.start()
    await scraping.clock.advance(10_000)
    await until(() => site.asked.length === 1)
    await scraping.advance(10_000)
    expect(scraping.report).toMatchObject({ up: 0, scrape_duration_seconds: 10 })
    expect(scraping.cx.lines[0]?.fields['why']).toBe('no answer within 10s')
  })

  test('while memory is short nothing is asked', async () => {
    await using site = await Site.open({ '/metrics': 'a 1\n' })
    const budget = new Budget()
    await using scraping = new Scraping(job(site.address), { budget })
    budget.pressed = true
    await scraping.receiver.start()
    await scraping.clock.advance(30_000)
    await settled()
    expect(site.asked).toEqual([])
    budget.pressed = false
    await scraping.advance(10_000)
    expect(scraping.report['up']).toBe(1)
  })

  test('what downstream refuses is counted, and the next scrape comes', async () => {
    await using site = await Site.open({ '/metrics': 'a 1\n' })
    await using scraping = new Scraping(job(site.address))
    const answers = [new RetryableError('later'), new PermanentError('never'), undefined]
    scraping.answer = async () => {
      const error = answers.shift()
      if (error !== undefined) throw error
    }
    await scraping.receiver.start()
    for (let i = 0; i < 2; i++) {
      await scraping.clock.advance(10_000)
      await until(() => scraping.cx.account('metrics').refused === 6 * (i + 1))
    }
    await scraping.advance(10_000)
    expect(scraping.cx.account('metrics')).toMatchObject({ received: 18, refused: 12, accepted: 6 })
    expect(scraping.ledger.imbalance).toBe(0)
    expect(scraping.cx.budget.used).toBe(0)
  })
})

describe('how it gets in', () => {
  const headersOf = async (more: object, files: Record<string, string> = {}) => {
    await using site = await Site.open({ '/metrics': 'a 1\n' })
    await using scraping = new Scraping(job(site.address, more), { files: { read: async path => Buffer.from(files[path]!) } })
    await scraping.receiver.start()
    await scraping.advance(10_000)
    return site.asked[0]?.headers ?? {}
  }
  test.each<[string, object, string]>([
    ['basic_auth', { basic_auth: { username: 'u', password_file: 'p' } }, `Basic ${Buffer.from('u:secret').toString('base64')}`],
    ['authorization', { authorization: { credentials: 'abc' } }, 'Bearer abc'],
    ['authorization of another type', { authorization: { type: 'Token', credentials_file: 'p' } }, 'Token secret'],
    ['bearer_token', { bearer_token: 'abc' }, 'Bearer abc'],
    ['bearer_token_file', { bearer_token_file: 'p' }, 'Bearer secret'],
  ])('%s', async (_, more, header) => expect((await headersOf(more, { p: 'secret\n' })).authorization).toBe(header))
  test('headers of its own', async () => {
    expect(
      await headersOf({ http_headers: { 'X-Tenant': { values: ['a'], files: ['p'] } }, enable_compression: false }, { p: 'b\n' }),
    ).toMatchObject({
      'x-tenant': 'a, b',
      'accept-encoding': 'identity',
    })
  })
  test('redirects are followed, and credentials stay with their host', async () => {
    await using other = await Site.open({ '/there': 'a 1\n' })
    await using site = await Site.open({
      '/metrics': (_, response) => response.writeHead(302, { location: '/next' }).end(),
      '/next': (_, response) => response.writeHead(307, { location: `http://${other.address}/there` }).end(),
    })
    await using scraping = new Scraping(job(site.address, { bearer_token: 'abc' }))
    await scraping.receiver.start()
    await scraping.advance(10_000)
    expect(scraping.values).toEqual({ a: 1 })
    expect(site.asked.map(({ headers }) => headers.authorization)).toEqual(['Bearer abc', 'Bearer abc'])
    expect(other.asked.map(({ headers }) => headers.authorization)).toEqual([undefined])
    await using refusing = new Scraping(job(site.address, { follow_redirects: false }))
    await refusing.receiver.start()
    await refusing.advance(10_000)
    expect(refusing.cx.lines[0]?.fields['why']).toBe('HTTP 302: redirects are not followed (follow_redirects)')
  })
  test('over TLS, with certificates on both sides', async () => {
    const authority = createAuthority()
    const own = authority.issue('localhost')
    const server = createHttps({ ca: authority.cert, cert: own.cert, key: own.key, requestCert: true, rejectUnauthorized: true })
    await using site = await Site.open({ '/metrics': 'a 1\n' }, server as unknown as Server)
    const client = authority.issue('client')
    const up = async (tls: object, files: Record<string, string> = {}) => {
      const settings = job(site.address, { scheme: 'https', tls_config: tls })
      await using scraping = new Scraping(settings, { files: { read: async path => Buffer.from(files[path]!) } })
      await scraping.receiver.start()
      await scraping.advance(10_000)
      return scraping.report['up']
    }
    const mine = { cert: client.cert, key: client.key }
    expect(await up({ ca: authority.cert, ...mine })).toBe(1)
    expect(await up({ ca_file: 'ca', cert_file: 'cert', key_file: 'key' }, { ca: authority.cert, ...mine })).toBe(1)
    expect(await up({ insecure_skip_verify: true, ...mine })).toBe(1)
    expect(await up({ ca: authority.cert, server_name: 'elsewhere', ...mine })).toBe(0)
    expect(await up({ ca: createAuthority().cert, ...mine })).toBe(0)
    expect(await up({ ca: authority.cert })).toBe(0)
  })
  test('a certificate that cannot be read keeps it from starting', async () => {
    const scraping = new Scraping(job('127.0.0.1:1', { tls_config: { ca_file: 'nowhere.pem' } }))
    await expect(scraping.receiver.start()).rejects.toThrow(
      'receivers.prometheus.config.scrape_configs.shop.tls_config.ca_file: cannot read "nowhere.pem": no such file',
    )
  })
  test('a kept connection that was closed is no failure', async () => {
    let requests = 0
    await using site = await Site.open({
      '/metrics': (request, response) => {
        // The second request finds its connection dead.
        if (++requests === 2) request.socket.destroy()
        else response.writeHead(200, { 'content-type': 'text/plain' }).end('a 1\n')
      },
    })
    await using scraping = new Scraping(job(site.address))
    await scraping.receiver.start()
    await scraping.advance(10_000)
    await scraping.advance(10_000)
    expect(scraping.report['up']).toBe(1)
    expect(requests).toBe(3)
  })
})

describe('discovery', () => {
  const targets = (scraping: Scraping) => new Set(scraping.batches.flatMap(told).map(({ resource }) => resource['service.instance.id']))

  test('in files: what a broken one said before stays', async () => {
    await using site = await Site.open({ '/metrics': 'a 1\n' })
    const contents: Record<string, string> = {
      't/a.yml': `- targets: ['${site.address}']\n  labels: { n: 5 }\n`,
      't/b.json': JSON.stringify([{ targets: ['127.0.0.1:1'], labels: { n: '6' } }]),
      't/c.txt': 'not asked for',
    }
    const files = { read: async (path: string) => Buffer.from(contents[path]!), list: async () => ['a.yml', 'b.json', 'c.txt'] }
    const more = { static_configs: [], file_sd_configs: [{ files: ['t/*.yml', 't/*.json'], refresh_interval: '10s' }] }
    await using scraping = new Scraping(job('', more), { files })
    await scraping.receiver.start()
    await scraping.advance(10_000, 2)
    expect(targets(scraping)).toEqual(new Set([site.address, '127.0.0.1:1']))
    contents['t/b.json'] = '[{"targets": ['
    contents['t/a.yml'] = '[]'
    await scraping.advance(10_000, 2)
    const before = scraping.batches.length
    await scraping.clock.advance(10_000)
    await until(() => scraping.batches.length > before)
    expect(told(scraping.batches.at(-1)!)[0]?.resource['service.instance.id']).toBe('127.0.0.1:1')
    expect(scraping.cx.lines.filter(({ message }) => message.startsWith('files of targets')).length).toBeGreaterThan(0)
  })

  test('over HTTP', async () => {
    await using site = await Site.open({ '/metrics': 'a 1\n' })
    site.pages['/targets'] = (_, response) =>
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify([{ targets: [site.address], labels: { __meta_x: 'y' } }]))
    const more = {
      ...{ static_configs: [], http_sd_configs: [{ url: `http://${site.address}/targets`, bearer_token: 'abc' }] },
      relabel_configs: [{ source_labels: ['__meta_x', '__meta_url'], target_label: 'found' }],
    }
    await using scraping = new Scraping(job('', more))
    await scraping.receiver.start()
    await until(() => site.asked.length === 1)
    expect(site.asked[0]?.headers).toMatchObject({ authorization: 'Bearer abc', 'x-prometheus-refresh-interval-seconds': '60' })
    await settled(20)
    await scraping.advance(10_000)
    expect(scraping.last[0]?.attributes).toEqual({ found: `y;http://${site.address}/targets` })
  })

  test('by DNS', async () => {
    await using site = await Site.open({ '/metrics': 'a 1\n' })
    const port = Number(site.address.split(':')[1])
    const no = async () => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' }))
    const resolver = {
      srv: async () => [{ name: '127.0.0.1.', port }],
      a: async () => ['127.0.0.1'],
      aaaa: async () => ['::1'],
      mx: no,
      ns: no,
    }
    const dns = [{ names: ['_x._tcp.example'] }, ...['A', 'aaaa', 'MX'].map(type => ({ names: ['example'], type, port }))]
    const more = {
      static_configs: [],
      dns_sd_configs: dns,
      relabel_configs: [{ source_labels: ['__meta_dns_name'], target_label: 'name' }],
    }
    await using scraping = new Scraping(job('', more), {}, resolver)
    await scraping.receiver.start()
    await settled()
    await scraping.advance(10_000, 3)
    expect(targets(scraping)).toEqual(new Set([`127.0.0.1:${port}`, `[::1]:${port}`]))
    expect(new Set(scraping.batches.flatMap(told).map(({ attributes }) => attributes['name']))).toEqual(
      new Set(['_x._tcp.example', 'example']),
    )
  })

  test('what cannot be scraped is said', async () => {
    await using scraping = new Scraping(job('http://x/y'))
    await scraping.receiver.start()
    expect(scraping.cx.lines.map(({ message, fields }) => [message, fields['problems']])).toEqual([
      ['targets cannot be scraped', ['"http://x/y" is no address: it must be host:port, without a path']],
    ])
  })
})

describe('scrape_config_files', () => {
  const start = async (content: string) => {
    const files = { read: async () => Buffer.from(content), list: async () => ['a.yml'] }
    const scraping = new Scraping({ config: { scrape_config_files: ['more/*.yml'] } }, { files })
    await scraping.receiver.start()
    return scraping
  }
  test('are read at start', async () => {
    await using site = await Site.open({ '/metrics': 'a 1\n' })
    await using scraping = await start(`scrape_configs:\n- job_name: more\n  static_configs: [{targets: ['${site.address}']}]\n`)
    await scraping.advance(60_000)
    expect(scraping.last[0]?.resource['service.name']).toBe('more')
  })
  test('what is wrong in one keeps it from starting', async () => {
    await expect(
      start('scrape_configs: [{job_name: a, scrape_timout: 5s}, {job_name: a, scrape_timeout: 5m}, {job_name: a}]'),
    ).rejects.toThrow(
      /more\/a\.yml\.scrape_configs\.0: unrecognized key: "scrape_timout"\n.*1\.scrape_timeout: must not be longer than the interval\n.*2\.job_name: must be another one: it is taken/s,
    )
  })
})

describe('lifecycle', () => {
  test('shutdown without start, and twice', async () => {
    const scraping = new Scraping(job('127.0.0.1:1'))
    await scraping.receiver.shutdown(AbortSignal.abort())
    await scraping.receiver.shutdown(AbortSignal.abort())
  })
  test('start and shutdown leave no timer', async () => {
    const sds = { dns_sd_configs: [{ names: ['x'] }], file_sd_configs: [{ files: ['x.yml'] }] }
    const scraping = new Scraping(job('127.0.0.1:1', sds), {}, { ...nobody })
    await scraping.receiver.start()
    await settled()
    await scraping.receiver.shutdown(AbortSignal.abort())
    expect(scraping.clock.pending).toBe(0)
  })
  test('shutdown ends a scrape that hangs, and loses no timer', async () => {
    await using site = await Site.open({ '/metrics': () => {} })
    const scraping = new Scraping(job(site.address))
    await scraping.receiver.start()
    await scraping.clock.advance(10_000)
    await until(() => site.asked.length === 1)
    await scraping.receiver.shutdown(AbortSignal.timeout(1000))
    expect(scraping.clock.pending).toBe(0)
  })
  test('scrape_on_shutdown scrapes once more', async () => {
    await using site = await Site.open({ '/metrics': 'a 1\n' })
    const scraping = new Scraping({ ...job(site.address), scrape_on_shutdown: true, initial_scrape_offset: '1h' })
    await scraping.receiver.start()
    await scraping.clock.advance(60_000)
    expect(scraping.batches).toEqual([])
    await scraping.receiver.shutdown(AbortSignal.timeout(5000))
    expect(scraping.values).toEqual({ a: 1 })
    expect(scraping.clock.pending).toBe(0)
  })
  test('a stuck downstream has one scrape, however long it takes', async () => {
    await using site = await Site.open({ '/metrics': 'a 1\n' })
    const scraping = new Scraping(job(site.address))
    scraping.answer = () => new Promise(() => {})
    await scraping.receiver.start()
    await scraping.clock.advance(10_000)
    await until(() => site.asked.length === 1)
    await scraping.clock.advance(100_000)
    await settled()
    expect(site.asked.length).toBe(1)
    await scraping.receiver.shutdown(AbortSignal.abort())
  })
  test('each target has its own place in the interval, always the same', async () => {
    const ports = Array.from({ length: 40 }, (_, i) => 20_000 + i)
    const offsets = (now: number) => ports.map(port => (offsetOf(`target ${port}`, 10_000, now) + now) % 10_000)
    expect(offsets(1_800_000_000_000)).toEqual(offsets(1_800_000_123_456))
    const tenths = new Set(offsets(0).map(offset => Math.floor(offset / 1000)))
    expect(tenths.size).toBeGreaterThan(7)
  })
})

const none = () => Promise.resolve([])
const nobody = { srv: none, a: none, aaaa: none, mx: none, ns: none }
