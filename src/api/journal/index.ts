/** What was decided, over HTTP: `/api/v1/journal` gives entries of the journal, in their order, each with the line that a timeline shows. */
import type { Handler, Logger } from '../../component/component.ts'
import type { Journals } from '../../component/journals.ts'
import { type Entry, type EntryKind, entryKinds, type Journal } from '../../model/journal.ts'
import { printEntry } from '../../model/journal-text.ts'
import { type Asking, answering, onlyThese, type Reply } from '../answering.ts'
import { ApiError, invalidParameter } from '../prometheus/answer.ts'
import type { Form } from '../prometheus/form.ts'
import { integer, limitParameter, optionalTime } from '../prometheus/times.ts'

export interface JournalApi {
  readonly log: Logger
  readonly journals: Journals
}

const parameters = ['kinds', 'from', 'start', 'end', 'limit']
const defaultLimit = 100
const mostEntries = 5000
/** [characters] of all entries of one answer */
const mostText = 2 ** 24

interface Question {
  readonly kinds: readonly EntryKind[]
  /** an id; undefined: the newest are wanted */
  readonly from: number | undefined
  /** [ms] */
  readonly start: number
  readonly end: number
  readonly limit: number
}
/** One entry as JSON; the entries of an answer, and whether there are others. */
interface Found {
  readonly entries: readonly string[]
  readonly more: boolean
}

export function journalApi({ log, journals }: JournalApi): readonly (readonly [path: string, handler: Handler])[] {
  return [['/api/v1/journal', answering(log, asking => ask(journals, asking))]]
}

async function ask(journals: Journals, { form, signal }: Asking): Promise<Reply> {
  const question = toQuestion(form)
  const journal = journals.get()
  if (journal === undefined) throw new ApiError('unavailable', 'there is no journal here: no extension of the type journal runs')
  const { entries, more } = question.from === undefined ? await newest(journal, question, signal) : await next(journal, question, signal)
  return { type: 'application/json', pieces: toJson(entries, journal), more }
}

/** @throws {ApiError} */
function toQuestion(form: Form): Question {
  onlyThese(form, parameters)
  const end = optionalTime(form, 'end', Number.POSITIVE_INFINITY)
  const start = optionalTime(form, 'start', Number.NEGATIVE_INFINITY)
  if (end < start) throw invalidParameter('end', 'end timestamp must not be before start time')
  const limit = limitParameter(form) || defaultLimit
  if (limit > mostEntries) throw invalidParameter('limit', `must be at most ${mostEntries}, got ${limit}`)
  return { kinds: kindsOf(form.get('kinds')), from: fromOf(form.get('from')), start, end, limit }
}

function fromOf(text: string): number | undefined {
  if (text === '') return undefined
  const from = integer(text)
  if (from === undefined || from < 0)
    throw invalidParameter('from', `must be the id of an entry, got ${JSON.stringify(text.slice(0, 100))}`)
  return from
}

function kindsOf(text: string): readonly EntryKind[] {
  if (text === '') return entryKinds
  return text.split(',').map(word => {
    const kind = entryKinds.find(kind => kind === word.trim())
    if (kind === undefined)
      throw invalidParameter('kinds', `must be of ${entryKinds.join(', ')}, got ${JSON.stringify(word.trim().slice(0, 100))}`)
    return kind
  })
}

/** The first ones from an id on. */
async function next(journal: Journal, { kinds, from = 0, start, end, limit }: Question, signal: AbortSignal): Promise<Found> {
  const entries: string[] = []
  let text = 0
  for await (const entry of journal.replay(kinds, Math.max(from, journal.firstSince(start)))) {
    signal.throwIfAborted()
    if (entry.time < start || entry.time > end) continue
    if (entries.length === limit || text > mostText) return { entries, more: true }
    const shown = show(entry)
    text += shown.length
    entries.push(shown)
  }
  return { entries, more: false }
}

/** The last ones, read from further and further back until there are enough: what is new is asked for most, and is in memory. */
async function newest(journal: Journal, question: Question, signal: AbortSignal): Promise<Found> {
  const first = Math.max(journal.first, journal.firstSince(question.start))
  for (let width = question.limit + 1; ; width *= 8) {
    const from = Math.max(first, journal.last - width + 1)
    const found = await lastOf(journal, from, question, signal)
    if (found.more || from === first) return found
  }
}

async function lastOf(journal: Journal, from: number, { kinds, start, end, limit }: Question, signal: AbortSignal): Promise<Found> {
  const entries: string[] = []
  let text = 0
  let more = false
  for await (const entry of journal.replay(kinds, from)) {
    signal.throwIfAborted()
    if (entry.time < start || entry.time > end) continue
    const shown = show(entry)
    text += shown.length
    entries.push(shown)
    while (entries.length > limit || (text > mostText && entries.length > 1)) {
      more = true
      text -= entries.shift()!.length
    }
  }
  return { entries, more }
}

const show = (entry: Entry): string => JSON.stringify({ ...entry, text: printEntry(entry) })

function* toJson(entries: readonly string[], { first, last }: Journal): Generator<string> {
  yield `{"status":"success","data":{"first":${first},"last":${last},"entries":[`
  for (const [i, entry] of entries.entries()) yield i === 0 ? entry : `,${entry}`
  yield ']}}\n'
}
