/** A budget for instrumentation, on a clock of the test's own. */
import { beforeEach, describe, expect, test } from 'vitest'
import { calmMs, leastRequests, longestCalmMs, Overhead } from '../../src/register/overhead.ts'

let now: number
let said: string[]
let overhead: Overhead
beforeEach(() => {
  now = 0
  said = []
  const part = (name: string) => ({ name, off: () => void said.push(`off ${name}`), on: () => void said.push(`on ${name}`) })
  overhead = new Overhead({
    budgetMs: 1,
    parts: ['a', 'b', 'c'].map(part),
    monotonic: () => now,
    changed: (name, off, p99) => void said.push(`${off ? '-' : '+'}${name} ${Number.isNaN(p99) ? 'NaN' : p99.toFixed(1)}`),
  })
})

/** Each second this many requests, each taking so long. */
function run(seconds: number, ms: number | (() => number), requests = 200): void {
  for (let second = 0; second < seconds; second++) {
    for (let i = 0; i < requests; i++) overhead.record(typeof ms === 'number' ? ms : ms())
    now += 1000
    overhead.tick()
  }
}

describe('the percentile', () => {
  test.each([0.001, 0.05, 0.5, 1, 3, 40])('%s ms is told a tenth too high at the most', ms => {
    for (let i = 0; i < 1000; i++) overhead.record(i < 980 ? ms / 10 : ms)
    expect(overhead.p99Ms / ms).toBeGreaterThanOrEqual(0.999)
    expect(overhead.p99Ms / ms).toBeLessThanOrEqual(1.092)
  })
  test('one in two hundred does not count, and few requests say nothing', () => {
    for (let i = 0; i < leastRequests - 1; i++) overhead.record(5)
    expect(overhead.p99Ms).toBeNaN()
    overhead.record(5)
    expect(overhead.p99Ms).toBeGreaterThanOrEqual(5)
    for (let i = 0; i < 30_000; i++) overhead.record(0.1)
    expect(overhead.p99Ms).toBeLessThan(0.11)
  })
  test('what is older than ten seconds is forgotten', () => {
    run(1, 0.9)
    run(8, 0.1)
    expect(overhead.p99Ms).toBeGreaterThan(0.89)
    run(2, 0.1)
    expect(overhead.p99Ms).toBeLessThan(0.11)
    expect(said).toEqual([])
  })
})

test('over the budget one part after the other goes, each judged by what is measured without the ones before', () => {
  run(1, 2)
  expect(said).toEqual(['off a', expect.stringMatching(/^-a 2\.\d$/)])
  run(1, 0.9)
  expect(overhead.parts).toEqual([
    ['a', true],
    ['b', false],
    ['c', false],
  ])
  run(5, 2)
  expect(overhead.parts.map(([, off]) => off)).toEqual([true, true, true])
  expect(said.filter(line => line.startsWith('off'))).toEqual(['off a', 'off b', 'off c'])
})

test('it comes back when it was calm for a minute: half of the budget, not just below it', () => {
  run(1, 2)
  said.length = 0
  run(300, 0.8)
  expect(said).toEqual([])
  run(calmMs / 1000 + 15, 0.4)
  expect(said).toEqual(['on a', expect.stringMatching(/^\+a 0\.4$/)])
  expect(overhead.parts.every(([, off]) => !off)).toBe(true)
})

test('with nothing to measure any more it comes back as well, the last first', () => {
  run(3, 2)
  said.length = 0
  run(2 * (calmMs / 1000 + 2), 0, 0)
  expect(said.filter(line => line.startsWith('on'))).toEqual(['on c', 'on b'])
})

test('a part that comes back in vain waits twice as long, up to sixteen minutes', () => {
  run(1, 2)
  const waits: number[] = []
  for (let time = 0; time < 7; time++) {
    const from = now
    while (overhead.parts[0]![1]) run(1, 0.1)
    waits.push(Math.round((now - from) / calmMs))
    run(1, 2)
    expect(overhead.parts[0]![1]).toBe(true)
  }
  expect(waits).toEqual([1, 2, 4, 8, 16, 16, 16])
  expect(longestCalmMs / calmMs).toBe(16)
})
