/**
 * Start timestamps tell when a counter began, so that a reset is known even where the counter has already passed its old value.
 * 0 stands for an unknown one.
 */

/** Whether the counter began anew between two samples. All in epoch ms. */
export function startsAnew(startBefore: number, timeBefore: number, start: number, time: number): boolean {
  // At the time of the sample itself: OpenTelemetry's unknown start.
  if (start === 0 || start >= time || start < timeBefore) return false
  if (start > timeBefore) return true
  // It starts where the sample before was taken. That is the next piece of a delta series, unless the sample before knew no start either.
  return startBefore !== 0 && startBefore < timeBefore
}

/** Whether a sample claims time that the sample before was taken in, without being the same run. */
export const startsWithin = (startBefore: number, timeBefore: number, start: number): boolean =>
  start !== 0 && start < timeBefore && start !== startBefore
