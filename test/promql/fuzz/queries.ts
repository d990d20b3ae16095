/** Queries by chance, of all of the language, about the series of samples.ts. Few of them make sense; all of them have an answer, or a failure with a text. */
import { aggregations } from '../../../src/promql/ast.ts'
import { parametrized, type Signature, signatures } from '../../../src/promql/signatures.ts'
import type { Chance } from '../../kit/otlp.ts'

export interface Taste {
  /** share of selectors [0…1] that choose native histograms, or series that have some */
  readonly native: number
}

/** An instant vector or a scalar: what a range query may ask. */
export function randomQuery(chance: Chance, taste: Taste): string {
  return new Writer(chance, taste).query()
}

/** What depends on the order in which a store finds series. */
const leftOut = new Set(['limitk'])

const named = [...signatures.values()].filter(({ name }) => !leftOut.has(name))
const ofVectors = named.filter(({ returns }) => returns === 'vector')
const ofScalars = named.filter(({ returns, args }) => returns === 'scalar' && args.every(arg => arg === 'scalar'))
const labels = ['job', 'instance', 'code', 'room', 'le', 'kind', 'none']
const floats = [
  'requests_total',
  'temperature',
  'sparse',
  'odd',
  'up',
  'seconds_bucket',
  'seconds_sum',
  'seconds_count',
  'target_info',
  'none',
]
const natives = ['native', 'native_gauge', 'mixed', 'custom', '{__name__=~"native|custom"}']
const matchers = [
  'job="a"',
  'job="b"',
  'job!="a"',
  'job=~"a|c"',
  'instance=~"[12]"',
  'instance!~".*3"',
  'code=~"5.."',
  'room!=""',
  'room=""',
  'kind!~"nan|.*inf"',
  'le=~".+"',
  'none=""',
]
const numbers = ['0', '1', '-1', '0.5', '2', '10', '0.95', '-0.5', '1.5', 'NaN', 'Inf', '-Inf', '1e-3', '300', '1e20']
const ranges = ['1s', '15s', '30s', '1m', '1m15s', '5m', '7m', '20m', '1h']
const offsets = ['15s', '-30s', '1m', '-5m', '10m', '7s', '(1m - 15s)', 'step()', '-step()', 'min_of(range(), 5m)']
const worked = ['1m + 15s', '5m / 2', 'step() * 3', 'max_of(1m, step())', 'min_of(range(), 10m) + 1', '2 ^ 6', '-1m + 3m', '90 % 60s']

class Writer {
  readonly #source: Chance
  readonly #taste: Taste

  constructor(chance: Chance, taste: Taste) {
    this.#source = chance
    this.#taste = taste
  }

  query(): string {
    return this.#chance(0.06) ? this.#scalar(3) : this.#vector(3)
  }

  #chance(share: number): boolean {
    return this.#source.is(share)
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
    if (depth === 0) return this.#selector()
    return this.#one([
      [2, () => this.#selector()],
      [4, () => this.#aggregation(depth - 1)],
      [5, () => this.#call(this.#pick(ofVectors), depth - 1)],
      [2, () => this.#withScalar(depth - 1)],
      [3, () => this.#ofTwo(depth - 1)],
      [0.5, () => `-${this.#vector(depth - 1)}`],
      [0.5, () => `(${this.#vector(depth - 1)})`],
      [0.7, () => this.#quantile(depth - 1)],
    ])
  }

  #scalar(depth: number): string {
    if (depth === 0 || this.#chance(0.6)) return this.#pick(numbers)
    return this.#one([
      [2, () => `scalar(${this.#vector(depth - 1)})`],
      [2, () => this.#call(this.#pick(ofScalars), depth - 1)],
      [2, () => `(${this.#scalar(depth - 1)} ${this.#pick(['+', '-', '*', '/', '%', '^'])} ${this.#scalar(depth - 1)})`],
      [0.5, () => `(${this.#scalar(depth - 1)} ${this.#pick(['==', '!=', '<', '>', '<=', '>='])} bool ${this.#scalar(depth - 1)})`],
    ])
  }

  #name(): string {
    return this.#chance(this.#taste.native) ? this.#pick(natives) : this.#pick(floats)
  }

  #bare(): string {
    const some = this.#chance(0.4) ? [this.#pick(matchers)] : this.#chance(0.1) ? [this.#pick(matchers), this.#pick(matchers)] : []
    const name = this.#name()
    return some.length === 0 || name.endsWith('}') ? name : `${name}{${some.join(', ')}}`
  }

