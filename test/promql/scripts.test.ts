/** Scripts of our own in Prometheus's test language. */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { createEngine } from '../../src/promql/engine.ts'
import { runScript, testOptions } from '../../src/promql/testing/run.ts'

const folder = new URL('./scripts/', import.meta.url)

const engine = createEngine({ ...testOptions, now: () => 0 })

test.each(readdirSync(folder))('%s', async file => {
  const { passed, failures } = await runScript(readFileSync(new URL(file, folder), 'utf8'), engine)
  expect(failures.map(({ line, message }) => `${file}:${line}: ${message}`)).toEqual([])
  expect(passed).toBeGreaterThan(0)
})

test('the script in the docs passes', async () => {
  const [, script] = /```\n(load .*?)```/s.exec(readFileSync(new URL('../../docs/promql.md', import.meta.url), 'utf8'))!
  expect(await runScript(script!, engine)).toEqual({ passed: 4, failures: [] })
})
