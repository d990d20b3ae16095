import { describe, expect, test } from 'vitest'
import { Labels } from '../../src/model/labels.ts'
import { QueryError } from '../../src/promql/engine.ts'
import { settled } from '../kit/clock.ts'
import { minute, Setting } from './setting.ts'

const group = (rules: string, more = ''): string => `groups:\n- name: g\n${more === '' ? '' : `  ${more}\n`}  rules:\n${rules}`
const firing = (name: string, alerts: Setting): readonly string[] =>
  alerts.sent
    .filter(({ alert }) => alert.state === 'firing' && alert.labels.get('alertname') === name)
    .map(({ alert }) => alert.labels.get('instance'))

describe('the course of an alert', () => {
  const down = group(
    '  - {alert: Down, expr: "up == 0", for: 2m, keep_firing_for: 1m, labels: {severity: page}, annotations: {summary: "{{ $labels.instance }} is {{ $value }}"}}',
  )

  test('is told as it happens', async () => {
    const setting = new Setting()
    setting.load(minute, 'up{instance="a"} 1 0x5 1x20', 'up{instance="b"} 1x3 0 1x20')
    await setting.run({ 'r.yml': down })
    await setting.clock.advance(12 * minute)
    const offset = setting.manager.groups[0]!.slot(setting.start) + minute - setting.start
    const at = (minutes: number): string => `${((minutes - 1) * minute + offset) / 1000}s`
    expect(setting.transitions).toEqual([
      `${at(2)} Down a inactive -> pending`,
      `${at(4)} Down a pending -> firing`,
      `${at(5)} Down b inactive -> pending`,
      `${at(6)} Down b pending -> inactive`,
      `${at(9)} Down a firing -> inactive`,
    ])
    const [first] = setting.sent
    expect(first!.alert.labels.toJSON()).toEqual({ alertname: 'Down', instance: 'a', severity: 'page' })
    expect(Object.fromEntries(first!.alert.annotations)).toEqual({ summary: 'a is 0' })
    expect(first!.alert.validUntil).toBe(first!.at + 4 * minute)
    expect(setting.sent.at(-1)!.alert.state).toBe('inactive')
    await setting.manager.stop()
    expect(setting.clock.pending).toBe(0)
  })

  test('stands in the status', async () => {
    const setting = new Setting()
    setting.load(minute, 'up{instance="a"} 0x20')
    await setting.run({ 'r.yml': down })
    expect(setting.manager.status()[0]!.rules[0]).toMatchObject({
      type: 'alerting',
      state: 'unknown',
      health: 'unknown',
      lastEvaluation: undefined,
    })
    await setting.clock.advance(2 * minute)
    expect(setting.manager.status()).toMatchObject([
      {
        name: 'g',
        file: 'r.yml',
        interval: minute,
        limit: 0,
        rules: [
          {
            type: 'alerting',
            name: 'Down',
            query: 'up == 0',
            duration: 2 * minute,
            keepFiringFor: minute,
            state: 'pending',
            health: 'ok',
            lastError: '',
            alerts: [{ state: 'pending', value: 0 }],
          },
        ],
      },
    ])
    await setting.manager.stop()
  })
})

