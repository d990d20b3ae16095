import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { TemplateError } from '../../src/template/errors.ts'
import { evaluate } from '../../src/template/evaluate.ts'
import { checkTemplate, expand } from '../../src/template/expand.ts'
import { functionNames, templateFunctions } from '../../src/template/functions.ts'
import { parseTemplate } from '../../src/template/parse.ts'
import { textMap, type Value } from '../../src/template/value.ts'

const functions = templateFunctions({ time: 0, externalUrl: '', query: () => [] })

function run(text: string, data?: Value): string {
  try {
    return evaluate(parseTemplate('test', text, functionNames), functions, data)
  } catch (error) {
    if (error instanceof TemplateError) return `!${error.message}`
    throw error
  }
}

/** What text/template of Go 1.26 made of each; an error begins with an exclamation mark. */
const recorded: readonly [text: string, outcome: string][] = JSON.parse(readFileSync(join(import.meta.dirname, 'go.json'), 'utf8'))

describe('as Go has it', () => {
  test.each(recorded)('%s', (text, outcome) => expect(run(text)).toBe(outcome))
})

const labels = textMap([
  ['job', 'cart'],
  ['instance', 'a:1'],
])
const data: Value = { kind: 'map', type: 'map[string]interface {}', entries: new Map([['Labels', labels]]), zero: undefined }

describe('values', () => {
  test.each<[text: string, outcome: string]>([
    ['{{ .Labels }}', 'map[instance:a:1 job:cart]'],
    ['{{ .Labels.job }}|{{ .Labels.nope }}|{{ len .Labels }}', 'cart||2'],
    ['{{ range $k, $v := .Labels }}{{ $k }}={{ $v }};{{ end }}', 'instance=a:1;job=cart;'],
    ['{{ index .Labels "job" }}{{ index .Labels "nope" }}', 'cart'],
    ['{{ .Labels.job.deep }}', '!template: test:1:10: executing "test" at <.Labels.job.deep>: can\'t evaluate field deep in type string'],
    ['{{ .Labels.job 1 }}', '!template: test:1:10: executing "test" at <.Labels.job>: job is not a method but has arguments'],
    ['{{ toUpper 1 }}', '!template: test:1:11: executing "test" at <1>: expected string; found 1'],
    ['{{ 1 | toUpper }}', '!template: test:1:7: executing "test" at <toUpper>: wrong type for value; expected string; got int'],
    ['{{ first "a" }}', '!template: test:1:9: executing "test" at <"a">: can\'t handle "a" for arg of type template.queryResult'],
    ['{{ title "can\'t stop o_o" }}', "Can't Stop O_o"],
    ['{{ stripDomain "a.b.c:80" }} {{ stripDomain "1.2.3.4:80" }} {{ stripDomain "[::1]:80" }}', 'a:80 1.2.3.4:80 [::1]:80'],
    ['{{ reReplaceAll "(?P<x>b+)" "<${x}|$2|$$>" "abba" }}', 'a<bb||$>a'],
    ['{{ match "(" "a" }}', '!template: test:1:3: executing "test" at <match "(" "a">: error calling match: error parsing regexp: '],
    [
      '{{ parseDuration "abc" }}',
      '!template: test:1:3: executing "test" at <parseDuration "abc">: error calling parseDuration: not a valid duration string: "abc"',
    ],
    ['{{ (toTime 1435065584.128).Format "Mon, 02 Jan 2006 15:04:05.000 MST" }}', 'Tue, 23 Jun 2015 13:19:44.128 UTC'],
    ['{{ (toTime 0).Add (toDuration 90) }}', '1970-01-01 00:01:30 +0000 UTC'],
    ['{{ toDuration 0.0015 }} {{ toDuration 3661.5 }} {{ toDuration -1 }} {{ (toDuration 90).Minutes }}', '1.5ms 1h1m1.5s -1s 1.5'],
  ])('%s', (text, outcome) => expect(run(text, data).slice(0, outcome.length)).toBe(outcome))
})

describe('bounds', () => {
  test.each<[what: string, text: string, message: RegExp]>([
    ['a loop', '{{ range 100000000 }}{{ end }}', /takes more than 1000000 steps$/],
    ['recursion', '{{ define "r" }}{{ template "r" }}{{ end }}{{ template "r" }}', /exceeded maximum template depth \(200\)$/],
    [
      'a text that doubles',
      '{{ $x := "aa" }}{{ range 100 }}{{ $x = print $x $x }}{{ end }}',
      /the result has more than 1048576 characters$/,
    ],
    ['output', '{{ range 200 }}{{ printf "%10000d" 1 }}{{ end }}', /the output has more than 1048576 characters$/],
    ['parentheses', `{{ ${'('.repeat(10_000)}1${')'.repeat(10_000)} }}`, /max expression depth exceeded$/],
    ['blocks', '{{ if 1 }}'.repeat(10_000), /max expression depth exceeded$/],
    [
      'a replacement',
      '{{ reReplaceAll "a" (printf "%100000d" 1) (printf "%.1000s" (reReplaceAll "." "a" (printf "%1000d" 1))) }}',
      /the replacement makes more than/,
    ],
  ])('%s', (_, text, message) => expect(run(text)).toMatch(message))
})

describe('queries', () => {
  const options = { name: 'test', data: undefined, time: 5_000, externalUrl: 'http://here:9090/base' }
  test('each is asked once, at the time of the evaluation', async () => {
    const asked: unknown[] = []
    const query = async (text: string, time: number) => {
      asked.push([text, time])
      return [{ labels: [['a', text] as const], value: 2 }]
    }
    const text =
      '{{ range query "x" }}{{ .Labels.a }}{{ .Value }}{{ end }} {{ query "y" | first | value }} {{ query "x" | first | label "a" }}'
    expect(await expand(text, { ...options, query })).toBe('x2 2 x')
    expect(asked).toEqual([
      ['x', 5_000],
      ['y', 5_000],
    ])
  })
  test('a query that fails is told where it stands', async () => {
    const query = async () => Promise.reject(new Error('boom'))
    await expect(expand('{{ query "x" }}', { ...options, query })).rejects.toThrow(
      'error executing template test: template: test:1:3: executing "test" at <query "x">: error calling query: boom',
    )
  })
  test('their number is bounded', async () => {
    const text = '{{ range 200 }}{{ $x := query (print .) }}{{ end }}'
    await expect(expand(text, { ...options, query: async () => [] })).rejects.toThrow(/a template may ask 100 queries/)
  })
})

test('what is wrong with a template is known without carrying it out', () => {
  expect(checkTemplate('__alert_X', '{{ $label.a }}')).toBe('template: __alert_X:1: undefined variable "$label"')
  expect(checkTemplate('__alert_X', '{{ .a }}')).toBeUndefined()
})

test('whatever a text is, reading it ends in a template or in a TemplateError', () => {
  const parts = [
    '{{',
    '}}',
    '-',
    ' ',
    'if',
    'range',
    'end',
    'else',
    '$x',
    ':=',
    '"a"',
    '(',
    ')',
    '|',
    '.',
    '.a',
    '1',
    'define',
    '`',
    "'",
    '\n',
    'and',
    'é',
    '/*',
    '*/',
    'with',
    ',',
    'template',
  ]
  let seed = 1
  const next = (below: number): number => {
    seed = (seed * 1103515245 + 12345) % 2 ** 31
    return seed % below
  }
  for (let i = 0; i < 3_000; i++) {
    const text = `{{${Array.from({ length: 1 + next(14) }, () => parts[next(parts.length)]).join('')}}}`
    expect(typeof run(text)).toBe('string')
  }
})
