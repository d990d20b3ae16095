import { expect, test } from 'vitest'
import { closest, distance } from '../../src/lib/distance.ts'

test.each<[string, string, number]>([
  ['', '', 0],
  ['', 'abc', 3],
  ['abc', '', 3],
  ['kitten', 'sitting', 3],
  ['otlp', 'oltp', 1],
  ['ab', 'ba', 1],
  ['abc', 'abc', 0],
  ['debug', 'debgu', 1],
  ['receivers', 'recievers', 1],
])('%j to %j: %d edits', (a, b, edits) => {
  expect(distance(a, b)).toBe(edits)
  expect(distance(b, a)).toBe(edits)
})

test.each<[string, string[], string | undefined]>([
  ['endpont', ['endpoint', 'timeout'], 'endpoint'],
  ['maxBodySize', ['max_body_size'], 'max_body_size'],
  ['otlphttp', ['otlp_grpc', 'otlp_http'], 'otlp_http'],
  ['OTLP', ['otlp'], 'otlp'],
  ['x', ['y'], 'y'],
  ['kafka', ['otlp', 'host'], undefined],
  ['anything', [], undefined],
  ['batch', ['bath', 'batches'], 'bath'],
])('%j among %j: %j', (word, candidates, expected) => expect(closest(word, candidates)).toBe(expected))
