import { authenticatorOf } from '../../component/client-auth.ts'
import type { Authenticator, Context } from '../../component/component.ts'
import type { Destination, Outcome } from '../../component/destination.ts'
import { type Answer, post } from '../../component/http-post.ts'
import { HttpTarget } from '../../component/http-target.ts'
import { retryAfterMs } from '../../component/retry.ts'
import type { Labelling } from '../../exposition/describe.ts'
import { labelName, type Strategy } from '../../exposition/naming.ts'
import { Families } from '../../exposition/remote/families.ts'
import type { RemoteMetadata } from '../../exposition/remote/series.ts'
import { writeV1, writeV2 } from '../../exposition/remote/write.ts'
import { every } from '../../lib/clock.ts'
import { snappyEncode } from '../../lib/snappy.ts'
import { MalformedError, type MetricBatch } from '../../model/batch.ts'
import type { Raw } from '../../model/raw.ts'
import { Translator } from '../../translation/translate.ts'
import type { RemoteWriteSettings } from './index.ts'
import { Division, halves, type Outgoing, rowsOf, samplesOf } from './messages.ts'

/** [families] whose type and help are remembered */
const maxFamilies = 50_000
const sweepMs = 60_000
const maxWords = 300

/** What no part of a request would change: not let in, wrong address. */
const permanent = new Set([401, 402, 403, 404, 405, 406, 407, 410, 411, 421, 426, 431, 451, 501, 505, 511])

type Version = 1 | 2

/** A load that is being sent, from its first attempt to its last: what was delivered of it is not sent again, and deltas are added up once. */
interface Attempt {
  /** by shard: what is still to be sent, in order */
  readonly shards: (readonly Outgoing[])[][]
  /** 1.0 tells of families apart from series, once */
  families: readonly (readonly [string, RemoteMetadata])[]
  /** [rows] that were refused for good, and the first reason */
  rejected: number
  message: string
}

/** Why a shard stopped before its end. */
type Stopped = Exclude<Outcome, { readonly is: 'delivered' | 'rejected' | 'too_large' }>

export class RemoteWriteDestination implements Destination {
  readonly #cx: Context
  readonly #settings: RemoteWriteSettings
  readonly #url: URL
  readonly #translator: Translator
  readonly #families = new Families(maxFamilies)
  readonly #division: Division
  readonly #attempts = new WeakMap<Raw, Attempt>()
  #version: Version
  #target: HttpTarget | undefined
  #authenticator: Authenticator | undefined
  #sweeps: Disposable | undefined

