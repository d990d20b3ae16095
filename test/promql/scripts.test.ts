/** Scripts of our own in Prometheus's test language. */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { createEngine } from '../../src/promql/engine.ts'
import { runScript, testOptions } from '../../src/promql/testing/run.ts'

const folder = new URL('./scripts/', import.meta.url)

test.each(readdirSync(folder))('%s', async file => {
  const { passed, failures } = await runScript(readFileSync(new URL(file, folder), 'utf8'), createEngine({ ...testOptions, now: () => 0 }))
  expect(failures.map(({ line, message }) => `${file}:${line}: ${message}`)).toEqual([])
  expect(passed).toBeGreaterThan(0)
})
