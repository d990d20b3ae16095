/**
 * The same questions to a real Prometheus and to the engine, over the same samples: queries by chance, of all of the language.
 * `QUERIES=20000 SEED=7 npm run peers -- promql` asks more, and others.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createEngine } from '../../src/promql/engine.ts'
import { Chance } from '../kit/otlp.ts'
import { difference, ours, type Question, theirs } from '../promql/fuzz/answers.ts'
import { randomQuery } from '../promql/fuzz/queries.ts'
import { END, INTERVAL, made, memoryOf, START } from '../promql/fuzz/samples.ts'
import { remoteWrite } from './kit/remote-write.ts'
import { Prometheus } from './kit/servers.ts'

const QUERIES = Number(process.env['QUERIES'] ?? 500)
const SEED = Number(process.env['SEED'] ?? 1)
const FLAGS = ['promql-experimental-functions', 'promql-duration-expr', 'promql-extended-range-selectors', 'promql-binop-fill-modifiers']

const series = made(SEED)
const storage = memoryOf(series)

describe.each([
  ['names go at each step', false],
  ['names go at the end', true],
])('%s', (_, delayedNameRemoval) => {
  const engine = createEngine({ delayedNameRemoval, now: () => 0 })
  let prometheus: Prometheus
  beforeAll(async () => {
    const more = delayedNameRemoval ? ['promql-delayed-name-removal'] : []
    prometheus = await Prometheus.start({}, {}, ['--web.enable-remote-write-receiver'], [...FLAGS, ...more])
    await remoteWrite(prometheus.url, series)
  })
  afterAll(() => prometheus[Symbol.asyncDispose]())

  test('all samples are there', async () => {
    const question: Question = { query: 'count by (__name__) ({__name__=~".+"})', at: END }
    expect(difference(question, await theirs(prometheus.url, question), await ours(engine, storage, question))).toBeUndefined()
  })

  test.each([
    ['floats', 0],
    ['floats and native histograms', 0.4],
  ])(`%s: ${QUERIES} queries`, { timeout: 60_000 + 200 * QUERIES }, async (_, native) => {
    const chance = new Chance(SEED)
    const differences: string[] = []
    for (let i = 0; i < QUERIES; i++) {
      const question = { query: randomQuery(chance, { native }), at: moment(chance) }
      const different = difference(question, await theirs(prometheus.url, question), await ours(engine, storage, question))
      if (different !== undefined) differences.push(`${question.query}\n  ${JSON.stringify(question.at)}\n  ${different}`)
    }
    expect(differences).toEqual([])
  })
})

/** Half of all times lie on samples, where windows begin and end. */
function moment(chance: Chance): Question['at'] {
  const time = () => {
    const ms = START - 600_000 + chance.int(END - START + 1_200_000)
    return chance.is(0.5) ? ms - (ms % INTERVAL) : ms
  }
  if (chance.is(0.4)) return time()
  const start = time()
  const step = chance.pick([15_000, 30_000, 60_000, 7_000, 300_000])
  return { start, end: start + step * chance.int(40), step }
}
