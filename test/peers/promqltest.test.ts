/**
 * Prometheus's own test runner, engine and parser, and ours: scripts, random queries over random samples, and texts that are hardly queries.
 * `WORLDS=200 SEED=7 npm run peers -- promqltest` asks more, and others.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Chance } from '../kit/otlp.ts'
import { type Asked, exactly, Ours, type Told } from '../promql/fuzz/exact.ts'
import { wideQuery } from '../promql/fuzz/wide.ts'
import { randomWorld } from '../promql/fuzz/worlds.ts'
import { PromqlTest } from './kit/promqltest.ts'
import { program } from './tools.ts'

const WORLDS = Number(process.env['WORLDS'] ?? 20)
const SEED = Number(process.env['SEED'] ?? 1)
const QUERIES = 150
const scripts = join(import.meta.dirname, '../promql/scripts')

test.each(readdirSync(scripts))('%s passes there too', file => {
  const { status, stdout } = spawnSync(program('promqltest'), ['run', join(scripts, file)], { encoding: 'utf8' })
  expect(status, stdout).toBe(0)
})

/** Three, each of which keeps series in an order of its own: what they differ in is nobody's to decide. */
let peers: PromqlTest[] = []
beforeAll(() => {
  peers = [new PromqlTest(), new PromqlTest(), new PromqlTest()]
})
afterAll(() => {
  for (const peer of peers) peer[Symbol.dispose]()
})

test(`${QUERIES} queries in each of ${WORLDS} worlds`, { timeout: 60_000 + 10_000 * WORLDS }, async () => {
  const differences: string[] = []
  for (let seed = SEED; seed < SEED + WORLDS; seed++) {
    const chance = new Chance(seed)
    const world = randomWorld(chance)
    const ours = new Ours(world)
    expect([ours.error, ...(await Promise.all(peers.map(peer => peer.load(world))))]).toEqual([undefined, '', '', ''])
    const taste = chance.pick([0, 0.5, 1])
    for (let i = 0; i < QUERIES; i++) {
      const asked = randomQuestion(chance, taste)
      const [got, ...wanted] = await Promise.all([ours.ask(asked), ...peers.map(peer => peer.query(asked))])
      const all = wanted.map(want => exactly(want, got))
      if (all.includes(undefined) || undecided(wanted, got, asked)) continue
      differences.push(`SEED=${seed} ${JSON.stringify(asked)}: ${all[0]}`)
    }
  }
  expect(differences).toEqual([])
})

function randomQuestion(chance: Chance, native: number): Asked {
  const query = wideQuery(chance, { native, depth: 1 + chance.int(2) })
  const early = chance.is(0.15)
  if (chance.is(0.5)) return { query, early, at: chance.pick([0, 61_000, 120_000, 300_000, 317_500, 600_000]) }
  const start = chance.pick([0, 60_000, 61_500, 180_000, 300_000])
  const step = chance.pick([7_000, 15_000, 30_000, 60_000])
  return { query, early, start, end: start + step * chance.int(15), step }
}

/** What is nobody's to decide, or is said to differ. */
function undecided([first, ...others]: readonly Told[], got: Told, { query }: Asked): boolean {
  if (others.some(other => exactly(first!, other) !== undefined)) return true
  // Which series are the first is a matter of order, and so is which of several things that are wrong is told.
  if (query.includes('limitk')) return true
  const pairs = (told: Told) => JSON.stringify([told.warnings, told.infos]).includes('for binary operator')
  if (pairs(first!) && exactly({ ...first!, warnings: [], infos: [] }, { ...got, warnings: [], infos: [] }) === undefined) return true
  // Of numbers and histograms of the same labels Prometheus keeps both.
  if (got.error === 'vector cannot contain metrics with the same labelset') return true
  return first!.error !== undefined && got.error !== undefined && !isOfQuery(first!.error)
}

/** A message about the text of a query, not about what came of it. */
const isOfQuery = (error: string): boolean => /^\d+:\d+:/.test(error)
