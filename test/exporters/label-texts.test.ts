import { expect, test } from 'vitest'
import { LabelTexts } from '../../src/exporters/prometheus/label-texts.ts'
import { readLabels, showEach, showLabels } from '../../src/exposition/labels.ts'
import { seeded } from '../kit/context.ts'

const values = ['a', 'x,y="z"', 'back\\slash', 'quo"te', 'new\nline', 'µ温度😀', '=', ',']

test('labels are shown one by one as they are together', () => {
  for (const name of ['code', 'größe', 'a b', 'x"y', 'c,d']) {
    for (const value of [...values, '']) {
      const labels = new Map([
        ['zz', 'last'],
        [name, value],
        ['aa', 'first'],
      ])
      expect(showEach(labels).join(',')).toBe(showLabels(labels))
      expect(showEach(labels).flatMap(readLabels)).toEqual([...labels].filter(([, v]) => v !== '').sort(([a], [b]) => (a < b ? -1 : 1)))
    }
  }
  expect(showEach(new Map())).toEqual([])
})

test('gives back what was put in, through overwriting, deleting and compaction', () => {
  const random = seeded(21)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!
  const texts = new LabelTexts()
  const model = new Map<number, string>()
  const check = () => {
    for (const [at, text] of model) expect(texts.get(at)).toBe(text)
  }
  for (let step = 0; step < 20_000; step++) {
    const at = Math.floor(random() * 500)
    if (random() < 0.3) {
      if (model.delete(at)) texts.delete(at)
      continue
    }
    const labels = Array.from({ length: Math.floor(random() * 8) }, (_, i) => [`l${i}`, random() < 0.2 ? `${step}` : pick(values)] as const)
    const parts = showEach(new Map(labels))
    texts.set(at, parts)
    model.set(at, parts.join(','))
    expect(texts.is(at, parts)).toBe(true)
    expect(texts.is(at, [...parts, 'one="more"'])).toBe(false)
    expect(texts.hash(parts)).toBe(texts.hash([...parts]))
    expect(texts.hash(['never="seen"'])).toBeUndefined()
    if (step % 1000 === 0) check()
  }
  check()
})
