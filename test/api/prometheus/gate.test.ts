import { expect, test } from 'vitest'
import { Gate } from '../../../src/api/prometheus/gate.ts'

const forever = new AbortController().signal

test('so many pass at one time, the others in the order they came', async () => {
  const gate = new Gate(() => 2)
  const ends = Array.from({ length: 5 }, () => Promise.withResolvers<void>())
  const begun: number[] = []
  const all = ends.map((end, i) =>
    gate.pass(forever, async () => {
      begun.push(i)
      await end.promise
      return i
    }),
  )
  expect([begun, gate.size]).toEqual([[0, 1], { inside: 2, waiting: 3 }])
  ends[1]!.resolve()
  expect(await all[1]).toBe(1)
  expect([begun, gate.size]).toEqual([[0, 1, 2], { inside: 2, waiting: 2 }])
  for (const end of ends) end.resolve()
  expect(await Promise.all(all)).toEqual([0, 1, 2, 3, 4])
  expect(gate.size).toEqual({ inside: 0, waiting: 0 })
})

test('who goes away while waiting is not asked, and who fails makes room', async () => {
  const gate = new Gate(() => 1)
  const first = Promise.withResolvers<never>()
  const fails = gate.pass(forever, () => first.promise)
  const client = new AbortController()
  const gone = gate.pass(client.signal, async () => 'asked')
  const third = gate.pass(forever, async () => 'third')
  client.abort(new Error('gone'))
  await expect(gone).rejects.toThrow('gone')
  first.reject(new Error('no answer'))
  await expect(fails).rejects.toThrow('no answer')
  expect(await third).toBe('third')
  expect(gate.size).toEqual({ inside: 0, waiting: 0 })
})

test('who has gone already does not wait', async () => {
  const gate = new Gate(() => 0)
  await expect(gate.pass(AbortSignal.abort(new Error('gone')), async () => 1)).rejects.toThrow('gone')
})
