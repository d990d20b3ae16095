/** What remote write and remote read carry, whichever version of the message: series with samples, histograms and exemplars. */

import { type PrometheusType, prometheusTypes } from '../../model/dictionary.ts'
import type { FloatHistogram } from '../../model/float-histogram.ts'
import type { Label } from '../labels.ts'

/** [ms] the first that has no place in OTLP's 64 bits of nanoseconds since 1970 */
export const MAX_TIME = 2 ** 64 / 1e6

export interface RemoteSample {
  /** epoch ms */
  readonly time: number
  /** since when it counts [epoch ms]; 0: unknown */
  readonly start: number
  /** Prometheus's stale marker: the series is no more; `value` means nothing then */
  readonly stale: boolean
  readonly value: number
}

export interface RemoteHistogram {
  readonly time: number
  readonly start: number
  readonly stale: boolean
  readonly histogram: FloatHistogram
}

export interface RemoteExemplar {
  readonly labels: readonly Label[]
  readonly value: number
  /** epoch ms */
  readonly time: number
}

export const remoteTypes = prometheusTypes
export type RemoteType = PrometheusType

export interface RemoteMetadata {
  readonly type: RemoteType
  readonly help: string
  readonly unit: string
}

export interface RemoteSeries {
  /** sorted by name where the sender does as it should */
  readonly labels: readonly Label[]
  readonly samples: readonly RemoteSample[]
  readonly histograms: readonly RemoteHistogram[]
  readonly exemplars: readonly RemoteExemplar[]
  /** 2.0 says it of each series; 1.0 of families, elsewhere */
  readonly metadata: RemoteMetadata | undefined
}
