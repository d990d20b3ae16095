/** The queries of the PromQL compliance tester over made-up samples: the answers are those of a real Prometheus. */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { Labels } from '../../../src/model/labels.ts'
import { createEngine } from '../../../src/promql/engine.ts'
import { parseExpr } from '../../../src/promql/parse.ts'
import { ABSENT, FLOAT, type QueryValue } from '../../../src/promql/value.ts'
import { demo, START } from './demo.ts'

const data = new URL('../../data/promql-compliance/', import.meta.url)

interface Golden {
  readonly q: string
  readonly r?: readonly { readonly m: Readonly<Record<string, string>>; readonly v: readonly (readonly [time: number, value: string])[] }[]
  readonly error?: string
}

const golden: readonly Golden[] = gunzipSync(readFileSync(new URL('golden-2.42.ndjson.gz', data)))
  .toString()
  .trim()
  .split('\n')
  .map(line => JSON.parse(line))

/** Names of labels may be any text since 3.0: the queries that fail for one in 2.42 have an answer. */
const succeedsNow = (query: string): boolean => query.includes('~invalid')

const end = (START + 88 * 60 + 0.5) * 1000
const grid = { start: end - 600_000, end, step: 10_000 }
const samples = demo()
const engine = createEngine({ now: () => 0 })

describe('as Prometheus answers', () => {
  test('all queries are there', () => {
    const queries: { query: string }[] = JSON.parse(readFileSync(new URL('queries.json', data), 'utf8'))
    expect(golden.map(({ q }) => q)).toEqual(queries.map(({ query }) => query))
    expect(golden).toHaveLength(539)
    expect(golden.filter(({ q }) => succeedsNow(q))).toHaveLength(2)
  })

  test.each(golden.filter(({ q }) => !succeedsNow(q)))('$q', async ({ q, r }) => {
    const answer = await answered(q)
    if (r === undefined) expect(answer).toBeInstanceOf(Error)
    else expect(difference(r, answer)).toBeUndefined()
  })

  test.each(golden.filter(({ q }) => succeedsNow(q)))('and $q, which failed before 3.0', async ({ q }) =>
    expect(await answered(q)).not.toBeInstanceOf(Error),
  )
})

async function answered(text: string): Promise<Map<string, Map<number, number>> | Error> {
  try {
    const { value } = await engine.range(samples, { expr: parseExpr(text), text, ...grid })
    return points(value)
  } catch (error) {
    return error as Error
  }
}

/** [by labels] values by time [ms] */
function points(value: QueryValue): Map<string, Map<number, number>> {
  if (value.type !== 'matrix') throw new Error(`a ${value.type}`)
  const series = new Map<string, Map<number, number>>()
  for (const row of value.rows) {
    const values = new Map<number, number>()
    for (let step = 0; step < row.kind.length; step++) {
      if (row.kind[step] === ABSENT) continue
      if (row.kind[step] !== FLOAT) throw new Error('a histogram')
      values.set(value.grid.start + step * value.grid.step, row.value[step]!)
    }
    series.set(row.labels.key, values)
  }
  return series
}

function difference(wanted: NonNullable<Golden['r']>, got: Map<string, Map<number, number>> | Error): string | undefined {
  if (got instanceof Error) return `${got.name}: ${got.message}`
  if (got.size !== wanted.length) return `${wanted.length} series, got ${got.size}`
  for (const { m, v } of wanted) {
    const values = got.get(Labels.from(m).key)
    if (values?.size !== v.length) return `${JSON.stringify(m)}: ${v.length} points, got ${values?.size}`
    for (const [seconds, text] of v) {
      const [a, b] = [Number(text.replace('Inf', 'Infinity')), values.get(Math.round(seconds * 1000))]
      if (b === undefined || !near(a, b)) return `${JSON.stringify(m)} at ${seconds}: ${text}, got ${b}`
    }
  }
  return undefined
}

const near = (a: number, b: number): boolean =>
  a === b || (Number.isNaN(a) && Number.isNaN(b)) || Math.abs(a - b) <= 1e-5 * Math.min(Math.abs(a), Math.abs(b))
