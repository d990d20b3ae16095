import { expect, test } from 'vitest'
import { createEngine } from '../../../src/promql/engine.ts'
import { runScript, testOptions } from '../../../src/promql/testing/run.ts'

/** Histograms through the whole of the language: parsed, stored, evaluated and compared. */
const scripts: Readonly<Record<string, string>> = {
  'resets that collide are found where only counts are read': `
load 1m
  h{i="grows"} {{count:1 buckets:[1]}}+{{count:2 buckets:[2]}}x5
  h{i="resets"} {{count:5 buckets:[5]}}x2 {{count:2 buckets:[2]}} {{count:3 buckets:[3]}}

eval instant at 3m histogram_count(sum(h))
  expect warn msg: PromQL warning: conflicting counter resets during histogram aggregation (1:21)
  {} 9

# With the buckets Prometheus does not look for them.
eval instant at 3m sum(h)
  expect no_warn
  {} {{count:9 counter_reset_hint:unknown buckets:[9]}}

eval instant at 3m histogram_quantile(1, sum(h)) + histogram_count(sum(h </ 1))
  expect no_warn
  {} 10

eval instant at 3m sum(h{i="grows"})
  {} {{count:7 counter_reset_hint:not_reset buckets:[7]}}

eval instant at 3m -h{i="grows"}
  {i="grows"} {{count:-7 counter_reset_hint:gauge buckets:[-7]}}
`,
  'operators on histograms': `
load 1m
  a {{schema:0 count:6 sum:9 buckets:[1 2 3]}}
  b {{schema:1 count:3 sum:2 buckets:[1 1 1]}}
  c {{schema:-53 count:3 sum:2 custom_values:[1 5] buckets:[1 1 1]}}
  d {{schema:-53 count:3 sum:2 custom_values:[5] buckets:[1 2]}}
  f 2

eval instant at 0 a + b
  {} {{count:9 sum:11 buckets:[2 4 3]}}

eval instant at 0 a - b
  {} {{sum:7 count:3 counter_reset_hint:gauge buckets:[0 0 3]}}

eval instant at 0 2 * a
  {} {{count:12 sum:18 buckets:[2 4 6]}}

eval instant at 0 a / f
  {} {{count:3 sum:4.5 buckets:[0.5 1 1.5]}}

eval instant at 0 f / a
  expect info msg: PromQL info: incompatible sample types encountered for binary operator "/": float / histogram (1:1)

eval instant at 0 a == bool a
  {} 1

eval instant at 0 a != bool a
  {} 0

eval instant at 0 a > a
  expect info msg: PromQL info: incompatible sample types encountered for binary operator ">": histogram > histogram (1:1)

eval instant at 0 a + c
  expect warn msg: PromQL warning: incompatible bucket layout encountered for binary operator + (1:1)

eval instant at 0 c + d
  expect info msg: PromQL info: mismatched custom buckets were reconciled during addition (1:1)
  {} {{schema:-53 count:6 sum:4 custom_values:[5] buckets:[3 3]}}

eval instant at 0 c >/ 1
  c {{schema:-53 count:2 sum:8 custom_values:[1 5] offset:1 buckets:[1 1]}}

eval instant at 0 sum({__name__=~"a|c"})
  expect warn regex: PromQL warning: vector contains a mix of histograms with exponential and custom buckets schemas for metric name "[ac]" \\(1:5\\)

eval instant at 0 avg({__name__=~"c|d"})
  expect info msg: PromQL info: mismatched custom buckets were reconciled during aggregation (1:5)
  {} {{schema:-53 count:3 sum:2 custom_values:[5] buckets:[1.5 1.5]}}

eval instant at 0 sum({__name__=~"a|f"})
  expect warn msg: PromQL warning: encountered a mix of histograms and floats for aggregation (1:5)
`,
  'what is noted, and where': `
load 1m
  a{i="0"} {{count:1 buckets:[1]}}+{{count:1 buckets:[1]}}x5
  b{i="0"} {{count:1 buckets:[1]}}x5
  b{i="1"} {{schema:-53 count:1 custom_values:[1] buckets:[1]}}x5
  b{i="2"} 1x5
  c{i="0"} 1x5
  c{i="1"} {{count:1 buckets:[1]}}x5
  c{i="2"} {{schema:-53 count:1 custom_values:[1] buckets:[1]}}x5
  n {{count:2 sum:NaN buckets:[1]}}x5

# To Prometheus a subquery begins where the query does.
eval instant at 5m abs(delta(a[3m:1m]))
  expect warn msg: PromQL warning: this native histogram metric is not a gauge: "a" (1:1)

eval instant at 5m abs(delta((a[3m])))
  expect warn msg: PromQL warning: this native histogram metric is not a gauge: "a" (1:12)

# Once histograms do not go together, what follows does not matter; neither do histograms after a float.
eval instant at 5m sum(b)
  expect warn msg: PromQL warning: vector contains a mix of histograms with exponential and custom buckets schemas for metric name "b" (1:5)

eval instant at 5m avg(c)
  expect warn msg: PromQL warning: encountered a mix of histograms and floats for aggregation (1:5)

# What a function and an aggregation around it say alike stands at the aggregation's argument.
eval instant at 5m sum(idelta(b{i!="2"}[2m]))
  expect warn msg: PromQL warning: vector contains a mix of histograms with exponential and custom buckets schemas for metric name "b" (1:5)
  expect warn msg: PromQL warning: this native histogram metric is not a gauge: "b" (1:12)

eval instant at 5m histogram_quantile(0.9, n)
  expect info msg: PromQL info: input to histogram_quantile has NaN observations, result is NaN for metric name "n" (1:25)
  {} NaN

eval instant at 5m histogram_fraction(0, 1, n)
  expect info msg: PromQL info: input to histogram_fraction has NaN observations, which are excluded from all fractions for metric name "n" (1:26)
  {} 0.5

eval instant at 5m histogram_count(b{i="1"} / 0)
  {i="1"} Inf
`,
}

test.each(Object.entries(scripts))('%s', async (_, script) => {
  const outcome = await runScript(script, createEngine(testOptions), 3)
  expect(outcome).toEqual({ passed: script.split('\neval ').length - 1, failures: [] })
})
