/** Keeps what exporters hold on the disk, so that a restart goes on where it was and a sender's yes survives a crash. */
import { z } from 'zod'
import { extension } from '../../component/component.ts'
import { bytes, duration, withoutEffect } from '../../component/settings.ts'
import { FileStorage } from './storage.ts'

const config = z.strictObject({
  directory: z
    .string()
    .min(1)
    .default('/var/lib/otelcol/file_storage')
    .describe('Where the queues lie. For one process alone; its user must be able to write there.'),
  create_directory: z.boolean().default(false).describe('Make the directory, and those above it, where it does not exist.'),
  directory_permissions: z
    .string()
    .regex(/^0?[0-7]{1,3}$/, 'must be permissions in octal digits, in quotes, such as "0750"')
    .default('0750')
    .describe('Of a directory that is made, in octal, less what the process masks.'),
  timeout: duration().prefault('1s').describe('How long to wait at start while another process has the directory. 0: until it ends.'),
  fsync: z
    .boolean()
    .default(true)
    .describe(
      "A sender's yes comes when its batch would survive a loss of power; batches that wait share one sync. Off: it survives the end of the process, however that ends. The Collector's default is off.",
    ),
  recreate: z
    .boolean()
    .default(false)
    .describe(
      'Move a file of another version aside, as `….backup`, instead of refusing to start. Damage alone never keeps it from starting.',
    ),
  max_size: bytes()
    .prefault('8GiB')
    .describe('The most bytes that all queues in the directory take together. Full: as `block_on_overflow` of the exporter says.'),
  min_free_space: bytes()
    .prefault('256MiB')
    .describe('While the file system has less than this free, senders are asked to come again. Looked at once a second.'),
  compaction: z
    .strictObject({
      on_start: withoutEffect(z.boolean().default(false), 'what was delivered is deleted at start in any case'),
      on_rebound: withoutEffect(z.boolean().default(false), 'space is given back as soon as what takes it is delivered'),
      directory: withoutEffect(z.string().optional(), 'no temporary files are made'),
      rebound_needed_threshold_mib: withoutEffect(z.number().int().min(0).default(100), 'space is given back at once'),
      rebound_trigger_threshold_mib: withoutEffect(z.number().int().min(0).default(10), 'space is given back at once'),
      max_transaction_size: withoutEffect(z.number().int().min(0).default(65_536), 'nothing is compacted'),
      check_interval: withoutEffect(duration().prefault('5s'), 'space is given back at once'),
      cleanup_on_start: withoutEffect(z.boolean().default(false), 'no temporary files are made'),
    })
    .optional()
    .describe(
      'The Collector must compact its file to give space back. Here files are deleted when all in them is delivered: said at start, if set.',
    ),
})
export type FileStorageSettings = z.infer<typeof config>

export default extension({
  type: 'file_storage',
  stability: 'beta',
  config,
  create: (cx, settings) => new FileStorage(cx, settings),
})
