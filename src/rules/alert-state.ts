import type { Labels } from '../model/labels.ts'

/**
 * One alert of an alerting rule, and what an evaluation makes of it. Times are epoch ms.
 *
 *   inactive ──seen──► pending ──seen for `for`──► firing ──not seen for `keep_firing_for`──► inactive (resolved) ──15 min──► forgotten
 *                         └──not seen──► forgotten
 */
export type Alert = PendingAlert | FiringAlert | ResolvedAlert

interface Common {
  /** its identity: those of the series, the rule's, and `alertname` */
  readonly labels: Labels
  readonly annotations: ReadonlyMap<string, string>
  /** at the last evaluation that saw it; 0 of a histogram */
  readonly value: number
  readonly activeAt: number
}

export interface PendingAlert extends Common {
  readonly state: 'pending'
}

export interface FiringAlert extends Common, Sent {
  readonly state: 'firing'
  readonly firedAt: number
  /** since when it is firing although the expression does not see it; undefined: it is seen */
  readonly keepFiringSince: number | undefined
}

export interface ResolvedAlert extends Common, Sent {
  readonly state: 'inactive'
  readonly firedAt: number
  readonly resolvedAt: number
}

interface Sent {
  /** undefined: never */
  readonly lastSentAt: number | undefined
  /** until when who received it takes it to be firing */
  readonly validUntil: number | undefined
}

export interface AlertTiming {
  /** [ms] how long it is pending */
  readonly for: number
  /** [ms] how long it goes on firing when it is not seen any more */
  readonly keepFiringFor: number
}

/** What an evaluation has seen of an alert. */
export interface Seen {
  readonly labels: Labels
  readonly annotations: ReadonlyMap<string, string>
  readonly value: number
}

/** [ms] that a resolved alert is kept, and told again, so that whoever missed it hears of it. */
export const RESOLVED_RETENTION = 15 * 60_000

/**
 * What becomes of an alert in one evaluation.
 * @param was undefined: there was none
 * @param seen undefined: the expression does not give it
 * @returns undefined: it is forgotten
 */
export function step(timing: AlertTiming, was: Alert | undefined, seen: Seen | undefined, now: number): Alert | undefined {
  return seen === undefined ? unseen(timing, was, now) : aged(timing, begun(was, seen, now), now)
}

/** Known and active: its value and annotations are new, its history goes on. Otherwise it begins. */
function begun(was: Alert | undefined, { labels, annotations, value }: Seen, now: number): PendingAlert | FiringAlert {
  if (was === undefined || was.state === 'inactive') return { state: 'pending', labels, annotations, value, activeAt: now }
  return was.state === 'firing' ? { ...was, annotations, value, keepFiringSince: undefined } : { ...was, annotations, value }
}

/** Pending for long enough, it fires; firing for less than `for`, which a reload may have raised, it is pending again. */
function aged(timing: AlertTiming, alert: PendingAlert | FiringAlert, now: number): PendingAlert | FiringAlert {
  const due = now - alert.activeAt >= timing.for
  if (due === (alert.state === 'firing')) return alert
  const { labels, annotations, value, activeAt } = alert
  const common = { labels, annotations, value, activeAt }
  if (!due) return { state: 'pending', ...common }
  return { state: 'firing', ...common, firedAt: now, keepFiringSince: undefined, lastSentAt: undefined, validUntil: undefined }
}

function unseen(timing: AlertTiming, was: Alert | undefined, now: number): Alert | undefined {
  if (was === undefined || was.state === 'pending') return undefined
  if (was.state === 'inactive') return now - was.resolvedAt > RESOLVED_RETENTION ? undefined : was
  const since = was.keepFiringSince ?? now
  if (now - since < timing.keepFiringFor) return aged(timing, { ...was, keepFiringSince: since }, now)
  const { keepFiringSince: _, ...rest } = was
  return { ...rest, state: 'inactive', resolvedAt: now }
}

/** Whether whoever is told of alerts is to be told now: of a change at once, and again after `resendDelay` [ms]. Pending ones never. */
export function needsSending(alert: Alert, now: number, resendDelay: number): alert is FiringAlert | ResolvedAlert {
  if (alert.state === 'pending') return false
  if (alert.lastSentAt === undefined) return true
  return (alert.state === 'inactive' && alert.resolvedAt > alert.lastSentAt) || alert.lastSentAt + resendDelay < now
}

/** @param interval [ms] of the evaluations: two of them, and two times of telling, may fail before the alert is taken to be over */
export function sent<T extends FiringAlert | ResolvedAlert>(alert: T, now: number, interval: number, resendDelay: number): T {
  return { ...alert, lastSentAt: now, validUntil: now + 4 * Math.max(interval, resendDelay) }
}

/**
 * Since when an alert is active, after a restart: as the last sample of ALERTS_FOR_STATE says, without the time that nothing was evaluated.
 * @param hold [ms] `for`
 * @param grace [ms] that an alert waits at least before it fires after the restart
 * @param downAt when that sample is from
 * @param activeAt what it says
 */
export function restoredActiveAt(hold: number, grace: number, downAt: number, activeAt: number, now: number): number {
  const remaining = hold - (downAt - activeAt)
  if (remaining <= 0) return activeAt
  if (remaining < grace) return now + grace - hold
  return activeAt + (now - downAt)
}
