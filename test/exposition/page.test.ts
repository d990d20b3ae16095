import { describe, expect, test } from 'vitest'
import { EscapedLabels, escapeFamilies } from '../../src/exposition/escape.ts'
import { type Family, newRow, type Row } from '../../src/exposition/families.ts'
import { type Label, readLabels, showLabels } from '../../src/exposition/labels.ts'
import type { FamilyType } from '../../src/exposition/naming.ts'
import { type Escaping, escapings } from '../../src/exposition/negotiate.ts'
import { OpenRules } from '../../src/exposition/open-rules.ts'
import { fitExemplar, openMetrics } from '../../src/exposition/openmetrics.ts'
import { protobufPage } from '../../src/exposition/protobuf.ts'
import { readTextPage } from '../../src/exposition/read-text.ts'
import { classic, textPage } from '../../src/exposition/text.ts'
import { seeded } from '../kit/context.ts'
import { golden } from '../kit/golden.ts'
import { decodedSamples, decodePage } from './decode.ts'
import { parsePage, samplesOf } from './parse.ts'

/** A family of rows written down. */
function familyOf(name: string, type: FamilyType, rows: readonly Partial<Row>[], about: { help?: string; unit?: string } = {}): Family {
  return {
    ...{ name, type, help: about.help ?? '', unit: about.unit ?? '', length: rows.length },
    read: (i, row) => {
      Object.assign(row, newRow(), rows[i])
      return true
    },
  }
}

const text = (families: readonly Family[]): string => Buffer.concat([...textPage(families, classic)]).toString()
const open = (families: readonly Family[]): string => Buffer.concat([...textPage(families, openMetrics(families))]).toString()
const proto = (families: readonly Family[]): Uint8Array => Buffer.concat([...protobufPage(families)].filter(piece => piece !== undefined))

