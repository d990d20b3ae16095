import { compareLabels, type Labels } from '../../model/labels.ts'
import type { VectorMatching } from '../ast.ts'
import { QueryError } from '../query-error.ts'
import { ABSENT, FLOAT, type Grid } from '../value.ts'
import { mergeAlike } from './merge.ts'
import type { LastWords, Operation, Side } from './operation.ts'
import type { Evaluation, VectorOperator } from './operator.ts'
import { type FlowingRow, type Sink, withoutName } from './rows.ts'
import { showLabels } from './show-labels.ts'
import { matchLabels, matchSignature, type Signature } from './signature.ts'

/**
 * An arithmetic or comparison operator between two vectors. Both sides are gathered, their series grouped by signature, and then whole rows are worked on in
 * pairs: which series match is settled once, only whether they do so uniquely is a question of each step.
 * `many` is the left side, but for group_right: there the sides are swapped until values are reckoned.
 */
export class VectorMatch implements VectorOperator {
  readonly grid: Grid
  readonly oneName = false
  readonly #cx: Evaluation
  readonly #operation: Operation
  readonly #words: LastWords
  readonly #matching: VectorMatching
  readonly #left: VectorOperator
  readonly #right: VectorOperator

  constructor(
    cx: Evaluation,
    operation: Operation,
    words: LastWords,
    matching: VectorMatching,
    left: VectorOperator,
    right: VectorOperator,
  ) {
    this.grid = left.grid
    this.#cx = cx
    this.#operation = operation
    this.#words = words
    this.#matching = matching
    this.#left = left
    this.#right = right
  }

