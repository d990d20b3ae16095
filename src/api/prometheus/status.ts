/** What clients ask a Prometheus server about itself, answered by what stands in its place. */
import { showDuration } from '../../lib/duration.ts'
import type { Cardinality, Count } from '../../model/query.ts'
import { type Answer, badData } from './answer.ts'
import { type Asking, storeOf } from './asking.ts'
import { integer } from './times.ts'

/** The running whole. */
export interface Server {
  /** of Thalamus */
  readonly version: string
  /** of Node */
  readonly runtime: string
  /** epoch ms */
  readonly startTime: number
  readonly lastConfigTime: number
  readonly reloadSucceeded: boolean
  readonly hostname: string
  /** [threads] */
  readonly threads: number
  /** YAML, without secrets */
  readonly configuration: () => string
}

/**
 * Clients choose by this version what they may ask for; whose answers these are is said beside it.
 */
const prometheusVersion = '3.14.0'

export const buildInfo = ({ version, runtime }: Server): Answer => ({
  data: {
    version: prometheusVersion,
    revision: version,
    branch: '',
    buildUser: '',
    buildDate: '',
    goVersion: '',
    application: 'Thalamus',
    runtime,
  },
})

export function runtimeInfo(server: Server, now: number): Answer {
  return {
    data: {
      startTime: new Date(server.startTime).toISOString(),
      CWD: '',
      hostname: server.hostname,
      serverTime: new Date(now).toISOString(),
      reloadConfigSuccess: server.reloadSucceeded,
      lastConfigTime: new Date(server.lastConfigTime).toISOString(),
      corruptionCount: 0,
      goroutineCount: server.threads,
      GOMAXPROCS: server.threads,
      GOMEMLIMIT: 0,
      GOGC: '',
      GODEBUG: '',
      storageRetention: '',
    },
  }
}

export const configuration = (server: Server): Answer => ({ data: { yaml: server.configuration() } })

/** The flags of Prometheus that have a setting here, with what is in force. */
export function flags({ settings }: Asking): Answer {
  const { lookbackMs, timeoutMs, maxSamples, maxConcurrency, features } = settings()
  return {
    data: {
      'enable-feature': features.join(','),
      'query.lookback-delta': showDuration(lookbackMs),
      'query.max-concurrency': String(maxConcurrency),
      'query.max-samples': String(maxSamples),
      'query.timeout': showDuration(timeoutMs),
    },
  }
}

const mostListed = 10_000

export async function tsdb(asking: Asking): Promise<Answer> {
  const text = asking.form.get('limit')
  const limit = text === '' ? 10 : integer(text)
  if (limit === undefined || limit < 1) throw badData('limit must be a positive number')
  if (limit > mostListed) throw badData(`limit must not exceed ${mostListed}`)
  return { data: cardinality(await storeOf(asking).cardinality(limit)) }
}

const counts = (list: readonly Count[]) => list.map(({ name, value }) => ({ name, value }))

const cardinality = (of: Cardinality): object => ({
  headStats: {
    numSeries: of.headSeries,
    numLabelPairs: of.labelPairs,
    chunkCount: of.headChunks,
    minTime: of.minTime,
    maxTime: of.maxTime,
  },
  seriesCountByMetricName: counts(of.seriesByMetric),
  labelValueCountByLabelName: counts(of.valuesByLabel),
  memoryInBytesByLabelName: counts(of.bytesByLabel),
  seriesCountByLabelValuePair: counts(of.seriesByPair),
})
