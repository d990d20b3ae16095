/** Records, and gives away what it recorded: the memory, and not a copy of it. */
import { parentPort, workerData } from 'node:worker_threads'
import { counter, histogram } from '../../src/instruments/definition.ts'
import { Recorder } from '../../src/instruments/recorder.ts'

const times = workerData as number
const recorder = new Recorder()
const { requests, duration } = recorder.instruments({
  requests: counter('test.requests', '{request}', 'Requests.', ['worker']),
  duration: histogram('test.duration', 's', 'One.', [1, 2]),
})
const [bound, timed] = [requests.with({ worker: times }), duration.with()]
// Posted before: what is seen later was seen through the memory.
parentPort!.postMessage(recorder.series())
for (let i = 0; i < times; i++) {
  bound.add(2)
  timed.record(i % 2 === 0 ? 1 : 3)
}
