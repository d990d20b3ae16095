/**
 * Destinations that take nothing: told once, when that has lasted, and once more when they take something again. Nothing is asked for it;
 * what is sent anyway says it.
 */
import type { Signal } from '../model/signal.ts'

/** [ms] a restart of a destination is shorter, and not worth a line */
export const patienceMs = 60_000
/** [ms] a destination that comes and goes is told no more often */
export const quietMs = 10 * 60_000

interface Failing {
  readonly sinceMs: number
  lastMs: number
  rows: number
}

interface Place {
  readonly failing: Map<Signal, Failing>
  /** [rows] of what is over, while the whole is not */
  readonly lost: Map<Signal, number>
  told: boolean
  /** [ms] monotonic */
  toldMs: number
}

export class Outages {
  readonly #monotonic: () => number
  readonly #say: (line: string) => void
  readonly #places = new Map<string, Place>()

  constructor(monotonic: () => number, say: (line: string) => void) {
    this.#monotonic = monotonic
    this.#say = say
  }

  /** What came of each load that was sent there: why it is lost, with its rows; undefined where it arrived. */
  of(signal: Signal, url: string): (lost: { readonly rows: number; readonly reason: string } | undefined) => void {
    const name = url.replace(/\/v1\/(traces|metrics|logs)$/, '')
    const place = this.#places.get(name) ?? { failing: new Map(), lost: new Map(), told: false, toldMs: Number.NEGATIVE_INFINITY }
    this.#places.set(name, place)
    return lost => (lost === undefined ? this.#arrived(place, name, signal) : this.#lost(place, name, signal, lost))
  }

  #lost(place: Place, name: string, signal: Signal, { rows, reason }: { readonly rows: number; readonly reason: string }): void {
    const now = this.#monotonic()
    const failing = place.failing.get(signal) ?? { sinceMs: now, lastMs: now, rows: 0 }
    place.failing.set(signal, failing)
    failing.lastMs = now
    failing.rows += rows
    if (place.told || now - failing.sinceMs < patienceMs || now - place.toldMs < quietMs) return
    place.told = true
    place.toldMs = now
    this.#say(
      `thalamus: ${[...place.failing.keys()].join(', ')}: nothing was delivered to ${name} for a minute (${reason}); it is tried on`,
    )
  }

  #arrived(place: Place, name: string, signal: Signal): void {
    const over = place.failing.get(signal)
    if (over === undefined) return
    place.failing.delete(signal)
    if (!place.told) return
    place.lost.set(signal, (place.lost.get(signal) ?? 0) + over.rows)
    // What nobody has sent for so long may arrive or not: it is not waited for.
    const now = this.#monotonic()
    for (const [other, { lastMs, rows }] of place.failing) {
      if (now - lastMs < 2 * patienceMs) return
      place.failing.delete(other)
      place.lost.set(other, (place.lost.get(other) ?? 0) + rows)
    }
    const lost = [...place.lost].map(([of, rows]) => counted(rows, of)).join(', ')
    place.lost.clear()
    place.told = false
    this.#say(`thalamus: ${name} takes what is sent again; lost: ${lost}`)
  }
}

const rowNames = { traces: 'span', metrics: 'metric point', logs: 'log record' } as const satisfies Record<Signal, string>

/** `1 span`, `2 log records` */
export const counted = (rows: number, signal: Signal): string => `${rows} ${rowNames[signal]}${rows === 1 ? '' : 's'}`
