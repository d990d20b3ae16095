/**
 * What the Collector's `hostmetrics` measures, under its names, units and attributes, for files and dashboards that were made for it:
 * only the scrapers that are listed run, and each metric is on or off as it is there. Linux only, as /proc tells it.
 */
import { z } from 'zod'
import { duration, refused, withoutEffect } from '../../component/settings.ts'
import { fileSystemSettings, match } from './filter.ts'

/** By scraper: each metric, and whether it is on where nothing is said. */
const metrics = {
  cpu: {
    'system.cpu.time': true,
    'system.cpu.utilization': false,
    'system.cpu.logical.count': false,
    'system.cpu.physical.count': false,
    'system.cpu.frequency': false,
  },
  load: { 'system.cpu.load_average.1m': true, 'system.cpu.load_average.5m': true, 'system.cpu.load_average.15m': true },
  memory: {
    'system.memory.usage': true,
    'system.memory.utilization': false,
    'system.memory.limit': false,
    'system.linux.memory.available': false,
    'system.linux.memory.dirty': false,
    'system.memory.linux.shared': false,
  },
  disk: {
    'system.disk.io': true,
    'system.disk.operations': true,
    'system.disk.io_time': true,
    'system.disk.operation_time': true,
    'system.disk.weighted_io_time': true,
    'system.disk.pending_operations': true,
    'system.disk.merged': true,
  },
  filesystem: { 'system.filesystem.usage': true, 'system.filesystem.inodes.usage': true, 'system.filesystem.utilization': false },
  network: {
    'system.network.io': true,
    'system.network.packets': true,
    'system.network.dropped': true,
    'system.network.errors': true,
    'system.network.connections': true,
    'system.network.conntrack.count': false,
    'system.network.conntrack.max': false,
  },
  paging: {
    'system.paging.usage': true,
    'system.paging.operations': true,
    'system.paging.faults': true,
    'system.paging.utilization': false,
  },
  processes: { 'system.processes.count': true, 'system.processes.created': true },
  system: { 'system.uptime': true },
  process: {
    'process.cpu.time': true,
    'process.memory.usage': true,
    'process.memory.virtual': true,
    'process.disk.io': true,
    'process.cpu.utilization': false,
    'process.memory.utilization': false,
    'process.paging.faults': false,
    'process.threads': false,
    'process.open_file_descriptors': false,
    'process.context_switches': false,
    'process.signals_pending': false,
    'process.disk.operations': false,
    'process.uptime': false,
  },
} as const satisfies Record<string, Record<string, boolean>>
export type ScraperName = keyof typeof metrics

const notCut = ['a metric is measured with all of its attributes', 'leave it out, and aggregate where the metric is read'] as const

const metric = (on: boolean, description: string) =>
  z
    .strictObject({
      enabled: z.boolean().default(on).describe('Whether it is measured.'),
      attributes: refused(...notCut),
      aggregation_strategy: refused(...notCut),
    })
    .prefault({})
    .describe(description)

const metricsOf = <const S extends ScraperName>(name: S, more: z.core.$ZodLooseShape = {}) =>
  z
    .strictObject({
      ...Object.fromEntries(Object.entries(metrics[name]).map(([key, on]) => [key, metric(on, on ? 'On.' : 'Off unless turned on.')])),
      ...more,
    })
    .prefault({})
    .describe('Single metrics, on or off.')

const hugePages = refused('huge pages are not measured', 'leave it out')
const hugePageMetrics = Object.fromEntries(
  ['limit', 'page_size', 'reserved', 'surplus', 'usage', 'utilization'].map(name => [`system.memory.linux.hugepages.${name}`, hugePages]),
)

const attribute = (on: boolean, description: string) =>
  z
    .strictObject({
      enabled: z.boolean().default(on).describe('Whether the resource has it.'),
      metrics_include: refused('processes are chosen by their names', 'set include'),
      metrics_exclude: refused('processes are chosen by their names', 'set exclude'),
    })
    .prefault({})
    .describe(description)

const muted = () => withoutEffect(z.boolean().default(false), 'what cannot be read of a process is left out, and nothing is said')

