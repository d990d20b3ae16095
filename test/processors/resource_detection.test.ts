import { describe, expect, test } from 'vitest'
import { Ledger } from '../../src/component/ledger.ts'
import type { AnyBatch } from '../../src/model/batch.ts'
import { Raw } from '../../src/model/raw.ts'
import { readAttributes } from '../../src/otlp/attributes.ts'
import { resourceHolder } from '../../src/otlp/holders.ts'
import { createReader } from '../../src/otlp/reader.ts'
import { encode } from '../../src/otlp/write.ts'
import detection from '../../src/processors/resource_detection/index.ts'
import { settled, VirtualClock } from '../kit/clock.ts'
import { testContext } from '../kit/context.ts'
import { processorContract } from '../kit/contract.ts'

processorContract({ factory: detection })

const id = 'ab'.repeat(32)
const machine = {
  '/proc/self/environ':
    'HOME=/root\0OTEL_RESOURCE_ATTRIBUTES=service.version=1.2, team = a%2Fb ,empty=\0K8S_POD_NAME=cart-1\0K8S_NODE_NAME=node-7\0',
  '/proc/sys/kernel/hostname': 'cart-1\n',
  '/proc/sys/kernel/osrelease': '6.8.0-45-generic\n',
  '/proc/sys/kernel/arch': 'x86_64\n',
  '/etc/hosts': '127.0.0.1 localhost\n10.0.0.5 cart-1.shop.example cart-1 # pod\n',
  '/etc/os-release': 'NAME="Debian GNU/Linux"\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
  '/etc/machine-id': '0123456789abcdef0123456789abcdef\n',
  '/proc/cpuinfo':
    'processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 1\nmodel name\t: AMD EPYC\nstepping\t: 0\ncache size\t: 512 KB\n\nprocessor\t: 1\nmodel name\t: other\n',
  '/proc/net/fib_trie':
    'Local:\n  +-- 0.0.0.0/0\n     |-- 10.0.0.5\n        /32 host LOCAL\n     |-- 127.0.0.1\n        /32 host LOCAL\n     |-- 10.0.0.0\n        /24 link UNICAST\n',
  '/proc/net/if_inet6':
    '00000000000000000000000000000001 01 80 10 80 lo\nfe800000000000000000000000000001 02 40 20 80 eth0\n20010db8000000000000000000000005 02 40 00 80 eth0\n',
  '/sys/class/net/eth0/address': '0a:1b:2c:3d:4e:5f\n',
  '/sys/class/net/lo/address': '00:00:00:00:00:00\n',
  '/proc/self/cgroup': `0::/system.slice/docker-${id}.scope\n`,
  '/var/run/secrets/kubernetes.io/serviceaccount/namespace': 'shop',
  '/sys/class/dmi/id/sys_vendor': 'Amazon EC2\n',
  '/sys/class/dmi/id/product_name': 'm5.large\n',
  '/sys/class/dmi/id/board_asset_tag': 'i-0abc\n',
  '/run/cloud-init/instance-data.json': '{"v1":{"region":"eu-west-1","availability_zone":"eu-west-1a","cloud_name":"aws"}}',
} as const satisfies Record<string, string>

function world(files: Record<string, string>) {
  const clock = new VirtualClock()
  const ledger = new Ledger()
  const gone = (path: string) => Promise.reject(Object.assign(new Error(`no ${path}`), { code: 'ENOENT' }))
  const cx = testContext({
    id: 'resource_detection',
    kind: 'processor',
    clock,
    ledger,
    reader: createReader({ now: () => clock.now() }),
    files: {
      read: path => (files[path] === undefined ? gone(path) : Promise.resolve(Buffer.from(files[path]))),
      list: path => (path === '/sys/class/net' ? Promise.resolve(['lo', 'eth0']) : gone(path)),
    },
  })
  return { cx, clock, ledger }
}

async function run(settings: object, files: Record<string, string> = machine, resource: object = { 'host.name': 'told' }) {
  const { cx, clock } = world(files)
  const passed: AnyBatch[] = []
  const next = { reserve() {}, consume: async (batch: AnyBatch) => void passed.push(batch) }
  const make = detection.create.traces as unknown as (...given: unknown[]) => {
    start(): Promise<void>
    shutdown(): Promise<void>
    consume(batch: AnyBatch): Promise<void>
  }
  const component = make(cx, detection.config.parse(settings), next)
  await component.start()
  const send = async () => {
    const batch = cx.reader.read(
      'traces',
      Raw.of(
        encode('traces', {
          resourceSpans: [
            {
              resource: { attributes: resource },
              scopeSpans: [{ spans: [{ name: 'n', traceId: '01'.repeat(16), spanId: '02'.repeat(8) }] }],
            },
          ],
        }),
      ),
    )
    await component.consume(batch)
    const { bytes, pieces } = resourceHolder(passed.at(-1)!, 0)
    return { batch, passed: passed.at(-1)!, attributes: Object.fromEntries(readAttributes(bytes, pieces[0]!.start, pieces[0]!.end, 1)) }
  }
  return { cx, clock, component, send }
}
const found = async (settings: object, files: Record<string, string> = machine) =>
  (await (await run(settings, files, {})).send()).attributes
