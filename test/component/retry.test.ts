import { describe, expect, test } from 'vitest'
import { backOffMs, retryAfterMs, retrySettings } from '../../src/component/retry.ts'

describe('the wait after a failure', () => {
  const settings = retrySettings().parse(undefined)
  test.each([
    [1, 5000],
    [2, 7500],
    [3, 11_250],
    [5, 25_312.5],
    [6, 30_000],
    [5000, 30_000],
  ])('failure %d waits around %d ms', (failures, middle) => {
    expect(backOffMs(settings, failures, 0.5)).toBe(middle)
    expect(backOffMs(settings, failures, 0)).toBe(middle / 2)
    expect(backOffMs(settings, failures, 1)).toBe(middle * 1.5)
  })
  test('without chance in it, it is exact', () => {
    expect(backOffMs({ ...settings, randomization_factor: 0 }, 2, 0.9)).toBe(7500)
  })
})

describe('Retry-After', () => {
  const now = Date.parse('Fri, 13 Nov 2026 08:00:00 GMT')
  test.each<[string | undefined, number]>([
    [undefined, 0],
    ['7', 7000],
    [' 0 ', 0],
    ['Fri, 13 Nov 2026 08:00:30 GMT', 30_000],
    ['Fri, 13 Nov 2026 07:00:00 GMT', 0],
    ['soon', 0],
    ['-5', 0],
    ['', 0],
  ])('%j is %d ms', (value, ms) => expect(retryAfterMs(value, now)).toBe(ms))
})

test('settings of the Collector are the defaults', () => {
  expect(retrySettings().parse(undefined)).toEqual({
    enabled: true,
    initial_interval: 5000,
    randomization_factor: 0.5,
    multiplier: 1.5,
    max_interval: 30_000,
    max_elapsed_time: 300_000,
  })
})
