/** Bodies are put together first and compressed once: one member, one frame, which every receiver reads. */
import { promisify } from 'node:util'
import { constants, deflate, deflateSync, gzip, gzipSync, zstdCompress, zstdCompressSync } from 'node:zlib'

export const compressions = ['gzip', 'deflate', 'zlib', 'zstd', 'none'] as const
export type Compression = (typeof compressions)[number]

/** [bytes] more than this is compressed on another thread, so that the loop goes on */
const smallBytes = 64 * 1024

/** @param level undefined: 1, the fastest */
export function compress(body: Uint8Array, how: Exclude<Compression, 'none'>, level = 1): Uint8Array | Promise<Uint8Array> {
  const small = body.length <= smallBytes
  switch (how) {
    case 'gzip':
      return small ? gzipSync(body, { level }) : gzipAsync(body, { level })
    // Two words for one format.
    case 'deflate':
    case 'zlib':
      return small ? deflateSync(body, { level }) : deflateAsync(body, { level })
    case 'zstd': {
      const options = { params: { [constants.ZSTD_c_compressionLevel]: level } }
      return small ? zstdCompressSync(body, options) : zstdAsync(body, options)
    }
  }
}

const gzipAsync = promisify<Uint8Array, { level: number }, Buffer>(gzip)
const deflateAsync = promisify<Uint8Array, { level: number }, Buffer>(deflate)
const zstdAsync = promisify<Uint8Array, { params: Record<number, number> }, Buffer>(zstdCompress)
