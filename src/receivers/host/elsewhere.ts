/**
 * Systems without Linux' /proc. Memory, load, disks, file systems and processes come from `systeminformation`, which may start
 * programs to find out, so every ten seconds; CPU times and network traffic from `@opentelemetry/host-metrics`, whose names
 * and attributes are older than the conventions and are translated. Both are loaded only here.
 */
import { loadavg, uptime as osUptime } from 'node:os'
import type { Attributes as SdkAttributes } from '@opentelemetry/api'
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'
import { cpuTime, cpuUtilization, loadMetrics, uptime } from './cpu.ts'
import { addDisk, addFileSystem, type FileSystem, type FileSystemSettings, mountFilter } from './disk.ts'
import { filter } from './filter.ts'
import { addMemory, addSwap } from './memory.ts'
import { type NetworkSettings, networkErrors, networkIo, packetDropped } from './network.ts'
import type { Attributes, Metric } from './points.ts'
import { addStates, type StateCounts } from './processes.ts'
import { type Scraper, Slow, Source, type Surroundings } from './scraper.ts'

const load = () => import('systeminformation').then(module => module.default)

/** One question to systeminformation, asked in the background. */
function asked<T>(
  name: string,
  around: Surroundings,
  ask: () => Promise<T>,
  tell: (answer: T, points: Parameters<Scraper['scrape']>[0]) => void,
): Scraper {
  const source = new Source(around)
  const answer = new Slow(around.clock, () => source.attemptAsync(name, ask))
  return {
    name,
    resource: 'host',
    prepare: () => answer.renew(),
    scrape(points) {
      void answer.renew()
      if (answer.value !== undefined) tell(answer.value, points)
    },
  }
}

export const memoryElsewhere = (around: Surroundings): Scraper =>
  asked(
    'memory',
    around,
    async () => (await load()).mem(),
    ({ total, available }, points) => addMemory(points, total, available),
  )

export const pagingElsewhere = (around: Surroundings): Scraper =>
  asked(
    'paging',
    around,
    async () => (await load()).mem(),
    ({ swaptotal, swapused }, points) => addSwap(points, '', swaptotal, swapused),
  )

export const diskElsewhere = (around: Surroundings): Scraper =>
  asked(
    'disk',
    around,
    async () => {
      const si = await load()
      return { operations: await si.disksIO(), bytes: await si.fsStats() }
    },
    ({ operations, bytes }, points) => {
      const direction = (word: string): Attributes => [['disk.io.direction', word]]
      const attributes = { read: direction('read'), write: direction('write'), device: [] }
      const { rIO, wIO } = operations ?? {}
      addDisk(points, { device: '', ...known({ reads: rIO, writes: wIO, readBytes: bytes?.rx, writtenBytes: bytes?.wx }) }, attributes)
    },
  )

/** Without what is not known. */
const known = <K extends string>(numbers: Record<K, number | null | undefined>): Partial<Record<K, number>> =>
  Object.fromEntries(Object.entries(numbers).filter(([, value]) => typeof value === 'number')) as Partial<Record<K, number>>

export const filesystemElsewhere = (around: Surroundings, settings: FileSystemSettings): Scraper => {
  const wanted = mountFilter(settings)
  return asked(
    'filesystem',
    around,
    async () => (await load()).fsSize(),
    (sizes, points) => {
      for (const { fs, mount, type, size, used, available, rw } of sizes) {
        const system: FileSystem = {
          device: fs,
          mountpoint: mount,
          type,
          mode: rw ? 'rw' : 'ro',
          total: size,
          free: size - used,
          available,
        }
        if (wanted(system)) addFileSystem(points, system)
      }
    },
  )
}

export const processesElsewhere = (around: Surroundings): Scraper =>
  asked(
    'processes',
    around,
    async (): Promise<StateCounts> => {
      const { all, running, sleeping, list } = await (await load()).processes()
      const defunct = list.filter(p => p.state === 'zombie').length
      const stopped = list.filter(p => p.state === 'stopped').length
      // Some systems tell no states at all.
      return new Map(running + sleeping === 0 ? [['running', all]] : Object.entries({ running, sleeping, stopped, defunct }))
    },
    (counts, points) => addStates(points, counts),
  )

export function loadElsewhere(settings: { readonly cpu_average: boolean }, cpus: number): Scraper {
  return {
    name: 'load',
    resource: 'host',
    scrape(points) {
      const loads = loadavg()
      loadMetrics.forEach((metric, i) => void points.add(metric, loads[i]! / (settings.cpu_average ? cpus : 1)))
    },
  }
}

export const systemElsewhere = (): Scraper => ({ name: 'system', resource: 'host', scrape: points => points.add(uptime, osUptime()) })

/** host-metrics' names → ours, and its attributes → ours. Its own process group is left out: Node tells that better. */
const translations: Readonly<Record<string, { metric: Metric; attributes: (from: SdkAttributes) => Attributes }>> = {
  'system.cpu.time': { metric: cpuTime, attributes: ofMode },
  'system.cpu.utilization': { metric: cpuUtilization, attributes: ofMode },
  'system.network.io': { metric: networkIo, attributes: ofInterface },
  'system.network.errors': { metric: networkErrors, attributes: ofInterface },
  'system.network.dropped': { metric: packetDropped, attributes: ofInterface },
  'system.network.packet.dropped': { metric: packetDropped, attributes: ofInterface },
}

function ofMode(from: SdkAttributes): Attributes {
  return [
    ['cpu.logical_number', Number(from['system.cpu.logical_number'] ?? from['cpu.logical_number'])],
    ['cpu.mode', String(from['system.cpu.state'] ?? from['cpu.mode'])],
  ]
}

function ofInterface(from: SdkAttributes): Attributes {
  return [
    ['network.interface.name', String(from['system.device'] ?? from['network.interface.name'])],
    ['network.io.direction', String(from['network.io.direction'])],
  ]
}

class PullReader extends MetricReader {
  protected async onShutdown(): Promise<void> {}
  protected async onForceFlush(): Promise<void> {}
}

/** `system.cpu` or `system.network` as host-metrics measures it, in its own provider. */
function hostMetrics(name: 'cpu' | 'network', around: Surroundings, wanted: (device: string) => boolean): Scraper {
  const reader = new PullReader()
  const provider = new MeterProvider({ readers: [reader] })
  const source = new Source(around)
  return {
    name,
    resource: 'host',
    async prepare() {
      const { HostMetrics } = await import('@opentelemetry/host-metrics')
      new HostMetrics({ meterProvider: provider, metricGroups: [`system.${name}`] }).start()
      await reader.collect()
    },
    async scrape(points) {
      const collected = await source.attemptAsync(name, () => reader.collect())
      for (const { descriptor, dataPoints } of collected?.resourceMetrics.scopeMetrics.flatMap(s => s.metrics) ?? []) {
        const translation = translations[descriptor.name]
        if (translation === undefined) continue
        for (const { attributes, value } of dataPoints) {
          if (typeof value === 'number' && wanted(String(attributes['system.device'])))
            points.add(translation.metric, value, translation.attributes(attributes))
        }
      }
    },
    close: () => void provider.shutdown(),
  }
}

export const cpuElsewhere = (around: Surroundings): Scraper => hostMetrics('cpu', around, () => true)

export const networkElsewhere = (around: Surroundings, settings: NetworkSettings): Scraper =>
  hostMetrics('network', around, filter('interfaces', settings.include, settings.exclude))
