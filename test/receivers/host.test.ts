import { existsSync } from 'node:fs'
import * as semconv from '@opentelemetry/semantic-conventions/incubating'
import { describe, expect, test } from 'vitest'
import { Budget } from '../../src/component/budget.ts'
import type { Consumer, Files } from '../../src/component/component.ts'
import { RetryableError } from '../../src/component/errors.ts'
import { createOwnTelemetry } from '../../src/component/own-telemetry.ts'
import type { MetricBatch } from '../../src/model/batch.ts'
import { protobufToJson } from '../../src/otlp/json.ts'
import { createReader } from '../../src/otlp/reader.ts'
import { Host } from '../../src/receivers/host/host.ts'
import factory, { type Settings } from '../../src/receivers/host/index.ts'
import { offByDefault } from '../../src/receivers/host/points.ts'
import { nodeFiles } from '../../src/world.ts'
import { settled, VirtualClock } from '../kit/clock.ts'
import { type TestWorld, testContext } from '../kit/context.ts'
import { measuringReceiverContract, paperworkContract } from '../kit/contract.ts'

paperworkContract(factory)

interface Point {
  readonly attributes: Readonly<Record<string, unknown>>
  readonly value: unknown
  readonly start: string | undefined
  readonly time: string
}
interface Measured {
  readonly unit: string
  readonly kind: string
  readonly resource: Readonly<Record<string, unknown>>
  readonly points: readonly Point[]
}

type Attribute = { key: string; value: Record<string, unknown> }
const plain = (attributes: readonly Attribute[] = []) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))

/** What was sent, by metric name. */
function measured(batch: MetricBatch): Map<string, Measured> {
  type Data = { dataPoints: Record<string, unknown>[]; isMonotonic?: boolean }
  const request = protobufToJson('metrics', batch.raw.bytes()) as unknown as {
    resourceMetrics: {
      resource: { attributes: Attribute[] }
      scopeMetrics: { metrics: { name: string; unit: string; gauge?: Data; sum?: Data; histogram?: Data }[] }[]
    }[]
  }
  const found = new Map<string, Measured>()
  for (const { resource, scopeMetrics } of request.resourceMetrics) {
    for (const { name, unit, gauge, sum, histogram } of scopeMetrics.flatMap(s => s.metrics)) {
      const kind = gauge ? 'gauge' : histogram ? 'histogram' : sum!.isMonotonic ? 'counter' : 'level'
      const points = (gauge ?? sum ?? histogram)!.dataPoints.map(p => ({
        attributes: plain(p['attributes'] as Attribute[]),
        value: p['asDouble'] ?? (p['asInt'] === undefined ? p : Number(p['asInt'])),
        start: p['startTimeUnixNano'] as string | undefined,
        time: p['timeUnixNano'] as string,
      }))
      expect(found.has(name)).toBe(false)
      found.set(name, { unit, kind, resource: plain(resource.attributes), points })
    }
  }
  return found
}

const only = (...names: (keyof Settings['scrapers'])[]) => {
  const all = Object.keys(factory.config.parse({})['scrapers'] as object)
  return Object.fromEntries(all.map(name => [name, { enabled: names.includes(name as keyof Settings['scrapers']) }]))
}

