import { describe, expect, test } from 'vitest'
import { PermanentError, RetryableError } from '../../src/component/errors.ts'
import routing from '../../src/connectors/routing/index.ts'
import { Raw } from '../../src/model/raw.ts'
import type { Signal } from '../../src/model/signal.ts'
import { protobufToJson } from '../../src/otlp/json.ts'
import { encode } from '../../src/otlp/write.ts'
import { processorContract, read, surroundings } from '../kit/contract.ts'
import { type Answer, Downstream, inTurn } from '../kit/faults.ts'
import { rowIds } from '../kit/rows.ts'
import { asProcessor } from './as-processor.ts'

const always = { table: [{ condition: 'attributes["service.name"] == "kit"', pipelines: ['metrics', 'traces', 'logs'] }] }
processorContract({ factory: asProcessor(routing, signal => [signal]), settings: always })

type Table = readonly object[]
function set(
  signal: Signal,
  settings: { table: Table; default_pipelines?: string[]; error_mode?: string },
  plans: Record<string, Answer> = {},
) {
  const { cx, clock, ledger } = surroundings('connector', 'routing')
  const outlets = new Map(['a', 'b', 'rest'].map(id => [id, new Downstream<Signal>(clock, inTurn(plans[id] ?? 'yes'))]))
  const make = routing.create[signal] as (...given: unknown[]) => Downstream<Signal>
  const component = make(cx, routing.config.parse(settings), {}, outlets)
  const got = () => Object.fromEntries([...outlets].map(([id, { offered }]) => [id, offered.flatMap(rowIds)]))
  return { cx, ledger, component, outlets, got, account: cx.account(signal) }
}

/** Spans 1, 2 of service x, spans 3, 4 of service y; even ones have failed. */
const span = (id: number) => ({
  traceId: '00000000000000000000000000000001',
  spanId: id.toString(16).padStart(16, '0'),
  name: `span ${id}`,
  status: { code: id % 2 === 0 ? 2 : 0 },
})
const request = (services: Record<string, number[]>) => ({
  resourceSpans: Object.entries(services).map(([name, ids]) => ({
    resource: { attributes: { 'service.name': name } },
    scopeSpans: [{ scope: { name: 'lib' }, spans: ids.map(span) }],
  })),
})
const spans = (cx: ReturnType<typeof set>['cx'], services: Record<string, number[]> = { x: [1, 2], y: [3, 4] }) =>
  cx.reader.read('traces', Raw.of(encode('traces', request(services))))

