/** The ends of a thread's pipelines that go on elsewhere: when it is stopped, the last one to close says so. */
export class Ends {
  readonly #open = new Set<object>()
  #quiet: PromiseWithResolvers<void> | undefined

  open(end: object): void {
    this.#open.add(end)
  }

  close(end: object): void {
    this.#open.delete(end)
    if (this.#open.size === 0) this.#quiet?.resolve()
  }

  /** No other will be opened. Resolves when nothing more will be shipped. */
  stopping(): Promise<void> {
    this.#quiet ??= Promise.withResolvers()
    if (this.#open.size === 0) this.#quiet.resolve()
    return this.#quiet.promise
  }
}
