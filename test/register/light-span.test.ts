/** Spans of ours against the SDK's own: the same is done to both, and the same is told of them. */
import {
  type AnyValue,
  type Attributes,
  type Context,
  type Exception,
  type Link,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  type SpanOptions,
  SpanStatusCode,
  type TimeInput,
  trace,
} from '@opentelemetry/api'
import { suppressTracing } from '@opentelemetry/core'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  AlwaysOffSampler,
  ParentBasedSampler,
  type ReadableSpan,
  type Sampler,
  SamplingDecision,
  TraceIdRatioBasedSampler,
  TracerProvider,
  type TracerProviderOptions,
} from '@opentelemetry/sdk-trace'
import { expect, test } from 'vitest'
import { lightTracer, lightTracers } from '../../src/register/light-span.ts'
import { pick, type Random } from '../kit/any-request.ts'
import { seeded } from '../kit/context.ts'

const time = { now: () => 1_700_000_000_123, monotonic: () => 5_000.25 }
const parents = ['00', '01'].map(flags => ({
  traceId: 'a'.repeat(32),
  spanId: 'b'.repeat(16),
  traceFlags: Number(flags),
  isRemote: true,
}))
const at: TimeInput = [4_000_000_000, 5]

function values(next: Random): AnyValue | undefined {
  const text = 'x'.repeat(Math.floor(next() * 20))
  return pick<AnyValue | undefined>(
    [text, text, 7, 0.5, true, ['a', 'b'], [1, null], null, undefined, { map: text }, Symbol('no') as never],
    next,
  )
}
const names = ['a', 'b', 'c', 'url.full', '', 'http.route']
const some = (next: Random): Attributes =>
  Object.fromEntries(Array.from({ length: Math.floor(next() * 4) }, () => [pick(names, next), values(next) as AnyValue]))
const plain = (next: Random): Attributes => Object.fromEntries(['a', 'b', 'c', 'd', 'e'].map(name => [name, pick([1, 'text', true], next)]))
const link = (next: Random): Link => ({ context: pick(parents, next), attributes: some(next) })

/** How a span may be asked for. */
function asking(next: Random): SpanOptions {
  return {
    ...pick<SpanOptions>([{}, { kind: SpanKind.SERVER }, { kind: SpanKind.CLIENT }], next),
    ...pick<SpanOptions>([{}, { attributes: plain(next) }, { attributes: some(next) }], next),
    ...pick<SpanOptions>([{}, {}, { links: [link(next), link(next)] }], next),
    ...pick<SpanOptions>([{}, {}, { root: true }], next),
    ...pick<SpanOptions>([{}, {}, { startTime: [1_600_000_000, 7] }, { startTime: 1_600_000_000_000 }], next),
  }
}

const exceptions: Exception[] = [
  'it broke',
  Object.assign(new TypeError('no'), { stack: 'at x' }),
  { code: 42, message: 'coded' },
  { name: 'Named' },
  Object.assign(new Error(''), { name: '', stack: 'at y' }),
]

/** Something that an application may do to a span. */
function anything(next: Random): (span: Span) => unknown {
  const kinds: (() => (span: Span) => unknown)[] = [
    () => {
      const [name, value] = [pick(names, next), values(next)]
      return span => span.setAttribute(name, value as AnyValue)
    },
    () => {
      const attributes = some(next)
      return span => span.setAttributes(attributes)
    },
    () => {
      const attributes = some(next)
      return pick(
        [span => span.addEvent('e', attributes, at), span => span.addEvent('f', at), span => span.addEvent('g', { a: 1 }, at)],
        next,
      )
    },
    () => {
      const to = link(next)
      return pick([span => span.addLink(to), span => span.addLinks([to, to])], next)
    },
    () => {
      const status = pick(
        [
          { code: SpanStatusCode.UNSET },
          { code: SpanStatusCode.OK, message: 'not told' },
          { code: SpanStatusCode.ERROR, message: 'told' },
          { code: SpanStatusCode.ERROR },
          { code: SpanStatusCode.ERROR, message: 7 as never },
        ],
        next,
      )
      return span => span.setStatus(status)
    },
    () => span => span.updateName('GET /items/:id'),
    () => {
      const exception = pick(exceptions, next)
      return span => span.recordException(exception, at)
    },
  ]
  return pick(kinds, next)()
}