const all = (...names: string[]) => ({ resource_attributes: Object.fromEntries(names.map(name => [name, { enabled: true }])) })

describe('finds', () => {
  test.each<[what: string, settings: object, attributes: object]>([
    ['env', {}, { 'service.version': '1.2', team: 'a/b', empty: '' }],
    ['system', { detectors: ['system'] }, { 'host.name': 'cart-1.shop.example', 'os.type': 'linux' }],
    [
      'system, by its own name',
      { detectors: ['system'], system: { hostname_sources: ['os'] } },
      { 'host.name': 'cart-1', 'os.type': 'linux' },
    ],
    [
      'system, all of it',
      {
        detectors: ['system'],
        system: all(
          'host.arch',
          'host.id',
          'host.ip',
          'host.mac',
          'host.interface',
          'host.cpu.vendor.id',
          'host.cpu.family',
          'host.cpu.model.id',
          'host.cpu.model.name',
          'host.cpu.stepping',
          'host.cpu.cache.l2.size',
          'os.name',
          'os.version',
          'os.description',
          'os.build.id',
        ),
      },
      {
        'host.name': 'cart-1.shop.example',
        'host.arch': 'amd64',
        'host.id': '0123456789abcdef0123456789abcdef',
        'host.ip': ['10.0.0.5', 'fe80::1', '2001:db8::5'],
        'host.mac': ['0A-1B-2C-3D-4E-5F'],
        'host.interface': ['eth0', 'lo'],
        'host.cpu.vendor.id': 'AuthenticAMD',
        'host.cpu.family': '25',
        'host.cpu.model.id': '1',
        'host.cpu.model.name': 'AMD EPYC',
        'host.cpu.stepping': '0',
        'host.cpu.cache.l2.size': 512,
        'os.type': 'linux',
        'os.name': 'Debian GNU/Linux',
        'os.version': '12',
        'os.description': 'Debian GNU/Linux 12 (bookworm) (Linux 6.8.0-45-generic)',
        'os.build.id': '6.8.0-45-generic',
      },
    ],
    ['the container', { detectors: ['container'] }, { 'container.id': id }],
    ['the pod', { detectors: ['kubernetes'] }, { 'k8s.namespace.name': 'shop', 'k8s.pod.name': 'cart-1', 'k8s.node.name': 'node-7' }],
    [
      'the cloud, but for what is not asked for',
      { detectors: ['cloud'], cloud: { resource_attributes: { 'host.type': { enabled: false } } } },
      {
        'cloud.provider': 'aws',
        'cloud.platform': 'aws_ec2',
        'cloud.region': 'eu-west-1',
        'cloud.availability_zone': 'eu-west-1a',
        'host.id': 'i-0abc',
      },
    ],
  ])('%s', async (_, settings, attributes) => expect(await found(settings)).toEqual(attributes))

  test('a container by its mounts, where its control group is hidden', async () => {
    const files = {
      '/proc/self/cgroup': '0::/\n',
      '/proc/self/mountinfo': `1 2 0:1 /var/lib/docker/containers/${id}/hostname /etc/hostname rw\n`,
    }
    expect(await found({ detectors: ['container'] }, files)).toEqual({ 'container.id': id })
  })
  test('nothing, where there is nothing', async () => {
    const { send } = await run({ detectors: ['env', 'system', 'container', 'kubernetes', 'cloud'] }, {})
    const { batch, passed } = await send()
    expect(passed).toBe(batch)
  })
})

test('override replaces what a resource says of itself, or does not; of two detectors the first counts', async () => {
  const files = { ...machine, '/proc/self/environ': 'OTEL_RESOURCE_ATTRIBUTES=os.type=mine' }
  const settings = { detectors: ['env', 'system'] }
  expect((await (await run(settings, files)).send()).attributes).toEqual({ 'host.name': 'cart-1.shop.example', 'os.type': 'mine' })
  expect((await (await run({ ...settings, override: false }, files)).send()).attributes).toEqual({ 'host.name': 'told', 'os.type': 'mine' })
})

test('a detector that fails is said, and costs only what it would have found', async () => {
  const { cx, send } = await run(
    { detectors: ['env', 'system'] },
    { ...machine, '/proc/self/environ': 'OTEL_RESOURCE_ATTRIBUTES=nonsense' },
  )
  expect((await send()).attributes['os.type']).toBe('linux')
  expect(cx.lines.filter(({ level }) => level === 'warn').map(({ fields }) => fields)).toEqual([
    { detector: 'env', error: 'OTEL_RESOURCE_ATTRIBUTES: "nonsense" is no key=value' },
  ])
})

test('it is found out again, as often as asked', async () => {
  const files: Record<string, string> = { ...machine }
  const { clock, component, send } = await run({ detectors: ['system'], refresh_interval: '1m' }, files)
  files['/etc/hosts'] = ''
  expect((await send()).attributes['host.name']).toBe('cart-1.shop.example')
  await clock.advance(60_000)
  await settled()
  expect((await send()).attributes['host.name']).toBe('cart-1')
  await component.shutdown()
  expect(clock.pending).toBe(0)
})
