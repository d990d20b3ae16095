/** Durations as Prometheus writes them: whole numbers with units from large to small, `1h30m`, `5m`, `1y2w`; `0` needs no unit. */

/** [ms] */
const units = [
  ['y', 31_536_000_000],
  ['w', 604_800_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
] as const
const shape = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/
/** [ms] what Go's int64 of nanoseconds holds */
const MAX = 2 ** 63 / 1e6

/** @returns milliseconds, or what is wrong, in Prometheus's words (the text is shown by `quote`) */
export function parsePrometheusDuration(text: string, quote: (text: string) => string = JSON.stringify): number | string {
  if (text === '0') return 0
  if (text === '') return 'empty duration string'
  const parts = shape.exec(text)
  if (parts === null) return `not a valid duration string: ${quote(text)}`
  const ms = units.reduce((sum, [, size], i) => sum + Number(parts[i + 1] ?? 0) * size, 0)
  return ms < MAX ? ms : 'duration out of range'
}

/** Years and weeks only where nothing is left over: `90d` reads better than `12w6d`. */
export function showPrometheusDuration(ms: number): string {
  let rest = Math.trunc(Math.abs(ms))
  if (rest === 0) return '0s'
  let text = ms < 0 ? '-' : ''
  for (const [unit, size] of units) {
    if ((unit === 'y' || unit === 'w') && rest % size !== 0) continue
    const count = Math.floor(rest / size)
    if (count > 0) text += `${count}${unit}`
    rest -= count * size
  }
  return text
}
