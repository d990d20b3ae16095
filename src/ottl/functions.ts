/** The functions that conditions may call. The others of OTTL are known by name, so that whoever uses one is told so. */
import { parseDuration } from '../lib/duration.ts'
import { Re2, RegexError } from '../lib/re2.ts'
import type { MetricBatch } from '../model/batch.ts'
import { rowGroups } from '../otlp/holders.ts'
import { AttributeScan, Scan } from '../otlp/scan.ts'
import { valueType } from '../otlp/value.ts'
import { BYTES, readText } from '../otlp/wire.ts'
import type { Context, Getter } from './paths.ts'
import type { Place } from './place.ts'
import { type Expression, OttlError } from './syntax.ts'
import { Duration, toText } from './value.ts'

/** An argument, compiled. */
export interface Argument {
  readonly written: Expression
  readonly get: Getter
}
export interface OttlFunction {
  readonly parameters: readonly string[]
  /** it answers yes or no, and so can stand alone */
  readonly decides: boolean
  /** undefined: in all */
  readonly contexts?: readonly Context[]
  /** answers with what only the series' name and attributes say, if its arguments do */
  readonly identity: boolean
  make(given: readonly Argument[]): Getter
}

export const functions: Readonly<Record<string, OttlFunction>> = {
  IsMatch: {
    parameters: ['target', 'pattern'],
    decides: true,
    identity: true,
    make([target, pattern]) {
      const regex = compiled(literalText(pattern!, 'a pattern'), pattern!.written.at)
      return at => {
        const text = toText(target!.get(at))
        return text !== undefined && regex.test(text)
      }
    },
  },
  Duration: {
    parameters: ['duration'],
    decides: false,
    identity: true,
    make([text]) {
      const written = literalText(text!, 'a duration')
      const ms = parseDuration(written)
      if (ms === undefined)
        throw new OttlError(`${JSON.stringify(written)} is no duration`, text!.written.at, 'for example "1s", "200ms" or "1m30s"')
      const duration = new Duration(BigInt(Math.round(ms * 1e6)))
      return () => duration
    },
  },
  IsRootSpan: {
    parameters: [],
    decides: true,
    contexts: ['span'],
    identity: false,
    make: () => at => at.spans.ids.subarray(32 * at.row + 24, 32 * at.row + 32).every(byte => byte === 0),
  },
  HasAttrKeyOnDatapoint: {
    parameters: ['key'],
    decides: true,
    contexts: ['metric'],
    identity: false,
    make([key]) {
      const name = new TextEncoder().encode(literalText(key!, 'a key'))
      return at => anyPoint(at, name, () => true)
    },
  },
  HasAttrOnDatapoint: {
    parameters: ['key', 'value'],
    decides: true,
    contexts: ['metric'],
    identity: false,
    make([key, value]) {
      const name = new TextEncoder().encode(literalText(key!, 'a key'))
      const wanted = literalText(value!, 'a value')
      return at => anyPoint(at, name, (bytes, from, to) => stringAt(bytes, from, to) === wanted)
    },
  },
}

/** Functions of OTTL that compute, at 0.155. */
export const otherFunctions: readonly string[] = [
  ...[
    'Base64Decode',
    'CommunityID',
    'Concat',
    'ContainsValue',
    'ConvertAttributesToElementsXML',
    'ConvertCase',
    'ConvertTextToElementsXML',
    'Day',
  ],
  ...[
    'Decode',
    'Double',
    'ExtractGrokPatterns',
    'ExtractPatterns',
    'FNV',
    'Format',
    'FormatTime',
    'GetXML',
    'HasPrefix',
    'HasSuffix',
    'Hex',
    'Hour',
  ],
  ...[
    'Hours',
    'Index',
    'InsertXML',
    'Int',
    'IsBool',
    'IsDouble',
    'IsInCIDR',
    'IsInt',
    'IsList',
    'IsMap',
    'IsString',
    'IsValidLuhn',
    'Keys',
    'Len',
    'Log',
  ],
  ...[
    'MD5',
    'Microseconds',
    'Milliseconds',
    'Minute',
    'Minutes',
    'Month',
    'Murmur3Hash',
    'Murmur3Hash128',
    'Nanosecond',
    'Nanoseconds',
    'Now',
  ],
  ...[
    'ParseCSV',
    'ParseInt',
    'ParseJSON',
    'ParseKeyValue',
    'ParseSeverity',
    'ParseSimplifiedXML',
    'ParseXML',
    'ProfileID',
    'RemoveXML',
    'SHA1',
    'SHA256',
  ],
  ...[
    'SHA512',
    'Second',
    'Seconds',
    'SliceToMap',
    'Sort',
    'SpanID',
    'Split',
    'String',
    'Substring',
    'Time',
    'ToCamelCase',
    'ToKeyValueString',
  ],
  ...[
    'ToLowerCase',
    'ToSnakeCase',
    'ToUpperCase',
    'TraceID',
    'Trim',
    'TrimPrefix',
    'TrimSuffix',
    'TruncateTime',
    'URL',
    'UUID',
    'UUIDv7',
    'Unix',
  ],
  ...['UnixMicro', 'UnixMilli', 'UnixNano', 'UnixSeconds', 'UserAgent', 'Values', 'Weekday', 'XXH128', 'XXH3', 'Year'],
]

function literalText({ written }: Argument, what: string): string {
  if (written.is === 'literal' && typeof written.value === 'string') return written.value
  throw new OttlError(`${what} must be a string here`, written.at)
}

function compiled(pattern: string, at: number): Re2 {
  try {
    return new Re2(pattern)
  } catch (error) {
    if (!(error instanceof RegexError)) throw error
    throw new OttlError(`the pattern ${JSON.stringify(pattern)} ${error.message}`, at, error.remedy)
  }
}

/** Whether a data point of the metric has that attribute, with a value that `fits`. */
function anyPoint(at: Place, key: Uint8Array, fits: (bytes: Uint8Array, from: number, to: number) => boolean): boolean {
  const point = new Scan()
  const attribute = new AttributeScan()
  const { metrics } = at.batch as MetricBatch
  for (const { points, field } of rowGroups(at.batch)) {
    for (let i = 0; i < points!.length; i++) {
      // Points of a metric lie inside its field; so their place tells faster than their column would be to search.
      if (points!.from[i]! < metrics.from[at.metric]! || points!.from[i]! >= metrics.to[at.metric]!) continue
      point.over(at.bytes, points!.from[i]!, points!.to[i]!).next()
      for (attribute.over(at.bytes, point.start, point.end, field); attribute.next(); ) {
        if (attribute.is(key) && fits(at.bytes, attribute.valueFrom, attribute.valueTo)) return true
      }
    }
  }
  return false
}

/** A string's text; of anything else ''. */
function stringAt(bytes: Uint8Array, from: number, to: number): string {
  if (valueType(bytes, from, to) !== 'string') return ''
  let text = ''
  for (const at = new Scan().over(bytes, from, to); at.next(); )
    if (at.number === 1 && at.wire === BYTES) text = readText(bytes, at.start, at.end)
  return text
}
