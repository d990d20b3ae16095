/**
 * `process.nextTick` makes an object with computed keys, some ten times for each request. At the place that makes it V8 keeps in mind which shape
 * comes after which, but weakly: when the whole heap is collected while no such object lives, the shapes are gone, V8 takes the place for one
 * that sees many, and makes every later object the long way, for as long as the thread lives (`node --expose-gc bench/ticks.bench.ts`).
 * One object that is never let go keeps them.
 */
import { executionAsyncResource } from 'node:async_hooks'

let kept: object | undefined

/** Once in each thread, before its heap is collected for the first time. */
export function keepTickShape(): void {
  process.nextTick(() => void (kept ??= executionAsyncResource()))
}

/** What is kept: an object of that shape, once the first tick is over. */
export const keptTick = (): object | undefined => kept
