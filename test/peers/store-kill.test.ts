/**
 * kill -9 while a store takes batches, writes blocks, merges days and thins them out: every acknowledged batch is there afterwards, whole, and once.
 * STORE_KILLS says how often; CI does it a few times.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { nodeDisk } from '../../src/disk.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { inspectStore } from '../../src/store/inspect.ts'
import { TimeSeriesStore } from '../../src/store/store.ts'
import { seeded } from '../kit/context.ts'
import { epoch, secondsOf, seriesNames, storeSettings } from './kit/store-kill.ts'

const rounds = Number(process.env['STORE_KILLS'] ?? 8)

test(`${rounds} times`, { timeout: 60_000 + rounds * 20_000 }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'thalamus-kill-'))
  const random = seeded(Date.now())
  let acknowledged = -1
  const kinds = new Set<string>()
  try {
    for (let round = 0; round < rounds; round++) {
      const child = spawn(process.execPath, [join(import.meta.dirname, 'kit/store-writer.ts'), directory, String(acknowledged + 1)])
      let text = ''
      let errors = ''
      child.stdout.on('data', (data: Buffer) => void (text += data))
      child.stderr.on('data', (data: Buffer) => void (errors += data))
      await once(child.stdout, 'data')
      await new Promise(resolve => setTimeout(resolve, 50 + 600 * random()))
      child.kill('SIGKILL')
      await once(child, 'close')
      expect(errors).toBe('')
      const lines = text.slice(0, text.lastIndexOf('\n')).split('\n')
      acknowledged = Math.max(acknowledged, Number(lines.at(-1)))
      for (const { path, problems } of await inspectStore(nodeDisk, directory)) {
        expect(problems, path).toEqual([])
        kinds.add(path.slice(directory.length + 1).replace(/-.*|^\d+(?=\.wal)/, ''))
      }
      acknowledged = await check(directory, acknowledged)
    }
    // It was killed amid all of it: there are logs, blocks of samples as they came, of minutes and of hours.
    if (rounds >= 8) expect([...kinds]).toEqual(expect.arrayContaining(['.wal', '0', '3600000', '60000']))
  } finally {
    rmSync(directory, { recursive: true })
  }
})

/** @returns the last batch that is there: it may be one more than was acknowledged */
async function check(directory: string, acknowledged: number): Promise<number> {
  const quiet = { debug() {}, info() {}, warn() {}, error: console.error }
  const store = await TimeSeriesStore.read(storeSettings(directory), { disk: nodeDisk, clock: systemClock, log: quiet })
  const from = Number.NEGATIVE_INFINITY
  const found = await store.select([{ name: '__name__', op: '=', value: 'killed' }], {
    from,
    to: Number.POSITIVE_INFINITY,
    step: 0,
    range: 0,
    func: '',
  })
  const last = new Set<number>()
  for (const { labels, read } of found) {
    const { time, value } = read()
    last.add(time.length - 1)
    expect(time.length, `series ${labels.get('series')}`).toBeGreaterThan(acknowledged)
    for (let n = 0; n < time.length; n++)
      if (value[n] !== n || time[n] !== epoch + secondsOf(n)) expect([n, time[n], value[n]]).toEqual([n, epoch + secondsOf(n), n])
  }
  expect(found.length).toBe(seriesNames.length)
  // A batch is there for all series or for none.
  expect(last.size).toBe(1)
  await store.close()
  return [...last][0]!
}
