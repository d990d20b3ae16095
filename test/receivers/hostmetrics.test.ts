/** What a `hostmetrics` of the Collector measures here: written down by its documentation, since the Collector of the peer tests lacks it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Consumer, Files } from '../../src/component/component.ts'
import { loadConfiguration } from '../../src/component/config.ts'
import type { MetricBatch } from '../../src/model/batch.ts'
import { protobufToJson } from '../../src/otlp/json.ts'
import { createReader } from '../../src/otlp/reader.ts'
import { Host, type Settings } from '../../src/receivers/host/host.ts'
import { systemWorld } from '../../src/world.ts'
import { aliases, components } from '../components.ts'
import { VirtualClock } from '../kit/clock.ts'
import { testContext } from '../kit/context.ts'

const stat = (pid: number, name: string, state: string, parent = 1) =>
  // pid (name) state ppid pgrp session tty tpgid flags minflt cminflt majflt cmajflt utime stime … threads itrealvalue starttime vsize rss …
  `${pid} (${name}) ${state} ${parent} 1 1 0 -1 0 70 0 3 0 250 50 0 0 20 0 4 0 1000 8192000 100 0 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 25 0 0\n`

const files: Record<string, string> = {
  '/proc/stat': 'cpu  9 9 9 9\ncpu0 100 20 300 4000 50 6 7 8 0 0\nbtime 1799990000\nprocesses 4321\n',
  '/proc/cpuinfo': 'processor\t: 0\ncpu MHz\t\t: 2000\nphysical id\t: 0\ncore id\t\t: 0\n\n',
  '/proc/meminfo':
    'MemTotal:  1000 kB\nMemFree:  100 kB\nMemAvailable:  600 kB\nBuffers:  50 kB\nCached:  200 kB\nSReclaimable:  30 kB\nSUnreclaim:  20 kB\n',
  '/proc/loadavg': '0.50 0.25 0.10 1/100 4242\n',
  '/proc/diskstats': '   8  0 sda 10 1 200 3000 20 2 400 5000 6 7000 8000 0 0 0 0\n   7  0 loop0 1 1 1 1 1 1 1 1 1 1 1\n',
  '/proc/1/mounts': '/dev/sda1 / ext4 rw,relatime 0 0\n/dev/sdb1 /var/lib/docker/x ext4 ro 0 0\ntmpfs /tmp tmpfs rw 0 0\n',
  '/proc/filesystems': 'nodev\ttmpfs\n\text4\n',
  '/proc/1/net/dev':
    'Inter-|   Receive  |  Transmit\n face |bytes\n  eth0: 1000 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0\n    lo: 5 5 0 0 0 0 0 0 5 5 0 0 0 0 0 0\n',
  '/proc/1/net/tcp':
    '  sl  local\n   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000\n   1: 0100007F:1F90 0100007F:A000 01 00000000:00000000\n',
  '/proc/swaps': 'Filename\tType\tSize\tUsed\tPriority\n/dev/sda2                               partition\t100\t25\t-2\n',
  '/proc/vmstat': 'pgpgin 1\npgpgout 2\npswpin 3\npswpout 4\npgfault 50\npgmajfault 6\n',
  '/proc/uptime': '10000.50 9000.00\n',
  '/etc/passwd': 'root:x:0:0:root:/root:/bin/sh\nlab:x:1000:1000::/home/lab:/bin/sh\n',
  '/proc/17/stat': stat(17, 'cart', 'S'),
  '/proc/17/cmdline': '/usr/bin/cart\0--port\0' + '8080\0',
  '/proc/17/io': 'rchar: 1\nread_bytes: 4096\nwrite_bytes: 8192\n',
  '/proc/17/status': 'Name:\tcart\nUid:\t1000\t1000\t1000\t1000\n',
  '/proc/18/stat': stat(18, 'other (odd) name', 'D', 17),
  '/proc/19/stat': stat(19, 'idle', 'I'),
}
const absent = (path: string) => Object.assign(new Error(path), { code: 'ENOENT' })
const hostfs: Files = {
  read: async path => Buffer.from(hostfs.readSync(path)),
  readSync(path) {
    const text = files[path.replace(/^\/hostfs/, '')]
    if (!path.startsWith('/hostfs/') || text === undefined) throw absent(path)
    return text
  },
  async list(path) {
    const prefix = `${path.replace(/^\/hostfs/, '')}/`
    return [...new Set(Object.keys(files).flatMap(name => (name.startsWith(prefix) ? [name.slice(prefix.length).split('/')[0]!] : [])))]
  },
  statfs: async () => ({ total: 1000, free: 400, available: 300, inodes: { total: 50, free: 20 } }),
}

const { files: systemFiles } = systemWorld(() => testContext().log, {
  level: 'info',
  encoding: 'json',
  initial_fields: {},
  output_paths: ['stderr'],
})

/** `name{key=value,…} value`, in the order in which they come; `pid` before what has a resource. */
function shown(batch: MetricBatch): string[] {
  type Attribute = { key: string; value: Record<string, unknown> }
  type Data = { dataPoints: { attributes?: Attribute[]; asInt?: string; asDouble?: number }[] }
  const request = protobufToJson('metrics', batch.raw.bytes()) as unknown as {
    resourceMetrics: {
      resource?: { attributes?: Attribute[] }
      scopeMetrics: { metrics: { name: string; unit: string; gauge?: Data; sum?: Data }[] }[]
    }[]
  }
  const pairs = (attributes: Attribute[] = []) => attributes.map(({ key, value }) => `${key}=${Object.values(value)[0]}`).join()
  return request.resourceMetrics.flatMap(({ resource, scopeMetrics }) => {
    const of = resource?.attributes?.length ? [pairs(resource.attributes)] : []
    const rows = scopeMetrics.flatMap(({ metrics }) =>
      metrics.flatMap(({ name, unit, gauge, sum }) =>
        (gauge ?? sum)!.dataPoints.map(({ attributes, asInt, asDouble }) => `${name} ${unit} {${pairs(attributes)}} ${asInt ?? asDouble}`),
      ),
    )
    return [...of, ...rows]
  })
}

