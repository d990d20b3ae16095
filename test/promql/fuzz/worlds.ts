/** Samples by chance, as a script of the test language: few series with few, small values, so that much coincides, cancels out, resets, is missing or is of another kind than its neighbour. */
import type { Chance } from '../../kit/otlp.ts'

/** `load` statements. */
export function randomWorld(chance: Chance): string {
  const interval = chance.pick(['15s', '30s', '1m', '1m', '17s'])
  const lines = names.flatMap(({ name, series }) => series(chance).map(({ labels, values }) => `  ${withLabels(name, labels)} ${values}`))
  const starts = chance.is(0.4) ? started(chance) : []
  return `load${chance.is(0.5) ? '_with_nhcb' : ''} ${interval}\n${[...lines, ...starts].join('\n')}\n`
}

interface Made {
  readonly labels: Readonly<Record<string, string>>
  readonly values: string
}

const LENGTH = 24

const withLabels = (name: string, labels: Made['labels']): string => {
  const list = Object.entries(labels).map(([key, value]) => `${key}="${value}"`)
  return /^[a-z_]+$/.test(name) ? `${name}{${list.join(',')}}` : `{${[`"${name}"`, ...list].join(',')}}`
}

const each =
  (values: (chance: Chance, labels: Made['labels']) => string, ...sets: Made['labels'][]) =>
  (chance: Chance): Made[] =>
    sets.map(labels => ({ labels, values: values(chance, labels) }))

/** LENGTH items, of runs of some. */
function runs(chance: Chance, item: (chance: Chance) => string): string {
  const items: string[] = []
  for (let left = LENGTH; left > 0; ) {
    const times = Math.min(left, 1 + chance.int(4))
    const one = chance.is(0.12) ? '_' : chance.is(0.05) ? 'stale' : item(chance)
    for (let i = 0; i < times; i++) items.push(one === 'stale' && i > 0 ? '_' : i === 0 || chance.is(0.4) ? one : item(chance))
    left -= times
  }
  return items.join(' ')
}

const small = ['0', '1', '2', '3', '-1', '0.5', '10', '-2.5', '7', '100', '1e3', '0.1', '0.2', '0.3']
const strange = ['NaN', 'Inf', '-Inf', '-0', '1e308', '-1e308', '1e-300', '9007199254740993', '1e15', '1e100', '-1e100', '0.1']

const gauge = (chance: Chance): string => runs(chance, chance => chance.pick(small))
const oddities = (chance: Chance): string => runs(chance, chance => chance.pick(chance.is(0.5) ? strange : small))

function counter(chance: Chance): string {
  let value = chance.int(5)
  return runs(chance, chance => String((value = chance.is(0.12) ? chance.int(3) : value + chance.pick([0, 1, 1, 2, 5, 10]))))
}

const rarely = (chance: Chance): string =>
  Array.from({ length: LENGTH }, () => (chance.is(0.7) ? '_' : chance.is(0.1) ? 'stale' : chance.pick(small))).join(' ')

const classic = (chance: Chance, _: Made['labels']): string => {
  let value = 0
  return Array.from({ length: LENGTH }, (_, i) => String((value = i === 12 ? 1 : value + chance.int(3)))).join(' ')
}

interface Shape {
  readonly schemas: readonly number[]
  readonly hints: readonly string[]
  readonly sums: readonly string[]
}

/** A counter of observations: everything grows, or begins again. */
function exponential({ schemas, hints, sums }: Shape) {
  return (chance: Chance): string => {
    const schema = chance.pick(schemas)
    let positive = Array.from({ length: 1 + chance.int(4) }, () => chance.int(4))
    let negative = Array.from({ length: chance.int(3) }, () => chance.int(3))
    let [offset, zero] = [chance.int(5) - 2, chance.int(3)]
    // Seldom so wide that buckets lie within it: what sums make of those is a matter of order.
    const widths = chance.is(0.05) ? ['0', '0.001', '0.5', '1', '2'] : ['0', '0.001', '0.01']
    let width = chance.pick(widths)
    return runs(chance, chance => {
      if (chance.is(0.1)) {
        positive = positive.map(() => chance.int(2))
        negative = negative.map(() => chance.int(2))
        zero = chance.int(2)
      }
      if (chance.is(0.05)) offset = chance.int(5) - 2
      if (chance.is(0.05)) width = chance.pick(widths)
      positive = positive.map(count => count + chance.int(3))
      negative = negative.map(count => count + chance.int(2))
      zero += chance.int(2)
      const other = chance.is(0.05) ? chance.pick(schemas) : schema
      const count = [...positive, ...negative, zero].reduce((a, b) => a + b, 0)
      const hint = chance.is(0.2) ? ` counter_reset_hint:${chance.pick(hints)}` : ''
      return `{{schema:${other} sum:${chance.pick(sums)} count:${count} z_bucket:${zero} z_bucket_w:${width} buckets:[${positive.join(' ')}] offset:${offset}${
        negative.length === 0 ? '' : ` n_buckets:[${negative.join(' ')}] n_offset:${chance.int(2)}`
      }${hint}}}`
    })
  }
}

