/** From entries to log records. */
import type { Entry } from '../../model/journal.ts'
import { printEntry } from '../../model/journal-text.ts'
import { nanos } from '../../otlp/write.ts'

const INFO = 9
const WARN = 13
const ERROR = 17

/** For `encode('logs', …)`. @param observed [ms] */
export function logsRequest(entries: readonly Entry[], observed: number): object {
  return {
    resourceLogs: [
      {
        resource: { attributes: [['service.name', 'thalamus']] },
        scopeLogs: [{ scope: { name: 'thalamus/journal' }, logRecords: entries.map(entry => toRecord(entry, observed)) }],
      },
    ],
  }
}

function toRecord(entry: Entry, observed: number): object {
  const { id, time, kind, version, key, cause, data } = entry
  const severityNumber = severityOf(entry)
  const about = Object.entries({ id, key, version, cause }).map(([name, value]) => [`thalamus.entry.${name}`, value] as const)
  return {
    timeUnixNano: nanos(time),
    observedTimeUnixNano: nanos(observed),
    severityNumber,
    severityText: severityNumber === INFO ? 'INFO' : severityNumber === WARN ? 'WARN' : 'ERROR',
    eventName: `thalamus.${kind}`,
    body: printEntry(entry),
    attributes: [...about, ...flat(`thalamus.${kind}`, data)].filter(([, value]) => value !== undefined && value !== null),
  }
}

function severityOf({ kind, data }: Entry): number {
  if (kind === 'alert') return data.to === 'firing' ? WARN : INFO
  if (kind === 'notice') return data.outcome === 'failed' ? ERROR : INFO
  if (kind === 'action') return data.change === 'failed' || data.change === 'rolled_back' ? WARN : INFO
  return INFO
}

/** `activeAt` is `active_at`, and what is in a map has the map's name before its own. */
function flat(prefix: string, data: object): (readonly [key: string, value: unknown])[] {
  return Object.entries(data).flatMap(([name, value]: [string, unknown]) => {
    const key = `${prefix}.${name.replaceAll(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)}`
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[key, value] as const]
    // Names of labels stay as they are.
    return Object.entries(value).map(([label, inner]) => [`${key}.${label}`, inner] as const)
  })
}