const schema = z.strictObject({
  collection_interval: duration({ min: 100 }).prefault('1m').describe('How long from one snapshot to the next.'),
  initial_delay: duration().prefault('1s').describe('How long until the first snapshot.'),
  timeout: withoutEffect(duration().optional(), 'a snapshot takes milliseconds'),
  root_path: z
    .string()
    .regex(/^(\/.*)?$/, 'must be an absolute path')
    .default('')
    .describe("Where the host's file system is, for example `/hostfs` in a container that has it mounted there."),
  metadata_collection_interval: withoutEffect(duration().optional(), 'the host is no entity of its own: nothing is sent as log records'),
  scrapers: z
    .strictObject({
      cpu: z
        .strictObject({ metrics: metricsOf('cpu') })
        .optional()
        .describe('Times of each logical CPU by state.'),
      load: z
        .strictObject({
          cpu_average: z.boolean().describe('Divide the load by the number of CPUs.').default(false),
          metrics: metricsOf('load'),
        })
        .optional()
        .describe('Load averages.'),
      memory: z
        .strictObject({ metrics: metricsOf('memory', { ...hugePageMetrics, 'system.memory.page_size': hugePages }) })
        .optional()
        .describe('Memory by state.'),
      disk: z
        .strictObject({
          include: match('devices', 'Only these disks').optional().describe('Which disks are measured.'),
          exclude: match('devices', 'Not these disks').optional().describe('Which disks are not measured.'),
          metrics: metricsOf('disk'),
        })
        .optional()
        .describe('Operations and bytes of each disk and partition.'),
      filesystem: z
        .strictObject({
          ...fileSystemSettings,
          metrics: metricsOf('filesystem'),
        })
        .optional()
        .describe('Space and inodes of each file system.'),
      network: z
        .strictObject({
          include: match('interfaces', 'Only these interfaces').optional().describe('Which network interfaces are measured.'),
          exclude: match('interfaces', 'Not these interfaces').optional().describe('Which network interfaces are not measured.'),
          metrics: metricsOf('network'),
        })
        .optional()
        .describe('Traffic of each network interface, TCP connections by state.'),
      paging: z
        .strictObject({ metrics: metricsOf('paging') })
        .optional()
        .describe('Swap space and page faults.'),
      processes: z
        .strictObject({ metrics: metricsOf('processes') })
        .optional()
        .describe('Number of processes by status.'),
      system: z
        .strictObject({ metrics: metricsOf('system') })
        .optional()
        .describe('How long the system has been running.'),
      process: z
        .strictObject({
          include: match('names', 'Only processes of these names').optional().describe('Which processes are measured.'),
          exclude: match('names', 'Not processes of these names').optional().describe('Which processes are not measured.'),
          scrape_process_delay: duration().prefault('0s').describe('Younger processes are not measured.'),
          mute_process_all_errors: muted(),
          mute_process_name_error: muted(),
          mute_process_exe_error: muted(),
          mute_process_io_error: muted(),
          mute_process_user_error: muted(),
          mute_process_cgroup_error: muted(),
          metrics: metricsOf('process', { 'process.handles': refused('handles are those of Windows', 'leave it out', []) }),
          resource_attributes: z
            .strictObject({
              'process.pid': attribute(true, 'Its number.'),
              'process.parent_pid': attribute(true, 'The number of its parent.'),
              'process.executable.name': attribute(true, 'Its name.'),
              'process.executable.path': attribute(true, 'Its first word, where that is a whole path.'),
              'process.command': attribute(true, 'Its first word.'),
              'process.command_line': attribute(true, 'All its words.'),
              'process.owner': attribute(true, 'The name of the user it runs as, or the number.'),
              'process.cgroup': refused('control groups are not read', 'leave it out'),
            })
            .prefault({})
            .describe('What the resource of each process has.'),
        })
        .optional()
        .describe('CPU, memory and disk traffic of each process.'),
      nfs: refused('NFS is not measured', 'leave it out'),
      hardware: refused('sensors are not read', 'leave it out'),
    })
    .refine(scrapers => Object.values(scrapers).some(value => value !== undefined), 'needs at least one scraper')
    .describe('What is measured: only what is listed.'),
})

export type HostmetricsSettings = z.output<typeof schema>['scrapers']

/** Reads a `hostmetrics` of the Collector as settings of `host`. */
export const hostmetrics = schema.transform(({ scrapers, root_path, ...times }) => ({
  ...times,
  root_path: root_path === '' ? '/' : root_path,
  metrics: {},
  hostmetrics: scrapers,
}))

/** The names of metrics that are not measured. */
export function unwanted(scrapers: HostmetricsSettings): Set<string> {
  return new Set(
    Object.values(scrapers).flatMap(scraper => {
      const listed = (scraper as { metrics?: Record<string, { enabled?: boolean }> } | undefined)?.metrics ?? {}
      return Object.entries(listed).flatMap(([name, metric]) => (metric?.enabled === false ? [name] : []))
    }),
  )
}
