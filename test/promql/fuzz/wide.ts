/** Queries by chance about the series of worlds.ts: of all of the language, and a little beyond, where they fail. */
import { aggregations } from '../../../src/promql/ast.ts'
import { parametrized, signatures } from '../../../src/promql/signatures.ts'
import type { Chance } from '../../kit/otlp.ts'
import { namesOf } from './worlds.ts'

export interface Taste {
  /** share of selectors [0…1] that choose native histograms */
  readonly native: number
  /** levels of expressions in expressions */
  readonly depth: number
}

/** An instant vector or a scalar. */
export function wideQuery(chance: Chance, taste: Taste): string {
  return new Writer(chance, taste).query()
}

const labels = ['job', 'instance', 'le', 'none', '__name__', 'version', 'job', 'instance']
const matchers = [
  'job="a"',
  'job="a"',
  'job!="a"',
  'job=~"a|b"',
  'instance=""',
  'instance!=""',
  'instance!="2"',
  'none=""',
  'instance="0"',
  '__name__=~".+"',
  'le=~".*"',
]
const numbers = ['0', '1', '-1', '0.5', '2', '3', '10', '0.9', '-0.5', 'NaN', 'Inf', '-Inf', '1e-3', '60', '0.25', '100', '1e100']
const ranges = ['1s', '15s', '30s', '1m', '1m', '2m', '3m', '5m', '5m', '10m', '1m1ms', '59s999ms']
const offsets = ['15s', '-30s', '1m', '-5m', '2m', '7s', '(1m - 15s)', 'step()', '-step()', 'min_of(range(), 1m)', '1m30s']
const worked = [
  '1m + 15s',
  '5m / 2',
  'step() * 3',
  'max_of(1m, step())',
  'min_of(range(), 10m) + 1',
  '2 ^ 6',
  '-1m + 3m',
  '90 % 60s',
  '60',
  '120.5',
  '5m - step()',
  'range()',
]
const times = ['start()', 'end()', '300', '0', '617.5', '-60', '120']
const comparisons = ['==', '!=', '<', '>', '<=', '>=']
const arithmetic = ['+', '-', '*', '/', '%', '^', 'atan2']

const functions = [...signatures.values()]
const ofVectors = functions.filter(({ returns }) => returns === 'vector')
const ofMatrices = ofVectors.filter(({ args }) => args.includes('matrix'))
const ofHistograms = ofVectors.filter(({ name }) => name.startsWith('histogram_'))
const ofScalars = functions.filter(({ returns, args }) => returns === 'scalar' && args.every(arg => arg === 'scalar'))
const extended: Readonly<Record<string, readonly string[]>> = {
  ' anchored': ['resets', 'changes', 'rate', 'increase', 'delta'],
  ' smoothed': ['rate', 'increase', 'delta'],
}

class Writer {
  readonly #source: Chance
  readonly #taste: Taste

  constructor(chance: Chance, taste: Taste) {
    this.#source = chance
    this.#taste = taste
  }

  query(): string {
    return this.#chance(0.04) ? this.#scalar(3) : this.#vector(this.#taste.depth)
  }

