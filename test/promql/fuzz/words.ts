/** What random queries are made of. */
export interface Words {
  /** Whatever can be written, also what fails, and what two engines that are both right answer differently: by the last digit, or by the order in which a store finds series. */
  readonly wide: boolean
  /** `any`: of one kind and the other */
  readonly names: Readonly<Record<'float' | 'native' | 'any', readonly string[]>>
  /** a counter with the label `le` */
  readonly buckets: string
  readonly labels: readonly string[]
  readonly matchers: readonly string[]
  readonly numbers: readonly string[]
  readonly ranges: readonly string[]
  /** ranges that are expressions */
  readonly workedOut: readonly string[]
  readonly subqueries: { readonly ranges: readonly string[]; readonly steps: readonly string[] }
  /** share [0…1] of ranges that try `anchored` or `smoothed` */
  readonly extended: number
  readonly offsets: readonly string[]
  /** of `@` */
  readonly times: readonly string[]
  readonly ofScalars: readonly string[]
  readonly fills: { readonly sides: readonly string[]; readonly values: readonly string[] }
  /** labels that group_left and group_right bring */
  readonly included: readonly string[]
  /** labels that are made */
  readonly made: Readonly<Record<'count_values' | 'label_replace' | 'label_join', readonly string[]>>
  readonly patterns: readonly string[]
  /** of histogram_quantiles */
  readonly quantiles: readonly string[]
  /** of double_exponential_smoothing */
  readonly factors: readonly string[]
  /** arguments of hour() and the like. What is no date, or is too far, is another one on each processor. */
  readonly dates: readonly string[]
}

/** About the series of samples.ts. Few queries make sense; all of them have an answer, or a failure with a text. */
export const ofSamples: Words = {
  wide: false,
  names: {
    float: [
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
    ],
    native: ['native', 'native_gauge', 'mixed', 'custom', '{__name__=~"native|custom"}'],
    any: [],
  },
  buckets: 'seconds_bucket',
  labels: ['job', 'instance', 'code', 'room', 'le', 'kind', 'none'],
  matchers: [
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
  ],
  numbers: ['0', '1', '-1', '0.5', '2', '10', '0.95', '-0.5', '1.5', 'NaN', 'Inf', '-Inf', '1e-3', '300', '1e20'],
  ranges: ['1s', '15s', '30s', '1m', '1m15s', '5m', '7m', '20m', '1h'],
  workedOut: ['1m + 15s', '5m / 2', 'step() * 3', 'max_of(1m, step())', 'min_of(range(), 10m) + 1', '2 ^ 6', '-1m + 3m', '90 % 60s'],
  subqueries: { ranges: ['1m', '5m', '7m', '20m'], steps: ['', '15s', '30s', '1m', '7s'] },
  extended: 0.15,
  offsets: ['15s', '-30s', '1m', '-5m', '10m', '7s', '(1m - 15s)', 'step()', '-step()', 'min_of(range(), 5m)'],
  times: ['start()', 'end()', '1793494800', '1793494807.5'],
  ofScalars: ['+', '-', '*', '/', '%', '^'],
  fills: { sides: ['fill', 'fill_left', 'fill_right'], values: ['0', '1', 'NaN'] },
  included: ['version', 'room', 'kind'],
  made: { count_values: ['value', 'job'], label_replace: ['to', 'job', 'code'], label_join: ['to', 'job'] },
  patterns: ['(.*)', '(.).*', '[ab]', '.*(\\\\d+)'],
  quantiles: ['0.5', '0.9, 0.1', '-1, 0.5, 2', '1'],
  factors: ['0.1', '0.5', '0.9'],
  dates: ['', 'odd{kind="time"}', 'temperature', 'requests_total', 'vector(-1)', 'timestamp(up)'],
}

/** About the series of worlds.ts: of all of the language, and a little beyond, where queries fail. */
export const ofWorlds: Words = {
  wide: true,
  names: {
    float: [
      'f',
      'f',
      'c_total',
      'c_total',
      'few',
      'b_bucket',
      'b_count',
      'target_info',
      'build_info',
      'started_total',
      '{"f.é"}',
      'none',
      'odd',
    ],
    native: ['h', 'h', 'h', 'g', 'n', 'n', 'm', 'm', 'b', 'resolutions', '{__name__=~"[hgn]"}', 'bounds', 'hnan'],
    any: ['{__name__=~"[fm]"}', '{__name__=~"[a-z]", job="a"}', '{job="b"}', '{__name__!~"f.*"}'],
  },
  buckets: 'b_bucket',
  labels: ['job', 'instance', 'le', 'none', '__name__', 'version', 'job', 'instance'],
  matchers: [
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
  ],
  numbers: ['0', '1', '-1', '0.5', '2', '3', '10', '0.9', '-0.5', 'NaN', 'Inf', '-Inf', '1e-3', '60', '0.25', '100', '1e100'],
  ranges: ['1s', '15s', '30s', '1m', '1m', '2m', '3m', '5m', '5m', '10m', '1m1ms', '59s999ms'],
  workedOut: [
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
  ],
  subqueries: { ranges: ['1m', '2m', '5m', '10m'], steps: ['', '15s', '30s', '1m', '7s', '', 'step()'] },
  extended: 0.6,
  offsets: ['15s', '-30s', '1m', '-5m', '2m', '7s', '(1m - 15s)', 'step()', '-step()', 'min_of(range(), 1m)', '1m30s'],
  times: ['start()', 'end()', '300', '0', '617.5', '-60', '120'],
  ofScalars: ['+', '-', '*', '/', '%', '^', 'atan2'],
  fills: { sides: ['fill', 'fill_left', 'fill_right', 'fill_left(2) fill_right'], values: ['0', '1', 'NaN', '-3'] },
  included: ['version', 'instance', 'le', '__name__'],
  made: {
    count_values: ['value', 'job', 'é x'],
    label_replace: ['to', 'job', 'instance', '__name__', 'é'],
    label_join: ['to', 'job', '__name__'],
  },
  patterns: ['(.*)', '(.).*', '[ab]', 'a(.*)'],
  quantiles: ['0.5', '0.9, 0.1', '-1, 0.5, 2', '1', 'NaN', '0.99, 0.5, 0.25, 0'],
  factors: ['0.1', '0.5', '0.9', '1', '2', '0', '-1'],
  dates: ['', 'f', 'm', 'h', 'vector(-1)', 'timestamp(f)', 'c_total * 1e6'],
}
