import { afterEach, expect, test, vi } from 'vitest'
import { systemClock } from '../../src/lib/clock.ts'

afterEach(() => void vi.useRealTimers())

/** [ms] setTimeout takes no more: what is longer it runs at once. */
const longest = 2 ** 31 - 1

test.each([longest + 1, 3 * longest, 30 * 86_400_000])('a wait of %d ms is as long as it was asked for', async ms => {
  vi.useFakeTimers()
  const asked = vi.spyOn(globalThis, 'setTimeout')
  const run = vi.fn()
  systemClock.after(ms, run)
  await vi.advanceTimersByTimeAsync(ms - 1)
  expect(run).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(1)
  expect(run).toHaveBeenCalledTimes(1)
  for (const [, wait] of asked.mock.calls) expect(wait).toBeLessThanOrEqual(longest)
})

test('a long wait can be called off at any time', async () => {
  vi.useFakeTimers()
  const run = vi.fn()
  const timer = systemClock.after(2 * longest, run)
  await vi.advanceTimersByTimeAsync(longest + 1)
  timer[Symbol.dispose]()
  await vi.advanceTimersByTimeAsync(longest)
  expect(run).not.toHaveBeenCalled()
  expect(vi.getTimerCount()).toBe(0)
})
