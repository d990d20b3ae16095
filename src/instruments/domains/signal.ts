/** Neural signal processing: from samples to features, and how good the samples are. */
import { fast } from '../bounds.ts'
import { counter, gauge, histogram } from '../definition.ts'

export const signal = {
  processingDuration: histogram('neural.signal.processing.duration', 's', 'One stage of processing one block of samples.', fast, [
    'neural.stage',
    'device.type',
  ]),
  featureExtractionDuration: histogram('neural.signal.feature_extraction.duration', 's', 'Extracting the features of one block.', fast),
  samples: counter('neural.signal.samples', '{sample}', 'Samples that arrived.', ['stream.id']),
  samplesLost: counter('neural.signal.samples.lost', '{sample}', 'Samples that never arrived.', ['stream.id', 'neural.loss.kind']),
  // In braces as a whole, so that Prometheus appends no `_per_second`.
  throughput: gauge('neural.signal.throughput', '{sample/s}', 'Samples a second, now.', ['stream.id']),
  qualityScore: gauge('neural.data.quality.score', '', 'How good the samples are, 0..1.', ['stream.id', 'channel']),
  qualityAssessmentDuration: histogram('neural.data.quality.assessment.duration', 's', 'Judging the quality of one block.', fast),
  badChannels: gauge('neural.channel.bad', '{channel}', 'Channels that are not to be used, now.', ['reason']),
  // In braces, so that Prometheus appends no `_uV`.
  lineNoiseAmplitude: gauge('neural.signal.line_noise.amplitude', '{uV}', 'Amplitude of the mains hum, in microvolts.', ['frequency']),
  processingAccuracy: gauge('neural.processing.accuracy', '', 'Share of blocks processed rightly, 0..1.', ['model.name']),
  monitorOverhead: histogram('neural.monitor.overhead', 's', 'What watching one block cost.', fast),
}
