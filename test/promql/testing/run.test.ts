import { describe, expect, test } from 'vitest'
import { type Level, runScript } from '../../../src/promql/testing/run.ts'
import { simpleEngine } from './simple-engine.ts'

const run = (text: string, level: Level = 3) => runScript(text, simpleEngine, level)

const loaded = `load 1m
  up{job="a"} 1 2 3
  up{job="b"} 5 _ stale
  lone 7x5
  warns 1x9
  informs 1x9
  native {{sum:1 count:2 buckets:[2]}}x4

`

describe('what comes out as expected', () => {
  test.each<[name: string, text: string, passed: number]>([
    ['an instant vector', 'eval instant at 1m up\n up{job="b"} 5\n up{job="a"} 2\n', 1],
    ['a stale series', 'eval instant at 2m up\n  up{job="a"} 3\n', 1],
    ['nothing', 'eval instant at 1h up\n\neval instant at 1h none', 2],
    ['a scalar, which ends the statement', 'eval instant at 0 1\n 1\neval instant at 0 0x10\n16', 2],
    ['a string', 'eval instant at 0 "a\\n"\n  expect string "a\\n"', 1],
    ['an ordered vector', 'eval instant at 1m sort(up)\n expect ordered\n up{job="a"} 2\n up{job="b"} 5', 1],
    ['an ordered vector, as it was asked before', 'eval_ordered instant at 1m sort(up)\n up{job="a"} 2\n up{job="b"} 5', 1],
    ['a range', 'eval range from 0 to 3m step 1m up\n up{job="a"} 1 2 3 3\n up{job="b"} 5 5', 1],
    ['a range with gaps', 'load 1m\n g 1 stale 3\n\neval range from 0 to 2m step 1m g\n g 1 _ 3', 1],
    ['a range vector of one series', 'eval instant at 0 lone[2m]\n expect range vector from 1m to 2m step 1m\n lone 7 7', 1],
    ['a histogram', 'eval instant at 0 native\n native {{sum:1 count:2 buckets:[2 0]}}', 1],
    ['a failure', 'eval instant at 0 sum(up)\n expect fail', 1],
    ['a failure in words', 'eval instant at 0 sum(up)\n expect fail msg: nothing is known of a aggregate', 1],
    ['a failure that a pattern matches', 'eval range from 0 to 1m step 1m sum(up)\n expect fail regex: known.*aggr', 1],
    ['a failure, as it was asked before', 'eval_fail instant at 0 sum(up)\n expected_fail_regexp ^nothing\n', 1],
    ['a warning', 'eval instant at 0 warns\n expect warn\n warns 1', 1],
    ['a warning in words, with its place', 'eval instant at 0 warns\n expect warn msg:PromQL warning: beware (1:1)\n warns 1', 1],
    ['a warning, as it was asked before', 'eval_warn instant at 0 warns\n warns 1', 1],
    ['an info, and no warning', 'eval instant at 0 informs\n expect no_warn\n expect info regex: by the\n informs 1', 1],
    ['annotations that nobody asks for', 'eval instant at 0 warns\n warns 1', 1],
    ['a metric called expect', 'load 1m\n expect{} 1\n\neval instant at 0 expect\n expect{} 1', 1],
    ['words in capitals', 'CLEAR\neval instant at 0 1\n1', 1],
    ['a comment between, CRLF, and a mark at the start', '\uFEFF# a\r\n  # b\r\neval instant at 0 1\r\n  1\r\n', 1],
    ['more samples of a series', 'load 1m\n m 1 2\n\nload 1m\n m _ _ 3\n\neval instant at 2m m\n m 3', 1],
    ['the later of two lines about a series', 'load 1m\n m 1 2\n m 3\n\neval instant at 2m m\n m 3', 1],
    ['nothing after clear', 'clear\neval instant at 0 up\n', 1],
    ['an empty file', '', 0],
    ['only comments', '# nothing\n\n# here', 0],
  ])('%s', async (_, text, passed) => expect(await run(loaded + text)).toEqual({ passed, failures: [] }))
})

