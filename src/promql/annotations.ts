import type { Position } from './ast.ts'

/** What a result says about itself besides its values: warnings (the result is likely wrong) and infos (it may surprise). */
export type Severity = 'warning' | 'info'

export interface Annotation {
  readonly severity: Severity
  /** Prometheus's wording without the position, beginning with `PromQL warning: ` or `PromQL info: ` where it does */
  readonly text: string
  /** of the expression concerned; undefined: of the whole */
  readonly position: Position | undefined
}

/** Gathers annotations; one of the same text and place counts once. */
export class Annotations {
  readonly #all = new Map<string, Annotation>()

  add(severity: Severity, text: string, position?: Position): void {
    const key = `${severity} ${position?.start ?? ''} ${position?.end ?? ''} ${text}`
    if (!this.#all.has(key)) this.#all.set(key, { severity, text, position })
  }

  warn(text: string, position?: Position): void {
    this.add('warning', `PromQL warning: ${text}`, position)
  }

  info(text: string, position?: Position): void {
    this.add('info', `PromQL info: ${text}`, position)
  }

  get size(): number {
    return this.#all.size
  }

  [Symbol.iterator](): IterableIterator<Annotation> {
    return this.#all.values()
  }
}
