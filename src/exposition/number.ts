/** Numbers as Prometheus' own exposition writes them. */

/** The shortest decimal that reads back the same, with an exponent from a million up and below a ten-thousandth: `1e+06`. */
export function showFloat(value: number): string {
  const size = Math.abs(value)
  if (size < 1e6 && size >= 1e-4) return String(value)
  if (value === 0) return '0'
  if (Number.isNaN(value)) return 'NaN'
  if (size === Number.POSITIVE_INFINITY) return value > 0 ? '+Inf' : '-Inf'
  const text = value.toExponential()
  const sign = text.length - 2
  // at least two digits of exponent
  return text[sign] === '+' || text[sign] === '-' ? `${text.slice(0, -1)}0${text.slice(-1)}` : text
}

/** OpenMetrics wants a float to look like one: `1.0`, and so likewise in `le` and `quantile`. */
export function showOpenFloat(value: number): string {
  const text = showFloat(value)
  return /[.eIN]/.test(text) ? text : `${text}.0`
}

/** The largest double that is a uint64: what counts add up to is held there. */
export const maxCount = 2 ** 64 - 2048

/** A count: digits only. What cannot be one is written as a float. */
export function showCount(value: number): string {
  return value >= 0 ? String(Math.min(Math.round(value), maxCount)) : showFloat(value)
}

/** Whole milliseconds, cut off as Prometheus' library does; a double of today is off by up to a quarter of a microsecond. */
export const wholeMs = (ms: number): number => Math.floor(ms + 0.0005)
