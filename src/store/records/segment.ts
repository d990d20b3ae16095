/**
 * One file of the ring: segments/frame.ts, a record for each batch, whose body is the request as it came. Beside a file that nothing more comes to
 * lies its index, FIRST-ID.KIND-index: a header and one record with what SegmentIndex writes. Without it the file is read to make it anew.
 */
import { codeOf, type Disk, type DiskFile } from '../../component/disk.ts'
import type { LogBatch, Reader, SpanBatch } from '../../model/batch.ts'
import { Raw } from '../../model/raw.ts'
import { ByteWriter } from '../bytes.ts'
import {
  type FileFormat,
  type FileName,
  HEADER,
  RECORD,
  readSegmentHeader,
  segmentHeader,
  segmentName,
  writeRecordHeader,
} from '../segments/frame.ts'
import { walk } from '../segments/walk.ts'
import { Indexer } from './indexer.ts'
import { type Block, SegmentIndex } from './segment-index.ts'

export type RecordSignal = 'traces' | 'logs'
export const kindOf = { traces: 'spans', logs: 'logs' } as const
export const formatOf: Readonly<Record<RecordSignal, FileFormat>> = {
  traces: { magic: 'THALSPAN', version: 1 },
  logs: { magic: 'THALLOGS', version: 1 },
}
export const indexFormat: FileFormat = { magic: 'THALRIDX', version: 1 }

export interface Extent {
  readonly from: number
  readonly to: number
}

export class RingSegment {
  readonly name: FileName
  readonly path: string
  readonly indexPath: string
  /** [ms] Unix, when it was begun, and when something came last */
  readonly created: number
  written: number
  /** [bytes] */
  size = HEADER
  /** [bytes] of its index's file */
  indexSize = 0
  /** one more than the last number in it */
  next: number
  indexer: Indexer | undefined
  index: SegmentIndex

  constructor(directory: string, signal: RecordSignal, name: FileName, created: number) {
    const kind = kindOf[signal]
    this.name = name
    this.path = `${directory}/${segmentName(name, kind)}`
    this.indexPath = `${this.path}-index`
    this.created = this.written = created
    this.next = name.first
    this.indexer = new Indexer(new SegmentIndex())
    this.index = this.indexer.index
  }

  get rows(): number {
    return this.index.rows + (this.indexer?.open.rows ?? 0)
  }
  /** [ms] of its oldest row */
  get since(): number {
    return this.index.blocks.reduce(
      (oldest, { minTime }) => Math.min(oldest, minTime),
      this.indexer?.open.minTime ?? Number.POSITIVE_INFINITY,
    )
  }
  /** [bytes] on the disk */
  get bytes(): number {
    return this.size + this.indexSize
  }

  take(batch: SpanBatch | LogBatch, from: number, to: number): void {
    this.indexer!.add(batch, from, to)
  }

  /** Nothing more comes. */
  seal(): void {
    this.indexer?.endBlock()
    this.indexer = undefined
    this.index.seal()
  }

  async writeIndex(disk: Disk): Promise<void> {
    const body = new ByteWriter(64 * 1024)
    body.f64(this.created)
    body.f64(this.written)
    body.varint(this.size)
    body.varint(this.next)
    this.index.write(body)
    const head = Buffer.alloc(RECORD)
    const record = { pieces: [body.written], length: body.length, rows: 0, sequence: this.name.first, time: this.written, flags: 0 }
    writeRecordHeader(head, 0, this.name.id, record)
    const path = `${this.indexPath}.tmp`
    await disk.remove(path).catch(() => {})
    const file = await disk.open(path, 'create')
    try {
      await file.write([segmentHeader(indexFormat, this.name, this.created), head, body.written], 0)
      // Without the sync a loss of power may leave a whole name and no content; the sums tell.
    } finally {
      await file.close()
    }
    await disk.rename(path, this.indexPath)
    this.indexSize = HEADER + RECORD + body.length
  }

  async remove(disk: Disk): Promise<void> {
    for (const path of [this.indexPath, this.path]) {
      try {
        await disk.remove(path)
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') throw error
      }
    }
  }

  /** The blocks that may have what is asked for. */
  blocks(
    wanted: (block: Block) => boolean,
    open: (block: Indexer['open']) => boolean,
    traces?: readonly number[],
  ): (Extent & { maxTime: number })[] {
    const of = traces && this.index.blocksOf(traces)
    const found: (Extent & { maxTime: number })[] = this.index.blocks.filter((block, i) => (of === undefined || of.has(i)) && wanted(block))
    const last = this.indexer?.open
    if (last !== undefined && last.rows > 0 && (of === undefined || of.has(this.index.blocks.length)) && open(last)) found.push(last)
    return found
  }
}

/** A file that an earlier process left. @returns a version that this program does not know */
export async function reopen(
  disk: Disk,
  segment: RingSegment,
  signal: RecordSignal,
  reader: Reader,
  damaged: (from: number, to: number) => void,
) {
  const file = await disk.open(segment.path, 'read')
  try {
    const bytes = Buffer.alloc(HEADER)
    const header = readSegmentHeader(bytes.subarray(0, await file.read(bytes, 0)), formatOf[signal])
    if (typeof header === 'object' && 'version' in header) return header.version
    const size = await file.size()
    if (!(await readIndex(disk, segment, size))) await rebuild(file, segment, size, signal, reader, damaged)
    return undefined
  } finally {
    await file.close()
  }
}

async function readIndex(disk: Disk, segment: RingSegment, size: number): Promise<boolean> {
  try {
    const file = await disk.open(segment.indexPath, 'read')
    try {
      const bytes = Buffer.alloc(HEADER)
      const header = readSegmentHeader(bytes.subarray(0, await file.read(bytes, 0)), indexFormat)
      if (header === 'unclear' || 'version' in header) return false
      for await (const step of walk(file, HEADER, await file.size(), segment.name.id)) {
        if (step.is !== 'record') return false
        return takeIndex(segment, step.body, size, HEADER + RECORD + step.body.length)
      }
      return false
    } finally {
      await file.close()
    }
  } catch {
    // It can be made anew.
    return false
  }
}

function takeIndex(segment: RingSegment, body: Buffer, size: number, indexSize: number): boolean {
  const facts = new DataView(body.buffer, body.byteOffset)
  const written = facts.getFloat64(8, true)
  const at = varintAt(body, 16)
  const next = varintAt(body, at.end)
  if (at.value !== size) return false
  segment.index = SegmentIndex.read(body.subarray(next.end))
  segment.indexer = undefined
  segment.size = size
  segment.indexSize = indexSize
  segment.written = written
  segment.next = next.value
  return true
}

function varintAt(bytes: Uint8Array, from: number): { value: number; end: number } {
  let value = 0
  let scale = 1
  for (let at = from; ; at++, scale *= 128) {
    value += (bytes[at]! & 127) * scale
    if (bytes[at]! < 128) return { value, end: at + 1 }
  }
}

async function rebuild(
  file: DiskFile,
  segment: RingSegment,
  size: number,
  signal: RecordSignal,
  reader: Reader,
  damaged: (from: number, to: number) => void,
) {
  let end = HEADER
  for await (const step of walk(file, HEADER, size, segment.name.id)) {
    if (step.is === 'hole') {
      if (!step.torn) damaged(step.at, step.end)
      continue
    }
    end = step.end
    segment.next = step.sequence + 1
    segment.written = Math.max(segment.written, step.time)
    segment.take(reader.read(signal, Raw.of(step.body)), step.at, step.end)
    reader.sweep(Number.POSITIVE_INFINITY, 0)
  }
  segment.size = end
  segment.seal()
}
