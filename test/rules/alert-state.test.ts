import { describe, expect, test } from 'vitest'
import { Labels } from '../../src/model/labels.ts'
import {
  type Alert,
  type AlertTiming,
  needsSending,
  RESOLVED_RETENTION,
  restoredActiveAt,
  type Seen,
  sent,
  step,
} from '../../src/rules/alert-state.ts'

const labels = Labels.from({ alertname: 'A' })
const annotations = new Map([['summary', 'x']])
const seenAs = (value: number): Seen => ({ labels, annotations, value })
const common = { labels, annotations, value: 1 }

const pending = (activeAt: number): Alert => ({ state: 'pending', ...common, activeAt })
const firing = (activeAt: number, firedAt: number, keepFiringSince?: number, lastSentAt?: number): Alert => ({
  state: 'firing',
  ...common,
  activeAt,
  firedAt,
  keepFiringSince,
  lastSentAt,
  validUntil: undefined,
})
const resolved = (activeAt: number, firedAt: number, resolvedAt: number, lastSentAt?: number): Alert => ({
  state: 'inactive',
  ...common,
  activeAt,
  firedAt,
  resolvedAt,
  lastSentAt,
  validUntil: undefined,
})

const SEEN = true
const GONE = false

describe('one evaluation', () => {
  test.each<[what: string, hold: number, keep: number, was: Alert | undefined, seen: boolean, now: number, is: Alert | undefined]>([
    ['nothing stays nothing', 60, 0, undefined, GONE, 100, undefined],
    ['what is new is pending', 60, 0, undefined, SEEN, 100, pending(100)],
    ['without for it fires at once', 0, 0, undefined, SEEN, 100, firing(100, 100)],
    ['pending for less than for stays pending', 60, 0, pending(100), SEEN, 159, pending(100)],
    ['pending for as long as for fires', 60, 0, pending(100), SEEN, 160, firing(100, 160)],
    ['pending and gone is forgotten', 60, 30, pending(100), GONE, 160, undefined],
    ['firing and seen goes on firing', 60, 0, firing(100, 160, undefined, 160), SEEN, 220, firing(100, 160, undefined, 160)],
    ['firing and gone is resolved', 60, 0, firing(100, 160, undefined, 160), GONE, 220, resolved(100, 160, 220, 160)],
    ['it is kept firing from the first miss on', 60, 50, firing(100, 160), GONE, 220, firing(100, 160, 220)],
    ['for less than keep_firing_for', 60, 50, firing(100, 160, 220), GONE, 269, firing(100, 160, 220)],
    ['and no longer', 60, 50, firing(100, 160, 220), GONE, 270, resolved(100, 160, 270)],
    ['seen again, the next miss counts anew', 60, 50, firing(100, 160, 220), SEEN, 250, firing(100, 160)],
    ['resolved and gone is kept', 60, 0, resolved(100, 160, 220), GONE, 220 + RESOLVED_RETENTION, resolved(100, 160, 220)],
    ['and forgotten later', 60, 0, resolved(100, 160, 220), GONE, 221 + RESOLVED_RETENTION, undefined],
    ['resolved and seen again begins anew', 60, 0, resolved(100, 160, 220, 220), SEEN, 280, pending(280)],
    ['and fires at once without for', 0, 0, resolved(100, 160, 220, 220), SEEN, 280, firing(280, 280)],
    ['a for that was raised makes it pending again', 600, 0, firing(100, 160, undefined, 160), SEEN, 220, pending(100)],
    ['also where it is only kept firing', 600, 500, firing(100, 160), GONE, 220, pending(100)],
    ['a for that was lowered makes it fire', 10, 0, pending(100), SEEN, 110, firing(100, 110)],
  ])('%s', (_, hold, keep, was, seen, now, is) => {
    const timing: AlertTiming = { for: hold, keepFiringFor: keep }
    expect(step(timing, was, seen ? seenAs(1) : undefined, now)).toEqual(is)
  })

  test('what is seen brings its value and annotations, and keeps its history', () => {
    const seen = { labels, annotations: new Map([['summary', 'y']]), value: 7 }
    expect(step({ for: 60, keepFiringFor: 0 }, firing(100, 160), seen, 220)).toMatchObject({
      value: 7,
      annotations: seen.annotations,
      firedAt: 160,
    })
  })
})

describe('telling', () => {
  test.each<[what: string, alert: Alert, now: number, told: boolean]>([
    ['pending never', pending(0), 1_000_000, false],
    ['firing at once', firing(0, 0), 0, true],
    ['firing not again within the delay', firing(0, 0, undefined, 100), 160, false],
    ['firing again after it', firing(0, 0, undefined, 100), 161, true],
    ['resolved at once', resolved(0, 0, 110, 100), 110, true],
    ['resolved not again within the delay', resolved(0, 0, 110, 110), 170, false],
    ['resolved again after it', resolved(0, 0, 110, 110), 171, true],
  ])('%s', (_, alert, now, told) => expect(needsSending(alert, now, 60)).toBe(told))

  test('it is valid for four intervals, or four delays where they are longer', () => {
    const alert = firing(0, 0) as Extract<Alert, { state: 'firing' }>
    expect(sent(alert, 1_000, 30, 60)).toMatchObject({ lastSentAt: 1_000, validUntil: 1_240 })
    expect(sent(alert, 1_000, 90, 60)).toMatchObject({ validUntil: 1_360 })
  })
})

describe('for, after a restart', () => {
  const minutes = (count: number): number => count * 60_000
  test.each<[what: string, activeAt: number, downAt: number, now: number, is: number]>([
    ['what was firing fires in the next evaluation', 0, 30, 40, 0],
    ['what was about to fire waits the grace period', 0, 25, 40, 40 + 10 - 30],
    ['otherwise the outage does not count', 0, 5, 40, 35],
  ])('%s', (_, activeAt, downAt, now, is) => {
    expect(restoredActiveAt(minutes(30), minutes(10), minutes(downAt), minutes(activeAt), minutes(now))).toBe(minutes(is))
  })
})
