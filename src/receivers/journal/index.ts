/** Hands on what is decided, as events of OpenTelemetry: log records with a name and attributes, for any pipeline of logs. */
import { z } from 'zod'
import { receiver } from '../../component/component.ts'
import { entryKinds } from '../../model/journal.ts'
import { JournalReceiver } from './receiver.ts'

const config = z.strictObject({
  journal: z.string().min(1).optional().describe('The id of the extension that keeps the journal. Without it, the first there is.'),
  kinds: z
    .array(z.enum(entryKinds as readonly [(typeof entryKinds)[number], ...(typeof entryKinds)[number][]]))
    .default([])
    .describe('Only entries of these kinds; empty: all.'),
  start_at: z
    .enum(['beginning', 'end'])
    .default('end')
    .describe('Where it begins the first time; after that it goes on where it was, also in the next process.'),
  max_batch: z.number().int().min(1).max(10_000).default(500).describe('Entries handed on at once, at most.'),
})
export type Settings = z.infer<typeof config>

export default receiver({
  type: 'journal',
  stability: 'alpha',
  config,
  signals: ['logs'],
  create: (cx, settings, next) => new JournalReceiver(cx, settings, next.logs),
})
