/** The journal, from outside: what was decided, a line for each entry. Exit codes: 0; 1, it cannot be told; 2, some of it is damaged and lost. */
import { parseTime } from '../api/prometheus/times.ts'
import { type Entry, type EntryKind, entryKinds } from '../model/journal.ts'
import { printEntry } from '../model/journal-text.ts'
import { EntryVersionError } from '../store/journal/body.ts'
import { readJournal } from '../store/journal/read.ts'
import { type Arguments, type Command, type Outside, UsageError } from './command.ts'
import { cannotRead } from './directory.ts'

const DAMAGED = 2

export const journal: Command = {
  name: 'journal',
  takes: 'DIR',
  says: 'prints what was decided, from the directory of a journal, also while its process runs; exit 2 if some of it is damaged',
  flags: {
    kinds: { takes: 'KIND,…', says: `only entries of these: ${entryKinds.join(', ')}` },
    from: { takes: 'ID|TIME', says: 'entries from that one on, such as 17, or since then, such as 2026-01-31T12:00:00Z' },
    to: { takes: 'TIME', says: 'entries up to then' },
    json: { says: 'prints entries whole, one a line' },
  },
  async run({ flags, rest }, outside) {
    const [given] = rest
    if (given === undefined) throw new UsageError('journal needs a directory', 'write thalamus journal DIR')
    const directory = given.replace(/(?<=.)\/+$/, '')
    try {
      return await print(directory, flags, outside)
    } catch (error) {
      if (error instanceof EntryVersionError)
        throw new UsageError(`${directory}: ${error.message}`, 'read it with the newer version of this program')
      throw cannotRead(directory, error, 'a journal')
    }
  },
}

async function print(directory: string, flags: Arguments['flags'], { disk, print, complain }: Outside): Promise<number> {
  const kinds = kindsOf(flags.get('kinds')?.at(-1))
  const to = timeOf('to', flags.get('to')?.at(-1)) ?? Number.POSITIVE_INFINITY
  const wanted = wantedOf(flags.get('from')?.at(-1))
  let damages = 0
  const damaged = (path: string, from: number, to: number) => {
    damages++
    complain(`${path}: bytes ${from} to ${to} are damaged: what was written there is lost`)
  }
  const show = flags.has('json') ? (entry: Entry) => JSON.stringify(entry) : line
  let shown = 0
  for await (const entry of readJournal(disk, directory, wanted, damaged)) {
    if (entry.time > to || !kinds.has(entry.kind)) continue
    print(show(entry))
    shown++
  }
  if (shown === 0) complain(`${directory}: no such entries`)
  return damages > 0 ? DAMAGED : 0
}

/** `2026-01-31T12:00:00.000Z  17  alert CartBurn{service="cart"} pending -> firing 14.9` */
const line = (entry: Entry): string => `${new Date(entry.time).toISOString()}  ${entry.id}  ${printEntry(entry)}`

function kindsOf(text: string | undefined): ReadonlySet<EntryKind> {
  const known: readonly string[] = entryKinds
  const kinds = text?.split(',').map(kind => kind.trim()) ?? known
  const unknown = kinds.find(kind => !known.includes(kind))
  if (unknown !== undefined) throw new UsageError(`--kinds knows no ${JSON.stringify(unknown)}`, `known: ${known.join(', ')}`)
  return new Set(kinds as EntryKind[])
}

function wantedOf(text: string | undefined) {
  if (text !== undefined && /^\d{1,9}$/.test(text)) return { from: Number(text), since: Number.NEGATIVE_INFINITY }
  return { from: 0, since: timeOf('from', text, 'the id of an entry, or a time') ?? Number.NEGATIVE_INFINITY }
}

function timeOf(flag: string, text: string | undefined, what = 'a time'): number | undefined {
  if (text === undefined) return undefined
  const time = parseTime(text)
  if (time === undefined)
    throw new UsageError(`--${flag} must be ${what}, got ${JSON.stringify(text)}`, 'write seconds since 1970, or 2026-01-31T12:00:00Z')
  return time
}
