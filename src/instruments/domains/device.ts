/** Devices that sample: amplifiers, headsets, boards. */
import { fast } from '../bounds.ts'
import { counter, gauge, histogram, upDownCounter } from '../definition.ts'

export const device = {
  connected: gauge('neural.device.connected', '{device}', '1 while the device is connected, else 0.', [
    'device.id',
    'device.model',
    'transport',
  ]),
  connectionFailures: counter('neural.device.connection.failures', '{failure}', 'Connections that failed.', ['error.type']),
  connectionStability: gauge('neural.device.connection.stability', '', 'How stable the connection is, 0..1.', ['device.id']),
  signalQuality: gauge('neural.device.signal.quality', '', 'How good the signal is, 0..1.', ['device.id']),
  effectiveSampleRate: gauge('neural.device.sample_rate.effective', 'Hz', 'Samples a second that arrive.', ['stream.id']),
  nominalSampleRate: gauge('neural.device.sample_rate.nominal', 'Hz', 'Samples a second that are promised.', ['stream.id']),
  errors: counter('neural.device.errors', '{error}', 'What went wrong in or with a device.', ['error.type']),
  latency: histogram('neural.device.latency', 's', 'From a sample being taken to its arrival.', fast, ['stream.id']),
  sampleIntervalJitter: histogram('neural.device.sample_interval.jitter', 's', 'How far an interval is from the nominal one.', fast, [
    'stream.id',
  ]),
  gapDuration: histogram('neural.device.gap.duration', 's', 'How long no sample came where one was due.', fast, ['stream.id']),
  clockOffset: gauge('neural.device.clock.offset', 's', "The device's clock less this machine's.", ['stream.id']),
  clockDrift: gauge('neural.device.clock.drift', '{ppm}', "How much faster the device's clock is, in millionths.", ['stream.id']),
  // Not UCUM's `Ohm`: Prometheus would be told `neural_device_impedance_Ohm`.
  impedance: gauge('neural.device.impedance', 'ohms', 'Of the electrode.', ['channel']),
  batteryCharge: gauge('hw.battery.charge', '1', 'Charge left, 0..1.', ['hw.id']),
  status: upDownCounter('hw.status', '1', '1 for the state that the device is in.', ['hw.id', 'hw.type', 'hw.state']),
  hardwareErrors: counter('hw.errors', '{error}', 'Errors of the hardware.', ['hw.id', 'hw.type', 'error.type']),
}