function gaugeHistogram(chance: Chance): string {
  return runs(chance, chance => {
    const positive = Array.from({ length: 1 + chance.int(4) }, () => chance.int(5))
    const zero = chance.int(3)
    return `{{schema:${chance.pick([0, 0, 1])} sum:${chance.pick(small)} count:${positive.reduce((a, b) => a + b, zero)} z_bucket:${zero} z_bucket_w:0.001 buckets:[${positive.join(' ')}] counter_reset_hint:gauge}}`
  })
}

const boundLists = ['1 2 5', '1 2 5', '1 5', '1 2 5 10', '0.5 1 2', '-1 0 1', '3']

function custom(own: boolean) {
  return (chance: Chance): string => {
    let bounds = chance.pick(boundLists)
    let counts = [1, 2, 3, 1, 1, 0].slice(0, bounds.split(' ').length + 1)
    return runs(chance, chance => {
      if (own && chance.is(0.15)) {
        bounds = chance.pick(boundLists)
        counts = [1, 2, 3, 1, 1, 0].slice(0, bounds.split(' ').length + 1)
      }
      counts = counts.map(count => (chance.is(0.03) ? 0 : count + chance.int(3)))
      return `{{schema:-53 sum:${chance.pick(small)} count:${counts.reduce((a, b) => a + b, 0)} custom_values:[${bounds}] buckets:[${counts.join(' ')}]${chance.is(0.1) ? ' counter_reset_hint:gauge' : ''}}}`
    })
  }
}

function mixed(chance: Chance): string {
  const histograms = exponential({ schemas: [0], hints: ['unknown'], sums: ['5'] })(chance).match(/\{\{.*?\}\}|\S+/g)!
  return Array.from({ length: LENGTH }, (_, i) => (chance.is(0.5) ? chance.pick(small) : histograms[i]!)).join(' ')
}

const jobs: Made['labels'][] = [
  { job: 'a', instance: '0' },
  { job: 'a', instance: '1' },
  { job: 'b', instance: '0' },
]
const counters: Shape = { schemas: [0], hints: ['unknown', 'reset', 'not_reset'], sums: ['0', '1', '5', '12.5', '-3'] }

const names: readonly { readonly name: string; readonly series: (chance: Chance) => Made[] }[] = [
  { name: 'f', series: each(gauge, ...jobs, { job: 'b', instance: '1', le: '1' }) },
  { name: 'c_total', series: each(counter, ...jobs) },
  { name: 'few', series: each(rarely, { job: 'a' }, { job: 'b' }) },
  { name: 'odd', series: each(oddities, { job: 'a' }, { job: 'b', instance: '1' }) },
  { name: 'f.é', series: each(gauge, { job: 'a' }) },
  {
    name: 'target_info',
    series: each(
      chance => `1x${LENGTH} ${chance.pick(['', 'stale'])}`,
      { job: 'a', instance: '0', version: '1' },
      { job: 'b', instance: '0', version: '2' },
    ),
  },
  { name: 'build_info', series: each(() => '1x20', { job: 'a', instance: '1', build: 'x' }) },
  {
    name: 'b_bucket',
    series: chance => {
      const one = (job: string) => {
        const increments = Array.from({ length: 4 }, () => classic(chance, {}).split(' ').map(Number))
        return ['1', '2', '5', '+Inf'].map((le, i) => ({
          labels: { job, le },
          values: Array.from({ length: LENGTH }, (_, n) => increments.slice(0, i + 1).reduce((sum, list) => sum + list[n]!, 0)).join(' '),
        }))
      }
      return [...one('a'), ...one('b')]
    },
  },
  { name: 'h', series: each(exponential(counters), ...jobs) },
  { name: 'resolutions', series: each(exponential({ ...counters, schemas: [-1, 0, 1, 2] }), ...jobs) },
  { name: 'hnan', series: each(exponential({ ...counters, sums: ['NaN', 'Inf', '-Inf', '1'] }), { job: 'a' }, { job: 'b' }) },
  { name: 'g', series: each(gaugeHistogram, ...jobs) },
  { name: 'n', series: each(custom(false), ...jobs) },
  { name: 'bounds', series: each(custom(true), ...jobs) },
  { name: 'm', series: each(mixed, ...jobs) },
]

/** Samples that say when what they count began. */
function started(chance: Chance): string[] {
  return ['a', 'b'].flatMap(job => {
    const offsets = Array.from({ length: LENGTH }, () => chance.pick(['_', '-15s', '-1m', '-2m', '0s', '-5m', '-10s']))
    const values = chance.is(0.6) ? counter(chance) : exponential(counters)(chance)
    const count = values.match(/\{\{.*?\}\}|\S+/g)!.length
    return [`  started_total{job="${job}"}@st ${offsets.slice(0, count).join(' ')}`, `  started_total{job="${job}"} ${values}`]
  })
}
