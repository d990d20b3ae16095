import { setTimeout } from 'node:timers/promises'
import type { VirtualClock } from '../kit/clock.ts'

/** [turns] after which each takes a millisecond at least: sockets and compressing threads have to come along where the machine is busy */
const patience = 1000

/** Lets sockets speak, and a little time pass at every turn, until `done`. The turns are a bound on a test that hangs. */
export async function until(clock: VirtualClock, done: () => boolean, turns = 20_000, msPerTurn = 5): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    if (done()) return
    await clock.advance(msPerTurn)
    if (turn >= patience) await setTimeout(1)
  }
  throw new Error('it did not come about')
}
