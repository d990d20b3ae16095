/** Time, handed in so that a test can own it. Nothing else in the product reads the time or arms a timer. */
export interface Clock {
  /** Wall time: Unix epoch milliseconds. May jump when the machine's clock is set. */
  now(): number
  /** Milliseconds since an arbitrary start; never goes back. For durations. */
  monotonic(): number
  /** Runs once, `ms` from now, unless disposed of first. */
  after(ms: number, run: () => unknown): Disposable
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, run) {
    let timer: NodeJS.Timeout
    const wait = (leftMs: number) => {
      timer = leftMs > longestMs ? setTimeout(() => wait(leftMs - longestMs), longestMs) : setTimeout(run, leftMs)
    }
    wait(ms)
    return { [Symbol.dispose]: () => clearTimeout(timer) }
  },
}

/** What is longer, setTimeout runs at once: a destination that asks for a month of peace would get a storm. */
const longestMs = 2 ** 31 - 1

/** Runs every `ms`, never twice at once: the next wait begins when `run` has settled. `run` handles its own errors. */
export function every(clock: Clock, ms: number, run: () => unknown): Disposable {
  let timer: Disposable | undefined
  let live = true
  const arm = () => {
    if (!live) return
    timer = clock.after(ms, async () => {
      try {
        await run()
      } finally {
        arm()
      }
    })
  }
  arm()
  return {
    [Symbol.dispose]() {
      live = false
      timer?.[Symbol.dispose]()
    },
  }
}

/** Resolves `ms` from now, or at once when `signal` aborts. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve()
  return new Promise(resolve => {
    const done = () => {
      timer[Symbol.dispose]()
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = clock.after(ms, done)
    signal?.addEventListener('abort', done, { once: true })
  })
}
