import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Lint } from '../../src/exposition/lint.ts'
import { OpenRules } from '../../src/exposition/open-rules.ts'
import { ExpositionError, readSeries, type Sample } from '../../src/exposition/read.ts'
import { numberOf, readNumber } from '../../src/exposition/read-number.ts'
import { readTextPage } from '../../src/exposition/read-text.ts'
import { Chance } from '../kit/otlp.ts'

interface Case {
  readonly name: string
  readonly shouldParse: boolean
  readonly text: string
}
const cases = JSON.parse(readFileSync(join(import.meta.dirname, 'openmetrics/cases.json'), 'utf8')) as Case[]

function verdict(text: string): ExpositionError | undefined {
  const rules = new OpenRules()
  try {
    readTextPage(Buffer.from(text), rules, true)
    rules.end()
  } catch (error) {
    if (error instanceof ExpositionError) return error
    throw error
  }
  return undefined
}

describe("OpenMetrics' own cases", () => {
  test('there are all of them', () => expect(cases.length).toBe(157))
  test.each(cases.filter(({ shouldParse }) => shouldParse))('$name is accepted', ({ text }) => expect(verdict(text)).toBeUndefined())
  test.each(cases.filter(({ shouldParse }) => !shouldParse))('$name is refused, by line', ({ text }) => {
    const error = verdict(text)
    expect(error?.message).toBeTruthy()
    expect(error?.line).toBeGreaterThan(0)
    expect(error?.line).toBeLessThanOrEqual(text.split('\n').length)
  })
})

type Told = [line: number, name: string, labels: Record<string, string>, value: number, time: number]
function samples(text: string, open = false): Told[] {
  const told: Told[] = []
  const sample = ({ line, key, value, time }: Sample) => {
    const { name, labels } = readSeries(key, open)
    told.push([line, name, Object.fromEntries(labels), value, time])
  }
  readTextPage(Buffer.from(text), { sample }, open)
  return told
}

describe('the text format', () => {
  test.each<[string, Told]>([
    ['a 1\n', [1, 'a', {}, 1, Number.NaN]],
    ['\n \t\n  a\t1.5e3 1700\n', [3, 'a', {}, 1500, 1700]],
    ['a{} +Inf\n', [1, 'a', {}, Number.POSITIVE_INFINITY, Number.NaN]],
    ['a {b="c", d = "e" ,} -0.25 -3\n', [1, 'a', { b: 'c', d: 'e' }, -0.25, -3]],
    ['a{b="c"}1\n', [1, 'a', { b: 'c' }, 1, Number.NaN]],
    ['a{b="x\\\\y\\"z\\n\\q}#,"} NaN\n', [1, 'a', { b: 'x\\y"z\n\\q}#,' }, Number.NaN, Number.NaN]],
    ['a{b="größe"} 2\n', [1, 'a', { b: 'größe' }, 2, Number.NaN]],
    ['{"größe.x",b="c"} 2\n', [1, 'größe.x', { b: 'c' }, 2, Number.NaN]],
    ['{"größe"} 2\n', [1, 'größe', {}, 2, Number.NaN]],
    ['a{"b.c"="d"} 2\n', [1, 'a', { 'b.c': 'd' }, 2, Number.NaN]],
    ['# a comment\n#another\n# HELP\ta\n# HELPS a b\na 1\n', [5, 'a', {}, 1, Number.NaN]],
  ])('%j', (text, told) => expect(samples(text)).toEqual([told]))

  test.each([
    ['a 1', 1, 'the page ends within a line: it must end with a newline'],
    ['a 1\na\n', 2, 'there is no value after "a"'],
    ['a x\n', 1, 'the value is not a number: "x"'],
    ['a 1 1.5\n', 1, 'the timestamp is not a whole number of milliseconds: "1.5"'],
    ['a 1 1 1\n', 1, 'there is something after the timestamp: "1"'],
    ['a{b="c} 1\n', 1, 'a quote is never closed'],
    ['a{b="c" 1\n', 1, '"{" is never closed'],
    ['a{b=c} 1\n', 1, 'the value of "b" must be in double quotes'],
    ['a{b} 1\n', 1, 'expected "=" after "b"'],
    ['a{b="c"d="e"} 1\n', 1, 'expected "," or "}"'],
    ['a{9="c"} 1\n', 1, 'not a label name: "9"'],
    ['a{b="c",b="d"} 1\n', 1, 'label "b" is given twice'],
    ['{b="c"} 1\n', 1, 'there is no metric name'],
    ['a{"b"} 1\n', 1, 'a metric name where a label was expected'],
    ['{""} 1\n', 1, 'the metric name is empty'],
    ['a{__name__="b"} 1\n', 1, 'the metric name is given twice'],
    ['a-b 1\n', 1, 'not a metric name: "a-b"'],
    ['# TYPE a meter\n', 1, 'not a type: "meter"; known: counter, gauge, histogram, summary'],
    ['# HELP 9 x\n', 1, 'not a metric name after HELP: "9 x"'],
  ])('refuses %j', (text, line, says) => {
    const error = (() => {
      try {
        return samples(text)
      } catch (caught) {
        return caught
      }
    })()
    expect(error).toEqual(new ExpositionError(says, line))
  })

  test('bytes that are no UTF-8 are refused, not replaced', () => {
    const page = Buffer.concat([Buffer.from('a{b="'), Buffer.from([0xff]), Buffer.from('"} 1\n')])
    expect(() => readTextPage(page, { sample: ({ key }) => void readSeries(key) }, false)).toThrow('not UTF-8')
  })
})