  #selector(): string {
    return this.#bare() + this.#when()
  }

  #when(): string {
    const offset = this.#chance(0.12) ? ` offset ${this.#pick(offsets)}` : ''
    const at = this.#chance(0.06) ? ` @ ${this.#pick(['start()', 'end()', '1793494800', '1793494807.5'])}` : ''
    return this.#chance(0.5) ? offset + at : at + offset
  }

  #matrix(depth: number, func: string): string {
    if (depth > 0 && this.#chance(0.2)) {
      const step = this.#pick(['', '15s', '30s', '1m', '7s'])
      return `(${this.#vector(depth - 1)})[${this.#pick(['1m', '5m', '7m', '20m'])}:${step}]${this.#when()}`
    }
    const modifier = this.#chance(0.15) ? (modifiers.find(({ funcs }) => funcs.has(func) && this.#chance(0.5))?.name ?? '') : ''
    return `${this.#bare()}[${this.#chance(0.05) ? this.#pick(worked) : this.#pick(ranges)}]${modifier}${this.#when()}`
  }

  #aggregation(depth: number): string {
    const op = this.#pick(aggregations.filter(op => !leftOut.has(op)))
    const grouping = this.#chance(0.7) ? ` ${this.#pick(['by', 'without'])} (${this.#labels()})` : ''
    if (!parametrized.has(op)) return `${op}${grouping} (${this.#vector(depth)})`
    // Which of equal values is among the first is anybody's choice.
    if (op === 'topk' || op === 'bottomk')
      return `${op}${grouping} (${this.#pick(['1', '2', '3', '100', '0'])}, temperature${this.#when()})`
    // The last digit of a value that was calculated is not the same in every language.
    if (op === 'count_values') return `${op}${grouping} ("${this.#pick(['value', 'job'])}", ${this.#selector()})`
    // Prometheus takes a parameter that changes for one that does not where the rest does not.
    const parameter = this.#pick(numbers)
    return `${op}${grouping} (${parameter}, ${this.#vector(depth)})`
  }

  #labels(): string {
    return Array.from({ length: this.#source.int(3) }, () => this.#pick(labels)).join(', ')
  }

  #withScalar(depth: number): string {
    const [a, b] = this.#chance(0.5) ? [this.#vector(depth), this.#scalar(1)] : [this.#scalar(1), this.#vector(depth)]
    if (this.#chance(0.5)) return `(${a}) ${this.#pick(['+', '-', '*', '/', '%', '^', 'atan2'])} (${b})`
    return `(${a}) ${this.#pick(['==', '!=', '<', '>', '<=', '>='])}${this.#chance(0.4) ? ' bool' : ''} (${b})`
  }

  #ofTwo(depth: number): string {
    const [a, b] = [`(${this.#vector(depth)})`, `(${this.#vector(depth)})`]
    const on = this.#chance(0.8) ? ` ${this.#pick(['on', 'on', 'ignoring'])} (${this.#labels()})` : ''
    if (this.#chance(0.3)) return `${a} ${this.#pick(['and', 'or', 'unless'])}${on} ${b}`
    const comparison = this.#chance(0.3)
    const op = comparison ? this.#pick(['==', '!=', '<', '>', '<=', '>=']) : this.#pick(['+', '-', '*', '/', '%', '^', 'atan2'])
    const bool = comparison && this.#chance(0.4) ? ' bool' : ''
    // Without its parentheses the operand's would be taken for them.
    const include = this.#chance(0.4) ? this.#pick(['version', 'room', 'kind']) : ''
    const group = on !== '' && this.#chance(0.5) ? ` ${this.#pick(['group_left', 'group_right'])} (${include})` : ''
    const fill = this.#chance(0.1) ? ` ${this.#pick(['fill', 'fill_left', 'fill_right'])} (${this.#pick(['0', '1', 'NaN'])})` : ''
    return `${a} ${op}${bool}${on}${group}${fill} ${b}`
  }

  #quantile(depth: number): string {
    const inner = this.#chance(0.6) ? `sum by (le${this.#chance(0.5) ? ', job' : ''}) (rate(seconds_bucket[5m]))` : this.#vector(depth)
    return `histogram_quantile(${this.#pick(['0', '0.5', '0.9', '0.99', '1', '-1', '2'])}, ${inner})`
  }

  #call({ name, args, variadic }: Signature, depth: number): string {
    switch (name) {
      case 'label_replace':
        return `label_replace(${this.#vector(depth)}, "${this.#pick(['to', 'job', 'code'])}", "${this.#pick(['$1', 'x-${1}-y', '', 'same'])}", "${this.#pick(labels)}", "${this.#pick(['(.*)', '(.).*', '[ab]', '.*(\\\\d+)'])}")`
      case 'label_join':
        return `label_join(${this.#vector(depth)}, "${this.#pick(['to', 'job'])}", "${this.#pick(['', '-'])}", "job", "${this.#pick(labels)}")`
      case 'histogram_quantiles':
        return `histogram_quantiles(${this.#vector(depth)}, "q", ${this.#pick(['0.5', '0.9, 0.1', '-1, 0.5, 2', '1'])})`
      case 'sort_by_label':
      case 'sort_by_label_desc':
        return `${name}(${this.#vector(depth)}, "job")`
      case 'info':
        // It brings back names that were to go at the end, in 3.14.0.
        return `info(${this.#chance(0.5) ? 'requests_total' : this.#selector()}${this.#chance(0.5) ? ', {version=~".+"}' : ''})`
      case 'double_exponential_smoothing':
        return `${name}(${this.#matrix(depth, name)}, ${this.#pick(['0.1', '0.5', '0.9'])}, ${this.#pick(['0.1', '0.5', '0.9'])})`
      case 'day_of_month':
      case 'day_of_week':
      case 'day_of_year':
      case 'days_in_month':
      case 'hour':
      case 'minute':
      case 'month':
      case 'year':
        // What is no date, or is too far, is another one on each processor.
        return `${name}(${this.#pick(['', 'odd{kind="time"}', 'temperature', 'requests_total', 'vector(-1)', 'timestamp(up)'])})`
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
    const needed = args.length - (variadic > 0 && this.#chance(0.5) ? variadic : 0)
    const written = args.slice(0, needed).map(arg => {
      if (arg === 'scalar') return this.#scalar(1)
      return arg === 'matrix' ? this.#matrix(depth, name) : this.#vector(depth)
    })
    return `${name}(${written.join(', ')})`
  }
}

const modifiers = [
  { name: ' anchored', funcs: new Set(['resets', 'changes', 'rate', 'increase', 'delta']) },
  { name: ' smoothed', funcs: new Set(['rate', 'increase', 'delta']) },
]
