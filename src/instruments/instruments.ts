import { domains } from './domains/index.ts'
import { Recorder } from './recorder.ts'

/** This process's: where `instruments` write. */
export const recorder = new Recorder()

// Where the process was instrumented as it started, what is recorded goes where its metrics go: `register/typed.ts` has put this there.
;(globalThis as { [key: symbol]: ((recorder: Recorder) => void) | undefined })[Symbol.for('thalamus.register')]?.(recorder)

/**
 * Typed instruments for what semantic conventions do not cover, by domain. Bind the attributes once, then update as often as you like:
 *
 *     const lost = instruments.signal.samplesLost.with({ 'stream.id': 'eeg-1', 'neural.loss.kind': 'gap' })
 *     lost.add(3)
 */
export const instruments = recorder.instruments(domains)
