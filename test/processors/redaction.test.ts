import { createHash, createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { AnyBatch } from '../../src/model/batch.ts'
import { Raw } from '../../src/model/raw.ts'
import { type Signal, signals } from '../../src/model/signal.ts'
import { protobufToJson } from '../../src/otlp/json.ts'
import { encode } from '../../src/otlp/write.ts'
import redaction from '../../src/processors/redaction/index.ts'
import { seeded } from '../kit/context.ts'
import { processorContract, surroundings } from '../kit/contract.ts'
import { requestOf, Writer } from '../kit/otlp.ts'

processorContract({ factory: redaction, settings: { allow_all_keys: true, blocked_values: ['kit'] } })

function set(signal: Signal, settings: object) {
  const { cx, ledger } = surroundings('processor', 'redaction')
  const passed: AnyBatch[] = []
  const next = { reserve() {}, consume: async (batch: AnyBatch) => void passed.push(batch) }
  const make = redaction.create[signal] as (...given: unknown[]) => { consume(batch: AnyBatch): Promise<void> }
  const component = make(cx, redaction.config.parse(settings), next)
  const send = async (bytes: Uint8Array) => {
    const batch = cx.reader.read(signal, Raw.of(bytes))
    await component.consume(batch)
    expect(ledger.imbalance).toBe(0)
    return batch
  }
  return { passed, send, last: () => protobufToJson(signal, passed.at(-1)!.raw.bytes()) }
}

type Attributes = Record<string, unknown>
const span = (attributes: Attributes, more: object = {}) => ({
  resourceSpans: [{ scopeSpans: [{ spans: [{ traceId: '01'.repeat(16), spanId: '02'.repeat(8), name: 'n', attributes, ...more }] }] }],
})
async function redacted(settings: object, request: object, signal: Signal = 'traces'): Promise<object> {
  const { send, last } = set(signal, settings)
  await send(encode(signal, request))
  return last()
}
const json = (request: object, signal: Signal = 'traces') => protobufToJson(signal, encode(signal, request))
const md5 = (text: string) => createHash('md5').update(text).digest('hex')

describe('attributes', () => {
  const all = { allow_all_keys: true }
  const before = { card: 'visa 4111111111111111 x', id: 4111, note: 'none', token: 'abc' }
  const digits = ['4[0-9]{15}']
  test.each<[what: string, settings: object, after: Attributes]>([
    ['without a list all keys go', {}, {}],
    ['keys that are not allowed go', { allowed_keys: ['id', 'note'] }, { id: 4111, note: 'none' }],
    ['values are masked', { ...all, blocked_values: digits }, { ...before, card: 'visa **** x' }],
    ['by several patterns', { ...all, blocked_values: [...digits, 'vis.', '^no'] }, { ...before, card: '**** **** x', note: '****ne' }],
    ['an empty value is one, too', { ...all, blocked_values: ['^$'] }, { ...before, id: '****' }],
    ['numbers are not', { ...all, blocked_values: ['4'] }, { ...before, card: 'visa ****111111111111111 x' }],
    [
      'unless all types are',
      { ...all, redact_all_types: true, blocked_values: ['4111'] },
      { ...before, card: 'visa ****111111111111 x', id: '****' },
    ],
    ['a key masks the whole value', { ...all, blocked_key_patterns: ['^tok', '^id$'] }, { ...before, id: '****', token: '****' }],
    ['an allowed value stays', { ...all, blocked_values: digits, allowed_values: ['^visa'] }, before],
    [
      'an ignored key stays',
      { allowed_keys: ['note'], ignored_keys: ['card'], ignored_key_patterns: ['^i'], blocked_values: digits },
      { card: before.card, id: 4111, note: 'none' },
    ],
    ['hashed', { ...all, hash_function: 'MD5', blocked_values: digits }, { ...before, card: `visa ${md5('4111111111111111')} x` }],
    [
      'hashed with a key',
      { ...all, hash_function: 'hmac-sha256', hmac_key: 'k'.repeat(32), blocked_key_patterns: ['token'] },
      { ...before, token: createHmac('sha256', 'k'.repeat(32)).update('abc').digest('hex') },
    ],
    [
      'hashed by sha3',
      { ...all, hash_function: 'sha3', blocked_key_patterns: ['token'] },
      { ...before, token: createHash('sha3-256').update('abc').digest('hex') },
    ],
    [
      'with counts',
      {
        allowed_keys: ['card', 'note', 'token'],
        ignored_keys: ['token'],
        allowed_values: ['none'],
        blocked_values: digits,
        summary: 'info',
      },
      {
        card: 'visa **** x',
        note: 'none',
        token: 'abc',
        'redaction.redacted.count': 1,
        'redaction.masked.count': 1,
        'redaction.allowed.count': 1,
        'redaction.ignored.count': 1,
      },
    ],
    [
      'with keys',
      { allowed_keys: ['token', 'note'], blocked_values: ['a', 'n'], summary: 'debug' },
      {
        note: '****o****e',
        token: '****bc',
        'redaction.redacted.keys': 'card,id',
        'redaction.redacted.count': 2,
        'redaction.masked.keys': 'note,token',
        'redaction.masked.count': 2,
      },
    ],
    ['with nothing to tell', { ...all, blocked_values: ['no such value'], summary: 'debug' }, before],
  ])('%s', async (_, settings, after) => {
    expect(await redacted(settings, span(before))).toEqual(json(span(after)))
  })

  test('what was told before is added to', async () => {
    const told = { 'redaction.masked.keys': 'b', 'redaction.masked.count': 2, a: 'secret' }
    const after = { 'redaction.masked.keys': 'a,b', 'redaction.masked.count': 3, a: '****' }
    expect(await redacted({ ...all, blocked_values: ['secret'], summary: 'debug' }, span(told))).toEqual(json(span(after)))
  })

  test('of resources, scopes, events and data points', async () => {
    const with_ = (secret: string) => ({
      resourceSpans: [
        {
          resource: { attributes: { a: secret, b: 1 } },
          scopeSpans: [
            {
              scope: { name: secret, attributes: { a: secret } },
              spans: [
                {
                  traceId: '01'.repeat(16),
                  spanId: '02'.repeat(8),
                  name: 'secret',
                  events: [{ name: 'e', attributes: { a: secret } }, { name: 'f' }],
                },
              ],
            },
          ],
        },
      ],
    })
    const settings = { ...all, blocked_values: ['secret'] }
    const traces = json(with_('secret')) as { resourceSpans: { scopeSpans: { scope: { name: string } }[] }[] }
    const want = json(with_('****')) as typeof traces
    // Names are no attributes.
    want.resourceSpans[0]!.scopeSpans[0]!.scope.name = 'secret'
    expect(await redacted(settings, with_('secret'))).toEqual(want)
    const points = (secret: string) => ({
      resourceMetrics: [
        {
          scopeMetrics: [
            {
              metrics: [
                {
                  name: 'g',
                  gauge: {
                    dataPoints: [
                      { asInt: 1, attributes: { a: secret } },
                      { asInt: 2, attributes: { a: 'plain' } },
                      { asInt: 3, attributes: { a: secret } },
                    ],
                  },
                },
                { name: 'h', histogram: { dataPoints: [{ count: 1, attributes: { a: secret } }] } },
                { name: 'e', exponentialHistogram: { dataPoints: [{ count: 1, attributes: { a: secret } }] } },
                { name: 's', summary: { dataPoints: [{ count: 1, attributes: { a: secret } }] } },
              ],
            },
          ],
        },
      ],
    })
    expect(await redacted(settings, points('secret'), 'metrics')).toEqual(json(points('****'), 'metrics'))
  })
})

describe('bodies', () => {
  const log = (body: unknown, attributes: Attributes = {}) => ({ resourceLogs: [{ scopeLogs: [{ logRecords: [{ body, attributes }] }] }] })
  const all = { allow_all_keys: true, blocked_values: ['secret', '42'] }
  test.each<[what: string, settings: object, before: unknown, after: unknown, attributes: Attributes]>([
    ['a text', all, 'a secret', 'a ****', {}],
    ['a number', all, 42, '****', {}],
    ['a plain one', all, 'plain', 'plain', {}],
    ['a map', all, { a: 'secret', b: { c: ['x', 'secret', 42] }, d: 1 }, { a: '****', b: { c: ['x', '****', '****'] }, d: 1 }, {}],
    ['a list', all, ['secret', { a: 'secret' }], ['****', { a: '****' }], {}],
    ['keys that are masked', { ...all, blocked_key_patterns: ['^p'] }, { p: 'x', q: { p: 7 } }, { p: '****', q: { p: '****' } }, {}],
    [
      'keys that go',
      { allowed_keys: ['a'], summary: 'debug' },
      { a: { b: 1, a: 2 }, c: 3 },
      { a: { a: 2 } },
      { 'redaction.body.redacted.keys': 'a.b,c', 'redaction.body.redacted.count': 2 },
    ],
    [
      'told, with paths',
      { ...all, ignored_keys: ['i'], allowed_values: ['fine'], summary: 'debug' },
      { a: { b: ['secret'] }, i: 'secret', f: 'fine secret' },
      { a: { b: ['****'] }, i: 'secret', f: 'fine secret' },
      {
        'redaction.body.masked.keys': 'a.b.[0]',
        'redaction.body.masked.count': 1,
        'redaction.body.allowed.keys': 'f',
        'redaction.body.allowed.count': 1,
        'redaction.body.ignored.count': 1,
      },
    ],
    ['told, of a text', { ...all, summary: 'info' }, 'secret', '****', { 'redaction.body.masked.count': 1 }],
  ])('%s', async (_, settings, before, after, attributes) => {
    const value = (of: unknown) => (Array.isArray(of) || typeof of === 'object' ? toAnyValue(of) : of)
    expect(await redacted(settings, log(value(before)), 'logs')).toEqual(json(log(value(after), attributes), 'logs'))
  })

  test('unknown fields in a body survive', async () => {
    const body = (w: Writer, text: string) =>
      w.message(5, v =>
        v.message(6, m =>
          m
            .message(1, kv =>
              kv
                .text(1, 'k')
                .varint(9, 1)
                .message(2, x => x.text(1, text)),
            )
            .text(77, 'unknown'),
        ),
      )
    const request = (text: string) =>
      new Writer().message(1, r => r.message(2, s => s.message(2, l => body(l, text).text(99, 'of the record')))).finish()
    const { send, passed } = set('logs', all)
    await send(request('secret'))
    expect(passed[0]!.raw.bytes()).toEqual(request('****'))
  })
})

/** Plain JS as the writer wants maps and lists in a body. */
function toAnyValue(of: unknown): unknown {
  if (Array.isArray(of)) return { arrayValue: { values: of.map(toAnyValue) } }
  if (typeof of === 'object' && of !== null)
    return { kvlistValue: { values: Object.entries(of).map(([key, value]) => ({ key, value: toAnyValue(value) })) } }
  return of
}

describe.each(signals)('%s', signal => {
  test('a batch with nothing to hide is the same object, also when it is seen again', async () => {
    const { send, passed } = set(signal, {
      allow_all_keys: true,
      blocked_values: ['no such value'],
      blocked_key_patterns: ['^no such key$'],
    })
    const bytes = requestOf[signal]({ odd: true, resources: 2, scopes: 2, metrics: 3, points: 5, attributes: 3 }, 5)
    expect(await send(bytes)).toBe(passed[0])
    expect(await send(bytes)).toBe(passed[1])
  })

  test('with and without a cache the same bytes leave', async () => {
    const settings = {
      allow_all_keys: true,
      blocked_values: ['value [0-4]', '^1'],
      blocked_key_patterns: ['attribute.2'],
      redact_all_types: true,
      summary: 'debug',
    }
    const [cached, bare, tiny] = [16_384, 0, 2].map(decision_cache_size => set(signal, { ...settings, decision_cache_size }))
    let changed = 0
    for (let seed = 0; seed < 15; seed++) {
      const bytes = requestOf[signal]({ odd: seed % 2 === 0, resources: 2, scopes: 2, metrics: 3, points: 5, attributes: 3 }, seed % 5)
      for (const one of [cached!, bare!, tiny!]) await one.send(bytes)
      const [a, b, c] = [cached!, bare!, tiny!].map(one => Buffer.from(one.passed.at(-1)!.raw.bytes()).toString('hex'))
      expect(b).toBe(a)
      expect(c).toBe(a)
      changed += Number(a !== Buffer.from(bytes).toString('hex'))
    }
    expect(changed).toBeGreaterThan(5)
  })
})

describe('however attributes and bodies are written, the same is masked', () => {
  const all = { allow_all_keys: true }
  const keys = ['plain', 'token', 'ignored', 'gone', 'größe', 'n']
  const values: readonly ((w: Writer) => unknown)[] = [
    ...[
      '',
      'secret',
      'a secret',
      'fine',
      'fine secret',
      'plain',
      'größer',
      'größer secret',
      `${'long '.repeat(20)}secret`,
      'long '.repeat(20),
    ].map(text => (w: Writer) => w.text(1, text)),
    w => w.bytes(1, Uint8Array.of(0xff, 0x73)),
    w => w.varint(2, 1),
    w => w.varint(3, 42),
    w => w.double(4, 42),
    w => w.message(5, list => list.message(1, one => one.text(1, 'secret'))),
    w => w.bytes(7, Uint8Array.of(1)),
  ]
  test.each<[what: string, settings: object]>([
    ['values', { ...all, blocked_values: ['secret', '^42$'] }],
    ['told', { ...all, blocked_values: ['secret', 'ö'], summary: 'debug' }],
    ['of all types', { ...all, blocked_values: ['secret', '42', 'true'], redact_all_types: true, summary: 'info' }],
    ['empty texts', { ...all, blocked_values: ['^$'] }],
    ['but for what is allowed', { ...all, blocked_values: ['secret'], allowed_values: ['^fine'] }],
    ['with what is allowed told', { ...all, blocked_values: ['secret'], allowed_values: ['^fine'], summary: 'debug' }],
    ['keys', { ...all, blocked_key_patterns: ['^token$'], ignored_keys: ['ignored'], allowed_values: ['^fine'] }],
    ['keys that go', { allowed_keys: keys.filter(key => key !== 'gone'), ignored_key_patterns: ['^ign'], summary: 'debug' }],
  ])('%s', async (_, settings) => {
    const random = seeded(4)
    const pick = <T>(from: readonly T[]) => from[Math.floor(random() * from.length)]!
    for (const signal of ['traces', 'logs'] as const) {
      const field = signal === 'traces' ? 9 : 6
      const rows = Array.from({ length: 120 }, () => ({
        // One row often looks like the one before.
        attributes: Array.from(
          { length: Math.floor(random() * 4) },
          () => [pick(random() < 0.5 ? keys.slice(0, 1) : keys), pick(values)] as const,
        ),
        events: [[pick(keys), pick(values)] as const],
        body: pick(values),
      }))
      /** @param odd with fields that nobody knows, so that nothing is as everybody writes it */
      const request = (odd: boolean) => {
        const more = (w: Writer) => (odd ? w.varint(100, 1) : w)
        const pair = (w: Writer, number: number, [key, value]: readonly [string, (w: Writer) => unknown]) =>
          w.message(number, kv => more(kv.text(1, key).message(2, v => value(more(v)))))
        const row = (w: Writer, { attributes, events, body }: (typeof rows)[number]) => {
          if (signal === 'logs') w.message(5, v => body(more(v)))
          for (const one of attributes) pair(w, field, one)
          if (signal === 'traces') for (const one of events) w.message(11, event => pair(event, 3, one))
        }
        return new Writer().message(1, r => r.message(2, s => rows.forEach(one => void s.message(2, w => row(w, one))))).finish()
      }
      const [plain, odd] = [set(signal, settings), set(signal, settings)]
      await plain.send(request(false))
      await odd.send(request(true))
      expect(plain.last()).toEqual(odd.last())
      // What is remembered by now decides the same.
      const first = plain.last()
      await plain.send(request(false))
      expect(plain.last()).toEqual(first)
      expect(first).not.toEqual(protobufToJson(signal, request(false)))
    }
  })
})
