/** Senders that wait until there may be room. */
export class Awaiting {
  #wake: (() => void)[] = []

  freed(signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      if (signal.aborted) return resolve()
      signal.addEventListener('abort', () => resolve(), { once: true })
      this.#wake.push(resolve)
    })
  }

  wake(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }
}
