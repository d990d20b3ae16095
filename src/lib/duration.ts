/** Durations as the Collector and Prometheus write them: `300ms`, `5s`, `1m30s`, `-1h`, `1.5h`. */

/** [ms] */
const units: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1e3, m: 6e4, h: 3.6e6, d: 8.64e7, w: 6.048e8 }
const whole = /^([+-]?)((?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h|d|w))+$/
const part = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h|d|w)/g

/** @returns milliseconds, or undefined where `text` is not a duration. `0` needs no unit. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0
  if (!whole.test(text)) return undefined
  let ms = 0
  for (const [, number, unit] of text.matchAll(part)) ms += Number(number) * units[unit!]!
  return text.startsWith('-') ? -ms : ms
}

/** The shortest way to write `ms` with one or two units: `1m30s`, `200ms`. */
export function showDuration(ms: number): string {
  if (ms === 0) return '0s'
  for (const [unit, size, lower] of [
    ['h', 3.6e6, 'm'],
    ['m', 6e4, 's'],
    ['s', 1e3, 'ms'],
  ] as const) {
    if (Math.abs(ms) < size) continue
    const major = Math.trunc(ms / size)
    const rest = Math.round(Math.abs(ms - major * size) / units[lower]!)
    return rest === 0 ? `${major}${unit}` : `${major}${unit}${rest}${lower}`
  }
  return `${Number(ms.toPrecision(6))}ms`
}
