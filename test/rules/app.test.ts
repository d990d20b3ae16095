import { createHash } from 'node:crypto'
/** Rules in a running application: read from files, evaluated over the store, kept in it, and shown by the API. */
import { afterEach, describe, expect, test } from 'vitest'
import { type App, start } from '../../src/app.ts'
import { loadConfiguration } from '../../src/component/config.ts'
import { OfferedJournals } from '../../src/component/journals.ts'
import type { EntryOf } from '../../src/model/journal.ts'
import { components } from '../components.ts'
import { settled, VirtualClock } from '../kit/clock.ts'
import { seeded, testContext } from '../kit/context.ts'
import { MemoryDisk } from '../kit/disk.ts'

const minute = 60_000
let running: App | undefined
afterEach(async () => {
  await running?.shutdown()
  running = undefined
})

class Setting {
  readonly clock: VirtualClock
  readonly disk: MemoryDisk
  readonly files: Record<string, string> = {}
  readonly journals = new OfferedJournals()
  readonly cx

  constructor(now = 1_700_000_000_000, disk = new MemoryDisk()) {
    this.clock = new VirtualClock(now)
    this.disk = disk
    this.cx = testContext({ disk, clock: this.clock })
  }

  configuration(rules: string, more = '') {
    const text = `
extensions: { journal: { directory: /journal } }
receivers: { derived: {}, self: { collection_interval: 15s } }
exporters: { store: { directory: /store } }
service:
  extensions: [journal]
  api: { endpoint: "127.0.0.1:0" }
  rules: { ${rules} }
  query: { external_labels: { region: eu } }
  telemetry: { metrics: { readers: [] } }
  pipelines: { metrics: { receivers: [derived, self${more}], exporters: [store] } }`
    return loadConfiguration([{ name: 'test.yaml', text }], { env: {}, factories: components })
  }

  async start(rules: string): Promise<App> {
    const read = async (path: string) => {
      const text = this.files[path]
      if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
      return Buffer.from(text)
    }
    const list = async (folder: string) =>
      Object.keys(this.files)
        .filter(path => path.startsWith(`${folder}/`))
        .map(path => path.slice(folder.length + 1))
    running = await start(this.configuration(rules), {
      journals: this.journals,
      ...{ clock: this.clock, random: seeded(1), files: { ...this.cx.files, read, list }, disk: this.disk, version: '1.2.3' },
      ...{ memory: () => ({ usedBytes: 0, limitBytes: 2 ** 34 }), log: () => this.cx.log },
    })
    return running
  }

  async advance(minutes: number): Promise<void> {
    for (let i = 0; i < minutes * 12; i++) {
      await this.clock.advance(5_000)
      await settled(20)
    }
  }
}

async function ask(path: string, parameters: Record<string, string> = {}): Promise<{ status: string; data: Record<string, never> }> {
  const { url } = running!.listening.find(place => place.component === 'api')!
  return (await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters)}`)).json() as never
}

const rules = `groups:
- name: up
  interval: 30s
  rules:
  - record: job:uptime:max
    expr: max by (job) (otelcol_process_uptime_seconds_total)
    labels: { team: core }
  - alert: Running
    expr: job:uptime:max > 0
    for: 1m
    annotations: { summary: "{{ $labels.job }} of {{ $externalLabels.region }}" }