describe('routing', () => {
  test.each<[what: string, table: Table, got: object]>([
    ['whole resources', [{ condition: 'attributes["service.name"] == "x"', pipelines: ['a'] }], { a: [1, 2], b: [], rest: [3, 4] }],
    ['spans', [{ context: 'span', condition: 'status.code == STATUS_CODE_ERROR', pipelines: ['a'] }], { a: [2, 4], b: [], rest: [1, 3] }],
    [
      'by a statement',
      [{ statement: 'route() where attributes["service.name"] == "y"', pipelines: ['b'] }],
      { a: [], b: [3, 4], rest: [1, 2] },
    ],
    ['to several pipelines', [{ statement: 'route()', pipelines: ['a', 'b'] }], { a: [1, 2, 3, 4], b: [1, 2, 3, 4], rest: [] }],
    [
      'by the first route that holds',
      [
        { context: 'span', condition: 'name == "span 2"', pipelines: ['b'] },
        { condition: 'attributes["service.name"] == "x"', pipelines: ['a'] },
      ],
      { a: [1], b: [2], rest: [3, 4] },
    ],
    [
      'and copies',
      [
        { context: 'span', condition: 'status.code == STATUS_CODE_ERROR', action: 'copy', pipelines: ['b'] },
        { condition: 'attributes["service.name"] == "x"', pipelines: ['a'] },
      ],
      { a: [1, 2], b: [2, 4], rest: [3, 4] },
    ],
    [
      'and leaves out what is asked of other signals',
      [{ context: 'log', condition: 'body == "x"', pipelines: ['a'] }],
      { a: [], b: [], rest: [1, 2, 3, 4] },
    ],
  ])('%s', async (_, table, got) => {
    const made = set('traces', { table, default_pipelines: ['rest'] })
    await made.component.consume(spans(made.cx))
    expect(made.got()).toEqual(got)
    expect(made.account).toMatchObject({ accepted: 4, taken: 4, droppedTotal: 0 })
    expect(made.ledger.imbalance).toBe(0)
  })

  test('a batch that goes to one place whole is the same object; a part of one keeps all that is around its rows', async () => {
    const whole = set('traces', { table: [{ statement: 'route()', pipelines: ['a', 'b'] }] })
    const batch = spans(whole.cx)
    await whole.component.consume(batch)
    expect(whole.outlets.get('a')!.offered[0]).toBe(batch)
    expect(whole.outlets.get('b')!.offered[0]).toBe(batch)
    const part = set('traces', { table: [{ context: 'span', condition: 'name == "span 2"', pipelines: ['a'] }] })
    await part.component.consume(spans(part.cx))
    const [got] = part.outlets.get('a')!.offered
    expect(protobufToJson('traces', got!.raw.bytes())).toEqual(protobufToJson('traces', encode('traces', request({ x: [2] }))))
  })

  test('metrics, by metric and by data point', async () => {
    const made = set('metrics', {
      table: [
        { context: 'datapoint', condition: 'value_double > 3.0', pipelines: ['a'] },
        { context: 'metric', condition: 'name == "rows"', pipelines: ['b'] },
      ],
    })
    await made.component.consume(read(made.cx, 'metrics', [1, 2, 3, 4, 5]))
    expect(made.got()).toEqual({ a: [4, 5], b: [1, 2, 3], rest: [] })
  })

  test('what no route takes, and no pipeline stands for, is dropped and counted', async () => {
    const made = set('traces', { table: [{ condition: 'attributes["service.name"] == "x"', pipelines: ['a'] }] })
    await made.component.consume(spans(made.cx))
    expect(made.account).toMatchObject({ accepted: 4, taken: 2 })
    expect(made.account.dropped.get('no_route')).toBe(2)
    expect(made.ledger.imbalance).toBe(0)
  })

  test('a pipeline that will never take its rows costs only these; one that may makes all come again', async () => {
    const table = [{ condition: 'attributes["service.name"] == "x"', pipelines: ['a'] }]
    const never = set('traces', { table, default_pipelines: ['rest'] }, { a: 'never' })
    await never.component.consume(spans(never.cx))
    expect(never.account).toMatchObject({ accepted: 4, taken: 2 })
    expect(never.account.dropped.get('rejected')).toBe(2)
    const later = set('traces', { table, default_pipelines: ['rest'] }, { a: 'later' })
    await expect(later.component.consume(spans(later.cx))).rejects.toThrow(RetryableError)
    expect(later.account.accepted).toBe(0)
    expect(never.ledger.imbalance + later.ledger.imbalance).toBe(0)
  })

  const wholly: Table = [{ condition: 'attributes["service.name"] == "x"', action: 'copy', pipelines: ['a'] }]
  test.each<[what: string, table: Table, plans: Record<string, Answer>, freed: boolean]>([
    ['its parts were handed on', [{ condition: 'attributes["service.name"] == "x"', pipelines: ['a'] }], {}, true],
    ['a part will never be taken', [{ condition: 'attributes["service.name"] == "x"', pipelines: ['a'] }], { a: 'never' }, true],
    ['it may come again', [{ condition: 'attributes["service.name"] == "x"', pipelines: ['a'] }], { a: 'later' }, false],
    ['one of them has all of it', wholly, {}, false],
    ['one of them has all of it, and another none', wholly, { a: 'never' }, false],
    ['several have all of it', [{ statement: 'route()', action: 'copy', pipelines: ['a', 'b'] }], {}, false],
  ])('whose bytes a batch is when %s', async (_, table, plans, freed) => {
    const made = set('traces', { table, default_pipelines: ['rest'] }, plans)
    const raw = Raw.owning([encode('traces', request({ x: [1, 2], y: [3, 4] }))])
    await made.component.consume(made.cx.reader.read('traces', raw)).catch(() => {})
    const holders = [...made.outlets.values()].flatMap(({ offered }) => offered.filter(batch => batch.raw === raw))
    for (const _ of holders) {
      expect(raw.chunks.length).toBe(1)
      raw.release()
    }
    if (freed || holders.length > 0) expect(() => raw.chunks).toThrow('freed')
    else expect(raw.chunks.length).toBe(1)
    expect(holders.length > 0).toBe(!freed && plans['a'] !== 'later')
  })

  test('a value that cannot be had refuses the batch, or sends it to the default', async () => {
    const table = [{ condition: 'attributes["service.name"]["x"] == 1', pipelines: ['a'] }]
    const propagate = set('traces', { table, default_pipelines: ['rest'] })
    await expect(propagate.component.consume(spans(propagate.cx))).rejects.toThrow(PermanentError)
    const ignore = set('traces', { table, default_pipelines: ['rest'], error_mode: 'ignore' })
    await ignore.component.consume(spans(ignore.cx))
    expect(ignore.got()).toEqual({ a: [], b: [], rest: [1, 2, 3, 4] })
    expect(ignore.cx.lines).toEqual([
      {
        level: 'warn',
        message: 'a condition could not be evaluated',
        fields: { condition: 'attributes["service.name"]["x"] == 1', error: 'what is indexed with "x" is no map' },
      },
    ])
    const silent = set('traces', { table, default_pipelines: ['rest'], error_mode: 'silent' })
    await silent.component.consume(spans(silent.cx))
    expect(silent.cx.lines).toEqual([])
  })
})
