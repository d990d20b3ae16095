/** What the host's network moved: of which interface, and that nobody can tell it from what host-metrics says. */
import { HostMetrics } from '@opentelemetry/host-metrics'
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'
import { expect, test } from 'vitest'
import { defaultInterface, groupsWithoutNetwork, hasNetworkFiles, watchNetwork } from '../../src/register/network.ts'

const head = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n'
const route = (name: string, to: string, mask: string) => `${name}\t${to}\t010200C0\t0003\t0\t0\t0\t${mask}\t0\t0\t0   \n`
const traffic = (n: number) => Array.from({ length: 16 }, (_, i) => n + i).join(' ')
const devices = (...names: string[]) =>
  `Inter-|   Receive  |  Transmit\n face |bytes    packets errs |bytes\n${names.map((name, i) => `  ${name}: ${traffic(100 * i)}\n`).join('')}`

test.each<[string, string, string | undefined]>([
  ['the route to everywhere', head + route('eth0', '00000000', '00000000') + route('eth1', '000200C0', '00FFFFFF'), 'eth0'],
  ['the first of two', head + route('wlan0', '00000000', '00000000') + route('eth0', '00000000', '00000000'), 'wlan0'],
  ['half of everywhere, as tunnels take it', head + route('tun0', '00000000', '00000080') + route('eth0', '00000000', '00000000'), 'eth0'],
  ['no such route', head + route('eth1', '000200C0', '00FFFFFF'), undefined],
  ['no route', head, undefined],
  ['nothing', '', undefined],
])('%s', (_, table, expected) => expect(defaultInterface(table)).toBe(expected))

class Reader extends MetricReader {
  protected async onForceFlush(): Promise<void> {}
  protected async onShutdown(): Promise<void> {}
}

/** What a reading of `observe`'s metrics says: by name, its form and its points. */
async function read(observe: (provider: MeterProvider) => void) {
  const reader = new Reader()
  const provider = new MeterProvider({ readers: [reader] })
  observe(provider)
  const { resourceMetrics } = await reader.collect()
  const all = resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics)
  return all.map(({ descriptor, dataPointType, dataPoints }) => ({
    ...descriptor,
    dataPointType,
    points: dataPoints.map(({ value, attributes }) => ({ value: value as number, attributes })),
  }))
}

const points = async (files: Readonly<Record<string, string>>) => {
  const metrics = await read(provider => watchNetwork(provider.getMeter('test'), path => files[path]))
  return Object.fromEntries(
    metrics.map(({ name, points }) => [
      name,
      Object.fromEntries(points.map(({ value, attributes: of }) => [`${of['system.device']} ${of['network.io.direction']}`, value])),
    ]),
  )
}
const files = (table: string, list: string) => ({ '/proc/self/net/route': table, '/proc/self/net/dev': list })

test('it is what the interface of the default route moved', async () => {
  expect(await points(files(head + route('eth0', '00000000', '00000000'), devices('lo', 'docker0', 'eth0')))).toEqual({
    'system.network.dropped': { 'eth0 receive': 203, 'eth0 transmit': 211 },
    'system.network.errors': { 'eth0 receive': 202, 'eth0 transmit': 210 },
    'system.network.io': { 'eth0 receive': 200, 'eth0 transmit': 208 },
  })
})

test.each<[string, ReturnType<typeof files>, string | undefined]>([
  ['without a default route the first that leads out and is in use', files(head, devices('ifb0', 'lo', 'eth7')), 'eth7 receive'],
  [
    'where the route is through one that is gone too',
    files(head + route('x', '00000000', '00000000'), devices('lo', 'eth7')),
    'eth7 receive',
  ],
  ['where only the loopback is, nothing', files(head, devices('lo')), undefined],
  ['where nothing can be read any more, nothing', files('', ''), undefined],
])('%s', async (_, of, expected) => {
  expect(Object.keys((await points(of))['system.network.io'] ?? {})[0]).toBe(expected)
})

test('it is used where the files are', () => {
  expect(hasNetworkFiles(path => (path.startsWith('/proc/self/net/') ? '' : undefined))).toBe(true)
  expect(hasNetworkFiles(() => undefined)).toBe(false)
})

test('it has the names, units and attributes of host-metrics, which has nothing else that we leave out', async () => {
  const shape = (metrics: Awaited<ReturnType<typeof read>>) =>
    metrics
      .map(({ points, ...form }) => ({ ...form, attributes: points.map(({ attributes }) => Object.keys(attributes).toSorted()) }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const host = (metricGroups?: string[]) => (meterProvider: MeterProvider) =>
    new HostMetrics({ meterProvider, ...(metricGroups && { metricGroups }) }).start()
  const ours = await read(provider => {
    watchNetwork(provider.getMeter('test'), path => files(head, devices('lo', 'eth0'))[path as '/proc/self/net/dev'])
    host(groupsWithoutNetwork)(provider)
  })
  expect(shape(ours)).toEqual(shape(await read(host())))
})
