import { z } from 'zod'
import { receiver } from '../../component/component.ts'
import { serverAuth } from '../../component/http-server.ts'
import { bytes } from '../../component/settings.ts'
import { page } from './page.ts'
import { RemoteWriteReceiver } from './receiver.ts'

const config = z.strictObject({
  path: z.string().startsWith('/', 'must begin with "/"').default(page.path).describe('Where on the `api` listener requests are taken.'),
  max_request_body_size: bytes()
    .prefault('20MiB')
    .describe('A request that is larger, before or after decompression, is answered with 413.'),
  max_metadata_families: z
    .number()
    .int()
    .min(0)
    .default(20_000)
    .describe('Families whose type and help senders of 1.0 have told are remembered up to so many; the oldest are forgotten first.'),
  max_waiting_exemplars: z
    .number()
    .int()
    .min(0)
    .default(10_000)
    .describe(
      'Exemplars that came without a sample of their series wait for the next one, up to so many; the oldest are dropped first, and counted.',
    ),
  auth: serverAuth(),
})
export type Settings = z.infer<typeof config>

export default receiver({
  type: 'prometheus_remote_write',
  stability: 'beta',
  config,
  signals: ['metrics'],
  create: (cx, settings, next) => new RemoteWriteReceiver(cx, settings, next.metrics),
})
