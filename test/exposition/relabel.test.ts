import { describe, expect, test } from 'vitest'
import { Relabelling, type RelabelRule, ruleProblem } from '../../src/exposition/relabel.ts'

const rule = (about: Partial<RelabelRule>): RelabelRule => ({
  action: 'replace',
  separator: ';',
  regex: '(.*)',
  replacement: '$1',
  ...about,
})
function relabelled(labels: Record<string, string>, ...rules: Partial<RelabelRule>[]): Record<string, string> | undefined {
  const map = new Map(Object.entries(labels))
  return new Relabelling(rules.map(rule)).apply(map) ? Object.fromEntries(map) : undefined
}

describe('each action', () => {
  const labels = { a: 'foo', b: 'bar', c: 'baz' }
  test.each<[string, Partial<RelabelRule>, Record<string, string> | undefined]>([
    ['replace', { source_labels: ['a'], regex: 'f(.*)', target_label: 'd', replacement: 'ch${1}-ch$1' }, { ...labels, d: 'choo-choo' }],
    ['replace, $1x is no group', { source_labels: ['a'], target_label: 'd', replacement: '$1x' }, labels],
    [
      'replace, several sources',
      { source_labels: ['a', 'b'], regex: 'f(.*);(.*)r', target_label: 'a', replacement: 'b${1}${2}m' },
      { ...labels, a: 'boobam' },
    ],
    ['replace, no match', { source_labels: ['a'], regex: 'x', target_label: 'a', replacement: 'y' }, labels],
    ['replace, to nothing', { source_labels: ['a'], regex: 'foo', target_label: 'b', replacement: '' }, { a: 'foo', c: 'baz' }],
    ['replace, no source', { target_label: 'd', replacement: 'x' }, { ...labels, d: 'x' }],
    [
      'replace, named group',
      { source_labels: ['a'], regex: '(?P<first>.).*', target_label: '${first}_d', replacement: '$first' },
      { ...labels, f_d: 'f' },
    ],
    ['replace is anchored', { source_labels: ['a'], regex: 'o', target_label: 'a', replacement: 'x' }, labels],
    ['keep', { action: 'keep', source_labels: ['a'], regex: 'f.*' }, labels],
    ['keep, no', { action: 'keep', source_labels: ['a'], regex: 'o' }, undefined],
    ['drop', { action: 'drop', source_labels: ['a'], regex: 'foo|bar' }, undefined],
    ['drop, without case', { action: 'drop', source_labels: ['a'], regex: '(?i)FOO' }, undefined],
    [
      'replace, one of a list',
      { source_labels: ['a'], regex: '(foo|b\\.r)', target_label: 'd', replacement: '<$1>' },
      { ...labels, d: '<foo>' },
    ],
    [
      'replace, one of a list without a group',
      { source_labels: ['a'], regex: 'foo|bar', target_label: 'd', replacement: '$0' },
      { ...labels, d: 'foo' },
    ],
    [
      'keep, a long list',
      { action: 'keep', source_labels: ['a'], regex: Array.from({ length: 20_000 }, (_, i) => `foo${i || ''}`).join('|') },
      labels,
    ],
    ['drop, no', { action: 'drop', source_labels: ['a'], regex: 'fo' }, labels],
    ['hashmod', { action: 'hashmod', source_labels: ['c'], target_label: 'd', modulus: 1000 }, { ...labels, d: '976' }],
    ['hashmod of nothing', { action: 'hashmod', source_labels: ['x'], target_label: 'd', modulus: 1000 }, { ...labels, d: '958' }],
    ['labelmap', { action: 'labelmap', regex: '(a|b)', replacement: 'x_$1' }, { ...labels, x_a: 'foo', x_b: 'bar' }],
    ['labeldrop', { action: 'labeldrop', regex: 'a|b' }, { c: 'baz' }],
    ['labelkeep', { action: 'labelkeep', regex: 'a|b' }, { a: 'foo', b: 'bar' }],
    ['lowercase', { action: 'lowercase', source_labels: ['a', 'b'], target_label: 'd', separator: 'X' }, { ...labels, d: 'fooxbar' }],
    ['uppercase', { action: 'uppercase', source_labels: ['a'], target_label: 'a' }, { ...labels, a: 'FOO' }],
    ['keepequal', { action: 'keepequal', source_labels: ['a'], target_label: 'b' }, undefined],
    ['keepequal of nothing', { action: 'keepequal', source_labels: ['x'], target_label: 'y' }, labels],
    ['dropequal', { action: 'dropequal', source_labels: ['a'], target_label: 'a' }, undefined],
    ['dropequal, no', { action: 'dropequal', source_labels: ['a'], target_label: 'b' }, labels],
  ])('%s', (_, change, result) => expect(relabelled(labels, change)).toEqual(result))

  test('rules run one after the other, and none after a drop', () => {
    expect(
      relabelled(
        labels,
        { target_label: 'd', replacement: '1' },
        { action: 'drop', source_labels: ['d'], regex: '1' },
        { target_label: 'e', replacement: '2' },
      ),
    ).toBeUndefined()
  })
})

test.each<[Partial<RelabelRule>, string]>([
  [{}, 'target_label: must be the name of a label, for replace'],
  [{ target_label: 'a b' }, 'target_label: must be the name of a label, for replace'],
  [{ target_label: 'a', regex: '(' }, 'regex: must be a regular expression'],
  [{ action: 'hashmod', target_label: 'a' }, 'modulus: must be given, for hashmod'],
  [{ action: 'labeldrop', target_label: 'a' }, 'action: must come with nothing but regex, for labeldrop'],
  [
    { action: 'keepequal', target_label: 'a', regex: 'x' },
    'action: must come with nothing but source_labels and target_label, for keepequal',
  ],
  [{ action: 'lowercase', target_label: 'a', replacement: 'x' }, 'replacement: must not be given, for lowercase'],
  [{ action: 'labelmap', replacement: 'a b' }, 'replacement: must make the name of a label, for labelmap'],
])('%j is refused', (about, says) => expect(ruleProblem(rule(about), true)?.join(': ')).toContain(says))
