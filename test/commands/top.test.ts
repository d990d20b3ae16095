import { describe, expect, test } from 'vitest'
import { type Look, topPage } from '../../src/commands/top-page.ts'
import { golden } from '../kit/golden.ts'
import { TestOutside } from './outside.ts'

const url = 'http://127.0.0.1:2242'

/** `n` seconds after the first look, at steady rates. */
function look(n: number, more: Partial<Look['process']> = {}): Look {
  const wire = (from: string, to: string, signal: string, taken: number, dropped = {}) => ({ from, to, signal, taken, failed: 0, dropped })
  const component = (kind: string, id: string, signal: string, accepted: number, taken: number, rest = {}) => {
    return { kind, id, signal, accepted, taken, held: 0, dropped: {}, ...rest }
  }
  return {
    ledger: {
      imbalance: 0,
      receivers: [
        { id: 'otlp', signal: 'metrics', accepted: 1_000_000 + 12_345 * n, refused: 10 * n },
        { id: 'otlp', signal: 'traces', accepted: 0, refused: 0 },
        { id: 'host', signal: 'metrics', accepted: 523 * n, refused: 0 },
      ],
      components: [
        component('processor', 'memory_limiter', 'metrics', 1_000_000 + 12_868 * n, 1_000_000 + 12_868 * n, { pipeline: 'metrics' }),
        component('connector', 'span_metrics', 'traces', 0, 0),
        component('exporter', 'prometheus', 'metrics', 12_868 * n, 12_868 * n),
        component('exporter', 'otlp_http', 'metrics', 12_868 * n, 10_000 * n, {
          held: 2_668 * n,
          dropped: { queue_full: 200 * n, rejected: 7 },
        }),
      ],
      wires: [
        wire('otlp', 'metrics', 'metrics', 12_345 * n),
        wire('metrics', 'prometheus', 'metrics', 12_868 * n),
        wire('metrics', 'otlp_http', 'metrics', 12_868 * n, { queue_full: 200 * n }),
        wire('otlp', 'nobody', 'traces', 0, { no_exporter: 5 * n }),
      ],
    },
    queues: [
      { exporter: 'otlp_http', signal: 'metrics', size: 3_100 * n, capacity: 10_000, in_flight: 3 },
      { exporter: 'otlp_http', signal: 'traces', size: 0, capacity: 10_000, in_flight: 0 },
    ],
    process: {
      version: '1.2.3',
      uptime_seconds: 3_700 + n,
      cpu_seconds: 100 + 0.345 * n,
      rss_bytes: 201 * 2 ** 20,
      memory_used_bytes: 61 * 2 ** 20,
      budget_used_bytes: 2 * 2 ** 20,
      budget_limit_bytes: 410 * 2 ** 20,
      workers: 2,
      ready: true,
      problems: {},
      ...more,
    },
  }
}

/** An outside where a process is looked at, second for second. */
function watched(looks: readonly Look[]): TestOutside {
  const outside = new TestOutside()
  let n = 0
  const page = (of: (look: Look) => unknown) => () => ({ status: 200, text: JSON.stringify(of(looks[Math.min(n, looks.length - 1)]!)) })
  outside.answers = {
    [`GET ${url}/debug/ledger`]: page(({ ledger }) => ledger),
    [`GET ${url}/debug/queues`]: page(({ queues }) => queues),
    [`GET ${url}/debug/process`]: page(({ process }) => process),
  }
  outside.waiting = stop => {
    n++
    if (n >= looks.length) stop('SIGINT')
  }
  return outside
}

test('a page says who does how much, what waits, what was dropped and why', async () => {
  await golden('top/page.txt', `${topPage(look(2), look(1)).join('\n')}\n`)
})

test('without a look before there are no rates', () => {
  const page = topPage(look(1), undefined)
  expect(page[1]).toBe('cpu -  rss 201 MiB  in use 61 MiB of 410 MiB  telemetry held 2 MiB')
  expect(page.find(line => line.startsWith('  host metrics'))).toMatch(/^ {2}host metrics {7,}- +- +523 +0$/)
})