`

describe('rules of a configuration', () => {
  test('are evaluated, kept, and shown', async () => {
    const setting = new Setting()
    setting.files['/etc/rules/a.yml'] = rules
    await setting.start('rule_files: ["/etc/rules/*.yml"], external_url: "http://here:9090/"')
    await setting.advance(5)
    const time = String(setting.clock.now() / 1000)

    const { data: recorded } = await ask('query', { query: 'job:uptime:max', time })
    expect(recorded).toMatchObject({ result: [{ metric: { __name__: 'job:uptime:max', job: 'thalamus', team: 'core' } }] })
    const { data: alerts } = await ask('query', { query: 'ALERTS', time })
    expect(alerts['result']).toEqual([
      {
        metric: { __name__: 'ALERTS', alertname: 'Running', alertstate: 'firing', job: 'thalamus', team: 'core' },
        value: [Number(time), '1'],
      },
    ])
    expect(await ask('alerts')).toMatchObject({
      status: 'success',
      data: {
        alerts: [
          {
            labels: { alertname: 'Running', job: 'thalamus', team: 'core' },
            annotations: { summary: 'thalamus of eu' },
            state: 'firing',
            value: expect.stringMatching(/^\d(\.\d+)?e\+\d\d$/),
          },
        ],
      },
    })
    expect(await ask('rules')).toMatchObject({
      data: {
        groups: [
          {
            ...{ name: 'up', file: '/etc/rules/a.yml', interval: 30, limit: 0 },
            rules: [
              { type: 'recording', name: 'job:uptime:max', health: 'ok', labels: { team: 'core' } },
              {
                type: 'alerting',
                name: 'Running',
                health: 'ok',
                state: 'firing',
                duration: 60,
                keepFiringFor: 0,
                query: 'job:uptime:max > 0',
              },
            ],
          },
        ],
      },
    })
    const seen = setting.cx.lines.filter(({ message }) => message === 'alert changed its state')
    expect(seen.map(({ level, fields }) => [level, fields['from'], fields['to']])).toEqual([
      ['debug', 'inactive', 'pending'],
      ['info', 'pending', 'firing'],
    ])

    const remembered: EntryOf<'alert'>[] = []
    for await (const entry of setting.journals.get()!.replay(['alert'], 1)) remembered.push(entry)
    expect(remembered.map(({ data: { alert, group, from, to, labels } }) => ({ alert, group, from, to, job: labels['job'] }))).toEqual([
      { alert: 'Running', group: 'up', from: 'inactive', to: 'pending', job: 'thalamus' },
      { alert: 'Running', group: 'up', from: 'pending', to: 'firing', job: 'thalamus' },
    ])
    expect(remembered[1]!.time - remembered[0]!.time).toBe(60_000)
    expect(running!.ledger.imbalance).toBe(0)
  })

  test.each<[parameters: Record<string, string>, groups: readonly (readonly string[])[] | string]>([
    [{}, [['job:uptime:max', 'Running'], ['z']]],
    [{ type: 'alert' }, [['Running']]],
    [{ type: 'record' }, [['job:uptime:max'], ['z']]],
    [{ 'rule_name[]': 'z' }, [['z']]],
    [{ 'rule_group[]': 'up' }, [['job:uptime:max', 'Running']]],
    [{ 'file[]': '/etc/rules/b.yml' }, [['z']]],
    [{ 'match[]': '{team="core"}' }, [['job:uptime:max']]],
    [{ group_limit: '1' }, [['job:uptime:max', 'Running']]],
    [{ group_limit: '1', group_next_token: createHash('sha256').update('/etc/rules/b.yml;z').digest('hex') }, [['z']]],
    [{ group_limit: '0' }, 'invalid parameter "group_limit": group_limit needs to be greater than 0'],
    [
      { group_next_token: 'x' },
      'invalid parameter "group_next_token": group_limit needs to be present in order to paginate over the groups',
    ],
    [{ type: 'other' }, 'invalid parameter "type": not supported value "other"'],
    [
      { exclude_alerts: 'maybe' },
      'invalid parameter "exclude_alerts": error converting exclude_alerts: strconv.ParseBool: parsing "maybe": invalid syntax',
    ],
  ])('are shown as %j asks', async (parameters, groups) => {
    const setting = new Setting()
    setting.files['/etc/rules/a.yml'] = rules
    setting.files['/etc/rules/b.yml'] = 'groups: [{name: z, rules: [{record: z, expr: "1"}]}, {name: empty, rules: []}]'
    await setting.start('rule_files: ["/etc/rules/*.yml"]')
    const answer = await ask('rules', parameters)
    if (typeof groups === 'string') expect(answer).toMatchObject({ status: 'error', errorType: 'bad_data', error: groups })
    else
      expect(
        (answer.data['groups'] as unknown as { rules: { name: string }[] }[]).map(group => group.rules.map(({ name }) => name)),
      ).toEqual(groups)
  })

  test('all that is wrong with them keeps it from starting', async () => {
    const setting = new Setting()
    setting.files['/etc/rules/a.yml'] = 'groups: [{name: g, rules: [{record: a, expr: sum(}]}]'
    setting.files['/etc/rules/b.yml'] = 'groups: [{name: g, rule: []}]'
    await expect(setting.start('rule_files: ["/etc/rules/*.yml", /none.yml]')).rejects.toThrow(
      [
        'service.rules.rule_files.0: /etc/rules/a.yml: 1:46: group "g", rule 1, "a": could not parse expression: 1:5: parse error: unclosed left parenthesis',
        'service.rules.rule_files.0: /etc/rules/b.yml: yaml: line 1: field rule not found in type rulefmt.RuleGroup',
        'service.rules.rule_files.1: /none.yml: there is no such file',
      ].join('\n'),
    )
  })

  test('a reload reads them again: what is wrong changes nothing, what has changed goes on', async () => {
    const setting = new Setting()
    setting.files['/r.yml'] = rules
    const app = await setting.start('rule_files: [/r.yml]')
    await setting.advance(3)
    setting.files['/r.yml'] = 'groups: [{name: up, rules: [{record: a, expr: sum(}]}]'
    await expect(app.reload()).rejects.toThrow('unclosed left parenthesis')
    expect(await ask('alerts')).toMatchObject({ data: { alerts: [{ state: 'firing' }] } })
    setting.files['/r.yml'] = rules.replace('summary:', 'text:')
    await app.reload()
    await setting.advance(1)
    expect(await ask('alerts')).toMatchObject({ data: { alerts: [{ state: 'firing', annotations: { text: 'thalamus of eu' } }] } })
    setting.files['/r.yml'] = 'groups: []'
    await app.reload()
    await setting.advance(2)
    const time = String(setting.clock.now() / 1000)
    expect(await ask('query', { query: 'ALERTS or {__name__="job:uptime:max"}', time })).toMatchObject({ data: { result: [] } })
  })

  test('after a restart an alert goes on where it was', async () => {
    const first = new Setting()
    first.files['/r.yml'] = rules.replace('for: 1m', 'for: 20m')
    await first.start('rule_files: [/r.yml]')
    await first.advance(15)
    await running!.shutdown()
    const second = new Setting(first.clock.now() + 2 * minute, first.disk)
    second.files['/r.yml'] = first.files['/r.yml']!
    await second.start('rule_files: [/r.yml]')
    await second.advance(12)
    const fired = second.cx.lines.filter(({ fields }) => fields['to'] === 'firing')
    expect(fired).toHaveLength(1)
  })

  test.each(['0s', '1m', '12m'])('after a restart the journal is not told again what it knows (for: %s)', async hold => {
    const first = new Setting()
    first.files['/r.yml'] = rules.replace('for: 1m', `for: ${hold}`)
    await first.start('rule_files: [/r.yml]')
    await first.advance(15)
    const told = async (of: Setting) => {
      const changes: string[] = []
      for await (const { data } of of.journals.get()!.replay(['alert'], 1)) changes.push(`${data.from} -> ${data.to}`)
      return changes
    }
    const once = hold === '0s' ? ['inactive -> firing'] : ['inactive -> pending', 'pending -> firing']
    expect(await told(first)).toEqual(once)
    await running!.shutdown()
    const second = new Setting(first.clock.now() + 2 * minute, first.disk)
    second.files['/r.yml'] = first.files['/r.yml']!
    await second.start('rule_files: [/r.yml]')
    await second.advance(4)
    expect(await ask('alerts')).toMatchObject({ data: { alerts: [{ state: 'firing' }] } })
    expect(await told(second)).toEqual(once)
  })
})
