import { expect, test } from 'vitest'
import { LabelTexts } from '../../src/exporters/prometheus/label-texts.ts'
import { readLabels, showLabels, splitLabels } from '../../src/exposition/labels.ts'
import { seeded } from '../kit/context.ts'

const values = ['a', 'x,y="z"', 'back\\slash', 'quo"te', 'new\nline', 'µ温度😀', '=', ',']

test('a label text is split at its own commas only', () => {
  for (const name of ['code', 'größe', 'a b', 'x"y', 'c,d']) {
    for (const value of values) {
      const text = showLabels([
        [name, value],
        ['zz', 'last'],
        ['aa', 'first'],
      ])
      expect(splitLabels(text).join(',')).toBe(text)
      expect(splitLabels(text).flatMap(readLabels)).toEqual(readLabels(text))
      expect(splitLabels(text)).toHaveLength(3)
    }
  }
  expect(splitLabels('')).toEqual([])
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
    const text = showLabels(labels)
    texts.set(at, text)
    model.set(at, text)
    if (step % 1000 === 0) check()
  }
  check()
})
