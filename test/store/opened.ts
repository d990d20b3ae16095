/** A store on a disk in memory, for tests. */
import { Labels } from '../../src/model/labels.ts'
import type { Samples, SelectHints } from '../../src/model/query.ts'
import { Incoming, SeriesHandle } from '../../src/store/incoming.ts'
import { type StoreSettings, TimeSeriesStore } from '../../src/store/store.ts'
import { VirtualClock } from '../kit/clock.ts'
import { MemoryDisk } from '../kit/disk.ts'

export const settings: StoreSettings = {
  directory: '/store',
  outOfOrderMs: 600_000,
  aheadMs: 600_000,
  syncMs: 1000,
  maxHeadBytes: 2 ** 26,
  maxExemplars: 100,
  maxIndexBytes: 2 ** 20,
  maxSelectBytes: 2 ** 20,
  retention: { rawMs: 24 * 3_600_000, minuteMs: 30 * 86_400_000, hourMs: 400 * 86_400_000, maxBytes: 0 },
}
export interface Line {
  readonly level: string
  readonly message: string
  readonly fields: object
}

export async function openStore(disk = new MemoryDisk(), clock = new VirtualClock(), more: Partial<StoreSettings> = {}) {
  const lines: Line[] = []
  const say = (level: string) => (fields: object, message: string) => void lines.push({ level, message, fields })
  const log = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
  const store = await TimeSeriesStore.open({ ...settings, ...more }, { disk, clock, log })
  return { store, disk, clock, lines }
}

/** `up{a="1"}` → labels */
export const labels = (text: string): Labels => {
  const match = /^(\w*)(?:\{(.*)\})?$/.exec(text)!
  const pairs = [...(match[2] ?? '').matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name!, value!] as const)
  return Labels.of([['__name__', match[1]!], ...pairs])
}

const handles = new Map<string, SeriesHandle>()
export function handle(text: string): SeriesHandle {
  let known = handles.get(text)
  if (known === undefined) handles.set(text, (known = new SeriesHandle(labels(text))))
  return known
}

/** `[series, time, value]` each; undefined is a stale marker */
export function batch(...samples: readonly (readonly [string, number, number | undefined])[]): Incoming {
  const incoming = new Incoming()
  for (const [series, time, value] of samples) {
    if (value === undefined) incoming.stale(handle(series), time)
    else incoming.number(handle(series), time, value)
  }
  return incoming
}

export const hints = (from: number, to: number, more: Partial<SelectHints> = {}): SelectHints => ({
  from,
  to,
  step: 0,
  range: 1,
  func: '',
  ...more,
})

/** All that a store has of a metric, as text: `{a="1"} 1000:5 2000:stale`. */
export async function shown(
  store: TimeSeriesStore,
  name: string,
  from = Number.NEGATIVE_INFINITY,
  to = Number.POSITIVE_INFINITY,
): Promise<string[]> {
  const found = await store.select([{ name: '__name__', op: '=', value: name }], hints(from, to))
  return found
    .map(series => ({ labels: series.labels.without(new Set(['__name__'])), samples: series.read() }))
    .map(({ labels, samples }) => `${JSON.stringify(labels)} ${showSamples(samples)}`)
    .sort()
}

export const showSamples = ({ time, value, stale, histograms }: Samples): string =>
  Array.from(
    time,
    (t, i) => `${t}:${stale?.[i] === 1 ? 'stale' : histograms?.[i] === undefined ? value[i] : `h${histograms[i].count}`}`,
  ).join(' ')
