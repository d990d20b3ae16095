import { expect, test } from 'vitest'
import { Page } from '../../src/exporters/prometheus/page.ts'

test('of a hundred thousand series each is found by its labels, also those whose hashes collide, and only its own family has it', () => {
  const page = new Page(() => true)
  const family = page.family({ name: 'a', type: 'gauge', unit: '' }, '')!
  const other = page.family({ name: 'b', type: 'gauge', unit: '' }, '')!
  const labels = (i: number) => [`m="${(i * 2654435761) % 4294967296}"`, `n="${i}"`]
  const slots = Array.from({ length: 100_000 }, (_, i) => page.add(family, labels(i)))
  slots.forEach((slot, i) => {
    if (page.find(family, labels(i)) !== slot) throw new Error(`series ${i} is lost`)
  })
  expect(page.find(other, labels(7))).toBeUndefined()
  for (let i = 0; i < slots.length; i += 2) page.remove(slots[i]!)
  slots.forEach((slot, i) => {
    const expected = i % 2 === 0 ? undefined : slot
    if (page.find(family, labels(i)) !== expected) throw new Error(`series ${i} is not as it should be`)
  })
  expect(page.size).toBe(50_000)
  expect(slots).toContain(page.add(family, labels(0)))
})
