import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseExpr } from '../../src/promql/parse.ts'
import { backendQuery } from '../../src/rules/backend.ts'
import { VirtualClock } from '../kit/clock.ts'

let server: Server
let answer: { status: number; body: string | undefined } = { status: 200, body: '' }
let asked: { url: string; tenant: string; body: string } | undefined
beforeAll(async () => {
  server = createServer(async (request, response) => {
    let body = ''
    for await (const piece of request) body += piece
    asked = { url: request.url ?? '', tenant: String(request.headers['x-scope-orgid']), body }
    if (answer.body !== undefined) response.writeHead(answer.status).end(answer.body)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
})
afterAll(() => server.closeAllConnections())

const clock = new VirtualClock()
const ask = (signal?: AbortSignal) => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/prometheus/`
  return backendQuery({ url, headers: { 'X-Scope-OrgID': 'me' } }, 5_000, clock)(parseExpr('up > 0'), 'up > 0', 1_700_000_000_500, signal)
}
const data = (resultType: string, result: unknown) => JSON.stringify({ status: 'success', data: { resultType, result } })

test('asks as a form, with the configured headers, below the path of the backend', async () => {
  answer = { status: 200, body: data('vector', []) }
  expect(await ask()).toEqual([])
  expect(asked).toEqual({ url: '/prometheus/api/v1/query', tenant: 'me', body: 'query=up+%3E+0&time=1700000000.5' })
})

describe('answers', () => {
  test.each<[what: string, body: string, samples: readonly (readonly [object, number])[]]>([
    [
      'a vector',
      data('vector', [
        { metric: { __name__: 'up', job: 'a' }, value: [1, '1.5e+00'] },
        { metric: {}, value: [1, 'NaN'] },
      ]),
      [
        [{ __name__: 'up', job: 'a' }, 1.5],
        [{}, Number.NaN],
      ],
    ],
    [
      'infinities',
      data('vector', [
        { metric: { a: '1' }, value: [1, '+Inf'] },
        { metric: { a: '2' }, value: [1, '-Inf'] },
      ]),
      [
        [{ a: '1' }, Number.POSITIVE_INFINITY],
        [{ a: '2' }, Number.NEGATIVE_INFINITY],
      ],
    ],
    ['a scalar', data('scalar', [1, '3']), [[{}, 3]]],
  ])('%s', async (_, body, samples) => {
    answer = { status: 200, body }
    expect((await ask()).map(({ labels, value }) => [labels.toJSON(), value])).toEqual(samples)
  })
  test.each<[what: string, status: number, body: string, message: string]>([
    [
      'an error in its own words',
      422,
      JSON.stringify({ status: 'error', errorType: 'execution', error: 'multiple matches' }),
      'multiple matches',
    ],
    ['an error without words', 500, JSON.stringify({ status: 'error' }), 'the query backend answers 500'],
    ['another page', 502, '<html>', 'the query backend answers 502, and not in JSON'],
    ['a matrix', 200, data('matrix', []), 'rule result is not a vector or scalar'],
    [
      'a histogram',
      200,
      data('vector', [{ metric: {}, histogram: [1, { count: '1', sum: '1' }] }]),
      'histograms of a query backend cannot be read',
    ],
    ['no number', 200, data('vector', [{ metric: {}, value: [1, 'x'] }]), 'the query backend gives "x" for a number'],
  ])('%s', async (_, status, body, message) => {
    answer = { status, body }
    await expect(ask()).rejects.toThrow(message)
  })
})

describe('no answer', () => {
  test('in time', async () => {
    answer = { status: 200, body: undefined }
    const failed = expect(ask()).rejects.toThrow('the query backend took longer than 5000 ms')
    await clock.advance(5_000)
    await failed
    expect(clock.pending).toBe(0)
  })
  test('since nobody waits for it any more', async () => {
    answer = { status: 200, body: undefined }
    const stop = new AbortController()
    const failed = expect(ask(stop.signal)).rejects.toThrow('the query backend does not answer')
    stop.abort()
    await failed
    expect(clock.pending).toBe(0)
  })
  test('since there is nobody', async () => {
    const query = backendQuery({ url: 'http://127.0.0.1:1', headers: {} }, 5_000, clock)
    await expect(query(parseExpr('1'), '1', 0)).rejects.toThrow('the query backend does not answer: ')
  })
})
