import type { ValueType } from './ast.ts'

/** What a function takes and gives. */
export interface Signature {
  readonly name: string
  readonly args: readonly ValueType[]
  /** Arguments that may be left out at the end, or follow: 0 all of `args` are needed; n > 0: the last of them, up to n times, may be left out; -1: and any number may come. */
  readonly variadic: number
  readonly returns: ValueType
  /** only with ParseOptions.experimentalFunctions */
  readonly experimental: boolean
}

const of = (name: string, args: string, variadic = 0, returns: ValueType = 'vector', experimental = false): Signature => ({
  name,
  args: args === '' ? [] : (args.split(' ') as ValueType[]),
  variadic,
  returns,
  experimental,
})
const experimental = (name: string, args: string, variadic = 0, returns: ValueType = 'vector'): Signature =>
  of(name, args, variadic, returns, true)

const table: readonly Signature[] = [
  of('abs', 'vector'),
  of('absent', 'vector'),
  of('absent_over_time', 'matrix'),
  of('acos', 'vector'),
  of('acosh', 'vector'),
  of('asin', 'vector'),
  of('asinh', 'vector'),
  of('atan', 'vector'),
  of('atanh', 'vector'),
  of('avg_over_time', 'matrix'),
  of('ceil', 'vector'),
  of('changes', 'matrix'),
  of('clamp', 'vector scalar scalar'),
  of('clamp_max', 'vector scalar'),
  of('clamp_min', 'vector scalar'),
  of('cos', 'vector'),
  of('cosh', 'vector'),
  of('count_over_time', 'matrix'),
  of('day_of_month', 'vector', 1),
  of('day_of_week', 'vector', 1),
  of('day_of_year', 'vector', 1),
  of('days_in_month', 'vector', 1),
  of('deg', 'vector'),
  of('delta', 'matrix'),
  of('deriv', 'matrix'),
  experimental('double_exponential_smoothing', 'matrix scalar scalar'),
  experimental('end', '', 0, 'scalar'),
  of('exp', 'vector'),
  of('first_over_time', 'matrix'),
  of('floor', 'vector'),
  of('histogram_avg', 'vector'),
  of('histogram_count', 'vector'),
  of('histogram_fraction', 'scalar scalar vector'),
  of('histogram_quantile', 'scalar vector'),
  experimental('histogram_quantiles', 'vector string scalar scalar', 9),
  of('histogram_stddev', 'vector'),
  of('histogram_stdvar', 'vector'),
  of('histogram_sum', 'vector'),
  of('hour', 'vector', 1),
  of('idelta', 'matrix'),
  of('increase', 'matrix'),
  experimental('info', 'vector vector', 1),
  of('irate', 'matrix'),
  of('label_join', 'vector string string string', -1),
  of('label_replace', 'vector string string string string'),
  of('last_over_time', 'matrix'),
  of('ln', 'vector'),
  of('log10', 'vector'),
  of('log2', 'vector'),
  experimental('mad_over_time', 'matrix'),
  experimental('max_of', 'scalar scalar', 0, 'scalar'),
  of('max_over_time', 'matrix'),
  experimental('min_of', 'scalar scalar', 0, 'scalar'),
  of('min_over_time', 'matrix'),
  of('minute', 'vector', 1),
  of('month', 'vector', 1),
  of('pi', '', 0, 'scalar'),
  of('predict_linear', 'matrix scalar'),
  of('present_over_time', 'matrix'),
  of('quantile_over_time', 'scalar matrix'),
  of('rad', 'vector'),
  experimental('range', '', 0, 'scalar'),
  of('rate', 'matrix'),
  of('resets', 'matrix'),
  of('round', 'vector scalar', 1),
  of('scalar', 'vector', 0, 'scalar'),
  of('sgn', 'vector'),
  of('sin', 'vector'),
  of('sinh', 'vector'),
  of('sort', 'vector'),
  experimental('sort_by_label', 'vector string', -1),
  experimental('sort_by_label_desc', 'vector string', -1),
  of('sort_desc', 'vector'),
  of('sqrt', 'vector'),
  experimental('start', '', 0, 'scalar'),
  experimental('start_timestamp', 'vector'),
  of('stddev_over_time', 'matrix'),
  of('stdvar_over_time', 'matrix'),
  experimental('step', '', 0, 'scalar'),
  of('sum_over_time', 'matrix'),
  of('tan', 'vector'),
  of('tanh', 'vector'),
  of('time', '', 0, 'scalar'),
  of('timestamp', 'vector'),
  experimental('ts_of_first_over_time', 'matrix'),
  experimental('ts_of_last_over_time', 'matrix'),
  experimental('ts_of_max_over_time', 'matrix'),
  experimental('ts_of_min_over_time', 'matrix'),
  of('vector', 'scalar'),
  of('year', 'vector', 1),
]

/** Every function of Prometheus 3.14, by name. */
export const signatures: ReadonlyMap<string, Signature> = new Map(table.map(signature => [signature.name, signature]))

/** Aggregations that are only there with ParseOptions.experimentalFunctions. */
export const experimentalAggregations: ReadonlySet<string> = new Set(['limitk', 'limit_ratio'])
/** Aggregations whose first argument is a parameter. */
export const parametrized: ReadonlySet<string> = new Set(['topk', 'bottomk', 'count_values', 'quantile', 'limitk', 'limit_ratio'])
