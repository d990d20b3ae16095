/** A block of Prometheus, taken in: in bounded memory, since no series is kept and what waits for the log is waited for. */
import type { Disk } from '../component/disk.ts'
import type { SeriesHandle } from '../store/incoming.ts'
import { openPrometheusBlock } from '../store/prometheus/block.ts'
import type { Filler } from './store-filler.ts'

/** @throws {PrometheusBlockError} what came before it is in the store */
export async function readPrometheusBlock(disk: Disk, path: string, filler: Filler): Promise<void> {
  const block = await openPrometheusBlock(disk, path, () => void filler.leftOut++)
  try {
    for await (const { labels, chunks } of block.series) {
      let handle: SeriesHandle | undefined
      for await (const samples of chunks) {
        // All of it may have been deleted.
        if (samples.length === 0) continue
        handle ??= filler.passing(labels)
        filler.columns(handle, samples)
        await filler.settled()
      }
    }
  } finally {
    await block.close()
  }
}
