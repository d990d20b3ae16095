import { describe, expect, test } from 'vitest'
import { compareNaturally } from '../../../src/promql/functions/sorting.ts'
import { parseExpr } from '../../../src/promql/parse.ts'
import type { Grid, Row } from '../../../src/promql/value.ts'
import { type Cells, cellsOf, contextOf, rowOf, runWhole, saidOf, samplesOf, windowsOf } from './kit.ts'

const nan = Number.NaN
const one: Grid = { start: 0, step: 60_000, steps: 1 }
const two: Grid = { start: 0, step: 60_000, steps: 2 }
const vector = (rows: readonly Row[]) => ({ type: 'vector', rows }) as const
const shown = (rows: readonly Row[]) => rows.map(row => [row.labels.toJSON(), ...cellsOf(row)])

describe('label_replace and label_join', () => {
  const rows = [rowOf({ __name__: 'm', host: 'a:80', b: 'x' }, [1], true), rowOf({ __name__: 'm', host: 'other' }, [2], true)]
  const run = (name: string, ...strings: string[]) => runWhole(name, [vector(rows)], contextOf(one, { strings }))

  test.each<[string, string[], Record<string, string>[]]>([
    [
      'label_replace',
      ['port', '$1', 'host', '.*:(.*)'],
      [
        { __name__: 'm', host: 'a:80', b: 'x', port: '80' },
        { __name__: 'm', host: 'other' },
      ],
    ],
    // the whole value must match
    [
      'label_replace',
      ['b', 'y', 'host', 'oth'],
      [
        { __name__: 'm', host: 'a:80', b: 'x' },
        { __name__: 'm', host: 'other' },
      ],
    ],
    // an empty value takes the label away; a label that isn't there is empty
    ['label_replace', ['host', '', 'nope', ''], [{ __name__: 'm', b: 'x' }, { __name__: 'm' }]],
    [
      'label_join',
      ['all', '-', 'host', 'b', 'nope'],
      [
        { __name__: 'm', host: 'a:80', b: 'x', all: 'a:80-x-' },
        { __name__: 'm', host: 'other', all: 'other--' },
      ],
    ],
    [
      'label_join',
      ['~utf-8 ☃', ''],
      [
        { __name__: 'm', host: 'a:80', b: 'x' },
        { __name__: 'm', host: 'other' },
      ],
    ],
  ])('%s %j', async (name, strings, want) => {
    const result = await run(name, ...strings)
    expect(result.map(({ labels }) => labels.toJSON())).toEqual(want)
    expect(result.map(({ dropName, value }) => [dropName, value[0]])).toEqual([
      [true, 1],
      [true, 2],
    ])
  })

  test('a name that is set stays', async () => {
    expect((await run('label_join', '__name__', '', 'host')).map(({ dropName }) => dropName)).toEqual([false, false])
    expect((await run('label_replace', '__name__', 'n', 'b', 'x')).map(({ dropName }) => dropName)).toEqual([false, true])
  })

  test.each([
    ['label_replace', ['a', '', 'b', '('], 'invalid regular expression in label_replace(): ('],
    ['label_replace', ['', '', 'b', '.*'], 'invalid destination label name in label_replace(): '],
    ['label_replace', ['\ud800', '', 'b', '.*'], 'invalid destination label name in label_replace(): \ud800'],
    ['label_join', ['a', '', ''], 'invalid source label name in label_join(): '],
    ['label_join', ['', '', 'a'], 'invalid destination label name in label_join(): '],
  ])('%s %j is refused', async (name, strings, message) => {
    await expect(run(name, ...strings)).rejects.toThrow(message)
  })

  const long = [rowOf({ a: 'x'.repeat(65_536), b: 'y' }, [1])]
  const ofLong = (name: string, ...strings: string[]) => runWhole(name, [vector(long)], contextOf(one, { strings }))
  test.each([
    ['label_replace', ['b', '$1', 'a', '(.*)'], 65_536],
    ['label_replace', ['b', '$1$1', 'b', '(.*)'], 2],
    ['label_join', ['b', '', 'a'], 65_536],
  ])('%s %j: a value of %d characters', async (name, strings, length) => {
    expect((await ofLong(name, ...strings))[0]!.labels.get('b')).toHaveLength(length)
  })
  test.each([
    [
      'label_replace',
      ['b', '$1$1', 'a', '(.*)'],
      'label_replace() would need a label value of 131072 characters, of which 65536 are allowed',
    ],
    [
      'label_replace',
      ['b', '$1'.repeat(1000), 'a', '(.*)'],
      'label_replace() would need a label value of 65538000 characters, of which 16777216 are',
    ],
    ['label_replace', ['b', 'z', 'a', '(.{0,200}a){20}'], 'label_replace() would need a label value of 65536 characters, of which '],
    ['label_join', ['b', '', 'a', 'b'], 'label_join() would need a label value of 65537 characters, of which 65536 are allowed'],
  ])('%s %.40j is more than is allowed', async (name, strings, message) => {
    await expect(ofLong(name, ...strings)).rejects.toThrow(message)
  })

  test('others have a turn between rows', async () => {
    let turns = 0
    const breathe = async () => void turns++
    await runWhole('label_replace', [vector(rows)], contextOf(one, { strings: ['a', '', 'b', '.*'], breathe }))
    await runWhole('label_join', [vector(rows)], contextOf(one, { strings: ['a', '', 'b'], breathe }))
    expect(turns).toBe(4)
  })
})

