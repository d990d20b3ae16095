import { executionAsyncResource } from 'node:async_hooks'
import { setFlagsFromString } from 'node:v8'
import { expect, test } from 'vitest'
import { keepTickShape, keptTick } from '../../src/lib/ticks.ts'

setFlagsFromString('--allow-natives-syntax')
const haveSameShape = new Function('a', 'b', 'return %HaveSameMap(a, b)') as (a: object, b: object) => boolean

const ticked = () => new Promise<object>(resolve => process.nextTick(() => resolve(executionAsyncResource())))

test('what is kept has the shape of what nextTick makes, and stays the same', async () => {
  keepTickShape()
  const one = await ticked()
  const kept = keptTick()!
  keepTickShape()
  const other = await ticked()
  expect(kept).not.toBe(one)
  expect(keptTick()).toBe(kept)
  expect([one, other].map(tick => haveSameShape(kept, tick))).toEqual([true, true])
  expect(haveSameShape(kept, { callback: () => {}, args: undefined })).toBe(false)
})
