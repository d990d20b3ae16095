/** What is said of a destination that takes nothing. */
import { context } from '@opentelemetry/api'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { LoggerProvider } from '@opentelemetry/sdk-logs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Signal } from '../../src/model/signal.ts'
import { Outages } from '../../src/register/outages.ts'
import { readSettings } from '../../src/register/settings.ts'
import { openSignals } from '../../src/register/signals.ts'
import { Sink } from '../kit/sink.ts'

let now: number
let said: string[]
let outages: Outages
beforeEach(() => {
  now = 0
  said = []
  outages = new Outages(
    () => now,
    line => said.push(line),
  )
})

const url = 'http://c:4318'
const down = 'thalamus: traces: nothing was delivered to http://c:4318 for a minute (refused); it is tried on'
const up = (lost: string) => `thalamus: http://c:4318 takes what is sent again; lost: ${lost}`

/** [s, signal, rows that are lost: 0 where they arrive] */
type Sent = readonly [s: number, signal: Signal, lost: number]
const play = (sent: readonly Sent[]) => {
  const to = new Map<Signal, ReturnType<Outages['of']>>()
  const of = (signal: Signal) => to.get(signal) ?? to.set(signal, outages.of(signal, `${url}/v1/${signal}`)).get(signal)!
  return sent.map(([s, signal, rows]) => {
    now = s * 1000
    of(signal)(rows === 0 ? undefined : { rows, reason: 'refused' })
    return said.splice(0).join()
  })
}

test.each<[string, Sent[], string[]]>([
  [
    'nothing of a short one',
    [
      [0, 'traces', 1],
      [59, 'traces', 1],
      [60, 'traces', 0],
    ],
    ['', '', ''],
  ],
  [
    'a minute counts from the first loss since something arrived',
    [
      [0, 'traces', 1],
      [50, 'traces', 0],
      [55, 'traces', 1],
      [100, 'traces', 1],
      [115, 'traces', 1],
    ],
    ['', '', '', '', down],
  ],
  [
    'once, and once again with what was lost',
    [
      [0, 'traces', 1],
      [60, 'traces', 2],
      [120, 'traces', 3],
      [130, 'traces', 0],
      [140, 'traces', 0],
    ],
    ['', down, '', up('6 spans'), ''],
  ],
  [
    'signals of one destination in one line, over when all are',
    [
      [0, 'metrics', 5],
      [1, 'traces', 1],
      [60, 'metrics', 5],
      [61, 'traces', 1],
      [70, 'traces', 0],
      [120, 'metrics', 0],
    ],
    ['', '', down.replace('traces', 'metrics, traces'), '', '', up('2 spans, 10 metric points')],
  ],
  [
    'what is not sent any more is not waited for',
    [
      [0, 'traces', 1],
      [60, 'traces', 1],
      [61, 'logs', 4],
      [100, 'traces', 0],
      [110, 'traces', 2],
      [182, 'traces', 0],
    ],
    ['', down, '', '', '', up('4 spans, 4 log records')],
  ],
  [
    'one that comes and goes, once in ten minutes',
    [
      [0, 'traces', 1],
      [60, 'traces', 1],
      [61, 'traces', 0],
      [62, 'traces', 1],
      [200, 'traces', 1],
      [659, 'traces', 1],
      [660, 'traces', 1],
    ],
    ['', down, up('2 spans'), '', '', '', down],
  ],
])('%s', (_, sent, expected) => expect(play(sent)).toEqual(expected))

test('destinations are told apart', () => {
  for (const s of [0, 60]) {
    now = s * 1000
    for (const host of ['a', 'b']) outages.of('traces', `http://${host}:4318/v1/traces`)({ rows: 1, reason: host })
  }
  expect(said.map(line => /to (\S+)/.exec(line)?.[1])).toEqual(['http://a:4318', 'http://b:4318'])
})

let sink: Sink
beforeEach(async () => {
  sink = await Sink.open()
})
afterEach(() => sink.close())

test('what is sent tells it', async () => {
  sink.answer = () => ({ status: 400 })
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url, OTEL_TRACES_EXPORTER: 'none', OTEL_METRICS_EXPORTER: 'none' }
  const settings = { ...readSettings(env), destinations: withGiven(readSettings(env).destinations) }
  const signals = await openSignals(settings, [], undefined, outages)
  const provider = new LoggerProvider({ resource: resourceFromAttributes({}), processors: signals.logProcessors })
  const send = async (s: number) => {
    now = s * 1000
    provider.getLogger('test').emit({ body: 'x', context: context.active() })
    await provider.forceFlush()
  }
  await send(0)
  await send(60)
  sink.answer = () => ({ status: 200 })
  await send(61)
  expect(said).toEqual([
    expect.stringMatching(/^thalamus: logs: nothing was delivered to http:\S+ for a minute \(.+\); it is tried on$/),
    expect.stringMatching(/^thalamus: http:\S+ takes what is sent again; lost: 2 log records$/),
  ])
  signals.close()
})

/** The addresses that the exporter would read from the environment. */
function withGiven(destinations: ReturnType<typeof readSettings>['destinations']): typeof destinations {
  const of = (signal: Signal) => ({ ...destinations[signal], given: true })
  return { traces: of('traces'), metrics: of('metrics'), logs: of('logs') }
}
