/** An instrument: which series it has, and the handle of each. */
import type { Definition, Kind } from './definition.ts'
import { CounterHandle, GaugeHandle, type Handles, HistogramHandle, UpDownCounterHandle } from './handles.ts'
import type { AttributeValue, Series } from './series.ts'
import type { Slot } from './slots.ts'

/** An instrument whose attributes are not yet said. */
export interface Instrument<K extends Kind = Kind, A extends string = string> {
  readonly definition: Definition<K, A>
  /**
   * The handle for these attributes, always the same one; keep it where updates are many. Past `maxSeries` it is that of
   * the overflow series, `otel.metric.overflow: true`.
   */
  with(attributes?: AttributesOf<A>): Handles[K]
}

/** Any of the instrument's own, and no other. */
export type AttributesOf<A extends string> = [A] extends [never]
  ? { readonly [name: string]: never }
  : { readonly [N in A]?: AttributeValue | undefined }

export type Handle = CounterHandle | UpDownCounterHandle | GaugeHandle | HistogramHandle

export interface Bound {
  readonly series: Series
  readonly handle: Handle
}

export function handleOf({ kind, bounds = [] }: Definition, slot: Slot, refuse: (reason: string) => void): Handle {
  const refuseValue = () => refuse('value')
  switch (kind) {
    case 'counter':
      return new CounterHandle(slot, refuseValue)
    case 'up_down_counter':
      return new UpDownCounterHandle(slot, refuseValue)
    case 'gauge':
      return new GaugeHandle(slot)
    case 'histogram':
      return new HistogramHandle(slot, bounds, refuseValue)
  }
}

export class Live implements Instrument {
  readonly definition: Definition
  readonly series: Series[] = []
  readonly bound: Bound[] = []
  readonly #maxSeries: number
  readonly #refuse: (reason: string) => void
  readonly #bind: (attributes: Series['attributes']) => Bound
  /** by the values of the attributes, in the definition's order */
  readonly #handles = new Map<string, Handle>()
  #overflow: Handle | undefined

  constructor(
    definition: Definition,
    maxSeries: number,
    refuse: (reason: string) => void,
    bind: (attributes: Series['attributes']) => Bound,
  ) {
    this.definition = definition
    this.#maxSeries = maxSeries
    this.#refuse = refuse
    this.#bind = bind
  }

  with(attributes?: Readonly<Record<string, AttributeValue | undefined>>): Handle & Handles[Kind] {
    const kept = this.#kept(attributes ?? {})
    const key = JSON.stringify(kept)
    let handle = this.#handles.get(key)
    if (handle === undefined) {
      if (this.#handles.size >= this.#maxSeries) return this.#past() as Handle & Handles[Kind]
      handle = this.#bind(kept).handle
      this.#handles.set(key, handle)
    }
    return handle as Handle & Handles[Kind]
  }

  #past(): Handle {
    this.#refuse('series')
    this.#overflow ??= this.#bind({ 'otel.metric.overflow': true }).handle
    return this.#overflow
  }

  /** What the instrument has, in its order; what types do not allow, and JavaScript does, is left out. */
  #kept(attributes: Readonly<Record<string, AttributeValue | undefined>>): Record<string, AttributeValue> {
    const kept: Record<string, AttributeValue> = {}
    let taken = 0
    for (const name of this.definition.attributes) {
      const value = attributes[name]
      if (value === undefined) continue
      if (typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)) {
        kept[name] = value
        taken++
      }
    }
    const given = Object.values(attributes).filter(value => value !== undefined).length
    for (let i = taken; i < given; i++) this.#refuse('attribute')
    return kept
  }
}
