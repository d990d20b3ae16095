/**
 * What is decided, as what is measured is a series: one journal of entries, append-only. State is a replay of it, and the audit trail, the timeline and
 * a scenario's expectation are the journal, printed (journal-text.ts). Each kind has its own data and version; a part that decides something
 * new adds a kind to `EntryData` and `entryVersions`.
 */

/** Label names and values, as of an alert. */
export type EntryLabels = Readonly<Record<string, string>>

export const alertStates = ['inactive', 'pending', 'firing'] as const
export type AlertState = (typeof alertStates)[number]

export interface AlertTransition {
  readonly alert: string
  /** the rule group it is of */
  readonly group?: string
  readonly labels: EntryLabels
  readonly annotations?: EntryLabels
  readonly from: AlertState
  readonly to: AlertState
  /** of the expression; null where it has none any more, or none that JSON can say */
  readonly value: number | null
  /** ms, since when the expression has had it */
  readonly activeAt: number
}

export interface Notice {
  readonly receiver: string
  /** why somebody is told, or is not */
  readonly reason: string
  /** `held`: it was decided not to send it, or not yet */
  readonly outcome: 'intended' | 'sent' | 'held' | 'failed'
  /** labels that its alerts have in common */
  readonly group: EntryLabels
  readonly firing: number
  readonly resolved: number
  readonly attempt?: number
}

export interface SilenceChange {
  readonly silence: string
  readonly change: 'created' | 'updated' | 'expired'
  /** as written: `service=~"cart|shop"` */
  readonly matchers: readonly string[]
  /** ms */
  readonly startsAt: number
  readonly endsAt: number
  readonly by: string
  readonly comment: string
}

export interface Acknowledgement {
  /** the incident */
  readonly incident: string
  readonly by: string
  readonly comment?: string
  /** ms, until when it counts; without it, to the end */
  readonly until?: number
}

export interface IncidentChange {
  readonly incident: string
  readonly change: 'opened' | 'joined' | 'escalated' | 'merged' | 'resolved' | 'reopened'
  readonly title: string
  readonly severity?: string
  /** what joined, or what it was merged into */
  readonly subject?: string
}

/** A cause that may be the one. */
export interface Hypothesis {
  readonly incident: string
  readonly cause: string
  /** 0..1 */
  readonly score: number
  readonly evidence: readonly string[]
}

export interface RecoveryAction {
  readonly incident: string
  readonly action: string
  readonly target: string
  readonly change: 'proposed' | 'refused' | 'started' | 'succeeded' | 'failed' | 'rolled_back'
  readonly reason?: string
  readonly dryRun: boolean
}

export interface Approval {
  readonly action: string
  readonly target: string
  readonly decision: 'approved' | 'denied'
  readonly by: string
  readonly comment?: string
}

export interface ModelUpdate {
  readonly model: string
  readonly change: 'learned' | 'replaced' | 'reset' | 'drifted'
  readonly reason?: string
  readonly parameters?: Readonly<Record<string, number>>
}

export interface ModeChange {
  /** whose: a component, a breaker, the whole */
  readonly subject: string
  readonly from: string
  readonly to: string
  readonly reason?: string
  readonly by?: string
}

/** By kind, in the words that a timeline has. */
export interface EntryData {
  alert: AlertTransition
  notice: Notice
  silence: SilenceChange
  acknowledgement: Acknowledgement
  incident: IncidentChange
  cause: Hypothesis
  action: RecoveryAction
  approval: Approval
  model: ModelUpdate
  mode: ModeChange
}
export type EntryKind = keyof EntryData

/** The version in which this program writes each kind. A journal with a later one, or with a kind that is not here, is refused by name. */
export const entryVersions: Readonly<Record<EntryKind, number>> = {
  alert: 1,
  notice: 1,
  silence: 1,
  acknowledgement: 1,
  incident: 1,
  cause: 1,
  action: 1,
  approval: 1,
  model: 1,
  mode: 1,
}
export const entryKinds = Object.keys(entryVersions) as readonly EntryKind[]

/** What somebody wants to be remembered. */
export type NewEntry = {
  [K in EntryKind]: {
    readonly kind: K
    readonly data: EntryData[K]
    /** ms, when it was so; without it, now */
    readonly time?: number
    /** the id of the entry that it follows from */
    readonly cause?: number
  }
}[EntryKind]

/** What is remembered. A plain object of JSON: it may be sent to another thread as it is. */
export type EntryOf<K extends EntryKind> = {
  [Kind in K]: {
    /** ascends from 1 in the order of the journal; a number is never given twice, and some are given to nothing */
    readonly id: number
    /** Unix epoch milliseconds */
    readonly time: number
    readonly kind: Kind
    readonly version: number
    /** of two entries of one key only the first is written */
    readonly key: string
    readonly cause?: number
    readonly data: EntryData[Kind]
  }
}[K]
export type Entry = EntryOf<EntryKind>

export interface Appended {
  readonly entry: Entry
  /** it was written now; else it is the one that has had that key before */
  readonly fresh: boolean
}

export interface Snapshot {
  /** the state covers every entry up to this id */
  readonly position: number
  /** JSON */
  readonly state: unknown
}

export interface Journal {
  /**
   * Append before effect: resolves when the entry would survive a loss of power. The same key again, in this process or a later one, writes nothing and
   * gives the entry that is there; a key is remembered for as long as its entry is.
   * @param key what is to happen once, such as `notice/webhook/7f3a/1732580000`
   * @throws {RetryableError} it is not known to be there; ask again with the same key
   * @throws {PermanentError} it never will be: it is too large
   */
  append(entry: NewEntry, key: string): Promise<Appended>
  /** The entry that has this key, if one has: what was decided before a restart. */
  find(key: string): Promise<Entry | undefined>
  /**
   * Every entry of these kinds from the id `from` on, first those that are there and then those that come, until `signal` aborts or the journal is
   * closed. What is older than the journal is not given; entries wait on the disk for a reader that is slow.
   */
  follow<K extends EntryKind>(kinds: readonly K[], from: number, signal?: AbortSignal): AsyncIterable<EntryOf<K>>
  /** Those that are there by now, and no more: what a restart reads. */
  replay<K extends EntryKind>(kinds: readonly K[], from: number): AsyncIterable<EntryOf<K>>
  /** the id of the last entry that is safe; 0: there is none */
  readonly last: number
  /** the id of the oldest entry that is kept, or of the next where there is none */
  readonly first: number
  /** Where to begin reading for entries of `time` (ms) and later: none of them has a lower id. */
  firstSince(time: number): number
  /** The newest whole snapshot of that reader. */
  snapshot(reader: string): Promise<Snapshot | undefined>
  /**
   * Keeps a reader's state, beside the one before. Entries after the older of the two are not deleted, however old they are, unless
   * `holds` is false: then the position is a bookmark, and what is deleted before it was read is missed.
   * @param reader a word
   */
  saveSnapshot(reader: string, snapshot: Snapshot, holds?: boolean): Promise<void>
  /** The reader is gone: nothing is kept for it. */
  removeSnapshots(reader: string): Promise<void>
}
