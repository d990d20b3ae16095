/** Rows of which every byte can be foretold: each says its id, and everything else about it follows from that. */
import type { Label } from '../../src/exposition/labels.ts'
import { readWriteV1, readWriteV2 } from '../../src/exposition/remote/read.ts'
import type { RemoteSeries } from '../../src/exposition/remote/series.ts'
import type { Signal } from '../../src/model/signal.ts'
import { protobufToJson } from '../../src/otlp/json.ts'
import { encode } from '../../src/otlp/write.ts'

/** rows have one of so many */
export const lanes = 3
export const laneOf = (id: number): number => id % lanes
const nameOf = (id: number) => `row.${id % 7}`
const textOf = (id: number) => `${id}:`.repeat(10 + (id % 20))
const attributesOf = (id: number) => ({ id, lane: laneOf(id), text: textOf(id) })
const hex = (id: number, length: number) => id.toString(16).padStart(length, '0')
const time = '1700000000000000000'

const requestOf: Readonly<Record<Signal, (ids: readonly number[]) => object>> = {
  metrics: ids => ({
    resourceMetrics: byResource(ids, 'scopeMetrics', of => ({
      metrics: of.map(id => ({
        name: nameOf(id),
        sum: {
          aggregationTemporality: 2,
          isMonotonic: true,
          dataPoints: [
            {
              attributes: attributesOf(id),
              timeUnixNano: time,
              asInt: String(id),
              exemplars: [{ filteredAttributes: { seen: textOf(id) }, timeUnixNano: time, asInt: String(id) }],
            },
          ],
        },
      })),
    })),
  }),
  traces: ids => ({
    resourceSpans: byResource(ids, 'scopeSpans', of => ({
      spans: of.map(id => ({
        traceId: hex(id, 32),
        spanId: hex(id, 16),
        name: nameOf(id),
        startTimeUnixNano: time,
        endTimeUnixNano: time,
        attributes: attributesOf(id),
      })),
    })),
  }),
  logs: ids => ({
    resourceLogs: byResource(ids, 'scopeLogs', of => ({
      logRecords: of.map(id => ({
        traceId: hex(id, 32),
        timeUnixNano: time,
        body: { stringValue: nameOf(id) },
        attributes: attributesOf(id),
      })),
    })),
  }),
}

function byResource(ids: readonly number[], scopes: string, inside: (ids: readonly number[]) => object): object[] {
  const groups = Map.groupBy(ids, id => id % 2)
  return [...groups].map(([key, of]) => ({
    resource: { attributes: { 'service.name': `service.${key}` } },
    [scopes]: [{ scope: { name: 'kit' }, ...inside(of) }],
  }))
}

export const bodyOf = (signal: Signal, ids: readonly number[]): Buffer => Buffer.from(encode(signal, requestOf[signal](ids)))

type Json = Readonly<Record<string, unknown>>
const list = (of: unknown) => (of ?? []) as Json[]

/** The ids in a request. @throws where anything else than rows of this file, with attributes added to them, is in it */
export function idsIn(signal: Signal, request: Uint8Array | Json): number[] {
  const json: Json = request instanceof Uint8Array ? (protobufToJson(signal, request) as Json) : request
  const [outer, middle] = {
    metrics: ['resourceMetrics', 'scopeMetrics'],
    traces: ['resourceSpans', 'scopeSpans'],
    logs: ['resourceLogs', 'scopeLogs'],
  }[signal]
  return list(json[outer!]).flatMap(entry => {
    const service = (attribute(entry['resource'] as Json, 'service.name') as Json)['stringValue']
    return list(entry[middle!]).flatMap(scope => rowsOf(signal, scope).map(row => check(row, service)))
  })
}

/** The ids in a message of remote write. @throws where anything else than samples of these rows, or of what sent them, is in it */
export function idsOfSeries(message: Uint8Array, version: 1 | 2): number[] {
  const found: RemoteSeries[] = []
  const listener = {
    series: (one: RemoteSeries) => void found.push(one),
    wrong(problem: string) {
      throw new Error(problem)
    },
    metadata() {},
  }
  if (version === 1) readWriteV1(message, listener)
  else readWriteV2(message, listener)
  return found.filter(({ labels }) => labelOf(labels, '__name__') !== 'target_info').map(checkSeries)
}

const labelOf = (labels: readonly Label[], name: string) => labels.find(([key]) => key === name)?.[1]

function checkSeries({ labels, samples, exemplars }: RemoteSeries): number {
  const id = Number(labelOf(labels, 'id'))
  const right =
    id > 0 &&
    labelOf(labels, 'text') === textOf(id) &&
    Number(labelOf(labels, 'lane')) === laneOf(id) &&
    labelOf(labels, '__name__') === `${nameOf(id).replace('.', '_')}_total` &&
    labelOf(labels, 'job') === `service.${id % 2}` &&
    samples.length > 0 &&
    [...samples, ...exemplars].every(({ value, time: at }) => value === id && at === Number(time) / 1e6) &&
    exemplars.every(exemplar => [undefined, textOf(id)].includes(labelOf(exemplar.labels, 'seen')))
  if (!right) throw new Error(`no row makes such a series: ${JSON.stringify([labels, samples, exemplars])}`)
  return id
}

interface Row {
  readonly name: unknown
  readonly attributes: Json
  readonly numbers: readonly unknown[]
  readonly texts: readonly unknown[]
}

function rowsOf(signal: Signal, scope: Json): Row[] {
  if (signal === 'traces')
    return list(scope['spans']).map(span => ({
      name: span['name'],
      attributes: span,
      numbers: [Number.parseInt(String(span['spanId']), 16), Number.parseInt(String(span['traceId']), 16)],
      texts: [],
    }))
  if (signal === 'logs')
    return list(scope['logRecords']).map(record => ({
      name: (record['body'] as Json)['stringValue'],
      attributes: record,
      numbers: [Number.parseInt(String(record['traceId']), 16)],
      texts: [],
    }))
  return list(scope['metrics']).flatMap(metric =>
    list((metric['sum'] as Json)['dataPoints']).map(point => {
      const [exemplar] = list(point['exemplars'])
      const seen = list(exemplar!['filteredAttributes'])[0]!['value'] as Json
      return { name: metric['name'], attributes: point, numbers: [point['asInt'], exemplar!['asInt']], texts: [seen['stringValue']] }
    }),
  )
}

function check({ name, attributes, numbers, texts }: Row, service: unknown): number {
  const id = Number((attribute(attributes, 'id') as Json)['intValue'])
  const text = (attribute(attributes, 'text') as Json)['stringValue']
  const lane = Number((attribute(attributes, 'lane') as Json)['intValue'])
  const right =
    id > 0 &&
    text === textOf(id) &&
    lane === laneOf(id) &&
    name === nameOf(id) &&
    service === `service.${id % 2}` &&
    numbers.every(number => Number(number) === id) &&
    texts.every(other => other === text)
  if (!right) throw new Error(`no row was ever sent like this: ${JSON.stringify([name, service, numbers, texts, attributes])}`)
  return id
}

const attribute = (of: Json | undefined, key: string) => list(of?.['attributes']).find(one => one['key'] === key)?.['value'] ?? {}
