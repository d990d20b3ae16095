import { describe, expect, test } from 'vitest'
import { compareLabels, compareText, Labels } from '../../src/model/labels.ts'

const labels = (record: Record<string, string>) => Labels.from(record)

describe('labels', () => {
  test('are sorted by name, and an empty value is none', () => {
    expect(labels({ b: '2', a: '1', empty: '' }).pairs).toEqual(['a', '1', 'b', '2'])
  })
  test('the key tells sets apart whose joined texts are equal', () => {
    expect(labels({ a: '1b', c: '2' }).key).not.toBe(labels({ a: '1', bc: '2' }).key)
    expect(labels({ a: '11', b: '2' }).key).toBe(labels({ b: '2', a: '11' }).key)
  })
  test.each<[string, Labels, Record<string, string>]>([
    ['set', labels({ a: '1' }).with('b', '2'), { a: '1', b: '2' }],
    ['replaced', labels({ a: '1' }).with('a', '2'), { a: '2' }],
    ['taken away', labels({ a: '1', b: '2' }).with('a', ''), { b: '2' }],
    ['without', labels({ a: '1', b: '2' }).without(new Set(['b', 'c'])), { a: '1' }],
    ['kept', labels({ a: '1', b: '2' }).keep(new Set(['b', 'c'])), { b: '2' }],
  ])('%s', (_, got, wanted) => expect(got.toJSON()).toEqual(wanted))
})

describe('order', () => {
  const bytes = (a: string, b: string) => Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b)))
  const texts = ['', 'a', 'ab', 'b', 'é', '\ud7ff', '\ue000', '\uffff', '😀', '😀a', '𝔸', 'Z']
  test.each(texts.flatMap(a => texts.map(b => [a, b] as const)))('%j against %j is that of the UTF-8 bytes', (a, b) => {
    expect(compareText(a, b)).toBe(bytes(a, b))
  })
  test.each<[Record<string, string>, Record<string, string>, number]>([
    [{ a: '1' }, { a: '1', b: '1' }, -1],
    [{ a: '2' }, { a: '1', b: '1' }, 1],
    [{ a: '1' }, { b: '1' }, -1],
    [{}, {}, 0],
  ])('%j against %j', (a, b, order) => expect(Math.sign(compareLabels(labels(a), labels(b)))).toBe(order))
})
