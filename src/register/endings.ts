/** The ways in which a process ends, each of them once, and each as it would be without us. */

const deadly = ['SIGTERM', 'SIGINT'] as const

/**
 * Calls `run` once, synchronously, when the process ends: on its own, by `process.exit`, by an error that nobody caught, or by SIGTERM and
 * SIGINT where the application leaves those to the system. Where it has listeners of its own it decides, as ever, and ends otherwise or not.
 */
export function onEnding(run: () => void): void {
  let done = false
  const once = () => {
    if (done) return
    done = true
    run()
  }
  process.on('exit', once)
  const hidden = new Hidden()
  for (const signal of deadly) {
    const listener = () => {
      if (process.listenerCount(signal) > 0) return
      once()
      hidden.remove(signal)
      // The system's default is back: this ends the process, unless it is the first of a container, which no signal of its own ends.
      process.kill(process.pid, signal)
    }
    hidden.add(signal, listener)
  }
}

/**
 * Listeners that nobody sees. Others count the listeners of a signal to find out whether the system's default holds: one that does so, and
 * waits for us as we wait for it, would leave a process that no signal ends.
 */
class Hidden {
  readonly #own = new Map<unknown, () => void>()

  constructor() {
    const { listeners, rawListeners, listenerCount, removeAllListeners } = process
    const own = this.#own
    const call = <T>(method: unknown, args: readonly unknown[]) => Reflect.apply(method as () => T, process, args) as T
    const visible = (method: unknown) => (event: unknown) =>
      call<unknown[]>(method, [event]).filter(listener => listener !== own.get(event))
    const instead = {
      listeners: visible(listeners),
      rawListeners: visible(rawListeners),
      listenerCount: (event: unknown, ...rest: unknown[]) =>
        call<number>(listenerCount, [event, ...rest]) - (own.has(event) && rest.length === 0 ? 1 : 0),
      removeAllListeners: (...events: unknown[]) => {
        call(removeAllListeners, events)
        for (const [signal, listener] of own)
          if (events.length === 0 || events[0] === signal) process.on(signal as NodeJS.Signals, listener)
        return process
      },
    }
    for (const [name, value] of Object.entries(instead))
      Object.defineProperty(process, name, { value, configurable: true, writable: true, enumerable: false })
    // Node counts as well: with the last listener that it sees it stops listening to the signal.
    process.on('removeListener', (event, removed) => {
      const listener = own.get(event)
      if (listener === undefined || listener === removed || process.listenerCount(event) > 0) return
      process.off(event as NodeJS.Signals, listener)
      process.on(event as NodeJS.Signals, listener)
    })
  }

  add(signal: NodeJS.Signals, listener: () => void): void {
    this.#own.set(signal, listener)
    process.on(signal, listener)
  }

  remove(signal: NodeJS.Signals): void {
    const listener = this.#own.get(signal)
    this.#own.delete(signal)
    if (listener !== undefined) process.off(signal, listener)
  }
}
