/** `thalamus check metrics` beside the real `promtool check metrics`: the same findings on each page, and no on the same pages. */
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { eventually, finish, freePorts, get, LOOPBACK } from './kit/process.ts'
import { node, otlpTo, Prometheus, program, Thalamus } from './kit/servers.ts'

const main = fileURLToPath(new URL('../../bin/thalamus.js', import.meta.url))
const ours = (input: string) => finish(node(), [main, 'check', 'metrics'], { input, ok: [0, 1] })
const theirs = (input: string) => finish(program('promtool'), ['check', 'metrics'], { input, ok: [0, 1, 3] })

/** Without lines' numbers, each once. */
const findings = (output: string) =>
  [
    ...new Set(
      output
        .split('\n')
        .filter(line => line !== '')
        .map(line => line.replace(/^\d+: /, '')),
    ),
  ].sort()

const untidy = `# HELP requests_total all of them
# TYPE requests_total counter
requests_total{code="200"} 5
requests_total{code="200"} 6
requests_total{code="500",camelCase="x"} 6
no_help 1
# HELP requests x
# TYPE requests counter
requests 5
# HELP ready_total x
# TYPE ready_total gauge
ready_total 1
# HELP camelCase x
# TYPE camelCase gauge
camelCase 1
# HELP wait_milliseconds x
wait_milliseconds 5
# HELP wait_ms x
# TYPE wait_ms summary
wait_ms{quantile="0.5"} 1
wait_ms_sum 1
wait_ms_count 1
# HELP latency_seconds x
# TYPE latency_seconds histogram
latency_seconds_bucket{le="1"} 1
latency_seconds_bucket{le="+Inf"} 1
latency_seconds_sum 1
latency_seconds_count 1
# HELP job:rate x
# TYPE job:rate gauge
job:rate 1
# HELP queue_gauge x
# TYPE queue_gauge gauge
queue_gauge{le="1",quantile="2"} 1
# HELP things_bucket x
# TYPE things_bucket gauge
things_bucket 1
# HELP things_sum x
# TYPE things_sum counter
things_sum 1
# HELP distance_miles x
# TYPE distance_miles untyped
distance_miles 1
# HELP unused_ms nothing is said of a family without samples
# TYPE unused_ms gauge
`

test('the same findings on an untidy page', async () => {
  const [said, wanted] = [findings(await ours(untidy)), findings(await theirs(untidy))]
  expect(wanted.length).toBeGreaterThan(15)
  expect(said).toEqual(wanted)
})

test.each([
  'a 1',
  'a\n',
  'a{b="c" 1\n',
  'a{b=c} 1\n',
  'a{b="c"d="e"} 1\n',
  'a x\n',
  'a 1 x\n',
  'a 1 1 1\n',
  '# TYPE a meter\n',
  '# TYPE a gauge\n# TYPE a gauge\n',
  '# HELP a x\n# HELP a x\n',
  'a 1\n# TYPE a gauge\n',
  '9a 1\n',
  'a{9="b"} 1\n',
  'a{b="c",b="c"} 1\n',
  '{b="c"} 1\n',
])('both refuse %j', async page => {
  expect(await theirs(page)).toContain('error while linting')
  expect(await ours(page)).toMatch(/^\d+: /)
})

test('the same on the pages of real servers', async () => {
  const [port, metricsPort] = (await freePorts(2)) as [number, number]
  await using prometheus = await Prometheus.start({ nobody: { target: `${LOOPBACK}:${port}` } })
  await using _started = await Thalamus.start(ports => {
    const { receivers, ...rest } = otlpTo(ports, { prometheus: { endpoint: `${LOOPBACK}:${metricsPort}` } })
    return {
      ...rest,
      receivers: { ...receivers, host: {} },
      service: { pipelines: { metrics: { receivers: ['otlp', 'host'], exporters: ['prometheus'] } } },
    }
  })
  for (const url of [`${prometheus.url}/metrics`, `http://${LOOPBACK}:${metricsPort}/metrics`]) {
    const page = await eventually(`${url} has something`, async () => {
      const text = await get(url)
      return text.split('\n').length > 50 && text
    })
    expect([url, findings(await ours(page))]).toEqual([url, findings(await theirs(page))])
  }
})