describe('sorting', () => {
  const rows = [3, nan, 1, Number.POSITIVE_INFINITY, 2].map((value, i) => rowOf({ i: `a${10 - i * 2}` }, [value]))
  test.each<[string, unknown[]]>([
    ['sort', [1, 2, 3, Number.POSITIVE_INFINITY, nan]],
    ['sort_desc', [Number.POSITIVE_INFINITY, 3, 2, 1, nan]],
    ['sort_by_label', [2, Number.POSITIVE_INFINITY, 1, nan, 3]],
    ['sort_by_label_desc', [3, nan, 1, Number.POSITIVE_INFINITY, 2]],
  ])('%s', async (name, want) => {
    const cx = contextOf(one, { strings: ['i'] })
    expect((await runWhole(name, [vector(rows)], cx)).map(({ value }) => value[0])).toEqual(want)
    expect(saidOf(cx.annotations)).toEqual([])
  })

  test('a range query has its own order, and is told', async () => {
    const rows = [rowOf({ i: '2' }, [5, 1]), rowOf({ i: '1' }, [3, 2])]
    const cx = contextOf(two)
    expect(shown(await runWhole('sort', [vector(rows)], cx))).toEqual(shown(rows))
    expect(saidOf(cx.annotations)).toEqual([
      '0: PromQL warning: sort is ineffective for range queries since results are always ordered by labels',
    ])
  })

  test.each([
    ['a2', 'a10', -1],
    ['a', 'a1', -1],
    ['1', 'a', -1],
    ['', 'a', -1],
    ['4m600', '4m1000', -1],
    ['007', '7', -1],
    ['b1', 'a2', 1],
    ['x', 'x', 0],
    // too large for Go's int: text
    ['99999999999999999999', '100000000000000000000', 1],
  ])('%s and %s', (a, b, want) => {
    expect(Math.sign(compareNaturally(a, b))).toBe(want)
    expect(Math.sign(compareNaturally(b, a))).toBe(-want + 0)
  })
})

describe('absence', () => {
  test.each<[string, Record<string, string>]>([
    ['x', {}],
    ['x{a="1", b="2"}', { a: '1', b: '2' }],
    ['x{a="1", b=~"2"}', { a: '1' }],
    ['x{a="1", a="2", b="3"}', { b: '3' }],
    ['x{a="1", a!="2"}', {}],
    ['x{a!="2", a="1"}', { a: '1' }],
    ['sum(x{a="1"})', {}],
  ])('of %s is under %j', async (text, want) => {
    const cx = contextOf(two, { args: [parseExpr(text)] })
    expect(shown(await runWhole('absent', [vector([rowOf({}, [undefined, 3])])], cx))).toEqual([[want, 1, undefined]])
  })

  test('nothing is absent where something is at every step', async () => {
    const rows = [rowOf({ i: '1' }, [1, undefined]), rowOf({ i: '2' }, [undefined, nan])]
    expect(await runWhole('absent', [vector(rows)], contextOf(two, { args: [parseExpr('x')] }))).toEqual([])
  })

  test('over time', async () => {
    const windows = windowsOf(samplesOf([{ time: 50_000, value: 1 }]), two, 30_000)
    const cx = contextOf(two, { args: [parseExpr('x{a="1"}[30s]')] })
    expect(shown(await runWhole('absent_over_time', [{ type: 'matrix', windows: [windows] }], cx))).toEqual([[{ a: '1' }, 1, undefined]])
  })
})

