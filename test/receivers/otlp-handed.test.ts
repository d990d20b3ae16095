/** What the process around us hands over in memory goes the way of what comes by the network. */
import { expect, test } from 'vitest'
import { Budget } from '../../src/component/budget.ts'
import type { Consumers } from '../../src/component/component.ts'
import { RetryableError } from '../../src/component/errors.ts'
import { Handed } from '../../src/component/handed.ts'
import type { Signal } from '../../src/model/signal.ts'
import { createReader } from '../../src/otlp/reader.ts'
import factory from '../../src/receivers/otlp/index.ts'
import { testContext } from '../kit/context.ts'
import { rowIds, rowsBody } from '../kit/rows.ts'

async function serve(consume: (ids: number[]) => Promise<void>, budget = new Budget()) {
  const handed = new Handed()
  const cx = { ...testContext({ kind: 'receiver', id: 'otlp', reader: createReader(), budget }), handed }
  const settings = factory.config.parse({ protocols: { http: { endpoint: '127.0.0.1:0' } } })
  const next = { logs: { reserve() {}, consume: (batch: never) => consume(rowIds(batch)) } } as unknown as Consumers
  const receiver = factory.create(cx, settings, next)
  await receiver.start?.()
  const offer = (signal: Signal, body: Uint8Array) => new Promise<unknown>(resolve => handed.offer(signal, body, resolve))
  return { handed, receiver, offer, account: cx.account('logs'), budget }
}

test('rows are handed on, settled when they are held, charged meanwhile, and counted by their transport', async () => {
  const got: number[] = []
  const used: number[] = []
  const body = rowsBody('logs', [1, 2, 3])
  const { receiver, offer, account, budget, handed } = await serve(async ids => {
    got.push(...ids)
    used.push(budget.used)
  })
  expect([handed.takes('logs'), handed.takes('traces')]).toEqual([true, false])
  expect(await offer('logs', body)).toBeUndefined()
  expect([got, used, budget.used]).toEqual([[1, 2, 3], [body.length], 0])
  expect(account.transports.get('memory')).toEqual({ accepted: 3, refused: 0 })
  await receiver.shutdown?.(AbortSignal.abort())
  expect(handed.takes('logs')).toBe(false)
})

test('what is refused is told, and what nobody takes', async () => {
  const { receiver, offer, account, budget } = await serve(() => Promise.reject(new RetryableError('full')))
  expect(await offer('logs', rowsBody('logs', [1]))).toMatchObject({ message: 'full' })
  expect(account.transports.get('memory')).toEqual({ accepted: 0, refused: 1 })
  expect(await offer('traces', rowsBody('traces', [1]))).toMatchObject({ message: 'no otlp receiver is in a pipeline of traces' })
  expect(await offer('logs', Uint8Array.of(255))).toMatchObject({ name: 'MalformedError' })
  using _limit = budget.limit(10, 10)
  budget.charge(11)
  expect(await offer('logs', rowsBody('logs', [1]))).toMatchObject({ name: 'Refusal' })
  await receiver.shutdown?.(AbortSignal.abort())
})
