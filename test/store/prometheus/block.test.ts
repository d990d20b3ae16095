/** Blocks that Prometheus's own library has made, read: every sample of every encoding, and nothing wrong of what is damaged. */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { DiskFile } from '../../../src/component/disk.ts'
import { SampleColumns } from '../../../src/store/chunk.ts'
import { openPrometheusBlock, PrometheusBlockError } from '../../../src/store/prometheus/block.ts'
import { chunkReaders } from '../../../src/store/prometheus/chunk.ts'
import { ReadAhead } from '../../../src/store/prometheus/read-ahead.ts'
import { MemoryDisk } from '../../kit/disk.ts'

const folder = new URL('../../golden/store/prometheus-native/', import.meta.url)
const golden = <T>(name: string): T => JSON.parse(gunzipSync(readFileSync(new URL(name, folder))).toString()) as T

interface GoldenSample {
  readonly Time: number
  readonly Start: number
  /** the bits of a double */
  readonly Value?: string
  readonly Histogram?: unknown
}

function samplesOf(columns: SampleColumns, histograms: boolean): GoldenSample[] {
  const hex = (word: number) => word.toString(16).padStart(8, '0')
  return Array.from({ length: columns.length }, (_, i) => {
    const sample = { Time: columns.time[i]!, Start: columns.start?.[i] ?? 0 }
    if (histograms) return { ...sample, Histogram: columns.isStale(i) ? 'stale' : columns.histograms?.[i] }
    return { ...sample, Value: hex(columns.words[2 * i + 1]!) + hex(columns.words[2 * i]!) }
  })
}

const kinds = {
  1: 'XOR',
  2: 'histogram',
  3: 'float histogram',
  4: 'XOR2',
  5: 'histogram with start times',
  6: 'float histogram with start times',
}
const chunks = golden<{ Encoding: keyof typeof kinds; Data: string; Samples: GoldenSample[] }[]>('chunks.json.gz')
const holdsHistograms = (encoding: number) => encoding !== 1 && encoding !== 4

describe.each(Object.entries(kinds))('encoding %s: %s', (encoding, _) => {
  const ofIt = chunks
    .filter(({ Encoding }) => Encoding === Number(encoding))
    .map(({ Data, Samples }) => ({ data: Buffer.from(Data, 'base64'), Samples }))
  const read = chunkReaders[Number(encoding)]!

  test('every sample, bit by bit', () => {
    expect(ofIt.length).toBeGreaterThan(5)
    for (const { data, Samples } of ofIt) {
      const columns = new SampleColumns()
      read(data, columns)
      expect(samplesOf(columns, holdsHistograms(Number(encoding)))).toEqual(Samples)
    }
  })

  test('cut here or there: a RangeError', () => {
    for (const { data } of ofIt) {
      for (let length = 0; length < data.length; length += 1 + Math.floor(data.length / 50)) {
        expect(() => {
          try {
            read(data.subarray(0, length), new SampleColumns())
          } catch (error) {
            if (!(error instanceof RangeError)) throw error
            throw new RangeError('cut')
          }
        }).toThrow('cut')
      }
    }
  })
})

const files = ['index', 'meta.json', 'tombstones', 'chunks/000001']
function blockDisk(): MemoryDisk {
  const disk = new MemoryDisk()
  for (const file of files) disk.put(`/block/${file}`, readFileSync(new URL(`block/${file}`, folder)))
  return disk
}

interface GoldenSeries {
  readonly Labels: Record<string, string>
  readonly Samples: readonly GoldenSample[]
}

async function readAll(disk: MemoryDisk): Promise<GoldenSeries[]> {
  const all: GoldenSeries[] = []
  const unknown: number[] = []
  const block = await openPrometheusBlock(disk, '/block', encoding => void unknown.push(encoding))
  for await (const { labels, chunks } of block.series) {
    const samples: GoldenSample[] = []
    for await (const columns of chunks)
      samples.push(...samplesOf(columns, columns.histograms !== undefined || samples[0]?.Histogram !== undefined))
    if (samples.length > 0) all.push({ Labels: Object.fromEntries(labels), Samples: samples })
  }
  await block.close()
  expect(unknown).toEqual([])
  return all
}

const expected = golden<GoldenSeries[]>('expected.json.gz')

test('a block with native histograms of every kind, of which some was deleted: what Prometheus reads of it', async () => {
  const read = await readAll(blockDisk())
  expect(read.map(({ Labels }) => Labels)).toEqual(expected.map(({ Labels }) => Labels))
  for (const [i, { Samples }] of read.entries()) expect(Samples).toEqual(expected[i]!.Samples)
})

describe('damaged', () => {
  test.each(files.filter(file => file !== 'meta.json'))(
    '%s, a bit here or there: an error that names the file, or every sample',
    async file => {
      const size = blockDisk().get(`/block/${file}`).length
      const whole = JSON.stringify(await readAll(blockDisk()))
      let refused = 0
      for (let at = 0; at < size; at += Math.max(1, Math.floor(size / 60))) {
        const disk = blockDisk()
        disk.get(`/block/${file}`)[at]! ^= 1 << (at % 8)
        const read = await readAll(disk).then(
          all => JSON.stringify(all),
          (error: unknown) => {
            expect(error).toBeInstanceOf(PrometheusBlockError)
            expect((error as Error).message).toContain('/block/')
            refused++
          },
        )
        if (read !== undefined) expect(read === whole).toBe(true)
      }
      expect(refused).toBeGreaterThan(0)
    },
  )
  test.each(files.filter(file => file !== 'meta.json'))('%s, cut: an error', async file => {
    const size = blockDisk().get(`/block/${file}`).length
    for (let length = 0; length < size; length += Math.max(1, Math.floor(size / 40))) {
      const disk = blockDisk()
      disk.put(`/block/${file}`, disk.get(`/block/${file}`).subarray(0, length))
      await expect(readAll(disk)).rejects.toThrow(PrometheusBlockError)
    }
  })
  test('a file that is not there', async () => {
    const disk = blockDisk()
    await disk.remove('/block/chunks/000001')
    await expect(readAll(disk)).rejects.toThrow('/block/chunks/000001 cannot be read: ENOENT')
  })
})

test('a file is read in pieces, and a piece once', async () => {
  const content = Buffer.from(Array.from({ length: 1000 }, (_, i) => i & 255))
  const reads: number[] = []
  const file = {
    read: async (into: Uint8Array, position: number) => {
      reads.push(into.length)
      return content.copy(into, 0, position)
    },
  } as unknown as DiskFile
  const ahead = new ReadAhead(file, 100)
  for (let at = 0; at < 1000; at += 7) expect(await ahead.read(at, 7)).toEqual(content.subarray(at, at + 7))
  expect(reads).toEqual(Array.from({ length: 12 }, () => 100))
  expect(await ahead.read(0, 400)).toEqual(content.subarray(0, 400))
  expect(await ahead.read(990, 40)).toEqual(content.subarray(990))
})
