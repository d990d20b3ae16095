import { boolean, duration, float, listOf, type Shape, struct, text, texts } from './yaml.ts'

/** The file of a rule unit test, as promtool reads it. Lengths are milliseconds. */
export interface UnitTestFile {
  readonly rule_files: readonly string[]
  /** 0: a minute */
  readonly evaluation_interval: number
  readonly group_eval_order: readonly string[]
  readonly tests: readonly TestCase[]
  readonly fuzzy_compare: boolean
}

interface Placed {
  /** from 1 */
  readonly line: number
}

export interface TestCase extends Placed {
  /** 0: the evaluation interval */
  readonly interval: number
  readonly input_series: readonly (Placed & { readonly series: string; readonly values: string })[]
  readonly alert_rule_test: readonly AlertCase[]
  readonly promql_expr_test: readonly ExprCase[]
  readonly external_labels: ReadonlyMap<string, string>
  readonly external_url: string
  readonly name: string
  /** epoch ms */
  readonly start_timestamp: number
}

export interface AlertCase extends Placed {
  readonly eval_time: number
  readonly alertname: string
  readonly exp_alerts: readonly {
    readonly exp_labels: ReadonlyMap<string, string>
    readonly exp_annotations: ReadonlyMap<string, string>
  }[]
}

export interface ExprCase extends Placed {
  readonly expr: string
  readonly eval_time: number
  /** a `histogram` takes the place of the value */
  readonly exp_samples: readonly { readonly labels: string; readonly value: number; readonly histogram: string }[]
}

function placed<T extends object>(shape: Shape<T>): Shape<T & Placed> {
  return (node, reading) => ({ ...shape(node, reading), line: reading.place(node).line })
}

/** Seconds since the epoch, or RFC 3339. */
const timestamp: Shape<number> = (node, reading) => {
  const written = text(node, reading)
  if (written === '') return 0
  const seconds = Number(written)
  if (Number.isFinite(seconds)) return Math.round(seconds * 1000)
  const time = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/.test(written) ? Date.parse(written) : Number.NaN
  if (!Number.isNaN(time)) return time
  reading.problem(node, `cannot parse ${JSON.stringify(written)} to a valid timestamp`)
  return 0
}

export const unitTestFile = struct<UnitTestFile>('main.unitTestFile', {
  rule_files: listOf(text),
  evaluation_interval: duration,
  group_eval_order: listOf(text),
  tests: listOf(
    placed(
      struct<Omit<TestCase, 'line'>>('main.testGroup', {
        interval: duration,
        input_series: listOf(placed(struct<{ series: string; values: string }>('main.series', { series: text, values: text }))),
        alert_rule_test: listOf(
          placed(
            struct<Omit<AlertCase, 'line'>>('main.alertTestCase', {
              eval_time: duration,
              alertname: text,
              exp_alerts: listOf(struct<AlertCase['exp_alerts'][number]>('main.alert', { exp_labels: texts, exp_annotations: texts })),
            }),
          ),
        ),
        promql_expr_test: listOf(
          placed(
            struct<Omit<ExprCase, 'line'>>('main.promqlTestCase', {
              expr: text,
              eval_time: duration,
              exp_samples: listOf(struct<ExprCase['exp_samples'][number]>('main.sample', { labels: text, value: float, histogram: text })),
            }),
          ),
        ),
        external_labels: texts,
        external_url: text,
        name: text,
        start_timestamp: timestamp,
      }),
    ),
  ),
  fuzzy_compare: boolean,
})