/** A machine of our own: files by path, a clock, and what arrives downstream. */
function machine(files: Record<string, string | undefined>, settings: object = {}, options: TestWorld & { platform?: string } = {}) {
  const clock = new VirtualClock(1_800_000_000_000)
  const absent = (path: string) => Object.assign(new Error(`no ${path}`), { code: 'ENOENT' })
  const reading: string[] = []
  const fake: Files = {
    async read(path) {
      return Buffer.from(this.readSync(path))
    },
    readSync(path) {
      reading.push(path)
      const text = files[path]
      if (text === undefined) throw absent(path)
      if (text === 'EACCES') throw Object.assign(new Error('permission denied'), { code: 'EACCES' })
      return text
    },
    async list(path) {
      const prefix = `${path}/`
      const names = new Set(Object.keys(files).flatMap(p => (p.startsWith(prefix) ? [p.slice(prefix.length).split('/')[0]!] : [])))
      if (names.size === 0) throw absent(path)
      return [...names]
    },
    async statfs(path) {
      if (path.includes('broken')) throw Object.assign(new Error('stale handle'), { code: 'ESTALE' })
      return { total: 1000, free: 400, available: 300 }
    },
  }
  const telemetry = createOwnTelemetry({
    ledger: testContext().ledger,
    budget: new Budget(),
    clock,
    memory: () => ({ usedBytes: 0, limitBytes: 1 }),
    version: '0',
    metrics: 'normal',
    traces: 'none',
    resource: {},
  })
  const cx = testContext({
    id: 'host',
    kind: 'receiver',
    clock,
    reader: createReader(),
    files: fake,
    meter: telemetry.meter('host'),
    ...options,
  })
  const batches: MetricBatch[] = []
  const answer: { with?: () => Promise<void> } = {}
  const next: Consumer<'metrics'> = {
    reserve() {},
    async consume(batch) {
      await answer.with?.()
      batches.push(batch)
    },
  }
  const metrics = Object.fromEntries([...offByDefault].map(name => [name, { enabled: true }]))
  const host = new Host(cx, factory.config.parse({ metrics, ...settings }) as Settings, next, options.platform ?? 'linux')
  const last = () => measured(batches.at(-1)!)
  const values = (name: string) => (last().get(name)?.points ?? []).map(p => [...Object.values(p.attributes), p.value])
  const own = async (name: string) => {
    const { scopeMetrics } = await telemetry.collect()
    const points = scopeMetrics.flatMap(s => s.metrics).find(m => m.descriptor.name === name)?.dataPoints ?? []
    return points.reduce((sum, p) => sum + Number(p.value), 0)
  }
  return { clock, cx, files, host, batches, last, values, answer, reading, own }
}

const cpuLine = (n: number, user: number, idle: number) => `cpu${n} ${user} 0 0 ${idle} 0 0 0 0 0 0`
const stat = (...cpus: string[]) => `cpu 0\n${cpus.join('\n')}\nbtime 1700000000\nprocesses 99\n`
const linux: Record<string, string> = {
  '/proc/stat': stat(cpuLine(0, 100, 900), cpuLine(1, 200, 800)),
  '/proc/cpuinfo':
    'processor\t: 0\ncpu MHz\t\t: 2000\nphysical id\t: 0\ncore id\t\t: 0\n\nprocessor\t: 1\ncpu MHz\t\t: 3000\nphysical id\t: 0\ncore id\t\t: 0\n',
  '/proc/meminfo': 'MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 400 kB\nShmem: 3 kB\nSReclaimable: 5 kB\nSUnreclaim: 6 kB\n',
  '/proc/loadavg': '2 1 0.5 2/101 4106\n',
  '/proc/diskstats': '254 0 vda 1 2 3 4000 5 6 7 8000 0 9000 1\n7 0 loop0 1 1 1 1 1 1 1 1 1 1 1\n',
  '/sys/class/block/vda/size': '2048\n',
  '/proc/self/mounts': '/dev/vda / ext4 rw 0 0\nproc /proc proc rw 0 0\n/dev/vdb /broken xfs ro 0 0\noverlay /var/x overlay rw 0 0\n',
  '/proc/filesystems': 'nodev\tproc\nnodev\toverlay\n\text4\n\txfs\n',
  '/proc/self/net/dev': 'h\nh\n  lo: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n eth0: 10 20 30 40 0 0 0 0 50 60 70 80 0 0 0 0\n',
  '/proc/self/net/sockstat': 'TCP: inuse 1 orphan 0 tw 1 alloc 1 mem 1\n',
  '/proc/self/net/tcp':
    '  sl\n   0: 00000000:07E8 00000000:0000 0A 0:0\n   1: 0100007F:961E 0100007F:B20B 06 0:0\n   2: 0100007F:961E 0100007F:B20B 01 0:0\n',
  '/proc/vmstat': 'pgpgin 1\npgpgout 2\npswpin 3\npswpout 4\npgfault 50\npgmajfault 6\n',
  '/proc/swaps': 'Filename Type Size Used Priority\n/swapfile file 100 25 -2\n',
  '/proc/uptime': '2238.18 3361.77\n',
  '/proc/1/stat': '1 (init) S 0 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 1 4096 1',
  '/proc/22/stat': '22 (run) R 0 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 1 4096 1',
  '/proc/23/stat': '23 (gone) Z 0 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 1 4096 1',
  '/proc/self/stat': '5 (node) R 0 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 11 0 1 123456 1',
  '/proc/self/io': 'read_bytes: 5\nwrite_bytes: 7\n',
  '/proc/self/fd/0': '',
  '/proc/self/fd/1': '',
  '/etc/machine-id': 'abc123\n',
  '/etc/os-release': 'PRETTY_NAME="Some Linux 1"\nNAME=Some\nVERSION_ID="1"\n',
}

