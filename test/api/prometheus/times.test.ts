import { describe, expect, test } from 'vitest'
import { Form } from '../../../src/api/prometheus/form.ts'
import {
  limitParameter,
  maxTime,
  minTime,
  optionalTime,
  parseDuration,
  parseTime,
  timeParameter,
} from '../../../src/api/prometheus/times.ts'

const form = (values: Record<string, string>) => new Form(new Map(Object.entries(values).map(([name, value]) => [name, [value]])))

describe('times', () => {
  test.each<[string, number | undefined]>([
    ['0', 0],
    ['1435781451.781', 1435781451781],
    ['-1.5', -1500],
    ['1e3', 1_000_000],
    ['.5', 500],
    ['+7', 7000],
    ['1.0004', 1000],
    ['2015-07-01T20:10:51.781Z', 1435781451781],
    ['2015-07-01t20:10:51Z', undefined],
    ['2015-07-01T20:10:51z', undefined],
    ['2015-07-01T20:10:51.7819999999+02:30', 1435772451781],
    ['0001-01-01T00:00:00Z', -62135596800000],
    ['2000-02-29T00:00:00Z', 951782400000],
    ['2001-02-29T00:00:00Z', undefined],
    ['2015-07-01T24:00:00Z', undefined],
    ['2015-07-01T20:10:51', undefined],
    ['2015-07-01', undefined],
    ['-292273086-05-16T16:47:06Z', minTime],
    ['292277025-08-18T07:12:54.999999999Z', maxTime],
    ['', undefined],
    ['NaN', undefined],
    ['Inf', undefined],
    ['-inf', undefined],
    ['1e300', undefined],
    ['0x10', undefined],
    ['1_000', 1_000_000],
    ['_1', undefined],
    ['1__0', undefined],
    ['0x1p4', 16_000],
    ['-0x1.8P-1', -750],
    ['0xp1', undefined],
    ['1e400', undefined],
    ['foo', undefined],
    [' 1', undefined],
  ])('%j', (text, time) => expect(parseTime(text)).toBe(time))

  test('what is no time is said, and not at length', () => {
    expect(() => timeParameter(form({ start: 'foo' }), 'start')).toThrow(
      'invalid parameter "start": cannot parse "foo" to a valid timestamp',
    )
    expect(() => timeParameter(form({}), 'end')).toThrow('invalid parameter "end": cannot parse "" to a valid timestamp')
    expect(() => optionalTime(form({ time: 'foo' }), 'time', 1)).toThrow(
      'invalid parameter "time": invalid time value for \'time\': cannot parse "foo" to a valid timestamp',
    )
    expect(optionalTime(form({}), 'time', 42)).toBe(42)
    const long = (() => {
      try {
        return timeParameter(form({ start: 'x'.repeat(1e6) }), 'start')
      } catch (error) {
        return (error as Error).message.length
      }
    })()
    expect(long).toBeLessThan(250)
  })
})

describe('durations', () => {
  test.each<[string, number]>([
    ['15', 15_000],
    ['0.5', 500],
    ['-3', -3000],
    ['1h30m', 5_400_000],
    ['1y2w3d4h5m6s7ms', 31_536_000_000 + 1_209_600_000 + 259_200_000 + 14_400_000 + 300_000 + 6000 + 7],
    ['100ms', 100],
    ['0', 0],
    ['NaN', Number.NEGATIVE_INFINITY],
  ])('%j', (text, ms) => expect(parseDuration(text)).toBe(ms))
  test.each<[string, string]>([
    ['', 'cannot parse "" to a valid duration'],
    ['1m1h', 'cannot parse "1m1h" to a valid duration'],
    ['1.5h', 'cannot parse "1.5h" to a valid duration'],
    ['-5m', 'cannot parse "-5m" to a valid duration'],
    ['5 m', 'cannot parse "5 m" to a valid duration'],
    ['1e99', 'cannot parse "1e99" to a valid duration. It overflows int64'],
    ['Inf', 'cannot parse "Inf" to a valid duration. It overflows int64'],
    ['300000y', 'cannot parse "300000y" to a valid duration'],
  ])('%j is none', (text, message) => expect(() => parseDuration(text)).toThrow(message))
})

test.each<[string, number | string]>([
  ['', 0],
  ['0', 0],
  ['12', 12],
  ['-1', 'invalid parameter "limit": limit must be non-negative'],
  ['1.5', 'invalid parameter "limit": strconv.Atoi: parsing "1.5": invalid syntax'],
  ['x', 'invalid parameter "limit": strconv.Atoi: parsing "x": invalid syntax'],
])('limit %j', (text, outcome) => {
  const limit = () => limitParameter(form({ limit: text }))
  if (typeof outcome === 'number') expect(limit()).toBe(outcome)
  else expect(limit).toThrow(outcome)
})