describe('what does not', () => {
  test.each<[text: string, line: number, message: string]>([
    ['eval instant at 1m up\n up{job="a"} 2', 9, 'up{job="b"}: not expected, got 5'],
    ['eval instant at 1m up\n up{job="a"} 2\n up{job="b"} 6', 9, 'up{job="b"}: expected 6, got 5'],
    ['eval instant at 1m lone\n lone 7\n up 1', 9, 'up: expected 1, not found'],
    ['eval instant at 1m lone\n lone 7.0001', 9, 'lone: expected 7.0001, got 7'],
    ['eval instant at 1m lone\n lone stale', 9, 'lone: expected stale, got 7'],
    ['eval instant at 1m lone\n lone {{sum:7}}', 9, 'lone: expected {{sum:7}}, got 7'],
    ['eval instant at 1m lone\n 7', 9, 'expected the scalar 7, got a vector'],
    ['eval instant at 1m lone\n expect string "7"', 9, 'expected a string, got a vector'],
    ['eval instant at 0 native\n native 1', 9, 'native: expected 1, got {{count:2 sum:1 buckets:[2]}}'],
    [
      'eval instant at 0 native\n native {{sum:1 count:2 buckets:[2] counter_reset_hint:gauge}}',
      9,
      'native: expected {{count:2 sum:1 counter_reset_hint:gauge buckets:[2]}}, got {{count:2 sum:1 buckets:[2]}}',
    ],
    ['eval instant at 1m 1\n 2', 9, 'expected 2, got 1'],
    ['eval instant at 1m 1\n lone 2', 9, 'expected 1 series, got the scalar 1'],
    ['eval instant at 1m "a"\n expect string "b"', 9, 'expected "b", got "a"'],
    ['eval instant at 1m "a"', 9, 'expected "", got "a"'],
    ['eval instant at 1m "a"\n 1', 9, 'expected a scalar, got a string'],
    [
      'eval instant at 1m sort(up)\n expect ordered\n up{job="b"} 5\n up{job="a"} 2',
      9,
      'up{job="a"}: expected as number 2, came as number 1',
    ],
    ['eval range from 0 to 2m step 1m lone\n lone 7 7', 9, 'lone: expected 2 points, got 3: 7 7 7'],
    ['eval range from 0 to 2m step 1m lone\n lone 7 7 8', 9, 'lone: expected 8 at 120000 ms, got 7 at 120000 ms (of 7 7 7)'],
    ['eval range from 0 to 2m step 1m lone\n lone 7 _ 7', 9, 'lone: expected 7 at 120000 ms, got 7 at 60000 ms (of 7 7 7)'],
    ['eval range from 0 to 2m step 1m lone\n lone 7 7 7 7', 9, 'lone: 4 values are expected, and the query has 3 steps'],
    ['eval range from 0 to 2m step 1m none\n none 7', 9, 'none: expected 7, not found'],
    ['eval range from 0 to 2m step 1m lone', 9, 'lone: not expected, got 7 7 7'],
    ['eval range from 0 to 2m step 1m lone\n 7', 9, 'expected the scalar 7, got a matrix'],
    ['eval instant at 2m lone[2m]\n lone 7', 9, 'lone: expected one value, got 7 7; expect range vector from … to … step … allows more'],
    ['eval instant at 1m sum(up)\n 1', 9, 'expected no failure, got nothing is known of a aggregate'],
    ['eval instant at 1m lone\n expect fail', 9, 'expected it to fail, and it did not'],
    [
      'eval instant at 1m sum(up)\n expect fail msg: something',
      9,
      'expected it to fail with "something", got "nothing is known of a aggregate"',
    ],
    [
      'eval_fail instant at 1m sum(up)\n expected_fail_message some',
      9,
      'expected it to fail with "some", got "nothing is known of a aggregate"',
    ],
    [
      'eval instant at 1m sum(up)\n expect fail regex: ^a',
      9,
      'expected it to fail with a match of "^a", got "nothing is known of a aggregate"',
    ],
    ['eval instant at 1m lone\n expect warn\n lone 7', 9, 'expected a warning that is any text, got none'],
    ['eval instant at 1m warns\n expect no_warn\n warns 1', 9, 'expected no warning, got "PromQL warning: beware (1:1)"'],
    ['eval instant at 1m informs\n expect no_info\n informs 1', 9, 'expected no info, got "PromQL info: by the way (1:1)"'],
    [
      'eval instant at 1m warns\n expect warn msg: beware\n warns 1',
      9,
      'expected a warning that is "beware", got ["PromQL warning: beware (1:1)"]',
    ],
    ['load 1m\n m 1 2\n\nload 1m\n m _ 3', 12, 'm: another sample at 60000 ms'],
    ['load 2m\n m 1 2\n\nload 1m\n m _ 1', 12, 'm: 60000 ms is before the last sample at 120000 ms'],
    ['load_with_nhcb 1m\n h_bucket{le="1"} 3\n h_bucket{le="2"} 2', 9, 'h: the buckets are not cumulative'],
    ['load_with_nhcb 1m\n h_bucket{le="+Inf"} 3\n h_count 2', 9, 'h: the count 2 is not that of the last bucket'],
  ])('%s', async (text, line, message) => expect(await run(loaded + text)).toEqual({ passed: 0, failures: [{ line, message }] }))

  test('what has one answer now and another in a range, or later, fails at that level only', async () => {
    const text = 'load 1m\n a 1\n\neval instant at 1m a\n  a 1\n'
    const never: typeof simpleEngine = {
      ...simpleEngine,
      range: async (queryable, query) => simpleEngine.range(queryable, { ...query, start: query.start - 1e9, end: query.end - 1e9 }),
    }
    expect(await runScript(text, never, 1)).toEqual({ passed: 1, failures: [] })
    expect(await runScript(text, never, 2)).toEqual({
      passed: 0,
      failures: [{ line: 4, message: 'a: expected 1, not found (as a range query)' }],
    })
    const { range } = simpleEngine
    const early: typeof simpleEngine = {
      range,
      instant: async (queryable, query) =>
        simpleEngine.instant(queryable, {
          ...query,
          expr: query.time < 0 ? ({ ...query.expr, matchers: [] } as typeof query.expr) : query.expr,
        }),
    }
    const both = `load 1m\n a 1\n b 1\n\neval instant at 1m a\n  a 1\n`
    expect(await runScript(both, early, 2)).toEqual({ passed: 1, failures: [] })
    expect(await runScript(both, early, 3)).toEqual({
      passed: 0,
      failures: [{ line: 5, message: 'b: not expected, got 1 (of a @ 60.000 at -600 s)' }],
    })
  })

  test('an error of ours is told, and the rest is run', async () => {
    const broken: typeof simpleEngine = { ...simpleEngine, instant: () => Promise.reject(new TypeError('not a function')) }
    const { passed, failures } = await runScript('eval instant at 0 1\n1\neval range from 0 to 1m step 1m 1\n {} 1 1', broken)
    expect(passed).toBe(1)
    expect(failures).toEqual([{ line: 1, message: expect.stringMatching(/^it broke: TypeError: not a function/) }])
  })
})

