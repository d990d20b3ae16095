import { expect, test } from 'vitest'
import { quietMs, Trouble } from '../../src/store/trouble.ts'
import { VirtualClock } from '../kit/clock.ts'
import { failure } from '../kit/disk.ts'

test('what comes and goes is said as seldom as what stays; who asks for health hears of each change', async () => {
  const clock = new VirtualClock()
  const lines: unknown[] = []
  const say = (level: string) => (fields: object, message: string) => void lines.push([level, message, fields])
  const log = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
  const trouble = new Trouble('/store', clock, log)
  let changes = 0
  trouble.onChange = () => changes++
  const flap = async (times: number) => {
    for (let i = 0; i < times; i++) {
      trouble.failed('the log cannot be written', failure('ENOSPC'))
      expect(trouble.problem).toBe('store "/store": the log cannot be written: ENOSPC')
      trouble.worked()
      await clock.advance(1000)
    }
  }
  const about = { directory: '/store' }
  const fails = (more = {}) => ['error', 'the log cannot be written', { ...about, error: 'ENOSPC', ...more }]
  const over = ['info', 'the store takes what comes again', about]
  await flap(quietMs / 1000 + 2)
  expect(lines.splice(0)).toEqual([fails(), over, fails({ suppressed: quietMs / 1000 - 1 }), over])
  expect(changes).toBe(2 * (quietMs / 1000 + 2))
  // Another problem is said at once.
  trouble.failed('the log cannot be written', failure('EIO'))
  expect(lines).toEqual([['error', 'the log cannot be written', { ...about, error: 'EIO' }]])
})
