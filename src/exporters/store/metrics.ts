/** What the store tells of itself. */
import type { Context } from '../../component/component.ts'
import type { TimeSeriesStore } from '../../store/store.ts'

/** @returns what ends it */
export function measure({ meter, id }: Context, store: TimeSeriesStore, followed: () => number): () => void {
  const attributes = { exporter: id }
  const gauge = (name: string, unit: string, description: string) =>
    meter.createObservableGauge(`thalamus_store_${name}`, { unit, description })
  const followedSeries = gauge('followed_series', '{series}', 'Series of OpenTelemetry that points come of.')
  const headSeries = gauge('head_series', '{series}', 'Series with samples that are not in a block yet.')
  const headSamples = gauge('head_samples', '{sample}', 'Samples that are not in a block yet.')
  const headBytes = gauge('head_memory', 'By', 'Memory that those take.')
  const walBytes = gauge('log_size', 'By', 'Bytes of the write-ahead log that is written to.')
  const pendingBytes = gauge('log_pending', 'By', 'Bytes that wait to be written to the log.')
  const blocks = gauge('blocks', '{block}', 'Blocks on the disk.')
  const blockBytes = gauge('blocks_size', 'By', 'Bytes that they take.')
  const damaged = gauge('blocks_damaged', '{block}', 'Blocks that cannot be read.')
  const all = [followedSeries, headSeries, headSamples, headBytes, walBytes, pendingBytes, blocks, blockBytes, damaged]
  const observe: Parameters<typeof meter.addBatchObservableCallback>[0] = result => {
    const { figures } = store
    result.observe(followedSeries, followed(), attributes)
    result.observe(headSeries, figures.headSeries, attributes)
    result.observe(headSamples, figures.headSamples, attributes)
    result.observe(headBytes, figures.headBytes, attributes)
    result.observe(walBytes, figures.walBytes, attributes)
    result.observe(pendingBytes, figures.pendingBytes, attributes)
    result.observe(blocks, figures.blocks, attributes)
    result.observe(blockBytes, figures.blockBytes, attributes)
    result.observe(damaged, figures.damagedBlocks, attributes)
  }
  meter.addBatchObservableCallback(observe, all)
  return () => meter.removeBatchObservableCallback(observe, all)
}