measuringReceiverContract('host', {
  signal: 'metrics',
  create: (next, clock, ledger) => {
    const { cx } = machine(linux, {}, { clock, ledger })
    const component = new Host(cx, factory.config.parse({}) as Settings, next.metrics!, 'linux')
    return Object.assign(component, { account: cx.account('metrics') })
  },
})

describe('a snapshot of Linux', () => {
  test('is everything, on the names of the conventions', async () => {
    const m = machine({ ...linux })
    await m.host.start()
    await m.clock.advance(1000)
    m.files['/proc/stat'] = stat(cpuLine(0, 130, 970), cpuLine(1, 200, 900))
    await m.clock.advance(1000)
    expect(m.batches).toHaveLength(2)
    const { values } = m
    expect(values('system.cpu.time').filter(([, mode]) => mode === 'user')).toEqual([
      ['0', 'user', 1.3],
      ['1', 'user', 2],
    ])
    expect(values('system.cpu.utilization').filter(([, , value]) => value !== 0)).toEqual([
      ['0', 'user', expect.closeTo(0.3)],
      ['0', 'idle', expect.closeTo(0.7)],
      ['1', 'idle', 1],
    ])
    expect(values('system.cpu.logical.count')).toEqual([[2]])
    expect(values('system.cpu.physical.count')).toEqual([[1]])
    expect(values('system.cpu.frequency')).toEqual([
      ['0', 2e9],
      ['1', 3e9],
    ])
    expect(values('system.cpu.load_average.1m')).toEqual([[2]])
    expect(values('system.cpu.load_average.15m')).toEqual([[0.5]])
    expect(values('system.memory.limit')).toEqual([[1024000]])
    expect(values('system.memory.usage')).toEqual([
      ['used', 614400],
      ['available', 409600],
    ])
    expect(values('system.memory.utilization')).toEqual([
      ['used', 0.6],
      ['available', 0.4],
    ])
    expect(values('system.memory.linux.available')).toEqual([[409600]])
    expect(values('system.memory.linux.slab.usage')).toEqual([
      ['reclaimable', 5120],
      ['unreclaimable', 6144],
    ])
    expect(values('system.disk.io')).toEqual([
      ['vda', 'read', 1536],
      ['vda', 'write', 3584],
    ])
    expect(values('system.disk.io_time')).toEqual([['vda', 9]])
    expect(values('system.disk.limit')).toEqual([['vda', 1048576]])
    expect(values('system.filesystem.usage')).toEqual([
      ['/dev/vda', 'rw', '/', 'ext4', 'used', 600],
      ['/dev/vda', 'rw', '/', 'ext4', 'free', 300],
      ['/dev/vda', 'rw', '/', 'ext4', 'reserved', 100],
    ])
    expect(values('system.network.io')).toEqual([
      ['lo', 'receive', 1],
      ['lo', 'transmit', 5],
      ['eth0', 'receive', 10],
      ['eth0', 'transmit', 50],
    ])
    expect(values('system.network.packet.dropped')).toContainEqual(['eth0', 'transmit', 80])
    expect(values('system.network.connection.count').filter(([, , n]) => n !== 0)).toEqual([
      ['tcp', 'established', 1],
      ['tcp', 'time_wait', 1],
      ['tcp', 'listen', 1],
    ])
    expect(values('system.paging.usage')).toEqual([
      ['/swapfile', 'used', 25600],
      ['/swapfile', 'free', 76800],
    ])
    expect(values('system.paging.faults')).toEqual([
      ['major', 6],
      ['minor', 44],
    ])
    expect(values('system.process.count')).toEqual([
      ['running', 1],
      ['sleeping', 1],
      ['stopped', 0],
      ['defunct', 1],
    ])
    expect(values('system.process.created')).toEqual([[99]])
    expect(values('system.uptime')).toEqual([[2238.18]])
    expect(values('process.thread.count')).toEqual([[11]])
    expect(values('process.memory.virtual')).toEqual([[123456]])
    expect(values('process.unix.file_descriptor.count')).toEqual([[2]])
    expect(values('process.disk.io')).toEqual([
      ['read', 5],
      ['write', 7],
    ])
    expect(values('process.cpu.time').map(([mode]) => mode)).toEqual(['user', 'system'])
    await m.host.shutdown(AbortSignal.timeout(1000))
    expect(m.clock.pending).toBe(0)
  })

  test('names and units are those of the conventions', async () => {
    const m = machine({ ...linux })
    await m.host.start()
    await m.clock.advance(2000)
    const known = new Set(Object.entries(semconv).flatMap(([key, value]) => (key.startsWith('METRIC_') ? [value as string] : [])))
    const named = [...m.last().keys()].filter(name => !name.startsWith('system.cpu.load_average.'))
    expect(named.filter(name => !known.has(name))).toEqual([])
    const attributes = new Set(Object.entries(semconv).flatMap(([key, value]) => (key.startsWith('ATTR_') ? [value as string] : [])))
    const used = new Set(
      [...m.last().values()].flatMap(({ points, resource }) => [
        ...points.flatMap(p => Object.keys(p.attributes)),
        ...Object.keys(resource),
      ]),
    )
    expect([...used].filter(key => !attributes.has(key))).toEqual([])
    for (const [name, { unit }] of m.last()) expect(unit, name).toMatch(/^(s|By|1|Hz|\{[a-z_]+\})$/)
    await m.host.shutdown(AbortSignal.timeout(1000))
  })

  test('belongs to the host, and its process to the process', async () => {
    const m = machine({ ...linux })
    await m.host.start()
    await m.clock.advance(1000)
    const host = { 'host.id': 'abc123', 'os.type': 'linux', 'os.description': 'Some Linux 1', 'os.name': 'Some', 'os.version': '1' }
    expect(m.last().get('system.cpu.time')?.resource).toMatchObject(host)
    expect(m.last().get('system.cpu.time')?.resource).not.toHaveProperty('process.pid')
    expect(m.last().get('process.cpu.time')?.resource).toMatchObject({ ...host, 'process.pid': String(process.pid) })
    await m.host.shutdown(AbortSignal.timeout(1000))
  })

  test('counters begin with the boot of the system; gauges have no beginning', async () => {
    const m = machine({ ...linux })
    await m.host.start()
    await m.clock.advance(1000)
    const [point] = m.last().get('system.network.io')!.points
    expect([point!.start, point!.time]).toEqual(['1700000000000000000', '1800000001000000000'])
    expect(m.last().get('system.uptime')!.points[0]!.start).toBeUndefined()
    await m.host.shutdown(AbortSignal.timeout(1000))
  })
})

