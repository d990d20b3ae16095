/** The symbols of OTTL: numbers with names. */
const numbered = (prefix: string, names: readonly string[], from = 0) =>
  names.map((name, i): [string, number] => [`${prefix}${name}`, from + i])
const severities = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'].flatMap(name => ['', '2', '3', '4'].map(n => `${name}${n}`))

export const enums: ReadonlyMap<string, number> = new Map([
  ...numbered('SPAN_KIND_', ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER']),
  ...numbered('STATUS_CODE_', ['UNSET', 'OK', 'ERROR']),
  ...numbered('SEVERITY_NUMBER_', ['UNSPECIFIED', ...severities]),
  ...numbered('AGGREGATION_TEMPORALITY_', ['UNSPECIFIED', 'DELTA', 'CUMULATIVE']),
  ...numbered('METRIC_DATA_TYPE_', ['NONE', 'GAUGE', 'SUM', 'HISTOGRAM', 'EXPONENTIAL_HISTOGRAM', 'SUMMARY']),
  ...numbered('FLAG_', ['NONE', 'NO_RECORDED_VALUE']),
])
