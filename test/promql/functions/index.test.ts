import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { promqlFunctions } from '../../../src/promql/functions/index.ts'
import { signatures } from '../../../src/promql/signatures.ts'

/** What only the engine can answer: it is about the query, or about the sample behind a value. */
const engines = ['end', 'range', 'start', 'start_timestamp', 'step', 'timestamp']

test('every function that can be written is there', () => {
  const names = [...signatures.keys()].filter(name => !engines.includes(name))
  expect([...promqlFunctions.keys()].sort()).toEqual(names.sort())
})

test.each([...promqlFunctions])('%s takes what its signature says', (name, { kind }) => {
  const { args } = signatures.get(name)!
  // A whole function may take anything; absent_over_time asks about all series at once.
  if (kind === 'window') expect(args.filter(type => type === 'matrix')).toHaveLength(1)
  if (kind === 'sample') expect(args[0]).toBe('vector')
  if (args.includes('matrix')) expect(['window', 'whole']).toContain(kind)
})

test('the engine knows functions, and functions know nothing of the engine', () => {
  const folder = join(import.meta.dirname, '../../../src/promql/functions')
  const imports = globSync('*.ts', { cwd: folder }).flatMap(file =>
    [...readFileSync(join(folder, file), 'utf8').matchAll(/^(?:import|export) .*from '(.*)'/gm)].map(([, from]) => `${file} -> ${from}`),
  )
  expect(imports.length).toBeGreaterThan(50)
  expect(imports.filter(each => /\/(engine\.ts|evaluation\/)/.test(each))).toEqual([])
})
