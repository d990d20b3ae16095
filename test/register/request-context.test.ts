/** The context of a request against the API's own: whatever is set and deleted, both have the same values. */
import { type Context, createContextKey, INVALID_SPAN_CONTEXT, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { deleteRPCMetadata, getRPCMetadata, isTracingSuppressed, RPCType, setRPCMetadata, suppressTracing } from '@opentelemetry/core'
import { expect, test } from 'vitest'
import { RequestContext } from '../../src/register/request-context.ts'
import { pick, type Random } from '../kit/any-request.ts'
import { seeded } from '../kit/context.ts'

const spans = Array.from({ length: 3 }, () => trace.wrapSpanContext(INVALID_SPAN_CONTEXT))
const metadata = spans.map(span => ({ type: RPCType.HTTP as const, span }))
const keys = [createContextKey('one'), createContextKey('two')]

function change(next: Random): (of: Context) => Context {
  const i = Math.floor(next() * 3)
  const key = pick(keys, next)
  return pick(
    [
      of => trace.setSpan(of, spans[i]!),
      of => trace.deleteSpan(of),
      of => setRPCMetadata(of, metadata[i]!),
      of => deleteRPCMetadata(of),
      of => suppressTracing(of),
      of => propagation.setBaggage(of, propagation.createBaggage({ a: { value: `${i}` } })),
      of => of.setValue(key, i),
      of => of.deleteValue(key),
    ],
    next,
  )
}

const told = (of: Context) => ({
  span: spans.indexOf(trace.getSpan(of)!),
  metadata: metadata.indexOf(getRPCMetadata(of) as (typeof metadata)[0]),
  suppressed: isTracingSuppressed(of),
  baggage: propagation.getBaggage(of)?.getAllEntries(),
  values: keys.map(key => of.getValue(key)),
})

test('has what the API\u2019s own has', () => {
  for (let seed = 0; seed < 300; seed++) {
    const next = seeded(seed)
    let below: Context = ROOT_CONTEXT
    for (let i = 0; i < next() * 3; i++) below = change(next)(below)
    let theirs = setRPCMetadata(trace.setSpan(below, spans[0]!), metadata[0]!)
    let ours: Context = new RequestContext(below, spans[0], metadata[0])
    for (let i = 0; i < next() * 8; i++) {
      const before = told(ours)
      const act = change(next)
      const [itsOwn, other] = [act(ours), act(theirs)]
      // What one gets, the other does not have.
      expect(told(ours)).toEqual(before)
      ours = itsOwn
      theirs = other
      expect(told(ours)).toEqual(told(theirs))
    }
  }
})

test('knows what was made of it', () => {
  const ours = new RequestContext(ROOT_CONTEXT, spans[0], metadata[0])
  const within = suppressTracing(trace.setSpan(ours, spans[1]!))
  const another = new RequestContext(ROOT_CONTEXT, spans[0], metadata[1])
  expect([ours, within, another, trace.setSpan(ROOT_CONTEXT, spans[0]!), ROOT_CONTEXT].map(of => ours.holds(of))).toEqual([
    true,
    true,
    false,
    false,
    false,
  ])
})
