import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { minute, Setting } from './setting.ts'

/** The four groups of Prometheus's alert generator compliance suite, on a virtual clock: half a minute between evaluations, a quarter between samples. */
const text = readFileSync(join(import.meta.dirname, '../data/rules/alert-generator/rules.yaml'), 'utf8')
const quarter = minute / 4

const series = (rule: string, group: string, more: string, values: string): string =>
  `alert_generator_test_suite{alertname="${rule}",rulegroup="${group}"${more}} ${values}`

async function run(minutes: number, ...lines: readonly string[]): Promise<Setting> {
  const setting = new Setting()
  setting.load(quarter, ...lines)
  await setting.run({ 'rules.yaml': text })
  await setting.clock.advance(minutes * minute)
  await setting.manager.stop()
  expect(setting.failures).toEqual([])
  return setting
}

/** Transitions, their times in evaluations of the group. */
function course(setting: Setting, group: string): readonly string[] {
  const slot = setting.manager.groups.find(({ definition }) => definition.name === group)!.slot(setting.start) + 30_000
  return setting.transitions.map(line => {
    const [, seconds, rest] = /^([\d.]+)s (.*)$/.exec(line)!
    return `${Math.round((Number(seconds) * 1000 + setting.start - slot) / 30_000)} ${rest}`
  })
}

test('PendingAndFiringAndResolved', async () => {
  const group = 'PendingAndFiringAndResolved'
  // Six minutes are twelve evaluations.
  const setting = await run(30, series(`${group}_SimpleAlert`, group, '', '3 5x6 11x39 9x60'))
  expect(course(setting, group)).toEqual([
    `4 ${group}_SimpleAlert inactive -> pending`,
    `16 ${group}_SimpleAlert pending -> firing`,
    `24 ${group}_SimpleAlert firing -> inactive`,
  ])
  const first = setting.sent[0]!.alert
  expect(first.labels.toJSON()).toEqual({ alertname: `${group}_SimpleAlert`, foo: 'bar', rulegroup: group })
  expect(Object.fromEntries(first.annotations)).toEqual({ description: 'SimpleAlert is firing', summary: 'The value is 11 11' })
  // Told when it fires, then whenever a minute is over; resolved for fifteen minutes.
  const firing = setting.sent.filter(({ alert }) => alert.state === 'firing').map(({ at }) => (at - setting.sent[0]!.at) / 30_000)
  expect(firing).toEqual([0, 3, 6])
  expect(setting.sent.filter(({ alert }) => alert.state === 'inactive')[0]!.alert).toMatchObject({ firedAt: setting.sent[0]!.at })
  expect(first.validUntil).toBe(setting.sent[0]!.at + 4 * minute)
})

test('PendingAndResolved_AlwaysInactive', async () => {
  const group = 'PendingAndResolved_AlwaysInactive'
  const setting = await run(
    15,
    series(`${group}_PendingAlert`, group, '', '3 5x6 11x9 9x60'),
    series(`${group}_InactiveAlert`, group, '', '0x99'),
  )
  expect(course(setting, group)).toEqual([`4 ${group}_PendingAlert inactive -> pending`, `9 ${group}_PendingAlert pending -> inactive`])
  expect(setting.sent).toEqual([])
})

test('ZeroFor_SmallFor', async () => {
  const group = 'ZeroFor_SmallFor'
  const setting = await run(
    10,
    series(`${group}_ZeroFor`, group, '', '3 5x6 11x9 9x60'),
    series(`${group}_SmallFor`, group, '', '3 5x6 15x9 9x60'),
    `alert_generator_test_suite{rulegroup="${group}",for="template",id="2"} 20x60`,
    `alert_generator_test_suite{rulegroup="${group}",for="template",id="1"} 10x60`,
  )
  expect(course(setting, group)).toEqual([
    `4 ${group}_ZeroFor inactive -> firing`,
    `4 ${group}_SmallFor inactive -> pending`,
    `5 ${group}_SmallFor pending -> firing`,
    `9 ${group}_ZeroFor firing -> inactive`,
    `9 ${group}_SmallFor firing -> inactive`,
  ])
  const [zero, small] = setting.sent.map(({ alert }) => Object.fromEntries(alert.annotations))
  expect(zero).toEqual({
    description: 'This should immediately fire',
    template_query_test: 'Args are: foo bar 99. first_id:1,1:10,2:20,',
    template_test: '1.049M 1Mi 2m 15s 95.9% 2022-01-25 12:36:43 +0000 UTC',
  })
  expect(small).toEqual({
    description: 'This should fire after an interval',
    template_test: 'This Part IS TESTING the strings. ::1 127.0.0.1. 7815. replaced text. .',
  })
})

test('NewAlerts_OrderCheck', async () => {
  const group = 'NewAlerts_OrderCheck'
  const setting = await run(
    15,
    series(`${group}_Rule1`, group, ',variant="one"', '3 5x2 11x39 9x60'),
    series(`${group}_Rule1`, group, ',variant="two"', '3 5x6 11x35 9x60'),
  )
  // Three minutes are six evaluations; the second rule sees in the same evaluation that both fire.
  expect(course(setting, group)).toEqual([
    `2 ${group}_Rule1 inactive -> pending`,
    `4 ${group}_Rule1 inactive -> pending`,
    `8 ${group}_Rule1 pending -> firing`,
    `10 ${group}_Rule1 pending -> firing`,
    `10 ${group}_Rule2 inactive -> firing`,
    `22 ${group}_Rule1 firing -> inactive`,
    `22 ${group}_Rule1 firing -> inactive`,
    `22 ${group}_Rule2 firing -> inactive`,
  ])
  const second = setting.sent.find(({ alert }) => alert.labels.get('alertname') === `${group}_Rule2`)!.alert
  expect(second.labels.toJSON()).toEqual({
    alertname: `${group}_Rule2`,
    alertstate: 'firing',
    ba_dum: 'tss',
    foo: 'baz',
    rulegroup: group,
  })
  expect(second.annotations.get('description')).toBe(`Based on ALERTS. Old alertname was ${group}_Rule1. foo was bar.`)
})
