import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { LogConfig } from '../src/component/configuration.ts'
import { systemLog, systemWorld } from '../src/world.ts'
import { testContext } from './kit/context.ts'

const logs: LogConfig = { level: 'info', encoding: 'json', initial_fields: {}, output_paths: ['stderr'] }
const { memory } = systemWorld(() => testContext().log, logs)
const size = 64 << 20

/** [bytes] in use while `size` bytes more are held, which nobody refers to afterwards */
const usedWithMore = () => {
  const more = new Uint8Array(size).fill(1)
  return memory().usedBytes + (more[0]! - 1)
}

test('memory in use is what is left when garbage has been collected, if that is asked for', () => {
  const before = usedWithMore()
  expect(memory(true).usedBytes).toBeLessThan(before - size / 2)
})

test('memory has a limit', () => expect(memory().limitBytes).toBeGreaterThan(2 ** 26))

test.each([
  ['json', { site: 'lab' }, /^\{"level":"warn","time":"\S+Z","site":"lab","component":"batch","rows":2,"msg":"what happened"\}\n$/],
  ['console', {}, /^\S+Z\twarn\tbatch\twhat happened\t\{"rows":2\}\n$/],
] as const)('own log as %s, with %j in every line, goes to every output', (encoding, initial_fields, expected) => {
  const folder = mkdtempSync(join(tmpdir(), 'thalamus-log-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const output_paths = [join(folder, 'a.log'), `file://${join(folder, 'deep/b.log')}`]
  const log = systemLog()('batch', { level: 'info', encoding, initial_fields, output_paths }, () => 'warn')
  log.info({}, 'not important enough')
  log.warn({ rows: 2 }, 'what happened')
  for (const file of ['a.log', 'deep/b.log']) expect(readFileSync(join(folder, file), 'utf8')).toMatch(expected)
})
