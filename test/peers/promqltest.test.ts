/**
 * Prometheus's own test runner, engine and parser, and ours: scripts, random queries over random samples, and texts that are hardly queries.
 * `WORLDS=200 SEED=7 npm run peers -- promqltest` asks more, and others.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { everything, ParseError, parseExpr } from '../../src/promql/parse.ts'
import { pretty } from '../../src/promql/pretty.ts'
import { print } from '../../src/promql/print.ts'
import { Chance } from '../kit/otlp.ts'
import { type Asked, exactly, Ours, type Told } from '../promql/fuzz/exact.ts'
import { randomQuery } from '../promql/fuzz/queries.ts'
import { ofWorlds } from '../promql/fuzz/words.ts'
import { randomWorld } from '../promql/fuzz/worlds.ts'
import { mutants } from '../promql/language/mutants.ts'
import { PromqlTest, type Read } from './kit/promqltest.ts'
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
      const difference = await differenceOf(await ours.ask(asked), asked, world)
      if (difference !== undefined) differences.push(`SEED=${seed} ${JSON.stringify(asked)}: ${difference}`)
    }
  }
  expect(differences).toEqual([])
})

test('texts that are hardly queries', { timeout: 60_000 }, async () => {
  const differences: string[] = []
  const [peer] = peers
  for (const text of mutants(SEED, 150 * WORLDS)) {
    if (!text.isWellFormed() || listed.test(text)) continue
    const want = await peer!.parse(text)
    const got = read(text)
    if (JSON.stringify(got) !== JSON.stringify(want))
      differences.push(`${JSON.stringify(text)}: ${JSON.stringify(want)}, got ${JSON.stringify(got)}`)
  }
  expect(differences).toEqual([])
})

/** A NaN for a duration, and a number for one of which more follows, are refused where they stand. */
const listed = /\bnan\b|\[[^\]]*(?:\)|\d\s)\s*[\d(]/i

function read(text: string): Read {
  try {
    const expr = parseExpr(text, everything)
    return { printed: print(expr), pretty: pretty(expr) }
  } catch (error) {
    if (error instanceof ParseError) return { error: error.message }
    throw error
  }
}

/** Of two that are equal all three may take the same one by chance. A storage that is filled anew has another order: a difference is what stays. */
async function differenceOf(got: Told, asked: Asked, world: string): Promise<string | undefined> {
  let difference: string | undefined
  for (let time = 0; time < 8; time++) {
    if (time > 0) expect(await Promise.all(peers.map(peer => peer.load(world)))).toEqual(['', '', ''])
    const wanted = await Promise.all(peers.map(peer => peer.query(asked)))
    const all = wanted.map(want => exactly(want, got))
    if (all.includes(undefined) || undecided(wanted, got, asked)) return undefined
    difference ??= all[0]
  }
  return difference
}

function randomQuestion(chance: Chance, native: number): Asked {
  const query = randomQuery(chance, { native, depth: 1 + chance.int(2) }, ofWorlds)
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
  // Storage has put empty buckets into histograms for its own sake, and 0 · Inf is no longer 0.
  if (JSON.stringify(first!.series)?.match(/Counts":\[[^\]]*"NaN"/) !== null) return true
  // The last digits of powers, logarithms and angles are those of a processor and a language.
  if (query.includes('count_values')) return true
  const pairs = (told: Told) => JSON.stringify([told.warnings, told.infos]).includes('for binary operator')
  if (pairs(first!) && exactly({ ...first!, warnings: [], infos: [] }, { ...got, warnings: [], infos: [] }) === undefined) return true
  // Of numbers and histograms of the same labels Prometheus keeps both.
  if (got.error === 'vector cannot contain metrics with the same labelset') return true
  return first!.error !== undefined && got.error !== undefined && !isOfQuery(first!.error)
}

/** A message about the text of a query, not about what came of it. */
const isOfQuery = (error: string): boolean => /^\d+:\d+:/.test(error)
