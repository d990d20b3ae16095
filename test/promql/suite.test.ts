/** Prometheus's own tests of PromQL, each statement asked in all the ways there are (level 3). */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { createEngine } from '../../src/promql/engine.ts'
import { type Outcome, runScript, testOptions } from '../../src/promql/testing/run.ts'
import { type Need, needsOf } from './needs.ts'

const folder = new URL('../data/promqltest/', import.meta.url)
const files = readdirSync(folder).filter(name => name.endsWith('.test'))
const engine = createEngine({ ...testOptions, now: () => 0 })

interface Ran {
  readonly outcome: Outcome
  readonly needs: ReadonlyMap<number, Need>
}

const ran = new Map<string, Promise<Ran>>()
for (const file of files) ran.set(file, run(file))

async function run(file: string): Promise<Ran> {
  const text = readFileSync(new URL(file, folder), 'utf8')
  return { outcome: await runScript(text, engine), needs: await needsOf(text) }
}

/** [statements] that pass at the least, of how many: what is not there yet is more than none. */
const bars: readonly [Need, passed: number, total: number][] = [
  ['nothing more', 480, 676],
  ['a flag', 150, 270],
  ['native histograms', 340, 681],
]

test.each(bars)('statements that need %s: %d of %d', async (need, bar, total) => {
  const failed: string[] = []
  let all = 0
  for (const [file, { outcome, needs }] of await Promise.all([...ran].map(async ([file, ran]) => [file, await ran] as const)))
    for (const [line, what] of needs) {
      if (what !== need) continue
      all++
      const failure = outcome.failures.find(failure => failure.line === line)
      if (failure !== undefined) failed.push(`${file}:${line}: ${failure.message}`)
    }
  expect(all).toBe(total)
  expect(all - failed.length, failed.join('\n')).toBeGreaterThanOrEqual(bar)
})

test('every statement is counted', async () => {
  const all = await Promise.all(ran.values())
  expect(all.reduce((sum, { needs }) => sum + needs.size, 0)).toBe(bars.reduce((sum, [, , total]) => sum + total, 0))
  for (const { outcome, needs } of all) expect(outcome.failures.filter(({ line }) => !needs.has(line))).toEqual([])
})
