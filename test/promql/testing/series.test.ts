import { describe, expect, test } from 'vitest'
import { printHistogram } from '../../../src/promql/histogram/text.ts'
import { MAX_VALUES, MISSING, NATIVE, type Sequence, STALE } from '../../../src/promql/testing/sequence.ts'
import { isStartLine, parseSeries, parseStartLine, SeriesError } from '../../../src/promql/testing/series.ts'

const places = (values: Sequence): (number | string)[] =>
  values.kind.map((kind, i) => {
    if (kind === MISSING) return '_'
    if (kind === STALE) return 'stale'
    return kind === NATIVE ? `${printHistogram(values.histograms[i]!)}${values.hinted[i] ? ' hinted' : ''}` : values.value[i]!
  })

describe('names and labels', () => {
  test.each<[line: string, labels: Record<string, string>]>([
    ['a', { __name__: 'a' }],
    ['a:b_1{}', { __name__: 'a:b_1' }],
    ['{}', {}],
    ['{a="b"}', { a: 'b' }],
    ['m{ a = "b" , c=\'d\',}', { __name__: 'm', a: 'b', c: 'd' }],
    ['http_requests{job="api-server", instance="0"}', { __name__: 'http_requests', job: 'api-server', instance: '0' }],
    ['{"http.requests", "service.name"="x", l=`a\\n`}', { __name__: 'http.requests', 'service.name': 'x', l: 'a\\n' }],
    ['sum{by="1", offset="2"}', { __name__: 'sum', by: '1', offset: '2' }],
    ['m{a="\\u70ac = torch"}', { __name__: 'm', a: '\u70ac = torch' }],
    ['m{a="\\xe2\\x82\\xac\\101\\"\\U0001F600"}', { __name__: 'm', a: '€A"😀' }],
    ['m{a=""}', { __name__: 'm' }],
    ['expect{}', { __name__: 'expect' }],
  ])('%s', (line, labels) => expect(parseSeries(line).labels.toJSON()).toEqual(labels))
})

describe('values', () => {
  test.each<[line: string, values: (number | string)[]]>([
    ['m', []],
    ['{} 1 2 3', [1, 2, 3]],
    ['{a="b"} -1 2 3', [-1, 2, 3]],
    ['m{a="b"} 1 2 3-10x4', [1, 2, 3, -7, -17, -27, -37]],
    ['m 1 2 3-0x4', [1, 2, 3, 3, 3, 3, 3]],
    ['{} 1x0', [1]],
    ['{} 1+1x0', [1]],
    ['{} 2x2', [2, 2, 2]],
    ['m 1 3 _ 5 _x4', [1, 3, '_', 5, '_', '_', '_', '_']],
    ['m 1 -1', [1, -1]],
    ['m 1 +1', [1, 1]],
    ['m 1 -1 -3-10x4 7 9 +5', [1, -1, -3, -13, -23, -33, -43, 7, 9, 5]],
    ['m 1 +1 +4 -6 -2 8', [1, 1, 4, -6, -2, 8]],
    ['m 1\t 2   3    ', [1, 2, 3]],
    ['{"http.requests"}\t\t0+50x2', [0, 50, 100]],
    ['m 0x2', [0, 0, 0]],
    ['m .5 5. 1e3 1E-2 -1.5e+2', [0.5, 5, 1000, 0.01, -150]],
    ['m 1_000 0755 08', [1000, 493, 8]],
    ['m Inf -inf NaN +Inf nanx1', [Infinity, -Infinity, NaN, Infinity, NaN, NaN]],
    ['m stale 1 stale', ['stale', 1, 'stale']],
    ['m 0.1+0.1x3', [0.1, 0.2, 0.30000000000000004, 0.4]],
    ['m _x0 1', [1]],
    ['{} {{}}', ['{{}}']],
    ['{} {{ }} 1 {{sum:1}}', ['{{}}', 1, '{{sum:1}}']],
    ['{} {{counter_reset_hint:gauge sum:1}}', ['{{sum:1 counter_reset_hint:gauge}} hinted']],
    ['{} {{buckets:[5 10 7] schema:1}}x2', Array(3).fill('{{schema:1 buckets:[5 10 7]}}')],
    ['{} {{sum:1}}+{{sum:1}}x2 {{sum:2}}+{{sum:2}}x1', ['{{sum:1}}', '{{sum:2}}', '{{sum:3}}', '{{sum:2}}', '{{sum:4}}']],
    ['{} {{buckets:[5] schema:0}}+{{buckets:[1 2] schema:1}}x1', ['{{buckets:[5]}}', '{{buckets:[6 2]}}']],
    ['{} {{buckets:[5 10 7] schema:1}}+{{buckets:[1 2 3] schema:1}}x0', ['{{schema:1 buckets:[5 10 7]}}']],
  ])('%s', (line, values) => expect(places(parseSeries(line).values)).toEqual(values))

  test('a step is added again and again', () => {
    const { value } = parseSeries('m 0+0.1x100').values
    expect(value[100]).not.toBe(10)
    expect(value[100]).toBeCloseTo(10, 12)
  })
})

