/** `/federate`: the newest sample of each series that is asked for, as a page that another Prometheus scrapes. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { EscapedLabels, escapeFamilies } from '../../exposition/escape.ts'
import { type Family, newRow, type Row } from '../../exposition/families.ts'
import { showLabels } from '../../exposition/labels.ts'
import { legacyLabel, legacyMetric } from '../../exposition/naming.ts'
import { type Escaping, type Format, negotiate } from '../../exposition/negotiate.ts'
import { protobufPage } from '../../exposition/protobuf.ts'
import { classic, textPage } from '../../exposition/text.ts'
import { CUSTOM_BUCKETS_SCHEMA, type FloatHistogram } from '../../model/float-histogram.ts'
import { compareLabels, compareText, type Labels } from '../../model/labels.ts'
import { looseSelectorsOf, type Sources, storeOf } from './asking.ts'
import { readForm } from './form.ts'
import { send } from './respond.ts'

/** beside classic text: native histograms need it */
const formats: ReadonlySet<Format> = new Set(['protobuf'])

/** @throws {ApiError} */
export async function federate(sources: Sources, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const form = await readForm(request)
  // One that has no matcher selects nothing, as in Prometheus; one that allows for no label at all, all that lacks it.
  const selectors = looseSelectorsOf(form).filter(matchers => matchers.length > 0)
  const { lookbackMs, externalLabels } = sources.settings()
  const to = sources.clock.now()
  const store = storeOf(sources)
  const newest = new Map<string, Newest>()
  for (const matchers of selectors) {
    for (const series of await store.select(matchers, { from: to - lookbackMs - 1, to, step: 0, range: 0, func: '' })) {
      const { time, value, stale, histograms } = series.read()
      const last = time.length - 1
      if (last < 0 || stale?.[last] === 1 || series.labels.name === '') continue
      newest.set(series.labels.key, { labels: series.labels, time: time[last]!, value: value[last]!, histogram: histograms?.[last] })
    }
  }
  const { format, escaping, contentType } = negotiate(request.headers['accept'], formats)
  const shown = [...newest.values()].filter(({ histogram }) => format === 'protobuf' || histogram === undefined || isCustom(histogram))
  const families = escaped(familiesOf(shown, externalLabels), shown, escaping)
  const pieces = format === 'protobuf' ? made(protobufPage(families)) : textPage(families, classic)
  await send(request, response, { status: 200, type: contentType, pieces })
}

function* made(pieces: Iterable<Uint8Array | undefined>): Generator<Uint8Array> {
  for (const piece of pieces) if (piece !== undefined) yield piece
}

/** Most names are plain, and stay as they are for every scraper. */
function escaped(families: readonly Family[], all: readonly Newest[], escaping: Escaping): readonly Family[] {
  const plain = all.every(({ labels }) => legacyMetric.test(labels.name) && [...labels].every(([name]) => legacyLabel.test(name)))
  if (plain) return families
  const made = escapeFamilies(families, escaping, new EscapedLabels())
  for (;;) {
    const step = made.next()
    if (step.done === true) return step.value
  }
}

interface Newest {
  readonly labels: Labels
  readonly time: number
  readonly value: number
  readonly histogram: FloatHistogram | undefined
}

const isCustom = ({ schema }: FloatHistogram): boolean => schema === CUSTOM_BUCKETS_SCHEMA

function familiesOf(all: readonly Newest[], external: Readonly<Record<string, string>>): Family[] {
  const families = new Map<string, NewestFamily>()
  for (const one of [...all].sort((a, b) => compareText(a.labels.name, b.labels.name) || compareLabels(a.labels, b.labels))) {
    const type = one.histogram === undefined ? 'unknown' : 'histogram'
    const key = `${type} ${one.labels.name}`
    const family = families.get(key) ?? new NewestFamily(one.labels.name, type, external)
    families.set(key, family)
    family.rows.push(one)
  }
  return [...families.values()]
}

class NewestFamily implements Family {
  readonly name: string
  readonly type: 'unknown' | 'histogram'
  readonly unit = ''
  readonly help = ''
  readonly rows: Newest[] = []
  readonly #external: Readonly<Record<string, string>>

  constructor(name: string, type: NewestFamily['type'], external: Readonly<Record<string, string>>) {
    this.name = name
    this.type = type
    this.#external = external
  }
  get length(): number {
    return this.rows.length
  }

  read(i: number, row: Row): boolean {
    const { labels, time, value, histogram } = this.rows[i]!
    Object.assign(row, newRow())
    const own = new Map([...Object.entries(this.#external), ...labels])
    own.delete('__name__')
    // Whoever scrapes gives no instance of its own to what has none.
    const shown = showLabels(own)
    row.labels = own.has('instance') ? shown : [shown, 'instance=""'].filter(text => text !== '').join(',')
    row.time = time
    if (histogram === undefined) {
      row.value = value
      return true
    }
    if (!isCustom(histogram)) {
      row.shape = 'native'
      row.native = histogram
      return true
    }
    row.shape = 'histogram'
    row.count = histogram.count
    row.sum = histogram.sum
    row.bounds = Float64Array.from(histogram.customBounds)
    row.buckets = bucketsOf(histogram)
    return true
  }
}

function bucketsOf({ customBounds, positiveSpans, positiveCounts }: FloatHistogram): number[] {
  const buckets = new Array<number>(customBounds.length + 1).fill(0)
  let index = 0
  let at = 0
  for (const { offset, length } of positiveSpans) {
    index += offset
    for (let k = 0; k < length; k++) buckets[index++] = positiveCounts[at++]!
  }
  return buckets
}