const told = (span: ReadableSpan) => ({
  name: span.name,
  kind: span.kind,
  context: span.spanContext(),
  parent: span.parentSpanContext,
  attributes: span.attributes,
  events: span.events,
  links: span.links,
  status: span.status,
  start: span.startTime[0] < 1_700_000_000 && span.startTime,
  end: span.endTime,
  ended: span.ended,
  resource: span.resource.attributes,
  scope: span.instrumentationScope,
  dropped: [span.droppedAttributesCount, span.droppedEventsCount, span.droppedLinksCount],
})

/** An SDK with ids that are counted, so that two of them make the same. */
function sdk(options: TracerProviderOptions) {
  const ended: ReadableSpan[] = []
  const processor = {
    onStart() {},
    onEnd: (span: ReadableSpan) => void ended.push(span),
    forceFlush: async () => {},
    shutdown: async () => {},
  }
  let ids = 0
  const id = (digits: number) => (++ids).toString(16).padStart(digits, '0')
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'shop' }),
    idGenerator: { generateTraceId: () => id(32), generateSpanId: () => id(16) },
    spanProcessors: [processor],
    ...options,
  })
  return { tracer: provider.getTracer('http', '1'), ended: () => ended.map(told) }
}

const adding: Sampler = {
  shouldSample: () => ({ decision: SamplingDecision.RECORD_AND_SAMPLED, attributes: { sampled: 'by rule', a: 'other' } }),
}
const recording: Sampler = { shouldSample: () => ({ decision: SamplingDecision.RECORD }) }
const limits = {
  attributeCountLimit: 4,
  attributeValueLengthLimit: 10,
  eventCountLimit: 2,
  linkCountLimit: 1,
  attributePerEventCountLimit: 1,
}
const noEvents = { eventCountLimit: 0, linkCountLimit: 0 }

test.each<[string, TracerProviderOptions]>([
  ['nothing set', {}],
  ['limits', { spanLimits: limits }],
  ['no events, no links', { spanLimits: noEvents }],
  ['a sampler that adds attributes', { sampler: adding }],
  ['a sampler that adds attributes, within limits', { sampler: adding, spanLimits: limits }],
  ['recorded, not sampled', { sampler: recording }],
  ['of its parent', { sampler: new ParentBasedSampler({ root: new AlwaysOffSampler() }) }],
  ['a share', { sampler: new TraceIdRatioBasedSampler(0.5) }],
])('as the SDK does it: %s', (_, options) => {
  let seen = 0
  for (let seed = 0; seed < 200; seed++) {
    const next = seeded(seed)
    const theirs = sdk(options)
    const ours = sdk(options)
    const asked = asking(next)
    const parent = pick([undefined, ...parents], next)
    const within = parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent)
    const pair = [theirs.tracer.startSpan('GET', asked, within), lightTracer(ours.tracer, time).startSpan('GET', asked, within)] as const
    const done = Array.from({ length: Math.floor(next() * 8) }, () => anything(next))
    const late = anything(next)
    for (const span of pair) {
      for (const act of done) act(span)
      span.end([4_000_000_001, 9])
      // What comes after the end, a second end among it, changes nothing.
      late(span)
      span.end([4_000_000_002, 0])
    }
    expect(pair[1].isRecording()).toBe(pair[0].isRecording())
    expect(ours.ended()).toEqual(theirs.ended())
    seen += ours.ended().length
  }
  expect(seen).toBeGreaterThan(50)
})

test('a span that is recorded is ours', () => {
  const { tracer } = sdk({})
  const span = lightTracer(tracer, time).startSpan('GET', { kind: SpanKind.SERVER, attributes: {} }, ROOT_CONTEXT)
  expect(Object.getPrototypeOf(span)).not.toBe(Object.getPrototypeOf(tracer.startSpan('GET')))
})

test('a tracer that is built otherwise is used as it is', () => {
  const tracer = trace.getTracer('of nobody')
  expect(lightTracer(tracer, time)).toBe(tracer)
})