async function snapshots(settings: Settings, count: number, between?: () => void, of: Files = hostfs): Promise<string[][]> {
  const clock = new VirtualClock(1_800_000_000_000)
  const cx = testContext({ id: 'hostmetrics', kind: 'receiver', clock, reader: createReader(), files: of })
  const batches: MetricBatch[] = []
  const next: Consumer<'metrics'> = { reserve() {}, consume: async batch => void batches.push(batch) }
  const receiver = new Host(cx, settings, next, 'linux')
  await receiver.start()
  const arrived = async (want: number) => {
    // The delay before the first begins when all is prepared, which takes real reads.
    while (batches.length < want) {
      await new Promise(resolve => setImmediate(resolve))
      await clock.advance(0)
    }
  }
  await arrived(1)
  between?.()
  if (count > 1) await clock.advance(settings.collection_interval)
  await arrived(count)
  await receiver.shutdown(new AbortController().signal)
  expect(clock.pending).toBe(0)
  expect(cx.lines.filter(({ level }) => level === 'warn')).toEqual([])
  return batches.map(shown)
}

function settingsOf(file: string): Settings {
  const text = readFileSync(join(import.meta.dirname, '../config/collector', file), 'utf8')
  const { receivers } = loadConfiguration([{ name: file, text }], { env: {}, factories: components, aliases })
  return receivers.get('hostmetrics')!.settings as unknown as Settings
}

