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

const runs = new Map(files.map(file => [file, run(file)] as const))

async function run(file: string): Promise<Ran> {
  const text = readFileSync(new URL(file, folder), 'utf8')
  return { outcome: await runScript(text, engine), needs: await needsOf(text) }
}

/** [statements] All of them pass. */
test.each<[Need, total: number]>([
  ['nothing more', 676],
  ['a flag', 270],
  ['native histograms', 681],
])('statements that need %s: %d', async (need, total) => {
  const failed: string[] = []
  let all = 0
  for (const [file, ran] of runs) {
    const { outcome, needs } = await ran
    for (const [line, what] of needs) {
      if (what !== need) continue
      all++
      for (const failure of outcome.failures) if (failure.line === line) failed.push(`${file}:${line}: ${failure.message}`)
    }
  }
  expect(failed).toEqual([])
  expect(all).toBe(total)
})

test.each(files)('%s: whatever it loads is taken, and every statement is counted', async file => {
  const { outcome, needs } = await runs.get(file)!
  expect(outcome.failures).toEqual([])
  expect(outcome.passed).toBe(needs.size)
})
