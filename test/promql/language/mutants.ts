import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { seeded } from '../../kit/context.ts'

/** Texts of Prometheus's cases, valid or not. */
export const texts: readonly string[] = ['parse', 'printer', 'prettier'].flatMap(name =>
  (JSON.parse(readFileSync(join(import.meta.dirname, `${name}.json`), 'utf8')) as { input: string }[]).map(({ input }) => input),
)

const bits =
  'sum by without ( ) { } [ ] , = =~ !~ != == + - * / ^ % and or unless atan2 bool on ignoring group_left group_right fill fill_left(1) offset @ start() end step() range() min_of(1,2) max_of( 5m 1h30m 0 1.5 0x1f 1e3 Inf nan "a" \'b\' `c` "\\x41" foo bar:baz rate topk anchored smoothed [5m] [5m:1m] [5m:] >/ </ < >= é : . _ info limitk count_values {} {a="b"} {"m"} (1) time() \\ " # -step() (5m) ! ~ INF Sum 08 1_000 1__0 5m3 300y "ü" 😀 \ud800'.split(
    ' ',
  )

const tokens = (text: string): string[] => text.match(/\w+|"[^"]*"|\s+|[^\w\s]/gsu) ?? []

/** So many texts with a few tokens taken out, put in, exchanged, or cut off; the same for the same seed. */
export function* mutants(seed: number, count: number): Generator<string> {
  const random = seeded(seed)
  const pick = (below: number): number => Math.floor(random() * below)
  const bit = (): string => bits[pick(bits.length)]!
  for (let i = 0; i < count; i++) {
    const parts = tokens(texts[pick(texts.length)]!)
    for (let changes = 1 + pick(3); changes > 0; changes--) {
      const at = pick(parts.length + 1)
      const other = tokens(texts[pick(texts.length)]!)
      const from = pick(other.length)
      const change = [
        () => parts.splice(at, 1),
        () => parts.splice(at, 0, bit()),
        () => parts.splice(at, 1, bit()),
        () => parts.splice(at, 0, ' ', bit(), ' '),
        () => parts.splice(at, pick(3), ...other.slice(from, from + 1 + pick(6))),
        () => parts.splice(at),
      ][pick(6)]!
      change()
    }
    yield parts.join('')
  }
}
