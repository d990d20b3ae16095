/** Queries by chance, of all of the language. */
import { aggregations } from '../../../src/promql/ast.ts'
import { parametrized, type Signature, signatures } from '../../../src/promql/signatures.ts'
import type { Chance } from '../../kit/otlp.ts'
import { ofSamples, type Words } from './words.ts'

export interface Taste {
  /** share of selectors [0…1] that choose native histograms, or series that have some */
  readonly native: number
  /** levels of expressions in expressions; 3 */
  readonly depth?: number
}

/** An instant vector or a scalar: what a range query may ask. */
export function randomQuery(chance: Chance, taste: Taste, words = ofSamples): string {
  return new Writer(chance, taste, words).query()
}

const arithmetic = ['+', '-', '*', '/', '%', '^', 'atan2']
const comparisons = ['==', '!=', '<', '>', '<=', '>=']
const trims = ['</', '>/']
const modifiers = [
  { name: ' anchored', funcs: new Set(['resets', 'changes', 'rate', 'increase', 'delta']) },
  { name: ' smoothed', funcs: new Set(['rate', 'increase', 'delta']) },
]

const functions = [...signatures.values()]
const ofVectors = functions.filter(({ returns }) => returns === 'vector')
const ofMatrices = ofVectors.filter(({ args }) => args.includes('matrix'))
const ofHistograms = ofVectors.filter(({ name }) => name.startsWith('histogram_'))
const ofScalars = functions.filter(({ returns, args }) => returns === 'scalar' && args.every(arg => arg === 'scalar'))
/** What depends on the order in which a store finds series. */
const decided = aggregations.filter(op => op !== 'limitk')

class Writer {
  readonly #source: Chance
  readonly #native: number
  readonly #depth: number
  readonly #words: Words
  readonly #wide: boolean

  constructor(chance: Chance, { native, depth = 3 }: Taste, words: Words) {
    this.#source = chance
    this.#native = native
    this.#depth = depth
    this.#words = words
    this.#wide = words.wide
  }

  query(): string {
    return this.#chance(0.06) ? this.#scalar(3) : this.#vector(this.#depth)
  }

