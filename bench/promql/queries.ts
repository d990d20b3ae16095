/** Fifteen questions of dashboards and alerts. */
export const queries = {
  q01_select_raw: 'bench_temperature',
  q02_sum_by_rate: 'sum by (code) (rate(bench_requests_total[5m]))',
  q03_rate_all: 'rate(bench_requests_total[5m])',
  q04_histogram_quantile: 'histogram_quantile(0.95, sum by (le) (rate(bench_duration_seconds_bucket[5m])))',
  q05_histogram_quantile_by: 'histogram_quantile(0.95, sum by (le, instance) (rate(bench_duration_seconds_bucket[5m])))',
  q06_topk: 'topk(5, rate(bench_requests_total[5m]))',
  q07_avg_over_time: 'avg_over_time(bench_temperature[10m])',
  q08_sum_increase_1h: 'sum(increase(bench_requests_total[1h]))',
  q09_ratio: 'sum by (instance) (rate(bench_requests_total{code=~"5.."}[5m])) / sum by (instance) (rate(bench_requests_total[5m]))',
  q10_max_over_time_1h: 'max by (sensor) (max_over_time(bench_temperature[1h]))',
  q11_quantile: 'quantile by (sensor) (0.9, bench_temperature)',
  q12_subquery: 'max_over_time(sum(rate(bench_requests_total[5m]))[30m:1m])',
  q13_vector_match: 'bench_temperature - on (sensor) group_left avg by (sensor) (bench_temperature)',
  q14_count_alert: 'count by (instance) (bench_temperature > 30) > 10',
  q15_quantile_over_time: 'quantile_over_time(0.9, bench_temperature[10m])',
} as const

/** Of a month's counters. */
export const dashboard = {
  sum_by_rate: 'sum by (service) (rate(bench_month_total[1h]))',
  increase: 'increase(bench_month_total[1d])',
  select: 'bench_month_total',
} as const
