import type { Meter } from '@opentelemetry/api'

/** By component: why it cannot go on. What changed is told once a turn: threads tell theirs again and again. */
export class Problems extends Map<string, string> {
  readonly #changed: (id: string, problem: string | undefined) => void
  #told: ReadonlyMap<string, string> = new Map()
  #due = false
  /** who ever had one */
  readonly #met = new Set<string>()

  constructor(changed: (id: string, problem: string | undefined) => void) {
    super()
    this.#changed = changed
  }
  override set(id: string, problem: string): this {
    super.set(id, problem)
    this.#met.add(id)
    this.#tell()
    return this
  }
  override delete(id: string): boolean {
    this.#tell()
    return super.delete(id)
  }

  measure(meter: Meter): void {
    meter
      .createObservableGauge('thalamus_component_unhealthy', {
        description: 'Whether a component cannot go on; told of those that once could not.',
      })
      .addCallback(result => {
        for (const component of this.#met) result.observe(this.has(component) ? 1 : 0, { component })
      })
  }

  #tell(): void {
    if (this.#due) return
    this.#due = true
    queueMicrotask(() => {
      this.#due = false
      const before = this.#told
      this.#told = new Map(this)
      for (const id of new Set([...before.keys(), ...this.keys()])) if (before.get(id) !== this.get(id)) this.#changed(id, this.get(id))
    })
  }
}
