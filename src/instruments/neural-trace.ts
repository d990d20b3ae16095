/**
 * The way of a block of samples to a decision: signal processing → feature extraction → inference, as one trace, each stage with its span and
 * its histogram.
 *
 *     const decision = await traceNeural('motor imagery', async stage => {
 *       const clean = stage.processing('band-pass', () => bandPass(samples))
 *       const features = stage.featureExtraction(() => bandPower(clean))
 *       return await stage.inference({ name: 'csp-lda', version: '3' }, () => model.decide(features))
 *     })
 */
import type { Attributes, Context, Tracer } from '@opentelemetry/api'
import { type Clock, systemClock } from '../lib/clock.ts'
import type { Histogram } from './handles.ts'
import { instruments } from './instruments.ts'
import { globalTracer, timed } from './timed.ts'

export interface NeuralStages {
  /** `stage`: what is done, as in `band-pass`; a few words, and not one for each block */
  processing<T>(stage: string, run: () => T): T
  featureExtraction<T>(run: () => T): T
  inference<T>(model: { readonly name: string; readonly version?: string }, run: () => T): T
}

export interface NeuralTraceOptions {
  /** the kind of device that the samples are of, as in `eeg` */
  readonly deviceType?: string
  /** of the outermost span */
  readonly attributes?: Attributes
  /** the global one, under the name `thalamus/instruments`, without it */
  readonly tracer?: Tracer
  readonly clock?: Pick<Clock, 'monotonic'>
}

/**
 * Runs `run`, sync or async, inside a span `neural.pipeline`; `pipeline` is a name of few. The stages are inside of that one, whether or
 * not a context manager is registered. What they return or throw is returned or thrown.
 */
export function traceNeural<T>(pipeline: string, run: (stages: NeuralStages) => T, options: NeuralTraceOptions = {}): T {
  const { deviceType, clock = systemClock, tracer = globalTracer() } = options
  const span = (name: string, attributes: Attributes, duration: Histogram, within?: Context) => ({
    ...{ tracer, clock, name, attributes, within },
    ended: (seconds: number) => duration.record(seconds),
  })
  const { signal, inference } = instruments
  const whole = { ...options.attributes, pipeline, ...(deviceType === undefined ? {} : { 'device.type': deviceType }) }
  return timed(span('neural.pipeline', whole, instruments.pipeline.duration.with({ pipeline })), within =>
    run({
      processing(stage, work) {
        const attributes = { 'neural.stage': stage, 'device.type': deviceType }
        return timed(span('neural.signal.processing', defined(attributes), signal.processingDuration.with(attributes), within), () =>
          work(),
        )
      },
      featureExtraction: work =>
        timed(span('neural.signal.feature_extraction', {}, signal.featureExtractionDuration.with(), within), () => work()),
      inference({ name, version }, work) {
        const attributes = { 'model.name': name, 'model.version': version }
        return timed(span('neural.inference', defined(attributes), inference.neuralDuration.with(attributes), within), () => work())
      },
    }),
  )
}

const defined = (attributes: Readonly<Record<string, string | undefined>>): Attributes =>
  Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined))
