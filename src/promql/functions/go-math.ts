/** Go's math.Max and math.Min: infinity is the greatest even beside NaN, which JavaScript's give precedence. */
export const goMax = (a: number, b: number): number =>
  a === Number.POSITIVE_INFINITY || b === Number.POSITIVE_INFINITY ? Number.POSITIVE_INFINITY : Math.max(a, b)

export const goMin = (a: number, b: number): number =>
  a === Number.NEGATIVE_INFINITY || b === Number.NEGATIVE_INFINITY ? Number.NEGATIVE_INFINITY : Math.min(a, b)
