/** How far back a tier has all there is. */
import type { Contents } from './contents.ts'
import { standAlone } from './plan.ts'

/**
 * @param step of the tier, 0: samples as they came
 * @returns epoch ms, exclusive. Of samples as they came, those that came late to buckets whose own samples are gone do not count: between them and what is younger there
 * may be nothing but buckets.
 */
export function reachOf(contents: Contents, step: number): number {
  const { blocks, heads } = contents.places(step)
  const before = Math.min(...blocks.map(({ first }) => first), ...heads.map(({ minTime }) => minTime)) - 1
  if (step > 0) return before
  const alone = contents.blocks.filter(({ name }) => name.step > 0).filter(buckets => standAlone(buckets, blocks))
  return Math.max(before, ...alone.map(({ name }) => name.to).filter(to => to > before))
}