test("a file of an agent measures what the Collector's documentation says", async () => {
  const settings = settingsOf('agent.host.yaml')
  expect(settings.root_path).toBe('/hostfs')
  const [first] = await snapshots(settings, 1)
  const states = ['buffered', 'cached', 'free', 'slab_reclaimable', 'slab_unreclaimable', 'used']
  const cpu = { user: 1, nice: 0.2, system: 3, idle: 40, wait: 0.5, interrupt: 0.06, softirq: 0.07, steal: 0.08 }
  expect(first!.filter(line => !line.startsWith('system.memory.') && !line.startsWith('system.network.connections'))).toEqual([
    ...Object.entries(cpu).map(([state, seconds]) => `system.cpu.time s {cpu=cpu0,state=${state}} ${seconds}`),
    'system.cpu.logical.count {cpu} {} 1',
    'system.cpu.load_average.1m {thread} {} 0.5',
    'system.cpu.load_average.5m {thread} {} 0.25',
    'system.cpu.load_average.15m {thread} {} 0.1',
    'system.disk.operations {operations} {device=sda,direction=read} 10',
    'system.disk.operations {operations} {device=sda,direction=write} 20',
    'system.disk.merged {operations} {device=sda,direction=read} 1',
    'system.disk.merged {operations} {device=sda,direction=write} 2',
    'system.disk.io By {device=sda,direction=read} 102400',
    'system.disk.io By {device=sda,direction=write} 204800',
    'system.disk.operation_time s {device=sda,direction=read} 3',
    'system.disk.operation_time s {device=sda,direction=write} 5',
    'system.disk.pending_operations {operations} {device=sda} 6',
    'system.disk.io_time s {device=sda} 7',
    'system.disk.weighted_io_time s {device=sda} 8',
    'system.filesystem.usage By {device=/dev/sda1,mode=rw,mountpoint=/,state=used,type=ext4} 600',
    'system.filesystem.usage By {device=/dev/sda1,mode=rw,mountpoint=/,state=free,type=ext4} 300',
    'system.filesystem.usage By {device=/dev/sda1,mode=rw,mountpoint=/,state=reserved,type=ext4} 100',
    'system.filesystem.utilization 1 {device=/dev/sda1,mode=rw,mountpoint=/,type=ext4} 0.6666666666666666',
    'system.filesystem.inodes.usage {inodes} {device=/dev/sda1,mode=rw,mountpoint=/,state=used,type=ext4} 30',
    'system.filesystem.inodes.usage {inodes} {device=/dev/sda1,mode=rw,mountpoint=/,state=free,type=ext4} 20',
    'system.network.io By {device=eth0,direction=receive} 1000',
    'system.network.io By {device=eth0,direction=transmit} 2000',
    'system.network.packets {packets} {device=eth0,direction=receive} 10',
    'system.network.packets {packets} {device=eth0,direction=transmit} 20',
    'system.network.dropped {packets} {device=eth0,direction=receive} 2',
    'system.network.dropped {packets} {device=eth0,direction=transmit} 4',
    'system.network.errors {errors} {device=eth0,direction=receive} 1',
    'system.network.errors {errors} {device=eth0,direction=transmit} 3',
    'system.paging.usage By {device=/dev/sda2,state=used} 25600',
    'system.paging.usage By {device=/dev/sda2,state=free} 76800',
    'system.paging.utilization 1 {device=/dev/sda2,state=used} 0.25',
    'system.paging.utilization 1 {device=/dev/sda2,state=free} 0.75',
    'system.paging.operations {operations} {direction=page_in,type=major} 3',
    'system.paging.operations {operations} {direction=page_out,type=major} 4',
    'system.paging.operations {operations} {direction=page_in,type=minor} 1',
    'system.paging.operations {operations} {direction=page_out,type=minor} 2',
    'system.paging.faults {faults} {type=major} 6',
    'system.paging.faults {faults} {type=minor} 44',
    'system.processes.created {processes} {} 4321',
    'system.processes.count {processes} {status=running} 0',
    'system.processes.count {processes} {status=blocked} 1',
    'system.processes.count {processes} {status=sleeping} 1',
    'system.processes.count {processes} {status=idle} 1',
    'system.uptime s {} 10000.5',
    [
      'process.pid=17,process.parent_pid=1,process.executable.name=cart,process.executable.path=/usr/bin/cart',
      'process.command=/usr/bin/cart,process.command_line=/usr/bin/cart --port 8080,process.owner=lab',
    ].join(),
    'process.cpu.time s {state=user} 2.5',
    'process.cpu.time s {state=system} 0.5',
    'process.cpu.time s {state=wait} 0.25',
    'process.memory.usage By {} 409600',
    'process.threads {threads} {} 4',
    'process.disk.io By {direction=read} 4096',
    'process.disk.io By {direction=write} 8192',
  ])
  const KB = 1024
  const memory = {
    used: 620 * KB,
    free: 100 * KB,
    buffered: 50 * KB,
    cached: 230 * KB,
    slab_reclaimable: 30 * KB,
    slab_unreclaimable: 20 * KB,
  }
  expect(first!.filter(line => line.startsWith('system.memory.usage')).toSorted()).toEqual(
    states.map(state => `system.memory.usage By {state=${state}} ${memory[state as keyof typeof memory]}`),
  )
  expect(first!.filter(line => line.startsWith('system.network.connections') && !line.endsWith(' 0'))).toEqual([
    'system.network.connections {connections} {protocol=tcp,state=ESTABLISHED} 1',
    'system.network.connections {connections} {protocol=tcp,state=LISTEN} 1',
  ])
})

test('utilization is told from the second snapshot on, in the share of the time that has passed', async () => {
  const before = files['/proc/stat']!
  onTestFinished(() => void (files['/proc/stat'] = before))
  const [first, second] = await snapshots(settingsOf('agent.host.yaml'), 2, () => {
    files['/proc/stat'] = before.replace('cpu0 100 20 300 4000', 'cpu0 125 20 300 4075')
  })
  const told = (lines: string[] | undefined) => lines!.filter(line => line.startsWith('system.cpu.utilization') && !line.endsWith(' 0'))
  expect([told(first), told(second)]).toEqual([
    [],
    ['system.cpu.utilization 1 {cpu=cpu0,state=user} 0.25', 'system.cpu.utilization 1 {cpu=cpu0,state=idle} 0.75'],
  ])
})

test('on this machine every scraper finds something', { skip: process.platform !== 'linux' }, async () => {
  const scrapers = Object.fromEntries(
    ['cpu', 'load', 'memory', 'disk', 'filesystem', 'network', 'paging', 'processes', 'system', 'process'].map(name => [name, null]),
  )
  const text = JSON.stringify({
    receivers: { hostmetrics: { initial_delay: '0s', scrapers } },
    exporters: { debug: null },
    service: { pipelines: { metrics: { receivers: ['hostmetrics'], exporters: ['debug'] } } },
  })
  const { receivers } = loadConfiguration([{ name: 'file', text }], { env: {}, factories: components, aliases })
  const [lines] = await snapshots(receivers.get('hostmetrics')!.settings as unknown as Settings, 1, undefined, systemFiles)
  const names = new Set(lines!.map(line => line.split(' ')[0]!))
  for (const name of ['system.cpu.time', 'system.memory.usage', 'system.network.io', 'system.processes.count', 'process.cpu.time'])
    expect([...names]).toContain(name)
  expect(lines!.some(line => line.startsWith(`process.pid=${process.pid},`))).toBe(true)
})
