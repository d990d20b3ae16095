/**
 * Typed instruments alone, without the pipeline: what a program that only records loads.
 *
 *     import { instruments } from 'thalamus/instruments'
 */
export { counter, type Definition, gauge, histogram, type Kind, upDownCounter } from './definition.ts'
export { componentInstruments } from './domains/component.ts'
export type { Counter, Gauge, Histogram, UpDownCounter } from './handles.ts'
export type { AttributesOf, Instrument } from './instrument.ts'
export { instruments, recorder } from './instruments.ts'
export { type MonitoredOptions, monitored } from './monitored.ts'
export { type NeuralStages, type NeuralTraceOptions, traceNeural } from './neural-trace.ts'
export { type MetricName, recordMetric } from './record-metric.ts'
export { type Definitions, type InstrumentsOf, type ObserveOptions, Recorder, type RecorderOptions } from './recorder.ts'
export { type AttributeValue, metricsOf, type Series } from './series.ts'
