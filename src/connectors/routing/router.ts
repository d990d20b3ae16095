import type { Connector, Consumer, Context } from '../../component/component.ts'
import { PermanentError } from '../../component/errors.ts'
import type { Leaf, Room } from '../../component/room.ts'
import type { BatchOf } from '../../model/batch.ts'
import { Raw } from '../../model/raw.ts'
import type { Signal } from '../../model/signal.ts'
import { cutRows } from '../../otlp/cut.ts'
import { anyOf, type ErrorMode, onValueError } from '../../ottl/ask.ts'
import type { Condition } from '../../ottl/condition.ts'
import { Place } from '../../ottl/place.ts'

export interface Route<S extends Signal> {
  readonly condition: Condition
  /** what it takes is not seen by the routes after it */
  readonly moves: boolean
  readonly to: readonly Consumer<S>[]
}
export interface Routes<S extends Signal> {
  readonly routes: readonly Route<S>[]
  readonly otherwise: readonly Consumer<S>[]
  readonly errorMode: ErrorMode
}

/** A row, by its number among all rows of the batch. */
type Rows = Uint32Array

/**
 * Sends each row where the first route that holds says. Where rows go is known only when they are here, so nothing is reserved before:
 * each pipeline is asked with what is for it, and the sender waits, or hears that it may come again, when one is full.
 */
export class Router<S extends Signal> implements Connector<S>, Leaf {
  readonly #signal: S
  readonly #cx: Context
  readonly #routes: Routes<S>
  readonly #asks: readonly ((at: Place) => boolean)[]
  readonly #at = new Place()

  constructor(signal: S, cx: Context, routes: Routes<S>) {
    this.#signal = signal
    this.#cx = cx
    this.#routes = routes
    cx.account(signal).mayDrop('no_route', 'rejected')
    const onError = onValueError(cx, routes.errorMode)
    this.#asks = routes.routes.map(route => anyOf([route.condition], onError))
  }

  reserve(_: number, room: Room): void {
    room.admit(this, 0)
  }
  release(): void {}
  freed(): Promise<void> {
    return Promise.resolve()
  }

  async consume(batch: BatchOf[S], room?: Room): Promise<void> {
    room?.take(this)
    const { routes, otherwise } = this.#routes
    const taken = this.#assign(batch)
    const loads = [...routes, { to: otherwise }].flatMap(({ to }, i) =>
      taken[i]!.length === 0 ? [] : to.map(next => ({ next, rows: taken[i]! })),
    )
    const parts = new Map<Rows, BatchOf[S]>()
    for (const { rows } of loads) if (!parts.has(rows)) parts.set(rows, this.#part(batch, rows))
    retainForEach(loads.map(({ rows }) => parts.get(rows)!.raw))
    const outcomes = await Promise.allSettled(loads.map(({ next, rows }) => next.consume(parts.get(rows)!)))
    // None of the parts lies in its bytes, unless one is all of it.
    const whole = [...parts.values()].includes(batch)
    const failures = outcomes.flatMap(outcome => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []))
    const comesAgain = failures.find(error => !(error instanceof PermanentError))
    if (comesAgain !== undefined) throw comesAgain
    if (failures.length > 0 && failures.length === outcomes.length) throw failures[0]
    if (!whole) batch.raw.release()
    const went = new Set(loads.flatMap(({ rows }, i) => (outcomes[i]!.status === 'rejected' ? [] : [...rows])))
    const meant = new Set(loads.flatMap(({ rows }) => [...rows]))
    const account = this.#cx.account(this.#signal)
    account.accepted += batch.rows
    account.taken += went.size
    account.drop('rejected', meant.size - went.size)
    account.drop('no_route', batch.rows - meant.size)
  }

  /** For each route the rows that it takes, and at the end those that no route took away: what was copied is among them. */
  #assign(batch: BatchOf[S]): Rows[] {
    const at = this.#at.open(batch)
    const left = new Uint8Array(batch.rows).fill(1)
    const taken = this.#routes.routes.map((route, i) => {
      const holds = once(this.#asks[i]!, route.condition.context)
      const rows: number[] = []
      let row = -1
      for (const [group, { rows: of }] of at.groups.entries()) {
        for (let k = 0; k < of.length; k++) {
          row++
          if (left[row] === 0 || !holds(at.toRow(group, k))) continue
          rows.push(row)
          if (route.moves) left[row] = 0
        }
      }
      return Uint32Array.from(rows)
    })
    return [...taken, Uint32Array.from(left.keys()).filter(row => left[row] === 1)]
  }

  /** The batch with these rows only. */
  #part(batch: BatchOf[S], rows: Rows): BatchOf[S] {
    if (rows.length === batch.rows) return batch
    const stays = new Uint8Array(batch.rows)
    for (const row of rows) stays[row] = 1
    const starts = this.#at.groups.flatMap(({ rows: of }) => Array.from(of.from))
    const bytes = cutRows(
      this.#signal,
      batch.raw.bytes(),
      starts.filter((_, row) => stays[row] === 0),
    )
    return this.#cx.reader.read(this.#signal, Raw.owning([bytes]))
  }
}

/** Routes that copy may take the same. */
function retainForEach(raws: readonly Raw[]): void {
  const met = new Set<Raw>()
  for (const raw of raws) {
    if (met.has(raw)) raw.retain()
    met.add(raw)
  }
}

/** Asks of a resource, or of a metric, once, however many rows it has. */
function once(holds: (at: Place) => boolean, context: Condition['context']): (at: Place) => boolean {
  if (context !== 'resource' && context !== 'metric') return holds
  let last = -1
  let answer = false
  return at => {
    const here = at[context]
    if (here !== last) answer = holds(at)
    last = here
    return answer
  }
}
