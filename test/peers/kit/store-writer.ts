/**
 * Fills a store as fast as it takes, in a process that is to be killed: `node store-writer.ts DIRECTORY FROM`. Batch n has the value n, for each of a few
 * series, at second n of a clock that runs with them, so that heads are sealed, blocks merged and days thinned out all the time.
 * Prints the number of each batch that was acknowledged.
 */
import { writeSync } from 'node:fs'
import { nodeDisk } from '../../../src/disk.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { Labels } from '../../../src/model/labels.ts'
import { Incoming, SeriesHandle } from '../../../src/store/incoming.ts'
import { TimeSeriesStore } from '../../../src/store/store.ts'
import { epoch, secondsOf, seriesNames, storeSettings } from './store-kill.ts'

const [directory, from] = [process.argv[2]!, Number(process.argv[3])]
let n = from
const clock = { ...systemClock, now: () => epoch + secondsOf(n), monotonic: () => secondsOf(n) }
const quiet = { debug() {}, info() {}, warn() {}, error: console.error }
const store = await TimeSeriesStore.open(storeSettings(directory), { disk: nodeDisk, clock, log: quiet })
const series = seriesNames.map(name => new SeriesHandle(Labels.from({ __name__: 'killed', series: name })))
let upkeep: Promise<void> | undefined
for (; ; n++) {
  const incoming = new Incoming(series.length)
  for (const handle of series) incoming.number(handle, epoch + secondsOf(n), n)
  await store.append(incoming)
  writeSync(1, `${n}\n`)
  upkeep ??= store.maintain().finally(() => (upkeep = undefined))
}
