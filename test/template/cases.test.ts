import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type ExpandOptions, expand } from '../../src/template/expand.ts'
import type { QuerySample } from '../../src/template/functions.ts'
import { type ListValue, textMap, type Value } from '../../src/template/value.ts'

/** Prometheus's own cases of its templates; what Go code makes there is read here. */
interface Case {
  readonly line: number
  readonly text: string
  readonly output?: string
  readonly output_go?: string
  readonly input_go?: string
  readonly queryResult_go?: string
  readonly options_go?: string
  readonly html_go?: string
  readonly errorMsg?: string
}

const cases: readonly Case[] = JSON.parse(readFileSync(join(import.meta.dirname, '../data/rules/template_cases.json'), 'utf8'))

const histogram = { toString: () => '{count:3, sum:10}' }

/** `[]float64{0.0, math.Inf(1)}` and the like. */
function listOf(go: string): ListValue {
  const [, type, body] = /^\[\](\w+)\{(.*)\}$/.exec(go)!
  const items = body!.split(',').map(item => itemOf(item.trim(), type!))
  return { kind: 'list', type: `[]${type}`, items }
}

const named: Readonly<Record<string, Value>> = {
  'math.MaxUint64': 2n ** 64n - 1n,
  'math.MaxInt64': 2n ** 63n - 1n,
  'math.MinInt64': -(2n ** 63n),
  'math.Inf(1)': Number.POSITIVE_INFINITY,
  'math.Inf(-1)': Number.NEGATIVE_INFINITY,
  'math.NaN()': Number.NaN,
}

function itemOf(go: string, type: string): Value {
  if (go in named) return named[go]
  if (type === 'string') return JSON.parse(go)
  return type === 'float64' ? Number(go) : BigInt(go)
}

function dataOf(go: string | undefined): Value {
  if (go === undefined) return undefined
  if (go.startsWith('&sample')) {
    const fields = { Labels: textMap([]), Value: histogramValueOf() }
    return { kind: 'object', type: '*template.sample', fields, methods: {}, inner: undefined, show: () => '' }
  }
  return listOf(go)
}

const histogramValueOf = (): Value => ({
  kind: 'object',
  type: '*histogram.FloatHistogram',
  fields: {},
  methods: {},
  inner: histogram,
  show: String.bind(undefined, histogram),
})

/** `promql.Vector{{Metric: labels.FromStrings("a", "b"), F: 11}}` */
function samplesOf(go: string | undefined): readonly QuerySample[] {
  if (go === undefined) return []
  const samples = go.split(/T:\s*0,/)
  return samples.slice(1).map((behind, i) => {
    const texts = /FromStrings\(([^)]*)\)/.exec(samples[i]!)?.[1] ?? ''
    const words =
      texts === ''
        ? []
        : texts
            .replace('labels.MetricName', '"__name__"')
            .split(/,\s*/)
            .map(word => JSON.parse(word) as string)
    const labels = words.flatMap((name, at) => (at % 2 === 0 ? [[name, words[at + 1]!] as const] : []))
    return { labels, value: behind.includes('H:') ? histogram : Number(/F:\s*([\d.]+)/.exec(behind)![1]) }
  })
}

function optionsOf({ input_go, queryResult_go, options_go, html_go }: Case): ExpandOptions {
  return {
    name: 'test',
    data: dataOf(input_go),
    time: 1353755652000,
    externalUrl: 'http://testhost:9090/path/prefix',
    query: async () => samplesOf(queryResult_go),
    html: html_go === 'true',
    missingKey: options_go?.includes('missingkey=error') === true ? 'error' : 'zero',
  }
}

describe("Prometheus's cases", () => {
  test('are all there', () => expect(cases).toHaveLength(73))
  test.each(cases)('$line: $text', async given => {
    const outcome = await expand(given.text, optionsOf(given)).catch((error: Error) => error.message)
    expect(outcome).toBe(given.errorMsg ?? given.output ?? String(histogram))
  })
})