function escaped(families: readonly Family[], escaping: Escaping, leftOut?: (rows: number) => void): readonly Family[] {
  const steps = escapeFamilies(families, escaping, new EscapedLabels(), leftOut)
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

const exemplar = { labels: [['trace_id', '0af7651916cd43dd8448eb211c80319c']] as Label[], value: 0.25, time: 1_700_000_000_125 }
const everything: readonly Family[] = [
  familyOf('a_bytes', 'gauge', [{ labels: showLabels([['path', 'C:\\dir\n"x"']]), value: 1.5 }], {
    help: 'Back\\slash\n"and" more',
    unit: 'bytes',
  }),
  familyOf('b_seconds_total', 'counter', [{ value: 7, exemplars: [exemplar], start: 1_699_999_999_000 }], { unit: 'seconds' }),
  familyOf('c', 'histogram', [
    {
      ...{ shape: 'histogram', labels: 'a="1"', count: 6, sum: 12.5, time: 1_700_000_000_500 },
      ...{ bounds: Float64Array.of(0.5, 10), buckets: [1, 2, 3], exemplars: [exemplar, { ...exemplar, value: 11, time: 0 }] },
    },
    { shape: 'histogram', labels: 'a="2"', count: 3, sum: Number.NaN },
  ]),
  familyOf('d', 'histogram', [
    {
      ...{ shape: 'exponential', count: 10, sum: 12.5, start: 1_699_999_999_000 },
      exponential: {
        ...{ scale: 1, zeroCount: 1, zeroThreshold: 0, positiveOffset: -1, positive: [1, 2, 0, 0, 3] },
        ...{ negativeOffset: 0, negative: [3] },
      },
    },
  ]),
  familyOf('e', 'summary', [{ shape: 'summary', count: 6, sum: 12.5, quantiles: [0.5, 1, 0.99, Number.NaN] }]),
  familyOf('f', 'unknown', [{ value: Number.POSITIVE_INFINITY, labels: 'z="ü"' }]),
  familyOf('größe', 'gauge', [
    { value: -0 },
    {
      value: 1e6,
      labels: showLabels([
        ['h.ost', 'a'],
        ['plain', 'b'],
      ]),
    },
  ]),
]

test('a page in classic text', () => golden('exposition/page.txt', text(everything)))
test('a page in OpenMetrics', () => golden('exposition/page.openmetrics.txt', open(everything)))
test('both can be read, and the protobuf page says the same', () => {
  const samples = samplesOf(parsePage(text(everything), 'text'))
  const opened = new Map(samples)
  for (const left of ['["c_count",[["a","2"]]]', '["d_sum",[]]']) expect(opened.delete(left)).toBe(true)
  expect(samplesOf(parsePage(open(everything), 'openmetrics'))).toEqual(opened)
  const decoded = decodedSamples(decodePage(proto(everything)))
  expect(decoded).toEqual(samples)
})

test('the protobuf page: types, start times, exemplars, native histograms', () => {
  const [a, b, c, d] = decodePage(proto(everything))
  expect(a).toMatchObject({ name: 'a_bytes', type: 'gauge', help: 'Back\\slash\n"and" more', unit: 'bytes' })
  expect(b).toMatchObject({ name: 'b_seconds_total', type: 'counter', unit: 'seconds' })
  expect(b!.metrics[0]).toMatchObject({ created: 1_699_999_999, exemplars: [{ value: 0.25, seconds: 1_700_000_000.125 }] })
  expect(c!.metrics[0]!.exemplars.map(one => [one.value, one.seconds])).toEqual([
    [0.25, 1_700_000_000.125],
    [11, 0],
  ])
  expect(c!.metrics[0]!.time).toBe(1_700_000_000_500)
  expect(c!.metrics[0]!.native).toBeUndefined()
  expect(d!.metrics[0]!.native).toEqual({
    ...{ schema: 1, zeroThreshold: 1e-128, zeroCount: 1 },
    positive: new Map([
      [0, 1],
      [1, 2],
      [2, 0],
      [3, 0],
      [4, 3],
    ]),
    negative: new Map([[1, 3]]),
  })
})

test('native histograms come before classic ones of the same name: Prometheus reads what follows a classic one as classic', () => {
  const exponential = { scale: 0, zeroCount: 1, zeroThreshold: 0, positiveOffset: 0, positive: [1], negativeOffset: 0, negative: [] }
  const native = (labels: string) => ({ shape: 'exponential' as const, labels, count: 2, sum: 1, exponential })
  const classic = (labels: string) => ({
    shape: 'histogram' as const,
    labels,
    count: 3,
    sum: 1,
    bounds: Float64Array.of(1),
    buckets: [1, 2],
  })
  const rows = [classic('a="1"'), native('a="2"'), classic('a="3"'), native('a="4"')]
  const [family] = decodePage(proto([familyOf('h', 'histogram', rows)]))
  const order = family!.metrics.map(({ labels, native }) => [labels.get('a'), native !== undefined])
  expect(order).toEqual([
    ['2', true],
    ['4', true],
    ['1', false],
    ['3', false],
  ])
})

test('a native histogram whose buckets are not its count would cost the whole scrape: it is classic only', () => {
  const one = (count: number) => {
    const exponential = { scale: 0, zeroCount: 1, zeroThreshold: 0, positiveOffset: 0, positive: [1], negativeOffset: 0, negative: [1] }
    return decodePage(proto([familyOf('h', 'histogram', [{ shape: 'exponential', count, sum: 1, exponential }])]))[0]!.metrics[0]!
  }
  expect(one(3).native).toBeDefined()
  expect(one(4).native).toBeUndefined()
  expect(one(4).samples.get('["h_count",[]]')).toBe(4)
})

test('an empty page', () => {
  expect(text([])).toBe('')
  expect(open([])).toBe('# EOF\n')
  expect(proto([])).toHaveLength(0)
  expect(text([familyOf('a', 'gauge', [])])).toBe('')
})

test('a counter without _total, or whose stem is another family, is of unknown type in OpenMetrics', () => {
  const page = open([
    familyOf('a', 'gauge', [{}]),
    familyOf('a_total', 'counter', [{}]),
    familyOf('b', 'counter', [{}]),
    familyOf('c_count_total', 'counter', [{}]),
    familyOf('c', 'summary', []),
  ])
  expect(page).toContain('# TYPE a_total unknown\na_total 0.0\n')
  expect(page).toContain('# TYPE b unknown\nb 0.0\n')
  expect(page).toContain('# TYPE c_count_total unknown\n')
  parsePage(page, 'openmetrics')
})

describe('what a histogram says of its sum and count', () => {
  const exponential = { scale: 0, zeroCount: 0, zeroThreshold: 0, positiveOffset: 0, positive: [2], negativeOffset: 0, negative: [] }
  const positive = { shape: 'exponential', exponential } as const
  const negative = { shape: 'exponential', exponential: { ...exponential, positive: [], negative: [2] } } as const
  const explicit = (bound: number) => ({ shape: 'histogram', bounds: Float64Array.of(bound), buckets: [1, 1] }) as const
  const bare = { shape: 'histogram' } as const
  const both = ['h_sum', 'h_count']
  test.each<[string, Partial<Row>, number, open: string[], text: string[]]>([
    ['exponential', positive, 3, both, both],
    ['exponential, of unknown sum', positive, Number.NaN, [], ['h_count']],
    ['exponential with negative buckets', negative, -3, ['h_count'], both],
    ['exponential with negative buckets, of unknown sum', negative, Number.NaN, ['h_count'], ['h_count']],
    ['explicit bounds', explicit(1), 3, both, both],
    ['explicit bounds, of unknown sum', explicit(1), Number.NaN, [], ['h_count']],
    ['a bound at zero, and what is below it', explicit(0), -3, [], both],
    ['negative bounds', explicit(-1), 3, ['h_count'], both],
    ['no bounds', bare, 3, both, both],
    ['no bounds, and a sum below zero', bare, -3, [], both],
    ['infinite', explicit(1), Number.POSITIVE_INFINITY, both, both],
  ])('%s', (_, row, sum, inOpen, inText) => {
    const families = [familyOf('h', 'histogram', [{ ...row, count: 2, sum }])]
    const totals = (page: string) => page.match(/^h_(?:sum|count)/gm) ?? []
    expect({ open: totals(open(families)), text: totals(text(families)) }).toEqual({ open: inOpen, text: inText })
    const wrong: string[] = []
    const rules = new OpenRules(({ message }) => wrong.push(message))
    readTextPage(Buffer.from(open(families)), rules, true)
    rules.end()
    expect(wrong).toEqual([])
  })
})

test('a large family is cut into pieces that together are the page', () => {
  const rows = Array.from({ length: 5000 }, (_, i) => ({ labels: `i="${i}"`, value: i }))
  const pieces = [...textPage([familyOf('a', 'gauge', rows)], classic)]
  expect(pieces.length).toBeGreaterThan(1)
  expect(samplesOf(parsePage(Buffer.concat(pieces).toString(), 'text')).size).toBe(5000)
  expect(decodedSamples(decodePage(proto([familyOf('a', 'gauge', rows)]))).size).toBe(5000)
})

describe('exemplars', () => {
  test('labels fit into 128 characters, what is too long is left out whole', () => {
    const ids: Label[] = [
      ['trace_id', 'a'.repeat(32)],
      ['span_id', 'b'.repeat(16)],
    ]
    const fitted = fitExemplar([...ids, ['long', 'x'.repeat(62)], ['emoji', '😀'.repeat(60)], ['a', 'b']])
    expect(fitted).toEqual([...ids, ['emoji', '😀'.repeat(60)]])
  })
  test('of two in one bucket the newer is shown', () => {
    const two = [exemplar, { ...exemplar, value: 0.3, time: exemplar.time - 1 }]
    const page = open([
      familyOf('a', 'histogram', [{ shape: 'histogram', count: 1, bounds: Float64Array.of(1), buckets: [1, 0], exemplars: two }]),
    ])
    expect(page).toContain('a_bucket{le="1.0"} 1 # {trace_id="0af7651916cd43dd8448eb211c80319c"} 0.25 1700000000.125\n')
    expect(page).not.toContain('} 0.3 ')
  })
})

describe('label texts', () => {
  test.each<[Label[], string]>([
    [[], ''],
    [
      [
        ['b', '1'],
        ['a', '2'],
      ],
      'a="2",b="1"',
    ],
    [
      [
        ['a', ''],
        ['b', '1'],
      ],
      'b="1"',
    ],
    [[['a', '"\\\n']], 'a="\\"\\\\\\n"'],
    [[['x.y', '1']], '"x.y"="1"'],
    [[['q"uote\n', '1']], '"q\\"uote\\n"="1"'],
  ])('%j', (labels, want) => {
    expect(showLabels(labels)).toBe(want)
    expect(showLabels(readLabels(want))).toBe(want)
  })
})

describe('escaping', () => {
  const names = [
    ['plain_name', 'plain_name', 'plain_name', 'plain_name'],
    ['http.requests', 'http_requests', 'http_dot_requests', 'U__http_2e_requests'],
    ['http.re_quests', 'http_re_quests', 'http_dot_re__quests', 'U__http_2e_re__quests'],
    ['größe', 'gr__e', 'gr____e', 'U__gr_f6__df_e'],
    ['😀', '_', '__', 'U___1f600_'],
    ['1a', '_a', '__a', 'U___31_a'],
  ] as const
  test.each(names)('%s is %s, %s, %s', (name, underscores, dots, values) => {
    for (const [escaping, want] of Object.entries({ underscores, dots, values, 'allow-utf-8': name })) {
      const [family] = escaped([familyOf(name, 'gauge', [{ value: 1 }])], escaping as Escaping)
      expect(family!.name).toBe(want)
    }
  })
  test('what comes out the same is one series; another type is left out; both are counted', () => {
    const families = [
      familyOf('a.b', 'gauge', [
        { value: 1 },
        {
          value: 2,
          labels: showLabels([
            ['x.y', '1'],
            ['x_y', '2'],
          ]),
        },
      ]),
      familyOf('a_b', 'gauge', [{ value: 3 }, { value: 4, labels: 'z="1"' }]),
      familyOf('a-b', 'counter', [{ value: 5 }]),
      familyOf('a.b_count', 'gauge', [{ value: 6 }]),
    ]
    let leftOut = 0
    const page = escaped(families, 'underscores', rows => void (leftOut += rows))
    expect(text(page)).toBe('# TYPE a_b gauge\na_b 1\na_b{x_y="1;2"} 2\na_b{z="1"} 4\n# TYPE a_b_count gauge\na_b_count 6\n')
    expect(leftOut).toBe(2)
  })
})

/** Text of every kind that breaks things. */
const nasty = [
  ...[
    '',
    'a',
    'a.b',
    'a_b',
    'a-b',
    '_',
    '__',
    '__name__',
    'le',
    'quantile',
    'job',
    '1',
    'é',
    '字',
    '😀',
    '\u0000',
    '\n',
    '\r',
    '\\',
    '"',
    '\\n',
    '{',
    '}',
    ',',
    '=',
  ],
  ...['#', ' ', '\t', '\u2028', '\ufeff', '\ud800', 'a\udfffb', 'x'.repeat(300), '\u202eabc', "'", 'a"b\\c\nd'],
]

test('whatever is in names, labels and values: every page can be read and no series is there twice', () => {
  const random = seeded(11)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!
  for (let round = 0; round < 150; round++) {
    const families = new Map<string, Family>()
    for (let n = 0; n < 6; n++) {
      const name = (pick(nasty) + pick(nasty)).toWellFormed()
      if (name === '') continue
      const rows = new Map<string, Partial<Row>>()
      for (let r = 0; r < 4; r++) {
        const labels = showLabels(
          new Map(
            Array.from({ length: 3 }, () => [
              (pick(nasty).toWellFormed() || '_').replace(/^__+/, '_'),
              (pick(nasty) + pick(nasty)).toWellFormed(),
            ]),
          ),
        )
        rows.set(labels, { labels, value: pick([0, -0, Number.NaN, 1e300, -Infinity, Infinity, 5e-324]) })
      }
      families.set(name, familyOf(name, pick(['gauge', 'unknown']), [...rows.values()], { help: pick(nasty), unit: pick(nasty) }))
    }
    const all = [...families.values()]
    for (const escaping of escapings) {
      const page = escaped(all, escaping)
      const samples = samplesOf(parsePage(text(page), 'text'))
      expect(samplesOf(parsePage(open(page), 'openmetrics'))).toEqual(samples)
      expect(decodedSamples(decodePage(proto(page)))).toEqual(samples)
    }
  }
})
