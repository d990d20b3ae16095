/** A destination that a test answers for, and a format of four bytes a row, so that rows can be told apart in any piece. */
import type { Meter } from '@opentelemetry/api'
import type { Cutter, Destination, Outcome } from '../../src/component/destination.ts'
import { queueSettings } from '../../src/component/queue.ts'
import { retrySettings } from '../../src/component/retry.ts'
import { Sending } from '../../src/component/sending.ts'
import type { BatchOf } from '../../src/model/batch.ts'
import { Raw } from '../../src/model/raw.ts'
import { type TestContext, type TestWorld, testContext } from '../kit/context.ts'

export const delivered: Outcome = { is: 'delivered', rejected: 0, message: '' }
export const later: Outcome = { is: 'retryable', why: 'HTTP 503', retryAfterMs: 0, lost: false, stale: false }
export const lost: Outcome = { is: 'retryable', why: 'no answer within 5s', retryAfterMs: 0, lost: true, stale: false }
export const rejected: Outcome = { is: 'rejected', why: 'HTTP 400' }
export const tooLarge: Outcome = { is: 'too_large', why: 'HTTP 413' }
export const permanent: Outcome = { is: 'permanent', why: 'HTTP 401' }

export function idsOf(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(i * 4, true))
}
export function batchOf(...ids: number[]): BatchOf['metrics'] {
  const bytes = Buffer.alloc(ids.length * 4)
  ids.forEach((id, i) => void bytes.writeUInt32LE(id, i * 4))
  return { signal: 'metrics', raw: Raw.owning([bytes]), rows: ids.length } as BatchOf['metrics']
}
/** `count` ids from `first` */
export const run = (first: number, count: number) => Array.from({ length: count }, (_, i) => first + i)

export const cutter: Cutter = {
  countRows: (_signal, bytes) => bytes.length / 4,
  halve(_signal, bytes) {
    if (bytes.length <= 4) return undefined
    const middle = (bytes.length >> 3) * 4
    return [bytes.subarray(0, middle), bytes.subarray(middle)]
  },
}

export type Reply = (ids: number[], stop: AbortSignal) => Outcome | Promise<Outcome>

export class Answering implements Destination {
  /** ids of each request, in the order they were sent */
  readonly requests: number[][] = []
  /** ids of each request that was answered with yes */
  readonly delivered: number[] = []
  reply: Reply
  /** nothing reads the bytes any more when it answers */
  letsGo = true
  closed = 0
  constructor(reply: Reply = () => delivered) {
    this.reply = reply
  }
  async send(load: Raw, stop: AbortSignal): Promise<Outcome> {
    const ids = idsOf(load.bytes())
    this.requests.push(ids)
    const outcome = await this.reply(ids, stop)
    if (outcome.is === 'delivered') this.delivered.push(...ids)
    if (this.letsGo) load.release()
    return outcome
  }
  async close() {
    this.closed++
  }
}

/** Settles when told to, or with `later` when the sending stops. */
export function gate(): { reply: Reply; open: (outcome?: Outcome) => void; waiting: () => number } {
  let waiting: ((outcome: Outcome) => void)[] = []
  return {
    reply: (_ids, stop) =>
      new Promise(resolve => {
        waiting.push(resolve)
        stop.addEventListener('abort', () => resolve(later), { once: true })
      }),
    open(outcome = delivered) {
      const all = waiting
      waiting = []
      for (const resolve of all) resolve(outcome)
    },
    waiting: () => waiting.length,
  }
}

export interface Bench {
  readonly cx: TestContext
  readonly destination: Answering
  readonly sending: Sending<'metrics'>
  /** accepted - taken - dropped - held: 0 when nothing is lost */
  imbalance(): number
  dropped(): Record<string, number>
}

export function bench(
  options: { queue?: object; retry?: object; reply?: Reply; seed?: number; meter?: Meter; world?: TestWorld } = {},
): Bench {
  const { seed = 1, meter, world } = options
  const cx = testContext({ seed, id: 'otlp_http', ...(meter === undefined ? {} : { meter }), ...world })
  const destination = new Answering(options.reply)
  const settings = { sending_queue: queueSettings().parse(options.queue), retry_on_failure: retrySettings().parse(options.retry) }
  const sending = new Sending(cx, 'metrics', settings, destination, cutter)
  const account = cx.account('metrics')
  return { cx, destination, sending, imbalance: () => account.imbalance, dropped: () => Object.fromEntries(account.dropped) }
}