  constructor(cx: Context, settings: RemoteWriteSettings, url: URL) {
    this.#cx = cx
    this.#settings = settings
    this.#url = url
    this.#version = settings.protobuf_message === 'prometheus.WriteRequest' ? 1 : 2
    const labelling = labellingOf(settings)
    // Why rows are left out is told with the load that they were in.
    const silent = () => {}
    this.#translator = new Translator(labelling, cx.clock, settings.max_series, silent, (family, metadata) =>
      this.#families.knows(family, metadata),
    )
    const info = labelling.namespace === '' ? 'target_info' : `${labelName(labelling.namespace, labelling)}_target_info`
    const { num_consumers: shards } = settings.remote_write_queue
    this.#division = new Division(shards, this.#families, settings.target_info.enabled ? undefined : info)
  }

  async open(): Promise<void> {
    const { auth, remote_write_queue } = this.#settings
    this.#authenticator = authenticatorOf(auth, this.#cx, `exporters.${this.#cx.id}`)
    this.#target = await HttpTarget.open(this.#cx, this.#url, this.#settings, { maxSockets: remote_write_queue.num_consumers })
    this.#sweeps = every(this.#cx.clock, sweepMs, () => this.#translator.sweep())
  }

  async close(): Promise<void> {
    this.#sweeps?.[Symbol.dispose]()
    this.#target?.close()
  }

  async send(load: Raw, stop: AbortSignal): Promise<Outcome> {
    let attempt = this.#attempts.get(load)
    if (attempt === undefined) {
      try {
        attempt = this.#begin(load)
      } catch (error) {
        if (error instanceof MalformedError) return { is: 'rejected', why: error.message }
        throw error
      }
      this.#attempts.set(load, attempt)
    }
    // What is to be sent is in the attempt; nobody else was given its bytes.
    load.release()
    const { shards } = attempt
    const ends = await Promise.all(shards.map(shard => this.#sendShard(shard, attempt, stop)))
    const stopped = ends.filter(end => end !== undefined)
    const never = stopped.find(({ is }) => is === 'permanent')
    if (never !== undefined) return never
    const later = stopped.filter(end => end.is === 'retryable')
    const first = later[0]
    if (first === undefined) return { is: 'delivered', rejected: attempt.rejected, message: attempt.message }
    return {
      ...first,
      retryAfterMs: Math.max(...later.map(one => one.retryAfterMs)),
      lost: later.some(one => one.lost),
      stale: later.every(one => one.stale),
    }
  }

  #begin(load: Raw): Attempt {
    const batch = this.#cx.reader.read('metrics', load) as MetricBatch
    const { incoming, firsts, dropped } = this.#translator.translate(batch)
    const families = incoming.metadata.map(({ family, metadata }) => [family, metadata] as const)
    for (const [family, metadata] of families) this.#families.describe(family, metadata)
    const left = [...dropped].map(([reason, rows]) => `${rows} rows: ${reason}`)
    return {
      shards: this.#division.divide(incoming, firsts).map(series => (series.length === 0 ? [] : [series])),
      families: this.#settings.send_metadata ? families : [],
      rejected: [...dropped.values()].reduce((sum, rows) => sum + rows, 0),
      message: left.join(', '),
    }
  }

  /** One request after the other. @returns why it stopped before the end */
  async #sendShard(pending: (readonly Outgoing[])[], attempt: Attempt, stop: AbortSignal): Promise<Stopped | undefined> {
    for (let series = pending[0]; series !== undefined; series = pending[0]) {
      const version = this.#version
      const families = version === 1 ? attempt.families : []
      const message = version === 1 ? writeV1(series, families) : writeV2(series)
      const parts = message.length > this.#settings.max_batch_size_bytes ? halves(series) : undefined
      if (parts !== undefined) {
        pending.splice(0, 1, ...parts)
        continue
      }
      attempt.families = []
      const answer = await this.#post(message, version, stop)
      if (!('status' in answer)) {
        if (families.length > 0) attempt.families = families
        return { is: 'retryable', retryAfterMs: 0, ...answer }
      }
      const stopped = this.#judge(answer, version, series, pending, attempt)
      if (stopped !== undefined) return stopped
    }
    return undefined
  }

  #post(message: Uint8Array, version: Version, stop: AbortSignal) {
    const body = snappyEncode(message)
    const headers = {
      'user-agent': 'thalamus',
      ...lowerCase(this.#settings.headers),
      ...this.#target?.headers,
      ...this.#authenticator?.headers(),
      'content-type': version === 1 ? 'application/x-protobuf' : 'application/x-protobuf;proto=io.prometheus.write.v2.Request',
      'content-encoding': 'snappy',
      'x-prometheus-remote-write-version': version === 1 ? '0.1.0' : '2.0.0',
      'content-length': body.length,
    }
    return post({ ...this.#target?.options, headers }, [body], this.#settings.timeout, this.#cx.clock, stop)
  }

  /** Takes from `pending` what is done with, for good or bad. @returns why nothing more may be sent now */
  #judge(
    answer: Answer,
    version: Version,
    series: readonly Outgoing[],
    pending: (readonly Outgoing[])[],
    attempt: Attempt,
  ): Stopped | undefined {
    const { status, headers } = answer
    if (status >= 200 && status < 300) {
      pending.shift()
      return undefined
    }
    const why = `HTTP ${status}${wordsOf(answer)}`
    if (status === 429 || status >= 500) {
      return { is: 'retryable', why, retryAfterMs: retryAfterMs(headers['retry-after'], this.#cx.clock.now()), lost: false, stale: false }
    }
    if (status === 415 && version === 2) {
      if (this.#version === 2)
        this.#cx.log.warn({ why }, 'the destination does not take remote write 2.0: it is written to in 1.0 from here on')
      this.#version = 1
      return undefined
    }
    if (status >= 300 && status < 400) return { is: 'permanent', why: `HTTP ${status}: redirects are not followed; set the final address` }
    if (permanent.has(status)) return { is: 'permanent', why }
    const parts = status === 413 ? halves(series) : undefined
    if (parts !== undefined) {
      pending.splice(0, 1, ...parts)
      return undefined
    }
    pending.shift()
    attempt.rejected += rejectedRows(answer, series)
    attempt.message ||= why
    return undefined
  }
}

/** [rows] Of a request that was refused, 2.0 says how many samples were written nevertheless. */
function rejectedRows({ headers }: Answer, series: readonly Outgoing[]): number {
  const told = ['samples', 'histograms'].map(what => Number(headers[`x-prometheus-remote-write-${what}-written`] ?? 0))
  const written = told.reduce((sum, count) => sum + (Number.isSafeInteger(count) && count > 0 ? count : 0), 0)
  return Math.min(rowsOf(series), Math.max(0, samplesOf(series) - written))
}

function wordsOf({ body }: Answer): string {
  const words = Buffer.from(body.subarray(0, maxWords))
    .toString()
    .replaceAll(/\p{Cc}+/gu, ' ')
    .trim()
  return words === '' ? '' : `: ${words}`
}

const lowerCase = (headers: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))

function labellingOf(settings: RemoteWriteSettings): Labelling {
  const { namespace, external_labels, resource_to_telemetry_conversion: conversion } = settings
  const plain: Strategy = settings.add_metric_suffixes ? 'UnderscoreEscapingWithSuffixes' : 'UnderscoreEscapingWithoutSuffixes'
  const strategy = settings.translation_strategy ?? plain
  return {
    strategy,
    namespace,
    constLabels: Object.entries(external_labels).map(([key, value]) => [labelName(key, { strategy }), value.toWellFormed()]),
    scope: !settings.disable_scope_info,
    resource: conversion.enabled ? (conversion.exclude_service_attributes ? 'unless_service' : 'all') : 'none',
  }
}
