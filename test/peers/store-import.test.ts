/** Blocks that a real Prometheus has written, of floats and of native histograms, taken in: the same questions have the same answers from both. */
import { readdirSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { nodeDisk } from '../../src/disk.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { createEngine } from '../../src/promql/engine.ts'
import { TimeSeriesStore } from '../../src/store/store.ts'
import { TestOutside } from '../commands/outside.ts'
import { Chance } from '../kit/otlp.ts'
import { difference, ours, type Question, theirs } from '../promql/fuzz/answers.ts'
import { randomQuery } from '../promql/fuzz/queries.ts'
import { END, INTERVAL, made, START } from '../promql/fuzz/samples.ts'
import { settings } from '../store/opened.ts'
import { Folder } from './kit/process.ts'
import { remoteWrite } from './kit/remote-write.ts'
import { Prometheus } from './kit/servers.ts'

const QUERIES = Number(process.env['QUERIES'] ?? 300)
const FLAGS = ['promql-experimental-functions', 'promql-duration-expr', 'promql-extended-range-selectors', 'promql-binop-fill-modifiers']

const folder = new Folder()
let prometheus: Prometheus
let store: TimeSeriesStore
beforeAll(async () => {
  prometheus = await Prometheus.start({}, {}, ['--web.enable-remote-write-receiver', '--web.enable-admin-api'], FLAGS)
  await remoteWrite(prometheus.url, made(1))
  const snapshot = await fetch(`${prometheus.url}/api/v1/admin/tsdb/snapshot`, { method: 'POST' })
  const { data } = (await snapshot.json()) as { data: { name: string } }
  const snapshots = `${prometheus.server.folder!.path}/data/snapshots/${data.name}`
  const outside = Object.assign(new TestOutside(), { disk: nodeDisk })
  const blocks = readdirSync(snapshots).map(block => `${snapshots}/${block}`)
  const { code, out, err } = await outside.thalamus('store', 'import', `${folder.path}/store`, ...blocks)
  expect({ code, err, out }).toEqual({ code: 0, err: '', out: expect.not.stringMatching(/refused|left out/) })
  const log = { debug() {}, info() {}, warn() {}, error() {} }
  store = await TimeSeriesStore.read({ ...settings, directory: `${folder.path}/store` }, { disk: nodeDisk, clock: systemClock, log })
}, 60_000)
afterAll(async () => {
  await store.close()
  await prometheus[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

/** What is said of an aggregation over histograms of several metrics is a matter of their order in the storage. */
const isOfSeveral = ({ query }: Question) => query.includes('native|custom')

test(`${QUERIES} queries, of floats and of native histograms`, { timeout: 60_000 + 200 * QUERIES }, async () => {
  const engine = createEngine({ delayedNameRemoval: false, now: () => 0 })
  const chance = new Chance(1)
  const differences: string[] = []
  const all: Question = { query: 'count by (__name__) ({__name__=~".+"})', at: END }
  for (let i = 0; i < QUERIES; i++) {
    const start = START + INTERVAL * chance.int(100)
    const at = chance.is(0.5) ? start : { start, end: start + 600_000, step: 30_000 }
    const question: Question = i === 0 ? all : { query: randomQuery(chance, { native: 0.7 }), at }
    if (isOfSeveral(question)) continue
    const different = difference(question, await theirs(prometheus.url, question), await ours(engine, store, question))
    if (different !== undefined) differences.push(`${question.query}\n  ${JSON.stringify(question.at)}\n  ${different}`)
  }
  expect(differences).toEqual([])
})
