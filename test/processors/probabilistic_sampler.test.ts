import { describe, expect, test } from 'vitest'
import type { Consumer } from '../../src/component/component.ts'
import type { BatchOf } from '../../src/model/batch.ts'
import { Raw } from '../../src/model/raw.ts'
import { protobufToJson } from '../../src/otlp/json.ts'
import { encode } from '../../src/otlp/write.ts'
import probabilisticSampler from '../../src/processors/probabilistic_sampler/index.ts'
import { processorContract, surroundings } from '../kit/contract.ts'

processorContract({ factory: probabilisticSampler, settings: { sampling_percentage: 100, fail_closed: false } })

async function sample<S extends 'traces' | 'logs'>(signal: S, settings: object, request: object) {
  const { cx, ledger } = surroundings('processor', 'probabilistic_sampler')
  const taken: BatchOf[S][] = []
  const next: Consumer<S> = {
    reserve() {},
    async consume(batch) {
      taken.push(batch)
    },
  }
  const component = probabilisticSampler.create[signal]!(cx, probabilisticSampler.config.parse(settings), next as never) as Consumer<S>
  await component.consume(cx.reader.read(signal, Raw.of(encode(signal, request))))
  expect(ledger.imbalance).toBe(0)
  return { kept: taken.map(batch => protobufToJson(signal, batch.raw.bytes())), account: cx.account(signal) }
}

const id = (last: string) => last.padStart(32, '0')
const spans = (...list: object[]) => ({ resourceSpans: [{ scopeSpans: [{ spans: list }] }] })
const records = (...list: object[]) => ({ resourceLogs: [{ scopeLogs: [{ logRecords: list }] }] })

test('what is dropped is counted as sampled, and its scope and resource go with it', async () => {
  const low = { traceId: id('10000000000000'), spanId: '0000000000000001', name: 'low' }
  const high = { traceId: id('f0000000000000'), spanId: '0000000000000002', name: 'high' }
  const request = { resourceSpans: [...spans(low).resourceSpans, ...spans(high, low).resourceSpans] }
  const { kept, account } = await sample('traces', { sampling_percentage: 50, mode: 'proportional' }, request)
  expect(kept).toEqual([spans({ ...high, traceState: 'ot=th:8' })])
  expect(account).toMatchObject({ accepted: 3, taken: 1 })
  expect([...account.dropped]).toEqual([['sampled', 2]])
})

test('where nothing is left nothing is handed on', async () => {
  const { kept, account } = await sample('traces', {}, spans({ traceId: id('f0000000000000') }))
  expect(kept).toEqual([])
  expect(account).toMatchObject({ accepted: 1, taken: 0 })
})

describe('the tracestate of what is kept', () => {
  test.each([
    ['proportional', 'ot=th:8', 'ot=th:c'],
    ['equalizing', 'ot=th:8', 'ot=th:8'],
    ['equalizing', 'ot=th:c', 'ot=th:c'],
    ['proportional', 'ot=th:8;rv:f0000000000001;x:y,other=z', 'ot=rv:f0000000000001;th:c;x:y,other=z'],
    ['proportional', 'other=z', 'ot=th:8,other=z'],
    ['hash_seed', 'other=z', /^ot=rv:[0-9a-f]{14};th:8,other=z$/],
  ])('%s: %s becomes %s', async (mode, traceState, want) => {
    const span = { traceId: id('ff000000000000'), spanId: '0000000000000001', traceState, parentSpanId: '0000000000000002', name: 'n' }
    // The hash of this id is small, so that it is kept.
    const { kept } = await sample('traces', { sampling_percentage: 50, mode, hash_seed: 2 }, spans(span))
    const [{ resourceSpans }] = kept as [{ resourceSpans: { scopeSpans: { spans: { traceState: string }[] }[] }[] }]
    const [written] = resourceSpans[0]!.scopeSpans[0]!.spans
    expect(written).toEqual({ ...span, traceState: want instanceof RegExp ? expect.stringMatching(want) : want })
  })

  test('is put behind the ids where there was none', async () => {
    const span = { traceId: id('ff000000000000'), spanId: '0000000000000001', name: 'n' }
    const { kept } = await sample('traces', { sampling_percentage: 50, mode: 'proportional' }, spans(span))
    expect(kept).toEqual([spans({ ...span, traceState: 'ot=th:8' })])
  })
})

test('a log record says in its attributes how it was sampled', async () => {
  const record = { traceId: id('ff000000000000'), spanId: '0000000000000001', body: { stringValue: 'x' } }
  const { kept } = await sample('logs', { sampling_percentage: 50, mode: 'equalizing' }, records(record))
  expect(kept).toEqual([records({ ...record, attributes: [{ key: 'sampling.threshold', value: { stringValue: '8' } }] })])
})
