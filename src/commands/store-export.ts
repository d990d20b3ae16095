/** A store as text, one metric after the other and in bounded memory: OpenMetrics for others, JSON lines (store/json-lines.ts), which lose nothing, for another store. */
import type { Labels } from '../model/labels.ts'
import type { Matcher } from '../model/matcher.ts'
import { SampleColumns } from '../store/chunk.ts'
import { exemplarsLine, familyLine, samplesLine } from '../store/json-lines.ts'
import type { TimeSeriesStore } from '../store/store.ts'
import { compareNames, familiesOf, type LeftOut, OpenMetricsPage } from './open-metrics-page.ts'

export interface Export {
  readonly selectors: readonly (readonly Matcher[])[]
  /** epoch ms, exclusive, and inclusive */
  readonly from: number
  readonly to: number
}

/** [samples] a line of JSON; a histogram counts as ten */
const SAMPLES = 500
const HISTOGRAMS = 50

export async function exportJsonLines(store: TimeSeriesStore, wanted: Export, print: (text: string) => void): Promise<void> {
  const names = (await store.labelValues('__name__', wanted.selectors, wanted.from, wanted.to)).toSorted(compareNames)
  const known = new Set(names)
  for (const [family, [metadata]] of await store.metadata()) {
    const theirs = known.has(family) || names.some(name => name.startsWith(`${family}_`))
    if (theirs && metadata !== undefined) print(familyLine(family, metadata))
  }
  const samples = new SampleColumns()
  for (const name of names) {
    for await (const group of store.walk({ ...wanted, selectors: withName(wanted.selectors, [name]), groupOf: ({ key }) => key })) {
      for (const { labels, read } of group) {
        read(samples)
        const step = samples.histograms === undefined ? SAMPLES : HISTOGRAMS
        for (let at = 0; at < samples.length; at += step) print(samplesLine(labels, samples, at, Math.min(at + step, samples.length)))
      }
    }
  }
  for (const { labels, exemplars } of await exemplarsOf(store, wanted)) print(exemplarsLine(labels, exemplars))
}

export async function exportOpenMetrics(store: TimeSeriesStore, wanted: Export, print: (text: string) => void): Promise<LeftOut> {
  const names = await store.labelValues('__name__', wanted.selectors, wanted.from, wanted.to)
  const exemplars = new Map((await exemplarsOf(store, wanted)).map(({ labels, exemplars }) => [labels.key, exemplars]))
  const page = new OpenMetricsPage(print, exemplars)
  for (const family of familiesOf(names, await store.metadata())) {
    const groupOf = (labels: Labels) => page.groupOf(family, labels)
    const groups = store.walk({ ...wanted, selectors: withName(wanted.selectors, family.names), groupOf })
    page.begin(family)
    for await (const group of groups) page.group(family, group)
  }
  return page.end()
}

/** The same selectors, of these metrics alone. */
const withName = (selectors: Export['selectors'], names: readonly string[]): Matcher[][] =>
  selectors.flatMap(matchers => names.map(value => [...matchers, { name: '__name__', op: '=' as const, value }]))

const exemplarsOf = async (store: TimeSeriesStore, { selectors, from, to }: Export) =>
  (await store.exemplars(selectors, from, to))
    .map(({ labels, exemplars }) => ({ labels, exemplars: exemplars.filter(({ time }) => time > from) }))
    .filter(({ exemplars }) => exemplars.length > 0)
