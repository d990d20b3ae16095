/**
 * The first of the samples from `at` on that is later than `until`, or `end`. Steps are alike, and mostly so are their samples: it looks first where it is if
 * there are as many as in the step before, and goes on from there.
 * @param time epoch ms, ascending; those before `at` are not later than `until` @param guess [samples] that it is away
 */
export function seek(time: Float64Array, at: number, end: number, until: number, guess: number): number {
  let i = Math.min(at + guess, end)
  while (i > at && time[i - 1]! > until) i--
  while (i < end && time[i]! <= until) i++
  return i
}