describe('numbers', () => {
  const read = (text: string) => readNumber(Buffer.from(text), 0, text.length)
  test('are those that Number reads, to the last bit', () => {
    const chance = new Chance(7)
    const digits = (n: number) => Array.from({ length: n }, () => chance.int(10)).join('')
    for (let i = 0; i < 20_000; i++) {
      const fraction = chance.is(0.5) ? `.${digits(chance.int(12))}` : ''
      const exponent = chance.is(0.4) ? `e${chance.pick(['', '+', '-'])}${chance.int(40)}` : ''
      const text = `${chance.pick(['', '-', '+'])}${digits(1 + chance.int(12))}${fraction}${exponent}`
      expect([text, read(text)]).toEqual([text, Number(text)])
    }
  })
  test.each([
    ['+Inf', Number.POSITIVE_INFINITY],
    ['-inf', Number.NEGATIVE_INFINITY],
    ['Infinity', Number.POSITIVE_INFINITY],
    ['NaN', Number.NaN],
    ['nan', Number.NaN],
    ['-0', -0],
    ['.5', 0.5],
    ['5.', 5],
    ['9007199254740993', 9007199254740992],
    ['18446744073709551615', 2 ** 64],
    ['1e-320', 1e-320],
    ['1.7976931348623157e308', Number.MAX_VALUE],
  ])('%s', (text, value) => {
    expect(read(text)).toBe(value)
    expect(numberOf(text)).toBe(value)
  })
  test.each(['', '-', '.', 'e5', '1e', '1e+', '0x10', '1_0', '1e999', 'infi', '--1', '1,5', '1.2.3', '1e5x'])('%j is none', text => {
    expect(read(text)).toBeUndefined()
    expect(numberOf(text)).toBeUndefined()
  })
})

describe('advice', () => {
  const advise = (text: string) => {
    const lint = new Lint()
    readTextPage(Buffer.from(text), lint, false)
    return lint.findings.map(({ line, metric, says }) => `${line} ${metric}: ${says}`)
  }
  test.each<[string, string[]]>([
    ['# HELP a_total x\n# TYPE a_total counter\na_total 1\n', []],
    ['a 1\n', ['1 a: no help text']],
    ['# HELP a x\n# TYPE a counter\na 1\n', ['2 a: counter metrics should have "_total" suffix']],
    ['# HELP a_total x\n# TYPE a_total gauge\na_total 1\n', ['2 a_total: non-counter metrics should not have "_total" suffix']],
    [
      '# HELP a_bucket x\n# TYPE a_bucket gauge\na_bucket{le="1"} 1\n',
      [
        '2 a_bucket: non-histogram metrics should not have "_bucket" suffix',
        '3 a_bucket: non-histogram metrics should not have "le" label',
      ],
    ],
    ['# HELP a_kilometers x\na_kilometers 1\n', ['2 a_kilometers: use base unit "meters" instead of "kilometers"']],
    ['# HELP a_ms x\na_ms 1\n', ['2 a_ms: metric names should not contain abbreviated units']],
    [
      '# HELP aB x\naB{cD="1"} 1\n',
      [
        "2 aB: metric names should be written in 'snake_case' not 'camelCase'",
        "2 aB: label names should be written in 'snake_case' not 'camelCase'",
      ],
    ],
    ['# HELP a:b x\na:b 1\n', ["2 a:b: metric names should not contain ':'"]],
    ['# HELP a_gauge x\n# TYPE a_gauge gauge\na_gauge 1\n', ["2 a_gauge: metric name should not include type 'gauge'"]],
    ['# HELP a x\na 1\na 1\n', ['3 a: metric not unique']],
    ['# HELP a x\n# TYPE a summary\na{quantile="0.5"} 1\na_count 1\na_sum 1\n', []],
    ['# TYPE a gauge\n# TYPE a gauge\nb x\n', ['2 : TYPE of "a" is given twice', '3 : the value is not a number: "x"']],
    ['# HELP a x\n# HELP a y\n', ['2 : HELP of "a" is given twice']],
    ['# HELP a x\na 1\n# TYPE a gauge\n', ['3 : TYPE of "a" stands after its samples']],
  ])('%j', (text, says) => expect(advise(text)).toEqual(says))
})