describe('info', () => {
  /** Rows of info series, whose values are the times of their samples. */
  const run = (args: string, base: readonly Row[], infos: readonly Row[], asked: unknown[] = []) => {
    const call = parseExpr(`info(${args})`, { experimentalFunctions: true })
    if (call.kind !== 'call') throw new Error('no call')
    const cx = contextOf(two, {
      args: call.args,
      selectTimes(matchers) {
        asked.push(matchers.map(({ name, op, value }) => name + op + value).join(' '))
        return Promise.resolve(infos)
      },
    })
    return runWhole('info', [vector(base)], cx)
  }
  const base = rowOf({ __name__: 'm', instance: 'a', job: '1', v: 'x' }, [1, 2])
  const target = (labels: Record<string, string>, cells: Cells) =>
    rowOf({ __name__: 'target_info', instance: 'a', job: '1', ...labels }, cells)

  test.each<[string, string, Row[], [Record<string, string>, ...Cells][]]>([
    ['all labels', 'm', [target({ data: 'd', v: 'y' }, [0, 60])], [[{ data: 'd' }, 1, 2]]],
    ['only some', 'm, {data=~".+"}', [target({ data: 'd', more: 'e' }, [0, 60])], [[{ data: 'd' }, 1, 2]]],
    [
      'where there is none',
      'm',
      [target({ data: 'd' }, [0, undefined])],
      [
        [{ data: 'd' }, 1, undefined],
        [{}, undefined, 2],
      ],
    ],
    ['one is needed', 'm, {data=~".+"}', [target({ data: 'd' }, [undefined, 5])], [[{ data: 'd' }, undefined, 2]]],
    ['of others', 'm', [rowOf({ __name__: 'target_info', instance: 'b', job: '1', data: 'd' }, [0, 0])], [[{}, 1, 2]]],
    [
      'the newest',
      'm',
      [target({ data: 'old' }, [0, 0]), target({ data: 'new' }, [undefined, 60])],
      [
        [{ data: 'old' }, 1, undefined],
        [{ data: 'new' }, undefined, 2],
      ],
    ],
    [
      'of two names',
      'm, {__name__=~".+_info"}',
      [target({ data: 'd' }, [0, 60]), rowOf({ __name__: 'build_info', instance: 'a', job: '1', build: 'e' }, [0, 60])],
      [[{ build: 'e', data: 'd' }, 1, 2]],
    ],
  ])('%s', async (_, args, infos, want) => {
    const labels = { __name__: 'm', instance: 'a', job: '1', v: 'x' }
    const rows = await run(args, [base], infos)
    expect(shown(rows)).toEqual(want.map(([added, ...cells]) => [{ ...labels, ...added }, ...cells]))
  })

  test.each<[string, Row[], string]>([
    [
      'm',
      [target({ a: '1' }, [0, 5]), target({ a: '2' }, [undefined, 5])],
      'found duplicate series for info metric: existing {__name__="target_info", a="1", instance="a", job="1"} @ 5, new {__name__="target_info", a="2", instance="a", job="1"} @ 5',
    ],
    ['m', [target({ d: '1' }, [0, 5]), rowOf({ __name__: 'x_info', instance: 'a', job: '1', d: '2' }, [0, 5])], 'conflicting label: d'],
    ['m', [{ ...target({}, [0, 5]), kind: Uint8Array.of(2, 2) }], 'info sample should be float'],
  ])('%s is refused, %#', async (args, infos, message) => {
    await expect(run(args, [base], infos)).rejects.toThrow(message)
  })

  test.each<[string, string]>([
    ['m', 'instance=~a job=~1 __name__=target_info'],
    ['m, {__name__!="x", d="e"}', 'instance=~a job=~1 d=e __name__=~.+_info __name__!=x'],
  ])('%s asks for info series', async (args, matchers) => {
    const asked: unknown[] = []
    await run(args, [base], [], asked)
    expect(asked).toEqual([matchers])
  })

  test('info series stay as they are, and labels are matched as they are', async () => {
    const asked: unknown[] = []
    const itself = target({ data: 'd' }, [1, 1])
    const odd = rowOf({ __name__: 'm', instance: 'a.b|c' }, [1, 2])
    expect(await run('m', [itself, odd], [], asked)).toEqual([itself, odd])
    expect(asked[0]).toBe('instance=~a\\.b\\|c job=~ __name__=target_info')
    expect(await run('m', [itself], [], asked)).toEqual([itself])
    expect(asked).toHaveLength(1)
  })
})