test('what ails it comes first', () => {
  const ill = look(1, { ready: false, workers: 1, budget_limit_bytes: null, uptime_seconds: 12, problems: { otlp_http: 'cannot write' } })
  const unbalanced = { ...ill, ledger: { ...ill.ledger, imbalance: 3 } }
  expect(topPage(unbalanced, undefined).slice(0, 5)).toEqual([
    'thalamus 1.2.3  up 12s  unhealthy',
    'cpu -  rss 201 MiB  in use 61 MiB  telemetry held 2 MiB',
    'ledger: 3 rows are unaccounted for: this is a bug',
    '! otlp_http: cannot write',
    '',
  ])
})

describe('the command', () => {
  test('once: one page with the rates of a second', async () => {
    const { code, out } = await watched([look(1), look(2)]).thalamus('top', '--once')
    expect(code).toBe(0)
    expect(out).toBe(`${topPage(look(2), look(1)).join('\n')}\n`)
  })

  test('where there is no terminal, page after page, until it is stopped', async () => {
    const { code, out } = await watched([look(1), look(2), look(3)]).thalamus('top')
    expect(code).toBe(0)
    expect(out).toBe(
      [topPage(look(1), undefined), topPage(look(2), look(1)), topPage(look(3), look(2))].map(page => `${page.join('\n')}\n\n`).join(''),
    )
  })

  test('on a terminal in one place, cut to its size; the screen before comes back', async () => {
    const outside = watched([look(1), look(2), look(3)])
    let written = ''
    outside.terminal = {
      size: () => ({ columns: 30, rows: 5 }),
      write: text => void (written += text),
      onKey: () => ({ [Symbol.dispose]() {} }),
    }
    expect((await outside.thalamus('top')).out).toBe('')
    const pages = written.split('\x1b[H')
    expect(pages[0]).toBe('\x1b[?1049h\x1b[?25l')
    const page = ['thalamus 1.2.3  up 1h01m  read', 'cpu 34 %  rss 201 MiB  in use ', 'ledger balances', '', '… and 16 more lines']
    expect(pages[2]).toBe(`${page.join('\x1b[K\r\n')}\x1b[K\x1b[J`)
    expect(pages[3]).toBe(`${pages[2]}\x1b[?25h\x1b[?1049l`)
  })

  test('a process that does not answer for a while is waited for', async () => {
    const outside = watched([look(1), look(2), look(3), look(4)])
    const { answers } = outside
    const next = outside.waiting
    let waits = 0
    outside.waiting = stop => {
      next(stop)
      outside.answers = ++waits === 1 ? {} : answers
    }
    const { code, out } = await outside.thalamus('top')
    expect(code).toBe(0)
    expect(out).toContain(`! nothing answers at ${url}/debug/ledger: connect ECONNREFUSED\n\nthalamus 1.2.3  up 1h01m`)
    expect(out.trimEnd().endsWith(topPage(look(4), look(3)).join('\n').trimEnd())).toBe(true)
  })

  test('nobody there, or somebody else', async () => {
    expect(await new TestOutside().thalamus('top', '--once')).toMatchObject({
      code: 1,
      err: `nothing answers at ${url}/debug/ledger: connect ECONNREFUSED\n  is it running, with service.api enabled? --url names another address\n`,
    })
    const other = new TestOutside()
    for (const page of ['ledger', 'queues', 'process']) other.answers[`GET http://h:1/debug/${page}`] = () => ({ status: 404, text: '' })
    expect(await other.thalamus('top', '--once', '--url', 'http://h:1/')).toMatchObject({
      code: 1,
      err: 'http://h:1/debug/ledger answers 404\n  is that service.api of a Thalamus of this version?\n',
    })
  })
})

test('reload prints what changed, or what is wrong', async () => {
  const outside = new TestOutside()
  outside.answers[`POST ${url}/-/reload`] = () => ({ status: 200, text: 'reloaded\n  kept     2\n' })
  expect(await outside.thalamus('reload')).toEqual({ code: 0, out: 'reloaded\n  kept     2\n', err: '' })
  const wrong = new TestOutside()
  wrong.answers[`POST ${url}/-/reload`] = () => ({ status: 400, text: 'not reloaded: the configuration before goes on\nx.yaml:1:1: no\n' })
  expect(await wrong.thalamus('reload')).toEqual({
    code: 1,
    out: '',
    err: 'not reloaded: the configuration before goes on\nx.yaml:1:1: no\n',
  })
})
