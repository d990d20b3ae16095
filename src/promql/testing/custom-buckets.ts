/** What `load_with_nhcb` loads besides what is written: classic histograms as native ones with custom buckets. */
import { CUSTOM_BUCKETS_SCHEMA, type FloatHistogram } from '../../model/float-histogram.ts'
import type { Labels } from '../../model/labels.ts'
import { compact } from '../histogram/layout.ts'
import { AppendError, show } from './memory.ts'
import { numberOf } from './numbers.ts'
import type { Load } from './script.ts'

import { MISSING, NATIVE } from './sequence.ts'

export interface CustomBucketSample {
  readonly labels: Labels
  /** epoch ms */
  readonly time: number
  readonly histogram: FloatHistogram
}

const leOnly: ReadonlySet<string> = new Set(['le'])

interface Classic {
  readonly buckets: { readonly le: number; readonly count: number }[]
  count: number | undefined
  sum: number
}

/** By series, and by time within one. */
export function customBucketSeries({ series, interval }: Load): CustomBucketSample[] {
  const families = new Map<string, { readonly labels: Labels; readonly at: Map<number, Classic> }>()
  for (const { labels, values } of series) {
    const [, name, part] = /^(.*)_(bucket|count|sum)$/s.exec(labels.name) ?? []
    const le = part === 'bucket' ? numberOf(labels.get('le')) : 0
    if (name === undefined || le === undefined || Number.isNaN(le)) continue
    const base = labels.without(leOnly).with('__name__', name)
    const family = families.get(base.key) ?? { labels: base, at: new Map<number, Classic>() }
    families.set(base.key, family)
    for (let i = 0; i < values.length; i++) {
      if (values.kind[i] === MISSING || values.kind[i] === NATIVE) continue
      const classic = family.at.get(i) ?? { buckets: [], count: undefined, sum: 0 }
      family.at.set(i, classic)
      if (part === 'bucket') classic.buckets.push({ le, count: values.value[i]! })
      else if (part === 'count') classic.count = values.value[i]!
      else classic.sum = values.value[i]!
    }
  }
  return [...families.values()].flatMap(({ labels, at }) =>
    [...at].sort(([a], [b]) => a - b).map(([i, classic]) => ({ labels, time: i * interval, histogram: toHistogram(labels, classic) })),
  )
}

/** Counts of classic buckets are cumulative; those of native ones are not. @throws {AppendError} */
function toHistogram(labels: Labels, { buckets, count, sum }: Classic): FloatHistogram {
  const sorted = buckets.toSorted((a, b) => a.le - b.le).filter(({ le }, i, all) => le !== all[i - 1]?.le)
  const total = count ?? sorted.at(-1)?.count ?? 0
  if (sorted.at(-1)?.le !== Number.POSITIVE_INFINITY) sorted.push({ le: Number.POSITIVE_INFINITY, count: total })
  const counts = sorted.map(({ count }, i) => count - (sorted[i - 1]?.count ?? 0))
  if (counts.some(count => count < 0)) throw new AppendError(`${show(labels)}: the buckets are not cumulative`)
  if (sorted.at(-1)!.count !== total) throw new AppendError(`${show(labels)}: the count ${total} is not that of the last bucket`)
  return compact({
    schema: CUSTOM_BUCKETS_SCHEMA,
    count: total,
    sum,
    zeroThreshold: 0,
    zeroCount: 0,
    positiveSpans: [{ offset: 0, length: counts.length }],
    positiveCounts: counts,
    negativeSpans: [],
    negativeCounts: [],
    customBounds: sorted.slice(0, -1).map(({ le }) => le),
    resetHint: 'unknown',
  })
}
