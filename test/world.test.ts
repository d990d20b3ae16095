import { expect, test } from 'vitest'
import { systemWorld } from '../src/world.ts'
import { testContext } from './kit/context.ts'

const { memory } = systemWorld(() => testContext().log, 'info')
const size = 64 << 20

/** [bytes] in use while `size` bytes more are held, which nobody refers to afterwards */
const usedWithMore = () => {
  const more = new Uint8Array(size).fill(1)
  return memory().usedBytes + (more[0]! - 1)
}

test('memory in use is what is left when garbage has been collected, if that is asked for', () => {
  const before = usedWithMore()
  expect(memory(true).usedBytes).toBeLessThan(before - size / 2)
})

test('memory has a limit', () => expect(memory().limitBytes).toBeGreaterThan(2 ** 26))
