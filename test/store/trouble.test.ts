import { expect, test } from 'vitest'
import { calmMs, quietMs, Trouble } from '../../src/store/trouble.ts'
import { VirtualClock } from '../kit/clock.ts'
import { failure } from '../kit/disk.ts'

test('what comes and goes is said as seldom as what stays; who asks for health hears that it is over when it has not come again for a while', async () => {
  const clock = new VirtualClock()
  const lines: unknown[] = []
  const say = (level: string) => (fields: object, message: string) => void lines.push([level, message, fields])
  const log = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
  const trouble = new Trouble('/store', clock, log)
  const health: (string | undefined)[] = []
  trouble.onChange = problem => void health.push(problem)
  const flap = async (times: number) => {
    for (let i = 0; i < times; i++) {
      trouble.failed('the log cannot be written', failure('ENOSPC'))
      expect(trouble.problem).toBe('store "/store": the log cannot be written: ENOSPC')
      trouble.worked()
      expect(trouble.problem).toBe(undefined)
      trouble.look()
      await clock.advance(1000)
    }
  }
  const about = { directory: '/store' }
  const fails = (more = {}) => ['error', 'the log cannot be written', { ...about, error: 'ENOSPC', ...more }]
  const over = ['info', 'the store takes what comes again', about]
  await flap(quietMs / 1000 + 2)
  expect(lines.splice(0)).toEqual([fails(), over, fails({ suppressed: quietMs / 1000 - 1 }), over])
  const full = 'store "/store": the log cannot be written: ENOSPC'
  expect(health).toEqual([full])
  await clock.advance(calmMs - 1001)
  trouble.look()
  expect(health).toEqual([full])
  await clock.advance(1)
  trouble.look()
  trouble.look()
  expect(health).toEqual([full, undefined])
  // Another problem is said at once.
  trouble.failed('the log cannot be written', failure('EIO'))
  expect(lines).toEqual([['error', 'the log cannot be written', { ...about, error: 'EIO' }]])
  // What has not been tried again is not over, however long ago it was.
  await clock.advance(10 * calmMs)
  trouble.look()
  expect(health).toEqual([full, undefined, 'store "/store": the log cannot be written: EIO'])
})
