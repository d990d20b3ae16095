import type { Consumer, Context, Processor } from '../../component/component.ts'
import type { Room } from '../../component/room.ts'
import type { BatchOf, Fields } from '../../model/batch.ts'
import { Raw } from '../../model/raw.ts'
import type { Signal } from '../../model/signal.ts'
import { type Change, GONE, rewrite } from '../../otlp/edit.ts'
import { eachOfSpan } from '../../otlp/holders.ts'
import { Place } from '../../ottl/place.ts'
import { SeriesVerdicts } from '../../ottl/verdicts.ts'
import type { Checks } from './checks.ts'

const STAYS = 1
const GOES = 2

/**
 * Drops what its conditions say, from the outside to the inside: of a resource that goes nothing more is asked. A batch from which nothing goes is
 * handed on as it is.
 */
export class Filter<S extends Signal> implements Processor<S> {
  readonly #signal: S
  readonly #cx: Context
  readonly #checks: Checks
  readonly #next: Consumer<S>
  readonly #at = new Place()
  readonly #series = new SeriesVerdicts()

  constructor(signal: S, cx: Context, checks: Checks, next: Consumer<S>) {
    this.#signal = signal
    this.#cx = cx
    this.#checks = checks
    this.#next = next
    cx.account(signal).mayDrop('filtered')
  }

  reserve(bytes: number, room: Room): void {
    this.#next.reserve(bytes, room)
  }

  async consume(batch: BatchOf[S], room?: Room): Promise<void> {
    const { changes, rows } = this.#decide(batch)
    const account = this.#cx.account(this.#signal)
    const left = batch.rows - rows
    if (left > 0 || batch.rows === 0) {
      const kept =
        changes.length === 0 ? batch : this.#cx.reader.read(this.#signal, Raw.owning([rewrite(this.#signal, batch.raw.bytes(), changes)]))
      await this.#next.consume(kept, room)
      if (kept !== batch) batch.raw.release()
    } else batch.raw.release()
    account.accepted += batch.rows
    account.taken += left
    account.drop('filtered', rows)
  }

  /** What goes, and how many rows with it. */
  #decide(batch: BatchOf[S]): { readonly changes: readonly Change[]; readonly rows: number } {
    const { resource, scope, metric, row, event, rowIdentity } = this.#checks
    const at = this.#at.open(batch)
    const changes: Change[] = []
    const goes = (fields: Fields, i: number): true => {
      changes.push({ from: fields.from[i]!, to: fields.to[i]!, bytes: GONE })
      return true
    }
    const resources = marks(batch.resources.length, resource && (i => resource(at.toResource(i)) && goes(batch.resources, i)))
    const scopes = marks(batch.scopes.length, i => {
      if (resources[batch.scopes.parent[i]!] === 1) return true
      return scope?.(at.toScope(i)) === true && goes(batch.scopes, i)
    })
    const metrics =
      batch.signal !== 'metrics'
        ? undefined
        : marks(batch.metrics.length, i => {
            if (scopes[batch.metrics.parent[i]!] === 1) return true
            return metric?.(at.toMetric(i)) === true && goes(batch.metrics, i)
          })
    let rows = 0
    for (const [group, { rows: of, points }] of at.groups.entries()) {
      const parents =
        points?.metric ?? (batch.signal === 'traces' ? batch.spans.scope : batch.signal === 'logs' ? batch.records.scope : undefined)
      const gone = metrics ?? scopes
      for (let i = 0; i < of.length; i++) {
        if (gone[parents![i]!] === 1) {
          rows++
          continue
        }
        if (row !== undefined) {
          const series = rowIdentity && points !== undefined ? points.series[i]! : -1
          let verdict = this.#series.find(batch.dictionary, series)
          if (verdict === 0) verdict = this.#series.remember(batch.dictionary, series, row(at.toRow(group, i)) ? GOES : STAYS)
          if (verdict === GOES) {
            rows++
            goes(of, i)
            continue
          }
        }
        if (event === undefined) continue
        at.toRow(group, i)
        let number = 0
        eachOfSpan(at.bytes, of.from[i]!, of.to[i]!, 'event', (from, to) => {
          if (event(at.toEvent(number++, from, to))) changes.push({ from, to, bytes: GONE })
        })
      }
    }
    return { changes, rows }
  }
}

/** 1 for what goes. */
function marks(length: number, goes: ((i: number) => boolean) | undefined): Uint8Array {
  const marked = new Uint8Array(length)
  if (goes !== undefined) for (let i = 0; i < length; i++) if (goes(i)) marked[i] = 1
  return marked
}
