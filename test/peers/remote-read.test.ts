/**
 * A real Prometheus that has nothing of its own reads from Thalamus: in chunks, as Prometheus asks. Whatever it is asked, it answers as Thalamus itself does, over floats and
 * native histograms, stale markers and gaps.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Chance } from '../kit/otlp.ts'
import { difference, type Question, theirs } from '../promql/fuzz/answers.ts'
import { randomQuery } from '../promql/fuzz/queries.ts'
import { END, INTERVAL, made, START } from '../promql/fuzz/samples.ts'
import { ask } from './api/answers.ts'
import { Folder, LOOPBACK } from './kit/process.ts'
import { remoteWrite } from './kit/remote-write.ts'
import { otlpTo, Prometheus, Thalamus } from './kit/servers.ts'

const QUERIES = Number(process.env['QUERIES'] ?? 300)
const SEED = Number(process.env['SEED'] ?? 1)
const FLAGS = [
  'promql-experimental-functions',
  'promql-duration-expr',
  'promql-extended-range-selectors',
  'promql-binop-fill-modifiers',
] as const
/** Up to a while ago. */
const shift = Math.floor((Date.now() - 20_000 - END) / INTERVAL) * INTERVAL

const folder = new Folder()
let thalamus: Thalamus
let reader: Prometheus
let ours: string

beforeAll(async () => {
  thalamus = await Thalamus.start(ports => {
    const { receivers, ...config } = otlpTo(ports, { store: { directory: `${folder.path}/store` } })
    const pipeline = { receivers: ['otlp', 'prometheus_remote_write'], processors: [], exporters: ['store'] }
    return {
      ...config,
      receivers: { ...receivers, prometheus_remote_write: {} },
      service: { query: { enable_feature: FLAGS, external_labels: { region: 'eu' } }, pipelines: { metrics: pipeline } },
    }
  })
  ours = `http://${LOOPBACK}:${thalamus.apiPort}`
  const shifted = made(SEED).map(({ labels, samples }) => ({ labels, samples: samples.map(one => ({ ...one, time: one.time + shift })) }))
  await remoteWrite(ours, shifted)
  reader = await Prometheus.start(
    {},
    {
      global: { external_labels: { region: 'eu' } },
      remote_read: [{ url: `${ours}/api/v1/read`, read_recent: true, filter_external_labels: true }],
    },
    [],
    [...FLAGS],
  )
})
afterAll(async () => {
  await Promise.all([reader, thalamus].map(one => one?.[Symbol.asyncDispose]()))
  folder[Symbol.dispose]()
})

test('every sample of every series', async () => {
  const window = `${Math.ceil((END - START) / 1000) + 60}s`
  for (const selector of ['{__name__=~".+"}', 'native', 'mixed', 'sparse', 'odd']) {
    const path = `query?time=${(END + shift) / 1000}&query=${encodeURIComponent(`${selector}[${window}]`)}`
    const [read, kept] = await Promise.all([reader.url, ours].map(async url => JSON.parse((await ask(url, { path })).body)))
    const rows = (answer: { data: { result: { metric: Record<string, string> }[] } }) =>
      Object.fromEntries(answer.data.result.map(({ metric, ...values }) => [JSON.stringify(Object.entries(metric).sort()), values]))
    expect(Object.keys(rows(read)).length).toBeGreaterThan(1)
    expect(rows(read)).toEqual(rows(kept))
  }
})

test.each([
  ['floats', 0],
  ['floats and native histograms', 0.4],
])(`%s: ${QUERIES} queries`, { timeout: 60_000 + 400 * QUERIES }, async (_, native) => {
  const chance = new Chance(SEED)
  const differences: string[] = []
  for (let i = 0; i < QUERIES; i++) {
    const start = START + shift + chance.int((END - START) / INTERVAL) * INTERVAL
    const at = chance.is(0.5) ? start : { start, end: start + 60_000 * chance.int(40), step: chance.pick([15_000, 60_000]) }
    const question: Question = { query: randomQuery(chance, { native }), at }
    // A Prometheus cannot look for info metrics by remote read: it asks no second time once it has begun to read.
    if (question.query.includes('info(')) continue
    const different = difference(question, await theirs(reader.url, question), await theirs(ours, question))
    if (different !== undefined) differences.push(`${question.query}\n  ${JSON.stringify(at)}\n  ${different}`)
  }
  expect(differences).toEqual([])
})