describe('what is no series', () => {
  test.each<[line: string, message: string, at: number]>([
    ['', 'expected a metric\'s name or "{", got the end of the line', 0],
    ['1 2', 'expected a metric\'s name or "{", got "1 2"', 0],
    ['{"http.requests"xx} 1', 'expected "," or "}" after a label, got "xx} 1"', 16],
    ['{"http.requests"=, x="y"}', 'expected a string, got ", x=\\"y\\"}"', 17],
    ['{"http.requests}', 'expected a label\'s name or "}", got "\\"http.requests}"', 1],
    ['m{a', 'expected "=" after "a", got the end of the line', 3],
    ['m{a="b"', 'expected "," or "}" after a label, got the end of the line', 7],
    ['m{a="\\q"}', 'expected a string, got "\\"\\\\q\\"}"', 4],
    ['m{a="\\xff"}', 'expected a string, got "\\"\\\\xff\\"}"', 4],
    ['m{a="b"}1', 'expected a space, got "1"', 8],
    ['{} 1+1', 'expected how often: 1+1xN', 3],
    ['m 1 3 _ 5 _a4', 'expected _, a number, stale or a histogram, got "_a4"', 10],
    ['m -3-3 -3', 'expected how often: -3-3xN', 2],
    ['m -3 _-2', 'expected _, a number, stale or a histogram, got "_-2"', 5],
    ['m -3 3+3x4-4', 'expected _, a number, stale or a histogram, got "3+3x4-4"', 5],
    ['m 1e999', 'expected a number, got "1e999"', 2],
    ['m gone', 'expected _, a number, stale or a histogram, got "gone"', 2],
    ['{} {{schema:1 schema:1}}', 'duplicate key "schema" in histogram', 14],
    ['{} {{foo:1}}', 'bad histogram descriptor found: "foo"', 5],
    ['{} {{}}1', 'expected a space, got "1"', 7],
    ['{} {{}}+{{}}', 'expected how often: {{…}}+{{…}}xN', 12],
    ['{} {{}}+1', 'a histogram begins with "{{"', 8],
    ['{} {{schema:1}}+{{schema:0}}x2', 'error combining histograms: cannot merge from schema 0 to 1', 3],
    ['m 1x99999999999', `more than ${MAX_VALUES} values in one series`, 2],
  ])('%j', (line, message, at) => {
    const error = thrown(() => parseSeries(line))
    expect(error).toBeInstanceOf(SeriesError)
    expect(error).toMatchObject({ message, at })
  })
})

describe('start timestamps', () => {
  test.each<[line: string, values: (number | string)[]]>([
    ['m@st _ _x2 -30s', ['_', '_', '_', -30_000]],
    ['m{a="b"}@st -1mx2 0', [-60_000, -60_000, -60_000, 0]],
    ['m@st -30s-1mx2 -1m+1sx1', [-30_000, -90_000, -150_000, -60_000, -59_000]],
    ['m@st 1msx1 +1h30m', [1, 1, 5_400_000]],
  ])('%s', (line, values) => {
    expect(isStartLine(line)).toBe(true)
    expect(places(parseStartLine(line).values)).toEqual(values)
  })

  test.each(['m@st x', 'm@st 1', 'm@st _x0', 'm@st -1m-1m', 'm@st 1.5s'])('%s is wrong', line =>
    expect(thrown(() => parseStartLine(line))).toBeInstanceOf(SeriesError),
  )

  test.each(['m 1 @st', 'm@st', 'm @st 1', '# m@st'])('%s is none', line => expect(isStartLine(line)).toBe(false))
})

function thrown(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  return undefined
}