describe('what goes wrong', () => {
  test.each(Object.keys(linux).filter(path => path.startsWith('/proc') && !/self\/fd|^\/proc\/\d/.test(path)))(
    '%s that cannot be read costs its own metrics, and is said once',
    async path => {
      const whole = machine({ ...linux })
      await whole.host.start()
      await whole.clock.advance(2000)
      const m = machine({ ...linux, [path]: 'EACCES' })
      await m.host.start()
      await until(() => m.clock.pending > 0)
      await m.clock.advance(7000)
      expect(m.batches.length).toBeGreaterThan(3)
      // What the runtime has to say differs from one moment to the next: whether it has collected, for example.
      const names = (of: typeof m) => [...of.last().keys()].filter(name => !/^(nodejs|v8js)\./.test(name))
      expect(names(whole)).toEqual(expect.arrayContaining(names(m)))
      expect(names(m).length).toBeGreaterThan(names(whole).length - 10)
      const said = m.cx.lines.filter(line => line.level === 'warn')
      expect(said.length).toBeGreaterThanOrEqual(1)
      expect(new Set(said.map(line => JSON.stringify(line)))).toHaveProperty('size', said.length)
      expect(await m.own('otelcol_scraper_errored_metric_points')).toBeGreaterThan(0)
      await m.host.shutdown(AbortSignal.timeout(1000))
      await whole.host.shutdown(AbortSignal.timeout(1000))
    },
  )

  test('nonsense in every file is no crash', async () => {
    const m = machine(Object.fromEntries(Object.keys(linux).map(path => [path, 'nonsense \0 -1 NaN\n: : :'])))
    await m.host.start()
    await until(() => m.clock.pending > 0)
    await m.clock.advance(3000)
    expect(m.last().get('process.cpu.time')).toBeDefined()
    await m.host.shutdown(AbortSignal.timeout(1000))
  })

  test('a snapshot that is refused is dropped and counted, and the next one is taken', async () => {
    const m = machine({ ...linux }, { scrapers: only('load') })
    m.answer.with = () => Promise.reject(new RetryableError('full'))
    await m.host.start()
    await m.clock.advance(3000)
    m.answer.with = () => Promise.resolve()
    await m.clock.advance(1000)
    const account = m.cx.account('metrics')
    expect([account.received, account.accepted, account.refused]).toEqual([12, 3, 9])
    expect(account.imbalance).toBe(0)
    expect(m.cx.budget.used).toBe(0)
    await m.host.shutdown(AbortSignal.timeout(1000))
  })

  test('while a snapshot waits downstream no other is made', async () => {
    const m = machine({ ...linux }, { scrapers: only('load') })
    const gate = Promise.withResolvers<void>()
    m.answer.with = () => gate.promise
    await m.host.start()
    await m.clock.advance(10_000)
    expect(m.reading.filter(path => path === '/proc/loadavg')).toHaveLength(1)
    expect(m.cx.budget.used).toBeGreaterThan(0)
    gate.resolve()
    await settled()
    await m.clock.advance(1000)
    expect(m.batches).toHaveLength(2)
    await m.host.shutdown(AbortSignal.timeout(1000))
  })

  test('when memory is short nothing is measured', async () => {
    const m = machine({ ...linux }, { scrapers: only('load') })
    await m.host.start()
    await m.clock.advance(1000)
    m.cx.budget.pressed = true
    await m.clock.advance(3000)
    expect(m.batches).toHaveLength(1)
    expect(await m.own('otelcol_scraper_errored_metric_points')).toBe(9)
    await m.host.shutdown(AbortSignal.timeout(1000))
  })

  test('a clock that is set back spoils no share and no start', async () => {
    const m = machine({ ...linux }, { scrapers: only('cpu', 'process') })
    await m.host.start()
    await m.clock.advance(1000)
    m.files['/proc/stat'] = stat(cpuLine(0, 150, 950), cpuLine(1, 200, 900))
    const now = m.clock.now.bind(m.clock)
    m.clock.now = () => now() - 200_000_000_000
    await m.clock.advance(1000)
    for (const [, , value] of m.values('system.cpu.utilization')) expect(value).toBeGreaterThanOrEqual(0)
    for (const [, value] of m.values('process.cpu.utilization')) expect(value).toBeGreaterThanOrEqual(0)
    for (const { points } of m.last().values()) {
      for (const { start, time } of points) expect(BigInt(start ?? 0)).toBeLessThanOrEqual(BigInt(time))
    }
    await m.host.shutdown(AbortSignal.timeout(1000))
  })

  test('a CPU counter that goes back, or a CPU that is new, makes no share below 0', async () => {
    const m = machine({ ...linux }, { scrapers: only('cpu') })
    await m.host.start()
    await m.clock.advance(1000)
    m.files['/proc/stat'] = stat(cpuLine(0, 90, 1000), cpuLine(1, 200, 900), cpuLine(2, 5, 5))
    await m.clock.advance(1000)
    const shares = m.values('system.cpu.utilization')
    expect(shares.map(([cpu]) => cpu)).not.toContain('2')
    for (const [, , value] of shares) expect(value).toBeGreaterThanOrEqual(0)
    await m.host.shutdown(AbortSignal.timeout(1000))
  })

  test('shutdown without start, twice, and while it waits', async () => {
    const m = machine({ ...linux })
    await m.host.shutdown(AbortSignal.timeout(1000))
    await m.host.shutdown(AbortSignal.timeout(1000))
    const waiting = machine({ ...linux })
    await waiting.host.start()
    await settled()
    await waiting.host.shutdown(AbortSignal.timeout(1000))
    expect(waiting.clock.pending).toBe(0)
    await waiting.clock.advance(5000)
    expect(waiting.batches).toHaveLength(0)
  })

  test('shutdown gives up on a downstream that never answers', async () => {
    const m = machine({ ...linux }, { scrapers: only('load') })
    m.answer.with = () => new Promise(() => {})
    await m.host.start()
    await m.clock.advance(1000)
    const deadline = new AbortController()
    const done = m.host.shutdown(deadline.signal)
    deadline.abort()
    await done
    expect(m.clock.pending).toBe(0)
  })

  test('with nobody to give to nothing is measured', async () => {
    const m = machine({ ...linux })
    const host = new Host(m.cx, factory.config.parse({}) as Settings, undefined, 'linux')
    await host.start()
    await m.clock.advance(5000)
    expect(m.reading).toEqual([])
    await host.shutdown(AbortSignal.timeout(1000))
  })
})

