import { describe, expect, test } from 'vitest'
import { MalformedError } from '../../src/model/batch.ts'
import { signals } from '../../src/model/signal.ts'
import { decodeResponse, decodeStatus, encodeResponse, encodeStatus } from '../../src/otlp/status.ts'

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8')
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const encodings = ['protobuf', 'json'] as const

describe('export responses', () => {
  test.each(signals)('%s: full success is nothing at all, or {}', signal => {
    expect(encodeResponse(signal, undefined, 'protobuf')).toHaveLength(0)
    expect(text(encodeResponse(signal, undefined, 'json'))).toBe('{}')
    expect(text(encodeResponse(signal, { rejected: 0, message: '' }, 'json'))).toBe('{}')
  })

  test.each([
    ['metrics', 'rejectedDataPoints'],
    ['traces', 'rejectedSpans'],
    ['logs', 'rejectedLogRecords'],
  ] as const)('%s: what was not taken is called %s', (signal, name) => {
    const partial = { rejected: 3, message: 'too old' }
    expect(text(encodeResponse(signal, partial, 'json'))).toBe(`{"partialSuccess":{"${name}":"3","errorMessage":"too old"}}`)
    expect(hex(encodeResponse(signal, partial, 'protobuf'))).toBe(`0a0b08031207${hex(Buffer.from('too old'))}`)
    for (const encoding of encodings) expect(decodeResponse(signal, encodeResponse(signal, partial, encoding), encoding)).toEqual(partial)
  })

  test('a warning rejects nothing', () => {
    const warning = { rejected: 0, message: 'deprecated' }
    for (const encoding of encodings) expect(decodeResponse('logs', encodeResponse('logs', warning, encoding), encoding)).toEqual(warning)
  })

  test.each([
    ['an empty body', ''],
    ['an empty object', '{}'],
    ['an unset partial success', '{"partialSuccess":null}'],
    ['an empty partial success', '{"partialSuccess":{}}'],
  ])('%s in JSON is full success', (_, body) => {
    expect(decodeResponse('traces', Buffer.from(body), 'json')).toEqual({ rejected: 0, message: '' })
  })

  test('a number for the rejected is fine; nonsense is an error of its own kind', () => {
    expect(decodeResponse('traces', Buffer.from('{"partialSuccess":{"rejectedSpans":7}}'), 'json')).toEqual({ rejected: 7, message: '' })
    expect(() => decodeResponse('traces', Buffer.from('<html>'), 'json')).toThrow(MalformedError)
    expect(() => decodeResponse('traces', Buffer.from('<html>'), 'protobuf')).toThrow(MalformedError)
  })
})

describe('google.rpc.Status', () => {
  test.each([
    [{ code: 3, message: 'bad' }],
    [{ code: 14, message: 'später', retryAfterMs: 1500 }],
    [{ code: 8, message: '', retryAfterMs: 30_000 }],
    [{ code: 8, message: 'now', retryAfterMs: 0 }],
  ])('%j comes back equal', status => {
    const { code, message, retryAfterMs } = status as { code: number; message: string; retryAfterMs?: number }
    for (const encoding of encodings) expect(decodeStatus(encodeStatus(code, message, encoding, retryAfterMs), encoding)).toEqual(status)
  })

  test('on the wire as others write it', () => {
    expect(text(encodeStatus(14, 'busy', 'json', 1500))).toBe(
      '{"code":14,"message":"busy","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"1.5s"}]}',
    )
    expect(hex(encodeStatus(3, 'bad', 'protobuf'))).toBe('08031203626164')
  })

  test.each(['', '{}', '{"details":[{"@type":"type.googleapis.com/google.rpc.DebugInfo"}, 5]}'])(
    'without a code or known details: %s',
    body => {
      if (body === '') expect(() => decodeStatus(Buffer.from(body), 'json')).toThrow(MalformedError)
      else expect(decodeStatus(Buffer.from(body), 'json')).toEqual({ code: 2, message: '' })
    },
  )

  test('no bytes at all are the status of all defaults', () => {
    expect(decodeStatus(new Uint8Array(), 'protobuf')).toEqual({ code: 0, message: '' })
  })
})