  #chance(share: number): boolean {
    return this.#source.is(share)
  }

  #pick<T>(list: readonly T[]): T {
    return this.#source.pick(list)
  }

  #one(ways: readonly (readonly [weight: number, write: () => string])[]): string {
    let left = this.#source.next() * ways.reduce((sum, [weight]) => sum + weight, 0)
    for (const [weight, write] of ways) if ((left -= weight) < 0) return write()
    return ways.at(-1)![1]()
  }

  #vector(depth: number): string {
    if (depth <= 0) return this.#selector()
    return this.#one([
      [1, () => this.#selector()],
      [3, () => this.#aggregation(depth - 1)],
      [3, () => this.#call(this.#pick(ofVectors).name, depth - 1)],
      [3, () => this.#call(this.#pick(ofMatrices).name, depth - 1)],
      [1.5, () => this.#call(this.#pick(ofHistograms).name, depth - 1)],
      [2, () => this.#withScalar(depth - 1)],
      [3, () => this.#ofTwo(depth - 1)],
      [0.3, () => `-${this.#vector(depth - 1)}`],
      [0.3, () => `(${this.#vector(depth - 1)})`],
    ])
  }

  #scalar(depth: number): string {
    if (depth <= 0 || this.#chance(0.7)) return this.#pick(numbers)
    return this.#one([
      [2, () => `scalar(${this.#vector(depth - 1)})`],
      [2, () => this.#call(this.#pick(ofScalars).name, depth - 1)],
      [2, () => `(${this.#scalar(depth - 1)} ${this.#pick(arithmetic)} ${this.#scalar(depth - 1)})`],
      [0.5, () => `(${this.#scalar(depth - 1)} ${this.#pick(comparisons)} bool ${this.#scalar(depth - 1)})`],
    ])
  }

  #bare(): string {
    const kind = this.#chance(0.08) ? 'any' : this.#chance(this.#taste.native) ? 'histogram' : 'float'
    const name = this.#pick(namesOf[kind])
    if (!this.#chance(0.25)) return name
    const some = this.#chance(0.2) ? `${this.#pick(matchers)}, ${this.#pick(matchers)}` : this.#pick(matchers)
    return name.endsWith('}') ? `${name.slice(0, -1)}, ${some}}` : `${name}{${some}}`
  }

  #selector(): string {
    return this.#bare() + (this.#chance(0.05) ? ' smoothed' : '') + this.#when()
  }

  #when(): string {
    const offset = this.#chance(0.12) ? ` offset ${this.#pick(offsets)}` : ''
    const at = this.#chance(0.08) ? ` @ ${this.#pick(times)}` : ''
    return this.#chance(0.5) ? offset + at : at + offset
  }

  #matrix(depth: number, func: string): string {
    if (depth > 0 && this.#chance(0.2)) {
      const step = this.#pick(['', '15s', '30s', '1m', '7s', '', 'step()'])
      const inner = this.#chance(0.15) ? this.#scalar(depth) : this.#vector(depth - 1)
      return `(${inner})[${this.#pick(['1m', '2m', '5m', '10m'])}:${step}]${this.#when()}`
    }
    const modifier = this.#pick(['', '', '', ' anchored', ' smoothed'])
    const allowed = modifier === '' || extended[modifier]!.includes(func) || this.#chance(0.02)
    return `${this.#bare()}[${this.#chance(0.08) ? this.#pick(worked) : this.#pick(ranges)}]${allowed ? modifier : ''}${this.#when()}`
  }

  #labels(): string {
    return Array.from({ length: this.#source.int(3) }, () => this.#pick(labels)).join(', ')
  }

  #aggregation(depth: number): string {
    const op = this.#pick(aggregations)
    const grouping = this.#chance(0.6) ? ` ${this.#pick(['by', 'by', 'without'])} (${this.#labels()})` : ''
    if (!parametrized.has(op)) return `${op}${grouping} (${this.#vector(depth)})`
    if (op === 'count_values') return `${op}${grouping} ("${this.#pick(['value', 'job', 'é x'])}", ${this.#vector(depth)})`
    return `${op}${grouping} (${this.#scalar(1)}, ${this.#vector(depth)})`
  }

  #withScalar(depth: number): string {
    const [a, b] = this.#chance(0.5) ? [this.#vector(depth), this.#scalar(1)] : [this.#scalar(1), this.#vector(depth)]
    if (this.#chance(0.15)) return `(${this.#vector(depth)}) ${this.#pick(['</', '>/'])} (${this.#scalar(1)})`
    if (this.#chance(0.6)) return `(${a}) ${this.#pick(arithmetic)} (${b})`
    return `(${a}) ${this.#pick(comparisons)}${this.#chance(0.4) ? ' bool' : ''} (${b})`
  }

  #ofTwo(depth: number): string {
    const a = this.#vector(depth)
    // The same on both sides is what finds a match most often.
    const b = this.#chance(0.25) ? a : this.#vector(depth)
    const on = this.#chance(0.7) ? ` ${this.#pick(['on', 'on', 'ignoring'])} (${this.#labels()})` : ''
    if (this.#chance(0.25)) return `(${a}) ${this.#pick(['and', 'or', 'unless'])}${on} (${b})`
    const comparison = this.#chance(0.3)
    const op = comparison ? this.#pick(comparisons) : this.#chance(0.05) ? this.#pick(['</', '>/']) : this.#pick(arithmetic)
    const bool = comparison && this.#chance(0.4) ? ' bool' : ''
    const include = this.#chance(0.4) ? this.#pick(['version', 'instance', 'le', '__name__']) : ''
    const group = on !== '' && this.#chance(0.5) ? ` ${this.#pick(['group_left', 'group_right'])} (${include})` : ''
    const fill = this.#chance(0.15)
      ? ` ${this.#pick(['fill', 'fill_left', 'fill_right', 'fill_left(2) fill_right'])} (${this.#pick(['0', '1', 'NaN', '-3'])})`
      : ''
    return `(${a}) ${op}${bool}${on}${group}${fill} (${b})`
  }

  #call(name: string, depth: number): string {
    switch (name) {
      case 'label_replace':
        return `label_replace(${this.#vector(depth)}, "${this.#pick(['to', 'job', 'instance', '__name__', 'é'])}", "${this.#pick(['$1', 'x-${1}-y', '', 'same'])}", "${this.#pick(labels)}", "${this.#pick(['(.*)', '(.).*', '[ab]', 'a(.*)'])}")`
      case 'label_join':
        return `label_join(${this.#vector(depth)}, "${this.#pick(['to', 'job', '__name__'])}", "${this.#pick(['', '-'])}", "job", "${this.#pick(labels)}")`
      case 'histogram_quantiles':
        return `${name}(${this.#vector(depth)}, "${this.#pick(['q', 'job'])}", ${this.#pick(['0.5', '0.9, 0.1', '-1, 0.5, 2', '1', 'NaN', '0.99, 0.5, 0.25, 0'])})`
      case 'histogram_quantile':
        return `${name}(${this.#pick(['0', '0.5', '0.9', '0.25', '1', '-1', '2', 'NaN', this.#scalar(1)])}, ${this.#vector(depth)})`
      case 'sort_by_label':
      case 'sort_by_label_desc':
        return `${name}(${this.#vector(depth)}, "job"${this.#chance(0.3) ? ', "instance"' : ''})`
      case 'info': {
        const data = this.#pick([
          '',
          ', {version=~".+"}',
          ', {version="1"}',
          ', {__name__="build_info"}',
          ', {__name__=~".*_info", build!=""}',
          ', {version=""}',
          ', {}',
        ])
        return `info(${this.#vector(depth)}${data})`
      }
      case 'double_exponential_smoothing':
        return `${name}(${this.#matrix(depth, name)}, ${this.#pick(['0.1', '0.5', '0.9', '1', '2'])}, ${this.#pick(['0.1', '0.5', '0.9', '0', '-1'])})`
      case 'day_of_month':
      case 'day_of_week':
      case 'day_of_year':
      case 'days_in_month':
      case 'hour':
      case 'minute':
      case 'month':
      case 'year':
        // What is no date, or is too far, is another one on each processor.
        return `${name}(${this.#pick(['', 'f', 'm', 'h', 'vector(-1)', 'timestamp(f)', 'c_total * 1e6'])})`
    }
    const { args, variadic } = signatures.get(name)!
    const needed = args.length - (variadic > 0 && this.#chance(0.5) ? variadic : 0)
    const written = args.slice(0, needed).map(arg => {
      if (arg === 'scalar') return this.#scalar(1)
      return arg === 'matrix' ? this.#matrix(depth, name) : this.#vector(depth)
    })
    return `${name}(${written.join(', ')})`
  }
}
