import type { PromqlFunction } from '../kernel.ts'
import { countOverTime, firstOverTime, lastOverTime, presentOverTime, tsOfFirstOverTime, tsOfLastOverTime } from './counting.ts'
import { maxOverTime, minOverTime, tsOfMaxOverTime, tsOfMinOverTime } from './extremes.ts'
import { idelta, irate } from './last-two.ts'
import { madOverTime, quantileOverTime } from './quantiles.ts'
import { delta, increase, rate } from './rates.ts'
import { deriv, predictLinear } from './regression.ts'
import { doubleExponentialSmoothing } from './smoothing.ts'
import { stddevOverTime, stdvarOverTime } from './spread.ts'
import { avgOverTime, sumOverTime } from './sums.ts'
import { changes, resets } from './turns.ts'

/** What PromQL's functions do, by name; what they take is in signatures.ts. */
export const promqlFunctions: ReadonlyMap<string, PromqlFunction> = new Map<string, PromqlFunction>([
  ['avg_over_time', avgOverTime],
  ['changes', changes],
  ['count_over_time', countOverTime],
  ['delta', delta],
  ['deriv', deriv],
  ['double_exponential_smoothing', doubleExponentialSmoothing],
  ['first_over_time', firstOverTime],
  ['idelta', idelta],
  ['increase', increase],
  ['irate', irate],
  ['last_over_time', lastOverTime],
  ['mad_over_time', madOverTime],
  ['max_over_time', maxOverTime],
  ['min_over_time', minOverTime],
  ['predict_linear', predictLinear],
  ['present_over_time', presentOverTime],
  ['quantile_over_time', quantileOverTime],
  ['rate', rate],
  ['resets', resets],
  ['stddev_over_time', stddevOverTime],
  ['stdvar_over_time', stdvarOverTime],
  ['sum_over_time', sumOverTime],
  ['ts_of_first_over_time', tsOfFirstOverTime],
  ['ts_of_last_over_time', tsOfLastOverTime],
  ['ts_of_max_over_time', tsOfMaxOverTime],
  ['ts_of_min_over_time', tsOfMinOverTime],
])