describe('series', () => {
  const written = (setting: Setting): readonly string[] =>
    setting.written.map(
      ({ labels, time, value, stale }) =>
        `${Math.round((time - setting.start) / minute)} ${labels.name}{${labels.get('alertstate') || labels.get('instance')}} ${stale === true ? 'stale' : value}`,
    )

  test('end where they are not given any more', async () => {
    const setting = new Setting()
    setting.load(minute, 'x{instance="a"} 1x20', 'x{instance="b"} 1 1 1 stale')
    await setting.run({ 'r.yml': group('  - {record: y, expr: x * 2}', 'interval: 1m') })
    await setting.clock.advance(4 * minute)
    const offset = Math.round((setting.manager.groups[0]!.slot(setting.start) + minute - setting.start) / minute)
    expect(written(setting).filter(line => line.endsWith('stale'))).toEqual([`${3 + offset - 0} y{b} stale`])
    await setting.manager.stop()
  })

  test('of an alert are there once the past was read, and change with its state', async () => {
    const setting = new Setting()
    setting.load(minute, 'up{instance="a"} 0x9 1x9')
    await setting.run({ 'r.yml': group('  - {alert: Down, expr: up == 0, for: 3m}') })
    await setting.clock.advance(12 * minute)
    const lines = setting.written
      .filter(({ labels }) => labels.name === 'ALERTS')
      .map(({ labels, stale }) => `${labels.get('alertstate')}${stale === true ? ' ends' : ''}`)
    expect(lines.filter((line, i) => line !== lines[i - 1])).toEqual(['pending', 'firing', 'pending ends', 'firing', 'firing ends'])
    const since = setting.written.find(({ labels }) => labels.name === 'ALERTS_FOR_STATE')!
    expect(since.labels.toJSON()).toEqual({ __name__: 'ALERTS_FOR_STATE', alertname: 'Down', instance: 'a' })
    expect(since.value).toBe(Math.floor((setting.manager.groups[0]!.slot(setting.start) + minute) / 1000))
    await setting.manager.stop()
  })

  test('are seen by the rules behind, in the same evaluation', async () => {
    const setting = new Setting()
    setting.load(minute, 'x 1x20')
    await setting.run({ 'r.yml': group('  - {record: y, expr: x * 2}\n  - {record: z, expr: y * 2}\n  - {alert: A, expr: z == 4}') })
    await setting.clock.advance(minute)
    expect(firing('A', setting)).toHaveLength(1)
    await setting.manager.stop()
  })

  test('lie back by the offset', async () => {
    const setting = new Setting()
    setting.load(minute, 'x 1 2 3 4 5 6')
    await setting.run({ 'r.yml': group('  - {record: y, expr: x}', 'query_offset: 2m') })
    await setting.clock.advance(4 * minute)
    const slot = setting.manager.groups[0]!.slot(setting.start) + minute
    expect(setting.written.map(({ time, value }) => [(time - slot) / minute, value])).toEqual([
      [0, 1],
      [1, 2],
    ])
    await setting.manager.stop()
  })

  test('have the labels of group and rule, and those of the rule win', async () => {
    const setting = new Setting()
    setting.load(minute, 'x{a="1",b="1",c="1"} 1x9')
    await setting.run({ 'r.yml': group('  - {record: y, expr: x, labels: {b: "3", c: ""}}', 'labels: {a: "2", b: "2"}') })
    await setting.clock.advance(minute)
    expect(setting.written[0]!.labels.toJSON()).toEqual({ __name__: 'y', a: '2', b: '3' })
    await setting.manager.stop()
  })
})

describe('what goes wrong', () => {
  test.each<[what: string, rule: string, more: string, message: string]>([
    [
      'two results with the labels of one',
      '{record: y, expr: x, labels: {instance: "c"}}',
      '',
      'vector contains metrics with the same labelset after applying rule labels',
    ],
    [
      'two alerts with the labels of one',
      '{alert: A, expr: x, labels: {instance: "c"}}',
      '',
      'vector contains metrics with the same labelset after applying alert labels',
    ],
    ['more series than the limit', '{record: y, expr: x}', 'limit: 1', 'exceeded limit of 1 with 2 series'],
    ['more alerts than the limit', '{alert: A, expr: x}', 'limit: 1', 'exceeded limit of 1 with 2 alerts'],
    ['a string', `{record: y, expr: '"a"'}`, '', 'rule result is not a vector or scalar'],
    [
      'many on both sides',
      '{record: y, expr: x * ignoring(instance) x}',
      '',
      'found duplicate series for the match group {} on the right hand-side of the operation: [{__name__="x", instance="b"}, {__name__="x", instance="a"}];many-to-many matching not allowed: matching labels must be unique on one side',
    ],
  ])('%s', async (_, rule, more, message) => {
    const setting = new Setting()
    setting.load(minute, 'x{instance="a"} 1x9', 'x{instance="b"} 1x9')
    await setting.run({ 'r.yml': group(`  - ${rule}`, more) })
    await setting.clock.advance(minute)
    const [state] = setting.manager.status()[0]!.rules
    expect(state!.health).toBe('err')
    expect(state!.lastError.slice(0, 60)).toBe(message.slice(0, 60))
    expect(setting.sent).toEqual([])
    expect(setting.written).toEqual([])
    await setting.manager.stop()
  })

  test('a template that fails stands where its text would', async () => {
    const setting = new Setting()
    setting.load(minute, 'x 1x9')
    await setting.run({
      'r.yml': group('  - {alert: A, expr: x, annotations: {a: "{{ query \\"nope(\\" }}", b: "{{ query \\"x\\" | first | value }}"}}'),
    })
    await setting.clock.advance(minute)
    const annotations = setting.sent[0]!.alert.annotations
    expect(annotations.get('a')).toMatch(
      /^<error expanding template: error executing template __alert_A: template: __alert_A:1:\d+: executing "__alert_A" at <query "nope\(">: error calling query: 1:\d+: parse error: /,
    )
    expect(annotations.get('b')).toBe('1')
    await setting.manager.stop()
  })

  test('an alert whose rule fails stays as it was', async () => {
    let broken = false
    const setting = new Setting(undefined, {})
    const queryable = setting.storage
    setting.load(minute, 'x 1x20')
    const failing = new Setting(setting.start, {
      queryable: () => {
        if (broken) throw new QueryError('execution', 'out of order')
        return queryable
      },
    })
    await failing.run({ 'r.yml': group('  - {alert: A, expr: x}') })
    await failing.clock.advance(2 * minute)
    broken = true
    await failing.clock.advance(3 * minute)
    expect(failing.manager.status()[0]!.rules[0]).toMatchObject({ health: 'err', lastError: 'out of order', state: 'firing' })
    expect(failing.transitions).toHaveLength(1)
    await failing.manager.stop()
  })

  test('without a store rules fail, and say so', async () => {
    const setting = new Setting(undefined, { queryable: () => undefined })
    await setting.run({ 'r.yml': group('  - {record: y, expr: x}') })
    await setting.clock.advance(minute)
    expect(setting.failures).toEqual(['x: there is no store that could be asked'])
    await setting.manager.stop()
  })
})

