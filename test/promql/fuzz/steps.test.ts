/** A range query is the instant queries at its steps: of random queries, of all of the language. */
import { expect, test } from 'vitest'
import { createEngine } from '../../../src/promql/engine.ts'
import { Chance } from '../../kit/otlp.ts'
import { type Answer, difference, ours, type Point } from './answers.ts'
import { randomQuery } from './queries.ts'
import { END, INTERVAL, made, memoryOf, START } from './samples.ts'

const QUERIES = 400
const storage = memoryOf(made(1))
const engine = createEngine({ now: () => 0 })

/** What a range query knows of itself; and what is sorted by value comes sorted by labels. */
const ofItself = /\b(start|end|range|step)\(\)/

test.each([
  ['floats', 0],
  ['floats and native histograms', 0.5],
])('%s', async (_, native) => {
  const chance = new Chance(native + 1)
  const differences: string[] = []
  let compared = 0
  while (compared < QUERIES) {
    const query = randomQuery(chance, { native })
    if (ofItself.test(query)) continue
    compared++
    const step = chance.pick([15_000, 60_000, 7_000])
    const start = START + INTERVAL * chance.int((END - START) / INTERVAL) + (chance.is(0.5) ? 0 : chance.int(INTERVAL))
    const at = { start, end: start + 4 * step, step }
    const range = await ours(engine, storage, { query, at })
    const instants: Answer[] = []
    for (let time = start; time <= at.end; time += step) instants.push(await ours(engine, storage, { query, at: time }))
    const different = difference({ query, at }, joined(instants), plain(range))
    if (different !== undefined) differences.push(`${query}\n  ${JSON.stringify(at)}\n  ${different}`)
  }
  expect(differences).toEqual([])
})

/** Values only: what is warned of is gathered over all steps. */
const plain = (answer: Answer): Answer =>
  'error' in answer ? { error: 'it failed' } : { type: 'matrix', series: answer.series, warnings: [], infos: [] }

/** What the instants say, as a range says it. One that fails fails the whole. */
function joined(instants: readonly Answer[]): Answer {
  const series = new Map<string, readonly Point[]>()
  for (const answer of instants) {
    if ('error' in answer) return { error: 'it failed' }
    for (const [key, points] of answer.series) series.set(key, [...(series.get(key) ?? []), ...points])
  }
  return { type: 'matrix', series, warnings: [], infos: [] }
}