  #chance(share: number): boolean {
    return this.#source.is(share)
  }

  /** Likewise, of what only wide queries have. */
  #wideChance(share: number): boolean {
    return this.#wide && this.#source.is(share)
  }

  #pick<T>(list: readonly T[]): T {
    return this.#source.pick(list)
  }

  /** One of the ways, more likely where its weight is larger. */
  #one(ways: readonly (readonly [weight: number, write: () => string])[]): string {
    let left = this.#source.next() * ways.reduce((sum, [weight]) => sum + weight, 0)
    for (const [weight, write] of ways) if ((left -= weight) < 0) return write()
    return ways.at(-1)![1]()
  }

  /** @param depth [levels] that may be below */
  #vector(depth: number): string {
    if (depth <= 0) return this.#selector()
    return this.#one([
      [2, () => this.#selector()],
      [4, () => this.#aggregation(depth - 1)],
      [5, () => this.#call(this.#pick(ofVectors), depth - 1)],
      [2, () => this.#withScalar(depth - 1)],
      [3, () => this.#ofTwo(depth - 1)],
      [0.5, () => `-${this.#vector(depth - 1)}`],
      [0.5, () => `(${this.#vector(depth - 1)})`],
      [0.7, () => this.#quantile(depth - 1)],
      [this.#wide ? 5 : 0, () => this.#call(this.#pick(ofMatrices), depth - 1)],
      [this.#wide ? 2 : 0, () => this.#call(this.#pick(ofHistograms), depth - 1)],
    ])
  }

  #scalar(depth: number): string {
    if (depth <= 0 || this.#chance(0.6)) return this.#pick(this.#words.numbers)
    return this.#one([
      [2, () => `scalar(${this.#vector(depth - 1)})`],
      [2, () => this.#call(this.#pick(ofScalars), depth - 1)],
      [2, () => `(${this.#scalar(depth - 1)} ${this.#pick(this.#words.ofScalars)} ${this.#scalar(depth - 1)})`],
      [0.5, () => `(${this.#scalar(depth - 1)} ${this.#pick(comparisons)} bool ${this.#scalar(depth - 1)})`],
    ])
  }

  #name(): string {
    const { any, native, float } = this.#words.names
    if (this.#wideChance(0.08)) return this.#pick(any)
    return this.#pick(this.#chance(this.#native) ? native : float)
  }

  #bare(): string {
    const { matchers } = this.#words
    const some = this.#chance(0.4) ? [this.#pick(matchers)] : this.#chance(0.1) ? [this.#pick(matchers), this.#pick(matchers)] : []
    const name = this.#name()
    if (some.length === 0) return name
    return name.endsWith('}') ? `${name.slice(0, -1)}, ${some.join(', ')}}` : `${name}{${some.join(', ')}}`
  }

  #selector(): string {
    return this.#bare() + (this.#wideChance(0.05) ? ' smoothed' : '') + this.#when()
  }

  #when(): string {
    const offset = this.#chance(0.12) ? ` offset ${this.#pick(this.#words.offsets)}` : ''
    const at = this.#chance(0.06) ? ` @ ${this.#pick(this.#words.times)}` : ''
    return this.#chance(0.5) ? offset + at : at + offset
  }

  #matrix(depth: number, func: string): string {
    const { subqueries, workedOut, ranges } = this.#words
    if (depth > 0 && this.#chance(0.2)) {
      const step = this.#pick(subqueries.steps)
      const inner = this.#wideChance(0.15) ? this.#scalar(depth) : this.#vector(depth - 1)
      return `(${inner})[${this.#pick(subqueries.ranges)}:${step}]${this.#when()}`
    }
    const modifier = this.#modifier(func)
    return `${this.#bare()}[${this.#pick(this.#chance(0.05) ? workedOut : ranges)}]${modifier}${this.#when()}`
  }

  #modifier(func: string): string {
    if (this.#wideChance(0.01)) return this.#pick(modifiers).name
    if (!this.#chance(this.#words.extended)) return ''
    return modifiers.find(({ funcs }) => funcs.has(func) && this.#chance(0.5))?.name ?? ''
  }

  #aggregation(depth: number): string {
    const op = this.#pick(this.#wide ? aggregations : decided)
    const grouping = this.#chance(0.7) ? ` ${this.#pick(['by', 'without'])} (${this.#labels()})` : ''
    if (!parametrized.has(op)) return `${op}${grouping} (${this.#vector(depth)})`
    // Which of equal values is among the first is anybody's choice.
    if ((op === 'topk' || op === 'bottomk') && !this.#wide)
      return `${op}${grouping} (${this.#pick(['1', '2', '3', '100', '0'])}, temperature${this.#when()})`
    // The last digit of a value that was calculated is not the same in every language.
    if (op === 'count_values')
      return `${op}${grouping} ("${this.#pick(this.#words.made[op])}", ${this.#wide ? this.#vector(depth) : this.#selector()})`
    // Prometheus takes a parameter that changes for one that does not where the rest does not.
    const parameter = this.#wide ? this.#scalar(1) : this.#pick(this.#words.numbers)
    return `${op}${grouping} (${parameter}, ${this.#vector(depth)})`
  }

  #labels(): string {
    return Array.from({ length: this.#source.int(3) }, () => this.#pick(this.#words.labels)).join(', ')
  }

  #withScalar(depth: number): string {
    const [a, b] = this.#chance(0.5) ? [this.#vector(depth), this.#scalar(1)] : [this.#scalar(1), this.#vector(depth)]
    if (this.#wideChance(0.15)) return `(${this.#vector(depth)}) ${this.#pick(trims)} (${this.#scalar(1)})`
    if (this.#chance(0.5)) return `(${a}) ${this.#pick(arithmetic)} (${b})`
    return `(${a}) ${this.#pick(comparisons)}${this.#chance(0.4) ? ' bool' : ''} (${b})`
  }

  #ofTwo(depth: number): string {
    const { included, fills } = this.#words
    const a = this.#vector(depth)
    // The same on both sides is what finds a match most often.
    const b = this.#wideChance(0.25) ? a : this.#vector(depth)
    const on = this.#chance(0.8) ? ` ${this.#pick(['on', 'on', 'ignoring'])} (${this.#labels()})` : ''
    if (this.#chance(0.3)) return `(${a}) ${this.#pick(['and', 'or', 'unless'])}${on} (${b})`
    const comparison = this.#chance(0.3)
    const op = this.#pick(comparison ? comparisons : this.#wideChance(0.05) ? trims : arithmetic)
    const bool = comparison && this.#chance(0.4) ? ' bool' : ''
    // Without its parentheses the operand's would be taken for them.
    const include = this.#chance(0.4) ? this.#pick(included) : ''
    const group = on !== '' && this.#chance(0.5) ? ` ${this.#pick(['group_left', 'group_right'])} (${include})` : ''
    const fill = this.#chance(0.1) ? ` ${this.#pick(fills.sides)} (${this.#pick(fills.values)})` : ''
    return `(${a}) ${op}${bool}${on}${group}${fill} (${b})`
  }

  #quantile(depth: number): string {
    const inner = this.#chance(0.6)
      ? `sum by (le${this.#chance(0.5) ? ', job' : ''}) (rate(${this.#words.buckets}[5m]))`
      : this.#vector(depth)
    return `histogram_quantile(${this.#pick(['0', '0.5', '0.9', '0.99', '1', '-1', '2'])}, ${inner})`
  }

  #call(signature: Signature, depth: number): string {
    const { name } = signature
    const { made, labels, patterns, quantiles, factors, dates } = this.#words
    switch (name) {
      case 'label_replace':
        return `label_replace(${this.#vector(depth)}, "${this.#pick(made[name])}", "${this.#pick(['$1', 'x-${1}-y', '', 'same'])}", "${this.#pick(labels)}", "${this.#pick(patterns)}")`
      case 'label_join':
        return `label_join(${this.#vector(depth)}, "${this.#pick(made[name])}", "${this.#pick(['', '-'])}", "job", "${this.#pick(labels)}")`
      case 'histogram_quantiles':
        return `histogram_quantiles(${this.#vector(depth)}, "${this.#wideChance(0.5) ? 'job' : 'q'}", ${this.#pick(quantiles)})`
      case 'sort_by_label':
      case 'sort_by_label_desc':
        return `${name}(${this.#vector(depth)}, "job"${this.#wideChance(0.3) ? ', "instance"' : ''})`
      case 'info':
        return `info(${this.#wide ? this.#widelyInformed(depth) : this.#informed()})`
      case 'double_exponential_smoothing':
        return `${name}(${this.#matrix(depth, name)}, ${this.#pick(factors)}, ${this.#pick(factors)})`
      case 'day_of_month':
      case 'day_of_week':
      case 'day_of_year':
      case 'days_in_month':
      case 'hour':
      case 'minute':
      case 'month':
      case 'year':
        return `${name}(${this.#pick(dates)})`
    }
    return (this.#wide ? undefined : this.#comparable(name, depth)) ?? this.#plain(signature, depth)
  }

  #plain({ name, args, variadic }: Signature, depth: number): string {
    const needed = args.length - (variadic > 0 && this.#chance(0.5) ? variadic : 0)
    const written = args.slice(0, needed).map(arg => {
      if (arg === 'scalar') return this.#scalar(1)
      return arg === 'matrix' ? this.#matrix(depth, name) : this.#vector(depth)
    })
    return `${name}(${written.join(', ')})`
  }

  /** Functions of which two engines agree only where they are given no more than this. */
  #comparable(name: string, depth: number): string | undefined {
    switch (name) {
      case 'timestamp':
      case 'start_timestamp':
        // Prometheus forgets the offset of a selector that it is asked of, where that has `@` too.
        return `${name}(${this.#chance(0.7) ? this.#bare() + this.#pick(['', ' offset 1m', ' @ end()', ' @ 1793494807.5']) : this.#vector(depth)})`
      case 'cos':
      case 'sin':
      case 'tan':
        // Of a large number a last digit decides what these are.
        return `${name}(${this.#selector()})`
    }
    return undefined
  }

  /** Prometheus 3.14.0 brings back names that were to go at the end. */
  #informed(): string {
    return `${this.#chance(0.5) ? 'requests_total' : this.#selector()}${this.#chance(0.5) ? ', {version=~".+"}' : ''}`
  }

  #widelyInformed(depth: number): string {
    const data = [
      ...['', ', {version=~".+"}', ', {version="1"}', ', {__name__="build_info"}'],
      ...[', {__name__=~".*_info", build!=""}', ', {version=""}', ', {}'],
    ]
    return this.#vector(depth) + this.#pick(data)
  }
}