describe('ticks', () => {
  test('stay on the slots of their group, whenever they begin', async () => {
    for (const start of [1_700_000_000_000, 1_700_000_012_345, 1_700_000_059_999]) {
      const setting = new Setting(start)
      setting.load(minute, 'x 1x20')
      await setting.run({ 'r.yml': group('  - {record: y, expr: 1}', 'interval: 30s') })
      await setting.clock.advance(3 * minute)
      const times = setting.written.map(({ time }) => time)
      expect(new Set(times.map(time => time % 30_000))).toEqual(new Set([times[0]! % 30_000]))
      expect(times).toHaveLength(6)
      await setting.manager.stop()
    }
  })

  test('that come while one is running are left out, counted', async () => {
    let release: (() => void) | undefined
    const times: number[] = []
    const setting = new Setting(undefined, {
      write: async ([sample]) => {
        times.push(sample!.time)
        if (times.length === 2) await new Promise<void>(resolve => (release = resolve))
      },
    })
    await setting.run({ 'r.yml': group('  - {record: y, expr: 1}') })
    await setting.clock.advance(5 * minute)
    release!()
    await settled()
    await setting.clock.advance(2 * minute)
    expect(times.map(time => (time - times[0]!) / minute)).toEqual([0, 1, 5, 6])
    expect(setting.manager.groups[0]).toMatchObject({ missed: 3, iterations: 4 })
    await setting.manager.stop()
  })

  test('follow the clock when it is set', async () => {
    const setting = new Setting()
    await setting.run({ 'r.yml': group('  - {record: y, expr: 1}') })
    await setting.clock.advance(2 * minute)
    setting.clock.jump(-60 * minute)
    await setting.clock.advance(3 * minute)
    const times = setting.written.map(({ time }) => time)
    expect(times.some(time => time < setting.start)).toBe(true)
    expect(times.length).toBeGreaterThanOrEqual(4)
    await setting.manager.stop()
  })

  test('groups are spread over their interval', async () => {
    const setting = new Setting()
    const names = Array.from({ length: 20 }, (_, i) => `- {name: g${i}, rules: []}`)
    await setting.run({ 'r.yml': `groups:\n${names.join('\n')}` })
    expect(new Set(setting.manager.groups.map(each => each.slot(setting.start))).size).toBeGreaterThan(15)
    await setting.manager.stop()
  })
})

