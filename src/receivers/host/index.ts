import { z } from 'zod'
import { receiver } from '../../component/component.ts'
import { duration } from '../../component/settings.ts'
import { fileSystemSettings, match } from './filter.ts'
import { Host } from './host.ts'
import { offByDefault } from './points.ts'

const enabled = z.boolean().describe('Whether this part is measured.').default(true)
/** A part that can only be turned off. */
const part = (what: string) => z.strictObject({ enabled }).prefault({}).describe(what)

const config = z.strictObject({
  collection_interval: duration({ min: 100 }).prefault('1s').describe('How long from one snapshot to the next.'),
  initial_delay: duration().prefault('1s').describe('How long until the first snapshot.'),
  root_path: z
    .string()
    .regex(/^\//, 'must be an absolute path')
    .default('/')
    .describe("Where the host's file system is, for example `/hostfs` in a container that has it mounted there. Linux only."),
  metrics: z
    .record(z.string(), z.strictObject({ enabled: z.boolean().describe('Whether it is measured.') }))
    .default({})
    .describe(
      `Single metrics by name, \`{ enabled: false }\` or \`true\`. Off unless turned on: ${[...offByDefault].map(name => `\`${name}\``).join(', ')}.`,
    ),
  scrapers: z
    .strictObject({
      cpu: part('Times and utilization of each logical CPU by mode, counts, frequency.'),
      memory: part('Memory by state.'),
      load: z
        .strictObject({ enabled, cpu_average: z.boolean().describe('Divide the load by the number of CPUs.').default(false) })
        .prefault({})
        .describe('Load averages.'),
      disk: z
        .strictObject({
          enabled,
          include: match('devices', 'Only these disks').optional().describe('Which disks are measured.'),
          exclude: match('devices', 'Not these disks')
            .prefault({ devices: ['^(loop|ram|zram|fd)\\d+$'], match_type: 'regexp' })
            .describe('Which disks are not measured.'),
        })
        .prefault({})
        .describe('Operations and bytes of each disk and partition.'),
      filesystem: z
        .strictObject({
          enabled,
          ...fileSystemSettings,
        })
        .prefault({})
        .describe('Space of each file system.'),
      network: z
        .strictObject({
          enabled,
          include: match('interfaces', 'Only these interfaces').optional().describe('Which network interfaces are measured.'),
          exclude: match('interfaces', 'Not these interfaces').optional().describe('Which network interfaces are not measured.'),
        })
        .prefault({})
        .describe('Traffic of each network interface, TCP connections by state.'),
      paging: part('Swap space and page faults.'),
      processes: part('Number of processes by state.'),
      system: part('How long the system has been running.'),
      process: part('This process and its runtime: CPU, memory, threads, event loop, heap, garbage collection.'),
    })
    .prefault({})
    .describe('What is measured: everything, but for what is turned off.'),
})
export type Settings = z.infer<typeof config>

export default receiver({
  type: 'host',
  stability: 'beta',
  config,
  signals: ['metrics'],
  create: (cx, settings, next) => new Host(cx, settings, next.metrics),
})