describe('what cannot be read is told where it is, and what is around it is run', () => {
  test.each<[text: string, line: number, message: string]>([
    ['dance\n with me', 1, 'expected clear, load or eval, got "dance"'],
    ['load\n m 1', 1, 'expected load INTERVAL or load_with_nhcb INTERVAL'],
    ['load 5 minutes\n m 1', 1, 'expected a duration like 1m30s, got "5 minutes"'],
    ['load 5m\n m 1\n m{ 1', 3, 'expected a label\'s name or "}", got "1" at column 4'],
    ['load 5m\n m@st 1s\n', 2, 'start timestamps, and no samples after them'],
    ['load 5m\n m@st 1s\n m@st 1s\n m 1', 3, 'start timestamps, and no samples after those before'],
    ['load 5m\n m@st 1s\n n 1', 3, 'expected samples of the series whose start timestamps are in the line before'],
    ['load 5m\n m@st 1s\n m 1 2', 3, '1 start timestamps for 2 samples'],
    ['eval at 5m up', 1, 'expected eval instant at TIME QUERY, or eval range from TIME to TIME step DURATION QUERY'],
    ['eval instant at now up', 1, 'expected a duration like 1m30s, got "now"'],
    ['eval instant at 5m up{', 1, 'parse error: unexpected end of input inside braces at column 23'],
    ['eval range from 5m to 1m step 1m up', 1, 'the end 1m is before the start 5m'],
    ['eval range from 0 to 1m step 0 up', 1, 'the step is 0'],
    ['eval instant at 5m up\n up 1 2', 2, 'expected one value, got 2; expect range vector from … to … step … before it allows more'],
    ['eval instant at 5m up\n up', 2, 'expected one value, got 0; expect range vector from … to … step … before it allows more'],
    ['eval instant at 5m up\n expect string up', 2, 'expected a quoted string after expect string'],
    ['eval instant at 5m up\n expect range vector from 1', 2, 'expected expect range vector from TIME to TIME step DURATION'],
    [
      'eval instant at 5m up\n expect nothing',
      2,
      'expected expect ordered, fail, warn, no_warn, info or no_info, then perhaps msg:TEXT or regex:PATTERN',
    ],
    ['eval instant at 5m up\n expect warn\n expect no_warn', 3, 'expect no_warn beside expect warn'],
    ['eval instant at 5m up\n expect no_info\n expect info', 3, 'expect info beside expect no_info'],
    ['eval instant at 5m up\n expect fail\n expect fail', 3, 'a second expect fail'],
    ['eval instant at 5m up\n expect warn regex: (', 2, 'not a regular expression: has a "(" without its ")"'],
  ])('%j', async (text, line, message) => {
    const { passed, failures } = await run(`${text}\n\neval instant at 0 1\n  1\n`)
    expect(failures).toEqual([{ line, message }])
    expect(passed).toBe(1)
  })
})