describe('other files', () => {
  const one = group('  - {alert: A, expr: x == 1, for: 3m}')
  test('a group that is as it was goes on', async () => {
    const setting = new Setting()
    await setting.run({ 'r.yml': one })
    const [before] = setting.manager.groups
    await setting.run({ 'r.yml': `# a remark\n${one}` })
    expect(setting.manager.groups[0]).toBe(before)
    await setting.manager.stop()
  })

  test('a rule of the same name and labels keeps its alerts', async () => {
    const setting = new Setting()
    setting.load(minute, 'x 1x20')
    await setting.run({ 'r.yml': one })
    await setting.clock.advance(2 * minute)
    await setting.run({ 'r.yml': group('  - {record: other, expr: x}\n  - {alert: A, expr: x >= 1, for: 3m}') })
    await setting.clock.advance(3 * minute)
    const offset = (setting.manager.groups[0]!.slot(setting.start) + minute - setting.start) / 1000
    expect(setting.transitions).toEqual([`${offset}s A inactive -> pending`, `${180 + offset}s A pending -> firing`])
    await setting.manager.stop()
  })

  test('the series of a rule that is gone from its group end at the next evaluation', async () => {
    const setting = new Setting()
    setting.load(minute, 'x 1x20')
    await setting.run({ 'r.yml': group('  - {record: y, expr: x}\n  - {record: z, expr: x}') })
    await setting.clock.advance(minute)
    await setting.run({ 'r.yml': group('  - {record: z, expr: x}') })
    await setting.clock.advance(minute)
    expect(setting.written.filter(({ stale }) => stale).map(({ labels }) => labels.name)).toEqual(['y'])
    await setting.manager.stop()
  })

  test('those of a group that is gone end after two intervals, unless another group gives them', async () => {
    const setting = new Setting()
    setting.load(minute, 'x 1x20')
    await setting.run({ 'r.yml': group('  - {record: y, expr: x}\n  - {record: z, expr: x}') })
    await setting.clock.advance(minute)
    await setting.run({ 'r.yml': 'groups: [{name: h, rules: [{record: z, expr: x}]}]' })
    await setting.clock.advance(2 * minute - 1)
    expect(setting.written.some(({ stale }) => stale)).toBe(false)
    await setting.clock.advance(1)
    expect(setting.written.filter(({ stale }) => stale).map(({ labels }) => labels.name)).toEqual(['y'])
    await setting.manager.stop()
    expect(setting.clock.pending).toBe(0)
  })
})

describe('a restart', () => {
  const long = group('  - {alert: A, expr: x == 1, for: 30m, labels: {severity: page, v: "{{ $value }}"}}')
  async function restarted(before: number, outage: number): Promise<Setting> {
    const first = new Setting()
    first.load(minute, 'x{instance="a"} 1x200')
    await first.run({ 'r.yml': long })
    await first.clock.advance(before * minute)
    await first.manager.stop()
    const second = new Setting(first.start + (before + outage) * minute, {}, first.storage)
    await second.run({ 'r.yml': long })
    return second
  }
  const firedAfter = async (setting: Setting): Promise<number> => {
    await setting.clock.advance(40 * minute)
    const [, line] = setting.transitions
    await setting.manager.stop()
    return Number(line!.split('s ')[0]) / 60
  }
  test('the outage does not count', async () => {
    const setting = await restarted(12, 5)
    // 11 of 30 minutes had passed.
    expect(Math.round(await firedAfter(setting))).toBe(20)
  })
  test('what was firing fires again with the first evaluation after the past was read', async () => {
    expect(Math.round(await firedAfter(await restarted(35, 5)))).toBe(2)
  })
  test('what was about to fire waits ten minutes', async () => {
    expect(Math.round(await firedAfter(await restarted(29, 5)))).toBe(11)
  })
  test('after more than an hour all begins anew', async () => {
    expect(Math.round(await firedAfter(await restarted(29, 90)))).toBe(30)
  })
})

test('rules that read nothing of one another may be evaluated side by side', async () => {
  let [running, most] = [0, 0]
  const setting = new Setting(undefined, {
    maxConcurrent: 4,
    write: async () => {
      most = Math.max(most, ++running)
      await settled()
      running--
    },
  })
  await setting.run({ 'r.yml': group('  - {record: a, expr: 1}\n  - {record: b, expr: 1}\n  - {record: c, expr: a + b}') })
  await setting.clock.advance(minute)
  await settled(20)
  expect(most).toBe(2)
  await setting.manager.stop()
})

test('external labels and the URL are there in templates', async () => {
  const setting = new Setting(undefined, { externalLabels: Labels.from({ region: 'eu' }), externalUrl: 'https://mon.example/base' })
  setting.load(minute, 'x 1x9')
  await setting.run({
    'r.yml': group(
      '  - {alert: A, expr: x, annotations: {a: "{{ $externalLabels.region }} {{ $externalURL }} {{ externalURL }} {{ pathPrefix }}"}}',
    ),
  })
  await setting.clock.advance(minute)
  expect(setting.sent[0]!.alert.annotations.get('a')).toBe('eu https://mon.example/base https://mon.example/base /base')
  await setting.manager.stop()
})
