/** Entries as people read them: the lines of a timeline, of an audit trail, of a scenario's expectation. */
import type { Entry, EntryKind, EntryLabels, EntryOf } from './journal.ts'

/** `12m alert CartBurn{service="cart"} inactive -> pending 14.9` is a time, and these three. */
export interface EntryText {
  readonly kind: string
  readonly subject: string
  readonly detail: string
}

const labels = (of: EntryLabels): string => {
  const pairs = Object.entries(of).sort(([a], [b]) => (a < b ? -1 : 1))
  return pairs.length === 0 ? '' : `{${pairs.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')}}`
}
const words = (...all: readonly (string | number | undefined | null)[]): string =>
  all.filter(word => word !== undefined && word !== null && word !== '').join(' ')
const by = (name: string | undefined) => name && `by ${name}`

type Lines = { readonly [K in EntryKind]: (data: EntryOf<K>['data']) => readonly [subject: string, detail: string] }
const lines: Lines = {
  // Its name is among its labels, too.
  alert: ({ alert, labels: { alertname: _, ...of }, from, to, value }) => [alert + labels(of), words(`${from} -> ${to}`, value)],
  notice: ({ receiver, outcome, reason, group, firing, resolved, attempt }) => [
    words(receiver, outcome),
    words(reason, labels(group), `${firing} firing`, `${resolved} resolved`, attempt && `attempt ${attempt}`),
  ],
  silence: ({ silence, change, matchers, by: name, comment }) => [
    words(silence, change),
    words(`{${matchers.join(',')}}`, by(name), comment),
  ],
  acknowledgement: ({ incident, by: name, comment }) => [words(incident, 'acknowledged'), words(by(name), comment)],
  incident: ({ incident, change, title, severity, subject }) => [words(incident, change), words(title, severity, subject)],
  cause: ({ incident, cause, score, evidence }) => [words(incident, cause, score.toFixed(2)), evidence.join(', ')],
  action: ({ incident, action, target, change, reason, dryRun }) => [
    words(incident, `${change}${reason === undefined ? '' : `: ${reason}`}`),
    words(action, target, dryRun ? '(dry run)' : ''),
  ],
  approval: ({ action, target, decision, by: name, comment }) => [words(action, target, decision), words(by(name), comment)],
  model: ({ model, change, reason }) => [words(model, change), words(reason)],
  mode: ({ subject, from, to, reason, by: name }) => [words(subject, `${from} -> ${to}`), words(reason, by(name))],
}

export function entryText({ kind, data }: Entry): EntryText {
  const [subject, detail] = (lines[kind] as (of: Entry['data']) => readonly [string, string])(data)
  return { kind, subject, detail }
}

/** One line, without its time: `alert CartBurn{service="cart"} inactive -> pending 14.9`. */
export function printEntry(entry: Entry): string {
  const { kind, subject, detail } = entryText(entry)
  return words(kind, subject, detail)
}