describe('settings', () => {
  test('single metrics are turned on and off by name; counts are off unless asked for', async () => {
    const m = machine(
      {},
      { metrics: { 'system.uptime': { enabled: false }, 'process.thread.count': { enabled: true } } },
      { files: nodeFiles },
    )
    await m.host.start()
    await until(() => m.clock.pending > 0)
    await m.clock.advance(1000)
    await until(() => m.batches.length > 0)
    const names = [...m.last().keys()]
    expect(names.filter(name => offByDefault.has(name))).toEqual(['process.thread.count'])
    expect(names).not.toContain('system.uptime')
    await m.host.shutdown(AbortSignal.timeout(1000))
  })
  test.each<[string, object, string, string[]]>([
    ['only these disks', { disk: { include: { devices: ['loop0'] }, exclude: { devices: [] } } }, 'system.disk.io_time', ['loop0']],
    ['not these', { disk: { exclude: { devices: ['^v'], match_type: 'regexp' } } }, 'system.disk.io_time', ['loop0']],
    [
      'only these interfaces',
      { network: { include: { interfaces: ['^e'], match_type: 'regexp' } } },
      'system.network.io',
      ['eth0', 'eth0'],
    ],
    ['not these places', { filesystem: { exclude_mount_points: { mount_points: ['/'] } } }, 'system.filesystem.limit', []],
    ['only these types', { filesystem: { include_fs_types: { fs_types: ['ext4'] } } }, 'system.filesystem.limit', ['/dev/vda']],
    [
      'virtual file systems too',
      { filesystem: { include_virtual_filesystems: true, exclude_devices: { devices: ['proc'] } } },
      'system.filesystem.limit',
      ['/dev/vda', 'overlay'],
    ],
  ])('%s', async (_, scrapers, name, devices) => {
    const m = machine({ ...linux }, { scrapers })
    await m.host.start()
    await m.clock.advance(1000)
    expect(m.values(name).map(([device]) => device)).toEqual(devices)
    await m.host.shutdown(AbortSignal.timeout(1000))
  })

  test('parts that are turned off are not even read', async () => {
    const m = machine({ ...linux }, { scrapers: only('memory'), collection_interval: '5s', initial_delay: '0' })
    await m.host.start()
    await m.clock.advance(11_000)
    expect(m.batches).toHaveLength(3)
    expect([...m.last().keys()].every(name => name.startsWith('system.memory.'))).toBe(true)
    expect(m.reading).not.toContain('/proc/diskstats')
    await m.host.shutdown(AbortSignal.timeout(1000))
  })

  test('the load may be told for each CPU', async () => {
    const m = machine({ ...linux }, { scrapers: { load: { cpu_average: true } } })
    await m.host.start()
    await m.clock.advance(1000)
    const [[load]] = m.values('system.cpu.load_average.1m') as [[number]]
    expect(load).toBeGreaterThan(0)
    expect(load).toBeLessThanOrEqual(2)
    await m.host.shutdown(AbortSignal.timeout(1000))
  })

  test('a host that is mounted elsewhere', async () => {
    const mounted = Object.fromEntries(
      Object.entries(linux).map(([path, text]) => [`/hostfs${path.replace('/proc/self/', '/proc/1/')}`, text]),
    )
    const m = machine({ ...mounted, '/hostfs/etc/hostname': 'outside\n' }, { root_path: '/hostfs/' })
    await m.host.start()
    await m.clock.advance(1000)
    expect(m.last().get('system.cpu.time')?.resource).toMatchObject({ 'host.name': 'outside', 'host.id': 'abc123' })
    expect(m.values('system.filesystem.limit')).toEqual([['/dev/vda', 'rw', '/', 'ext4', 1000]])
    expect(m.values('system.network.io')).toHaveLength(4)
    await m.host.shutdown(AbortSignal.timeout(1000))
  })

  test.each([
    [{ collection_interval: '1ms' }],
    [{ root_path: 'relative' }],
    [{ scrapers: { gpu: {} } }],
    [{ scrapers: { disk: { include: { devices: ['['], match_type: 'regexp' } } } }],
  ])('refused: %j', settings => expect(factory.config.safeParse(settings).success).toBe(false))
})

