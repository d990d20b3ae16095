import { defaultTextMapGetter, defaultTextMapSetter, propagation, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api'
import { SamplingDecision } from '@opentelemetry/sdk-trace'
import { expect, test } from 'vitest'
import { JaegerPropagator } from '../../src/register/jaeger-propagator.ts'
import { JaegerRemoteSampler, readArgument } from '../../src/register/jaeger-sampler.ts'

const jaeger = new JaegerPropagator()
const span = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 }
const extract = (carrier: Record<string, string>) => jaeger.extract(ROOT_CONTEXT, carrier, defaultTextMapGetter)

test('what is injected is extracted', () => {
  const carrier: Record<string, string> = {}
  const baggage = propagation.createBaggage({ user: { value: 'a b' } })
  jaeger.inject(propagation.setBaggage(trace.setSpanContext(ROOT_CONTEXT, span), baggage), carrier, defaultTextMapSetter)
  expect(carrier).toEqual({ 'uber-trace-id': `${span.traceId}:${span.spanId}:0:01`, 'uberctx-user': 'a%20b' })
  const context = extract(carrier)
  expect(trace.getSpanContext(context)).toEqual({ ...span, isRemote: true })
  expect(propagation.getBaggage(context)?.getEntry('user')?.value).toBe('a b')
})

test.each<[string, string | undefined]>([
  ['1:2:0:1', '00000000000000000000000000000001'],
  ['0af7651916cd43dd8448eb211c80319c%3Ab7ad6b7169203331%3A0%3A1', span.traceId],
  ['0:2:0:1', undefined],
  ['x:2:0:1', undefined],
  ['', undefined],
])('uber-trace-id: %s', (header, traceId) => expect(trace.getSpanContext(extract({ 'uber-trace-id': header }))?.traceId).toBe(traceId))

function remote(answers: unknown[], argument = 'endpoint=http://jaeger:5778/sampling,initialSamplingRate=0') {
  let now = 0
  let tick = () => {}
  const asked: string[] = []
  const sampler = new JaegerRemoteSampler('cart', readArgument(argument, []), {
    async fetchJson(url) {
      asked.push(url)
      const answer = answers.shift()
      if (answer === undefined) throw new Error('no answer')
      return answer
    },
    every(_, run) {
      tick = run
      return { [Symbol.dispose]() {} }
    },
    monotonic: () => now,
  })
  const takes = (name = 'GET') =>
    sampler.shouldSample(ROOT_CONTEXT, span.traceId, name, SpanKind.SERVER, {}, []).decision === SamplingDecision.RECORD_AND_SAMPLED
  const later = async (ms: number) => {
    now += ms
    tick()
    await new Promise(resolve => setImmediate(resolve))
  }
  return { asked, takes, later, pass: (ms: number) => void (now += ms) }
}

test('what Jaeger says holds until it says something else', async () => {
  const { asked, takes, later } = remote([
    { strategyType: 'PROBABILISTIC', probabilisticSampling: { samplingRate: 1 } },
    undefined,
    { nonsense: 1 },
  ])
  expect(takes()).toBe(false)
  await later(0)
  expect(takes()).toBe(true)
  await later(60_000)
  await later(60_000)
  expect(takes()).toBe(true)
  expect(asked[0]).toBe('http://jaeger:5778/sampling?service=cart')
})

test('so many a second', async () => {
  const { takes, later, pass } = remote([{ strategyType: 1, rateLimitingSampling: { maxTracesPerSecond: 2 } }])
  await later(0)
  expect([takes(), takes(), takes()]).toEqual([true, true, false])
  pass(500)
  expect([takes(), takes()]).toEqual([true, false])
})

test('each operation by its own, the others by the default', async () => {
  const { takes, later } = remote([
    {
      operationSampling: {
        defaultSamplingProbability: 0,
        perOperationStrategies: [{ operation: 'GET /a', probabilisticSampling: { samplingRate: 1 } }],
      },
    },
  ])
  await later(0)
  expect([takes('GET /a'), takes('GET /b')]).toEqual([true, false])
})

test('an argument that makes no sense is said', () => {
  const problems: string[] = []
  expect(readArgument('initialSamplingRate=2', problems).initialSamplingRate).toBe(0.001)
  expect(problems).toEqual(['OTEL_TRACES_SAMPLER_ARG: initialSamplingRate must be between 0 and 1, got "2"; it is 0.001'])
})
