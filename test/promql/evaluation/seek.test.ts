import { expect, test } from 'vitest'
import { seek } from '../../../src/promql/evaluation/seek.ts'
import { seeded } from '../../kit/context.ts'

test('whatever is guessed, it comes to the first sample that is later', () => {
  const random = seeded(13)
  const upTo = (most: number) => Math.floor(random() * (most + 1))
  for (let round = 0; round < 2000; round++) {
    let now = 0
    const time = Float64Array.from({ length: upTo(30) }, () => (now += 1 + upTo(5)))
    const until = upTo(100) - 5
    const later = time.findIndex(t => t > until)
    const all = later < 0 ? time.length : later
    const end = upTo(time.length)
    const at = upTo(Math.min(all, end))
    expect(seek(time, at, end, until, upTo(40))).toBe(Math.min(all, end))
  }
})
