import type { PromqlFunction } from '../kernel.ts'
import { absent } from './absence.ts'
import { countOverTime, firstOverTime, lastOverTime, presentOverTime, tsOfFirstOverTime, tsOfLastOverTime } from './counting.ts'
import { dates } from './dates.ts'
import { maxOverTime, minOverTime, tsOfMaxOverTime, tsOfMinOverTime } from './extremes.ts'
import { histogramFraction, histogramQuantile, histogramQuantiles } from './histogram-quantiles.ts'
import { histogramStatistics } from './histogram-statistics.ts'
import { info } from './info.ts'
import { idelta, irate } from './last-two.ts'
import { clamp, clampMax, clampMin, mathematics, round } from './mathematics.ts'
import { madOverTime, quantileOverTime } from './quantiles.ts'
import { delta, increase, rate } from './rates.ts'
import { deriv, predictLinear } from './regression.ts'
import { labelJoin, labelReplace } from './relabelling.ts'
import { maxOf, minOf, pi, scalarOf, time, vector } from './scalars.ts'
import { doubleExponentialSmoothing } from './smoothing.ts'
import { sort, sortByLabel, sortByLabelDesc, sortDesc } from './sorting.ts'
import { stddevOverTime, stdvarOverTime } from './spread.ts'
import { avgOverTime, sumOverTime } from './sums.ts'
import { changes, resets } from './turns.ts'

/** What PromQL's functions do, by name; what they take is in signatures.ts. */
export const promqlFunctions: ReadonlyMap<string, PromqlFunction> = new Map<string, PromqlFunction>([
  ...mathematics,
  ...dates,
  ...histogramStatistics,
  ['absent', absent],
  ['absent_over_time', absent],
  ['avg_over_time', avgOverTime],
  ['changes', changes],
  ['clamp', clamp],
  ['clamp_max', clampMax],
  ['clamp_min', clampMin],
  ['count_over_time', countOverTime],
  ['delta', delta],
  ['deriv', deriv],
  ['double_exponential_smoothing', doubleExponentialSmoothing],
  ['first_over_time', firstOverTime],
  ['histogram_fraction', histogramFraction],
  ['histogram_quantile', histogramQuantile],
  ['histogram_quantiles', histogramQuantiles],
  ['idelta', idelta],
  ['increase', increase],
  ['info', info],
  ['irate', irate],
  ['label_join', labelJoin],
  ['label_replace', labelReplace],
  ['last_over_time', lastOverTime],
  ['mad_over_time', madOverTime],
  ['max_of', maxOf],
  ['max_over_time', maxOverTime],
  ['min_of', minOf],
  ['min_over_time', minOverTime],
  ['pi', pi],
  ['predict_linear', predictLinear],
  ['present_over_time', presentOverTime],
  ['quantile_over_time', quantileOverTime],
  ['rate', rate],
  ['resets', resets],
  ['round', round],
  ['scalar', scalarOf],
  ['sort', sort],
  ['sort_by_label', sortByLabel],
  ['sort_by_label_desc', sortByLabelDesc],
  ['sort_desc', sortDesc],
  ['stddev_over_time', stddevOverTime],
  ['stdvar_over_time', stdvarOverTime],
  ['sum_over_time', sumOverTime],
  ['time', time],
  ['ts_of_first_over_time', tsOfFirstOverTime],
  ['ts_of_last_over_time', tsOfLastOverTime],
  ['ts_of_max_over_time', tsOfMaxOverTime],
  ['ts_of_min_over_time', tsOfMinOverTime],
  ['vector', vector],
])
