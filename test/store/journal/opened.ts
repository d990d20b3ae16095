/** A journal on a disk in memory, for tests. */
import { type Entry, entryKinds, type NewEntry } from '../../../src/model/journal.ts'
import { DiskJournal, type JournalSettings } from '../../../src/store/journal/journal.ts'
import { VirtualClock } from '../../kit/clock.ts'
import { seeded } from '../../kit/context.ts'
import { MemoryDisk } from '../../kit/disk.ts'

export const day = 86_400_000
export const directory = '/journal'
let opened = 0

export async function openJournal(disk = new MemoryDisk(), more: Partial<JournalSettings> = {}, clock = new VirtualClock()) {
  const lines: { level: string; message: string; fields: object }[] = []
  const say = (level: string) => (fields: object, message: string) => void lines.push({ level, message, fields })
  const log = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
  const settings = { directory, retentionMs: 30 * day, maxBytes: 0, ...more }
  const journal = await DiskJournal.open(settings, { disk, clock, log, random: seeded(++opened) })
  return { journal, disk, clock, lines }
}

export const mode = (to: string): NewEntry => ({ kind: 'mode', data: { subject: 'breaker', from: 'x', to } })

export async function all(journal: DiskJournal, from = 0): Promise<Entry[]> {
  const entries: Entry[] = []
  for await (const entry of journal.replay(entryKinds, from)) entries.push(entry)
  return entries
}
/** `id:key` of each */
export const shown = async (journal: DiskJournal, from = 0): Promise<string[]> =>
  (await all(journal, from)).map(({ id, key }) => `${id}:${key}`)
