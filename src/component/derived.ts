/** What the process computes of series (rules, and whatever else comes to judge them) enters the pipelines like everything else: by receivers `derived`. */
import type { FloatHistogram } from '../model/float-histogram.ts'
import type { Labels } from '../model/labels.ts'

/** A sample that was computed, of a series as Prometheus names it. */
export interface DerivedSample {
  readonly labels: Labels
  /** epoch ms */
  readonly time: number
  /** 0 where it is a histogram or a stale marker */
  readonly value: number
  readonly histogram?: FloatHistogram | undefined
  /** The series ends here. */
  readonly stale?: boolean
}

/**
 * Takes samples, and is never waited for long: what finds no room is dropped, counted. It resolves when the samples can be asked for, where an exporter keeps them.
 * @param origin who computed them: `rules`
 */
export type TakeDerived = (origin: string, samples: readonly DerivedSample[]) => Promise<void>

export interface Derived {
  /** From here on `take` gets all that is computed. */
  offer(take: TakeDerived): Disposable
  /** To all that take. Resolves to whether there is anybody. */
  write(origin: string, samples: readonly DerivedSample[]): Promise<boolean>
}

export class DerivedSamples implements Derived {
  readonly #takers = new Set<TakeDerived>()

  offer(take: TakeDerived): Disposable {
    // The same function may be offered twice.
    const own: TakeDerived = (origin, samples) => take(origin, samples)
    this.#takers.add(own)
    return { [Symbol.dispose]: () => void this.#takers.delete(own) }
  }

  async write(origin: string, samples: readonly DerivedSample[]): Promise<boolean> {
    await Promise.all([...this.#takers].map(take => take(origin, samples)))
    return this.#takers.size > 0
  }
}