const until = async (condition: () => boolean) => {
  while (!condition()) await settled(1)
}

describe.runIf(existsSync('/proc/stat'))('this machine', () => {
  test('through /proc', async () => {
    const m = machine({}, {}, { files: nodeFiles })
    await m.host.start()
    await until(() => m.clock.pending > 0)
    await m.clock.advance(1000)
    await until(() => m.batches.length > 0)
    const names = m.last()
    for (const name of [
      'system.cpu.time',
      'system.memory.usage',
      'system.network.io',
      'system.process.created',
      'process.thread.count',
      'v8js.memory.heap.used',
    ]) {
      expect(names.get(name)?.points.length, name).toBeGreaterThan(0)
    }
    expect(m.cx.lines.filter(line => line.level === 'warn')).toEqual([])
    expect(m.cx.account('metrics')).toMatchObject({ received: m.batches[0]!.rows, accepted: m.batches[0]!.rows })
    await m.host.shutdown(AbortSignal.timeout(1000))
  })
})

describe('systems without /proc', () => {
  test('tell the same names, through systeminformation and host-metrics', async () => {
    const m = machine({}, {}, { files: nodeFiles, platform: 'darwin' })
    await m.host.start()
    await until(() => m.clock.pending > 0)
    await m.clock.advance(1000)
    await until(() => m.batches.length > 0)
    await m.clock.advance(1000)
    await until(() => m.batches.length > 1)
    const names = m.last()
    for (const name of [
      'system.cpu.time',
      'system.cpu.utilization',
      'system.memory.usage',
      'system.cpu.load_average.1m',
      'system.filesystem.usage',
      'system.process.count',
      'system.uptime',
      'process.cpu.time',
    ]) {
      expect(names.get(name)?.points.length, name).toBeGreaterThan(0)
    }
    const [cpu] = names.get('system.cpu.time')!.points
    expect(cpu!.attributes).toEqual({ 'cpu.logical_number': '0', 'cpu.mode': expect.stringMatching(/^(user|system|idle|interrupt|nice)$/) })
    for (const { attributes } of names.get('system.network.io')?.points ?? []) {
      expect(Object.keys(attributes)).toEqual(['network.interface.name', 'network.io.direction'])
    }
    expect(names.get('system.cpu.time')?.resource).toMatchObject({ 'os.type': 'darwin' })
    expect(m.reading).toEqual([])
    await m.host.shutdown(AbortSignal.timeout(1000))
  })
})
