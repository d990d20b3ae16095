/** Stopping what runs, each component after its feeders, in the time there is. */
import type { Logger } from '../component/component.ts'
import type { Clock } from '../lib/clock.ts'
import type { Node } from './node.ts'

export interface Stopping {
  readonly clock: Clock
  readonly log: Logger
  /** [ms] for all of it */
  readonly timeoutMs: number
}

/**
 * Receivers side by side, and exporters, so that no destination takes the time of another; and senders that never finish have half of
 * the time, so that what others were told is held can still be sent. `nodes` are in the order of their start.
 */
export async function stopAll(nodes: readonly Node[], { clock, log, timeoutMs }: Stopping): Promise<void> {
  using begun = new Deadline(clock, timeoutMs / 2)
  using held = new Deadline(clock, timeoutMs)
  const latestFirst = nodes.toReversed()
  const of = (...kinds: Node['kind'][]) => latestFirst.filter(({ kind }) => kinds.includes(kind))
  await Promise.all(of('receiver').map(node => stop(node, begun, log)))
  for (const node of of('processor', 'connector')) await stop(node, held, log)
  await Promise.all(of('exporter').map(node => stop(node, held, log)))
  for (const node of of('extension')) await stop(node, held, log)
}

/** One shutdown for each instance: who asks again waits for the same. */
export function stop(node: Node, deadline: Deadline, log: Logger): Promise<void> {
  node.stopping ??= stopNow(node, deadline, log)
  return node.stopping
}

async function stopNow({ id, component }: Node, deadline: Deadline, log: Logger): Promise<void> {
  try {
    const stopped = component.shutdown?.(deadline.signal).then(() => true)
    if ((await Promise.race([stopped ?? true, deadline.passed])) === false) log.error({ component: id }, 'a component did not stop in time')
  } catch (error) {
    log.error({ component: id, error: String(error) }, 'a component failed to shut down')
  }
}

/** [ms] whoever is told that the time is over needs a moment to give up */
const GRACE_MS = 500

/** `signal` aborts when the time is over; soon after, `passed` says so to who waits for somebody who does not listen. */
export class Deadline implements Disposable {
  readonly passed: Promise<false>
  readonly #controller = new AbortController()
  readonly #timers: readonly Disposable[]
  constructor(clock: Clock, ms: number) {
    const { promise, resolve } = Promise.withResolvers<false>()
    this.passed = promise
    this.#timers = [clock.after(ms, () => this.#controller.abort()), clock.after(ms + GRACE_MS, () => resolve(false))]
  }
  get signal(): AbortSignal {
    return this.#controller.signal
  }
  [Symbol.dispose](): void {
    for (const timer of this.#timers) timer[Symbol.dispose]()
  }
}