  async run(sink: Sink): Promise<void> {
    const { pool } = this.#cx
    const swapped = this.#matching.cardinality === 'one-to-many'
    const signature = matchSignature(this.#matching)
    // As Prometheus does: which of two failures is told, and of two alike annotations which place, is that of the order.
    const left = await gather(this.#left)
    const right = await gather(this.#right)
    const [many, one] = swapped ? [right, left] : [left, right]
    const { fillLeft, fillRight } = this.#matching
    const fills = fillLeft !== undefined || fillRight !== undefined
    if (many.length === 0 && one.length === 0) return
    if ((many.length === 0 || one.length === 0) && !fills) return
    const groups = grouped(many, one, signature)
    const refusals = new Refusals()
    this.#findDuplicates(groups, many, one, fills, refusals)
    const pairing = new Pairing(this.#cx, this.#operation, this.#words, this.#matching, this.grid.steps, refusals)
    if (refusals.step > 0) for (const group of groups.values()) await pairing.pair(group)
    refusals.raise()
    this.#words.tell(this.#cx.annotations)
    for (const row of mergeAlike(pairing.rows, pool, 'merge')) {
      if (pool.charge(row)) sink(row)
      else pool.give(row)
    }
  }

  /** The one side must have one series in a group at each step, whether or not any of the many side is there to match. */
  #findDuplicates(
    groups: ReadonlyMap<string, Group>,
    many: readonly FlowingRow[],
    one: readonly FlowingRow[],
    fills: boolean,
    refusals: Refusals,
  ): void {
    let anyMany: Uint8Array | undefined
    let first = this.grid.steps
    let among: readonly FlowingRow[] = []
    for (const group of groups.values()) {
      if (group.one.length < 2) continue
      anyMany ??= presence(many, this.grid.steps)
      const seen = new Uint8Array(first)
      for (const row of group.one)
        for (let i = 0; i < first; i++) {
          if (row.kind[i] === ABSENT || (anyMany[i] === 0 && !fills)) continue
          if (seen[i] === 1) {
            first = i
            among = group.one
          }
          seen[i] = 1
        }
    }
    if (among.length === 0) return
    const [known, other] = one
      .filter(row => among.includes(row) && row.kind[first] !== ABSENT)
      .sort((a, b) => compareLabels(a.labels, b.labels))
    const { cardinality } = this.#matching
    refusals.add(
      first,
      `found duplicate series for the match group ${showLabels(matchLabels(this.#matching)(other!.labels))} on the ${cardinality === 'one-to-many' ? 'left' : 'right'} hand-side of the operation: [${showLabels(known!.labels)}, ${showLabels(other!.labels)}];many-to-many matching not allowed: matching labels must be unique on one side`,
    )
  }
}

/** What fails a query is what comes first: at each step duplicates of the one side are found before anything is matched. */
class Refusals {
  /** of the first that is known */
  step = Number.POSITIVE_INFINITY
  #message = ''

  get any(): boolean {
    return this.#message !== ''
  }

  add(step: number, message: string): void {
    if (step >= this.step) return
    this.step = step
    this.#message = message
  }

  raise(): void {
    if (this.any) throw new QueryError('execution', this.#message)
  }
}

/** A series of the one side, or several that take turns. */
interface Partner extends Side {
  readonly labels: Labels
}

/** Series of both sides that match each other. */
interface Group {
  readonly many: FlowingRow[]
  readonly one: FlowingRow[]
}

async function gather(operator: VectorOperator): Promise<FlowingRow[]> {
  const rows: FlowingRow[] = []
  await operator.run(row => rows.push(row))
  return rows
}

function grouped(many: readonly FlowingRow[], one: readonly FlowingRow[], signature: Signature): Map<string, Group> {
  const groups = new Map<string, Group>()
  const groupOf = (row: FlowingRow): Group => {
    const key = signature(row.labels)
    let group = groups.get(key)
    if (group === undefined) groups.set(key, (group = { many: [], one: [] }))
    return group
  }
  for (const row of many) groupOf(row).many.push(row)
  for (const row of one) groupOf(row).one.push(row)
  return groups
}

/** [steps] not 0 where one of the rows has a sample */
function presence(rows: readonly FlowingRow[], steps: number): Uint8Array {
  const any = new Uint8Array(steps)
  for (const row of rows) for (let i = 0; i < steps; i++) any[i]! |= row.kind[i]!
  return any
}

/** Works groups out, one after the other, and gathers the rows that come of them. */
class Pairing {
  readonly rows: FlowingRow[] = []
  readonly #cx: Evaluation
  readonly #operation: Operation
  readonly #words: LastWords
  readonly #matching: VectorMatching
  readonly #steps: number
  readonly #manySide: 'left' | 'right'
  /** what stands for a sample that the one side lacks, and the many side */
  readonly #fillOne: number | undefined
  readonly #fillMany: number | undefined
  readonly #resultLabels: (many: Labels, one: Labels) => Labels
  readonly #matched: (labels: Labels) => Labels
  readonly #refusals: Refusals

  constructor(cx: Evaluation, operation: Operation, words: LastWords, matching: VectorMatching, steps: number, refusals: Refusals) {
    this.#refusals = refusals
    this.#cx = cx
    this.#operation = operation
    this.#words = words
    this.#matching = matching
    this.#steps = steps
    const swapped = matching.cardinality === 'one-to-many'
    this.#manySide = swapped ? 'right' : 'left'
    this.#fillOne = matching.fillRight
    this.#fillMany = matching.fillLeft
    this.#resultLabels = resultLabels(matching, operation.dropsName || (operation.bool && !cx.delayedNameRemoval))
    this.#matched = matchLabels(matching)
  }

  async pair(group: Group): Promise<void> {
    const { budget } = this.#cx
    const { many, one } = group
    // Without `fill` a group that one side lacks gives nothing.
    if (one.length === 0 && this.#fillOne === undefined) return this.#discard(many)
    if (many.length === 0 && this.#fillMany === undefined) return this.#discard(one)
    const uniqueness =
      many.length > 1 || this.#fillMany !== undefined ? new Uniqueness(this.#matching, this.#steps, this.#refusals) : undefined
    const others = this.#joined(one)
    for (const row of many) {
      this.#pairRow(row, others, uniqueness)
      if (budget.due) await budget.pause()
    }
    if (this.#fillMany !== undefined) for (const row of one) this.#fillFor(row, this.#fillMany, uniqueness!)
    this.#discard(one)
  }

  /**
   * Of each step there is one at most: series of the one side that give results the same labels are one, of which each step has its own. Where targets come and go
   * there may be hundreds in a group, and every series of the many side would be worked out with each.
   */
  #joined(one: readonly FlowingRow[]): readonly Partner[] {
    if (one.length < 2) return one
    const { include } = this.#matching
    const byIncluded = new Map<string, FlowingRow[]>()
    for (const row of one) {
      const key = JSON.stringify(include.map(name => row.labels.get(name)))
      const alike = byIncluded.get(key)
      if (alike === undefined) byIncluded.set(key, [row])
      else alike.push(row)
    }
    return [...byIncluded.values()].map(rows => this.#together(rows))
  }

  #together(rows: readonly FlowingRow[]): Partner {
    if (rows.length === 1) return rows[0]!
    const steps = this.#steps
    const kind = new Uint8Array(steps)
    const value = new Float64Array(steps)
    const histograms: Side['histograms'] = rows.some(row => row.histograms !== undefined)
      ? Array.from({ length: steps }, (_, step) => rows.find(row => row.kind[step] !== ABSENT)?.histograms?.[step])
      : undefined
    for (const row of rows)
      for (let i = 0; i < steps; i++) {
        if (row.kind[i] === ABSENT || kind[i] !== ABSENT) continue
        kind[i] = row.kind[i]!
        value[i] = row.value[i]!
      }
    return { labels: rows[0]!.labels, kind, value, histograms }
  }

  /** A series of the many side with those of the one side, of which at each step there is one at most. */
  #pairRow(row: FlowingRow, one: readonly Partner[], uniqueness: Uniqueness | undefined): void {
    const lacking = this.#fillOne === undefined ? undefined : row.kind.slice()
    let used = false
    for (const [index, other] of one.entries()) {
      if (lacking !== undefined) for (let i = 0; i < lacking.length; i++) if (other.kind[i] !== ABSENT) lacking[i] = ABSENT
      used = index === one.length - 1 && lacking === undefined && !row.shared
      this.#result(row, other, this.#resultLabels(row.labels, other.labels), used ? row : undefined, uniqueness)
    }
    if (lacking !== undefined) {
      const present: Side = { kind: lacking, value: row.value, histograms: row.histograms }
      const filled = constant(this.#fillOne!, this.#steps)
      this.#result(present, filled, this.#resultLabels(row.labels, this.#matched(row.labels)), undefined, uniqueness)
    }
    if (!used) this.#cx.pool.give(row)
  }

  /** A series of the one side at the steps where nothing of the many side matched. */
  #fillFor(row: FlowingRow, fill: number, uniqueness: Uniqueness): void {
    const unmatched = row.kind.slice()
    const any = uniqueness.any
    for (let i = 0; i < unmatched.length; i++) if (any[i] !== 0) unmatched[i] = ABSENT
    const present: Side = { kind: unmatched, value: row.value, histograms: row.histograms }
    // These come after all pairs.
    this.#words.turn = 1
    this.#result(constant(fill, this.#steps), present, this.#resultLabels(this.#matched(row.labels), row.labels), undefined, uniqueness)
    this.#words.turn = 0
  }

  /** @param into the many side's own row where nobody needs it any more */
  #result(many: Side, one: Side, labels: Labels, into: FlowingRow | undefined, uniqueness: Uniqueness | undefined): void {
    const { pool } = this.#cx
    const operation = this.#operation
    const [left, right] = this.#manySide === 'left' ? [many, one] : [one, many]
    uniqueness?.add(left, right, labels, operation)
    // Nothing comes of it any more; only whether something else was wrong before is to be found.
    if (this.#refusals.any) return
    const out = into ?? pool.take(labels, this.#steps)
    operation.apply(left, right, out)
    out.labels = labels
    out.dropName = operation.bool
    if (out.kind.some(kind => kind !== ABSENT)) this.rows.push(out)
    else pool.give(out)
  }

  #discard(rows: readonly FlowingRow[]): void {
    for (const row of rows) this.#cx.pool.give(row)
  }
}

const constant = (value: number, steps: number): Side => ({
  kind: new Uint8Array(steps).fill(FLOAT),
  value: new Float64Array(steps).fill(value),
  histograms: undefined,
})

/** That nothing is matched twice at a step: in a group (one-to-one), or with one set of labels in a group (many-to-one). */
class Uniqueness {
  /** [steps] 1 where something matched */
  readonly any: Uint8Array
  readonly #oneToOne: boolean
  readonly #byLabels = new Map<string, Uint8Array>()
  readonly #refusals: Refusals

  constructor(matching: VectorMatching, steps: number, refusals: Refusals) {
    this.#refusals = refusals
    this.any = new Uint8Array(steps)
    this.#oneToOne = matching.cardinality === 'one-to-one'
  }

  add(left: Side, right: Side, labels: Labels, operation: Operation): void {
    const { any } = this
    const matched = this.#oneToOne ? any : this.#of(labels, any.length)
    const end = Math.min(any.length, this.#refusals.step)
    for (let i = 0; i < end; i++) {
      if (!operation.goTogether(left, right, i)) continue
      if (matched[i] === 1) {
        const must = this.#oneToOne
          ? 'many-to-one matching must be explicit (group_left/group_right)'
          : 'grouping labels must ensure unique matches'
        return this.#refusals.add(i, `multiple matches for labels: ${must}`)
      }
      matched[i] = 1
      any[i] = 1
    }
  }

  #of(labels: Labels, steps: number): Uint8Array {
    let matched = this.#byLabels.get(labels.key)
    if (matched === undefined) this.#byLabels.set(labels.key, (matched = new Uint8Array(steps)))
    return matched
  }
}

/** Of the result: those of the many side, less what was ignored, and what group_left or group_right takes from the one side. */
function resultLabels(matching: VectorMatching, dropsName: boolean): (many: Labels, one: Labels) => Labels {
  const { cardinality, on, labels: names, include } = matching
  const matched = new Set(names)
  const base = (labels: Labels): Labels => {
    const named = dropsName ? withoutName(labels) : labels
    if (cardinality !== 'one-to-one') return named
    return on ? named.keep(matched) : named.without(matched)
  }
  return (many, one) => include.reduce((labels, name) => labels.with(name, one.get(name)), base(many))
}