test('tracers are made of those of a provider', () => {
  const provider = new TracerProvider()
  const made = lightTracers(provider, time).getTracer('express', '1').startSpan('GET') as unknown as ReadableSpan
  expect(made.instrumentationScope).toMatchObject({ name: 'express', version: '1' })
  expect(Object.getPrototypeOf(made)).not.toBe(Object.getPrototypeOf(provider.getTracer('express').startSpan('GET')))
})

test('a span that is active while something runs', () => {
  const { tracer } = sdk({})
  const light = lightTracer(tracer, time)
  const within = trace.setSpanContext(ROOT_CONTEXT, parents[1] as SpanContext)
  const ran = [
    light.startActiveSpan('a', span => span as unknown as ReadableSpan),
    light.startActiveSpan('b', { kind: SpanKind.CLIENT }, span => span as unknown as ReadableSpan),
    light.startActiveSpan('c', { kind: SpanKind.CLIENT }, within, span => span as unknown as ReadableSpan),
  ]
  expect(ran.map(({ name, kind, parentSpanContext }) => [name, kind, parentSpanContext?.spanId])).toEqual([
    ['a', SpanKind.INTERNAL, undefined],
    ['b', SpanKind.CLIENT, undefined],
    ['c', SpanKind.CLIENT, 'b'.repeat(16)],
  ])
})

test('where nothing is to be traced there is no span', () => {
  const { tracer, ended } = sdk({})
  const span = lightTracer(tracer, time).startSpan('GET', { kind: SpanKind.SERVER, attributes: {} }, suppressTracing(ROOT_CONTEXT))
  span.end()
  expect([span.isRecording(), ended()]).toEqual([false, []])
})

test('processors see it begin, with its context, and end', () => {
  const seen: unknown[] = []
  const { tracer } = sdk({
    spanProcessors: [
      {
        onStart: (span, within: Context) => {
          span.setAttribute('by', 'a processor')
          seen.push(['start', trace.getSpanContext(within)?.spanId])
        },
        onEnding: span => seen.push(['ending', span.setAttribute('still', true).ended]),
        onEnd: span => seen.push(['end', span.ended, span.attributes]),
        forceFlush: async () => {},
        shutdown: async () => {},
      },
    ],
  })
  const within = trace.setSpanContext(ROOT_CONTEXT, parents[0] as SpanContext)
  const span = lightTracer(tracer, time).startSpan(
    'GET',
    { kind: SpanKind.SERVER, attributes: {} },
    trace.setSpanContext(within, parents[1] as SpanContext),
  )
  span.end()
  expect(seen).toEqual([
    ['start', 'b'.repeat(16)],
    ['ending', false],
    ['end', true, { by: 'a processor', still: true }],
  ])
})

test.each<[string, TimeInput | undefined, ReadableSpan['endTime'], ReadableSpan['duration']]>([
  ['the clock that never goes back', undefined, [1_700_000_000, 623_000_000], [0, 500_000_000]],
  ['a reading of performance.now()', 5_100.25, [1_700_000_000, 223_000_000], [0, 100_000_000]],
  ['one before its beginning', 4_000.25, [1_700_000_000, 123_000_000], [0, 0]],
  ['milliseconds', 1_700_000_001_123, [1_700_000_001, 123_000_000], [1, 0]],
  ['a date', new Date(1_700_000_001_123), [1_700_000_001, 123_000_000], [1, 0]],
  ['seconds and nanoseconds', [1_700_000_000, 123_000_007], [1_700_000_000, 123_000_007], [0, 7]],
])('ends by %s', (_, given, end, duration) => {
  let monotonic = 5_000.25
  const { tracer } = sdk({})
  const clock = { now: time.now, monotonic: () => monotonic }
  const span = lightTracer(tracer, clock).startSpan('GET', { kind: SpanKind.SERVER, attributes: {} }, ROOT_CONTEXT)
  monotonic += 500
  span.end(given)
  const { startTime, endTime, ...of } = span as unknown as ReadableSpan
  expect({ startTime, endTime, duration: (span as unknown as ReadableSpan).duration, ended: of.ended }).toEqual({
    startTime: [1_700_000_000, 123_000_000],
    endTime: end,
    duration,
    ended: true,
  })
})
