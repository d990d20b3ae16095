/**
 * Bodies as they travel → protobuf or JSON. Small ones at once on the event loop (a hop to another thread costs more than the
 * work), large ones elsewhere. Every way out is bounded by `limit` bytes.
 */
import {
  gunzip,
  gunzipSync,
  inflate,
  inflateRaw,
  inflateRawSync,
  inflateSync,
  type ZlibOptions,
  zstdDecompress,
  zstdDecompressSync,
} from 'node:zlib'
import { Gunzip } from '../../component/gunzip.ts'
import { MalformedError } from '../../model/batch.ts'
import { tooLarge } from './verdict.ts'

export type ContentEncoding = 'gzip' | 'zstd' | 'zlib' | 'deflate'

/** [bytes] compressed; inflating less takes about a millisecond at the ratios that telemetry has */
const atOnceBytes = 2 ** 20
/** What a body claims to become is believed up to so many times of what was sent. */
const maxRatio = 64
/** A body of many empty frames costs us far more than its sender. */
const maxFrames = 1024

/** `done` is called before this returns, for small bodies. */
export function decompress(
  encoding: ContentEncoding,
  body: Uint8Array,
  limit: number,
  done: (problem: unknown, bytes: Uint8Array | undefined) => void,
): void {
  if (body.length > atOnceBytes) {
    decompressElsewhere(encoding, body, limit).then(
      bytes => done(undefined, bytes),
      error => done(translate(error, encoding, limit), undefined),
    )
    return
  }
  let bytes: Uint8Array
  try {
    bytes = decompressAtOnce(encoding, body, limit)
  } catch (error) {
    return done(translate(error, encoding, limit), undefined)
  }
  done(undefined, bytes)
}

function decompressAtOnce(encoding: ContentEncoding, body: Uint8Array, limit: number): Uint8Array {
  switch (encoding) {
    case 'gzip':
      return gunzipAtOnce(body, limit)
    case 'zstd':
      return zstdFrames(body, limit)
    default:
      return (hasZlibHeader(body) ? inflateSync : inflateRawSync)(body, outputOptions(undefined, body.length, limit))
  }
}

let kept: Gunzip | undefined

function gunzipAtOnce(body: Uint8Array, limit: number): Uint8Array {
  const size = gzipSize(body)
  if (size !== undefined && size <= Math.min(limit, body.length * maxRatio)) {
    kept ??= new Gunzip()
    const found = kept.inflate(body, size)
    if (found !== undefined) return found
  }
  return gunzipSync(body, outputOptions(size, body.length, limit))
}

async function decompressElsewhere(encoding: ContentEncoding, body: Uint8Array, limit: number): Promise<Uint8Array> {
  switch (encoding) {
    case 'gzip':
      return promised(gunzip, body, outputOptions(gzipSize(body), body.length, limit))
    case 'zstd':
      return zstdFramesElsewhere(body, limit)
    default:
      return promised(hasZlibHeader(body) ? inflate : inflateRaw, body, outputOptions(undefined, body.length, limit))
  }
}

type Inflate = (body: Uint8Array, options: ZlibOptions, callback: (error: Error | null, bytes: Buffer) => void) => void
const promised = (run: Inflate, body: Uint8Array, options: ZlibOptions): Promise<Uint8Array> =>
  new Promise((resolve, reject) => run(body, options, (error, bytes) => (error ? reject(error) : resolve(bytes))))

/**
 * `expected` is the size that the body itself claims: right, one buffer is filled and nothing is copied; a lie costs at most
 * 64 times what was sent.
 */
function outputOptions(expected: number | undefined, sent: number, limit: number): { chunkSize: number; maxOutputLength: number } {
  const most = Math.max(64, Math.min(limit, sent * maxRatio))
  const chunkSize = Math.max(64, Math.min(expected ?? sent * 8, most) + 1)
  return { chunkSize, maxOutputLength: Math.max(limit, 1) }
}

/** ISIZE: the last four bytes of the last member. */
function gzipSize(body: Uint8Array): number | undefined {
  return body.length < 18 ? undefined : uint32(body, body.length - 4)
}

/** HTTP's `deflate` is zlib's format, but some send the bare stream. */
function hasZlibHeader(body: Uint8Array): boolean {
  return body.length >= 2 && (body[0]! & 0x0f) === 8 && ((body[0]! << 8) | body[1]!) % 31 === 0
}

/** Node reads the first frame of several and says nothing of the others: so, frame by frame. */
function zstdFrames(body: Uint8Array, limit: number): Uint8Array {
  const out: Uint8Array[] = []
  let size = 0
  let rest = skipFrames(body)
  for (let frames = 0; rest.length > 0 || frames === 0; frames++) {
    if (frames === maxFrames) throw new MalformedError(`body: zstd has more than ${maxFrames} frames`)
    const options = outputOptions(zstdSize(rest), rest.length, limit - size)
    const { buffer, engine } = zstdDecompressSync(rest, { ...options, info: true }) as unknown as FrameOut
    size = keep(out, buffer, size, limit)
    rest = skipFrames(rest.subarray(progress(engine.bytesWritten)))
  }
  return joined(out)
}

async function zstdFramesElsewhere(body: Uint8Array, limit: number): Promise<Uint8Array> {
  const out: Uint8Array[] = []
  let size = 0
  let rest = skipFrames(body)
  for (let frames = 0; rest.length > 0 || frames === 0; frames++) {
    if (frames === maxFrames) throw new MalformedError(`body: zstd has more than ${maxFrames} frames`)
    const options = { ...outputOptions(zstdSize(rest), rest.length, limit - size), info: true }
    const { buffer, engine } = (await promised(zstdDecompress as Inflate, rest, options)) as unknown as FrameOut
    size = keep(out, buffer, size, limit)
    rest = skipFrames(rest.subarray(progress(engine.bytesWritten)))
  }
  return joined(out)
}

interface FrameOut {
  readonly buffer: Uint8Array
  readonly engine: { readonly bytesWritten: number }
}

function progress(bytes: number): number {
  if (bytes <= 0) throw new MalformedError('body: is not zstd')
  return bytes
}

function keep(out: Uint8Array[], bytes: Uint8Array, size: number, limit: number): number {
  if (size + bytes.length > limit) throw tooLarge(limit)
  out.push(bytes)
  return size + bytes.length
}

const joined = (pieces: Uint8Array[]): Uint8Array => (pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces))

/** Leaves out skippable frames: magic 0x184D2A50..5F, then a length. */
function skipFrames(body: Uint8Array): Uint8Array {
  let at = 0
  while (body.length - at >= 8 && (uint32(body, at) & ~0xf) >>> 0 === 0x184d2a50) at += 8 + uint32(body, at + 4)
  return at === 0 ? body : body.subarray(at)
}

/** Frame_Content_Size of RFC 8878, where the frame has one that a number holds exactly. */
function zstdSize(frame: Uint8Array): number | undefined {
  if (frame.length < 18) return undefined
  const descriptor = frame[4]!
  const single = (descriptor >> 5) & 1
  const at = 5 + (1 - single) + [0, 1, 2, 4][descriptor & 3]!
  switch (descriptor >> 6) {
    case 0:
      return single === 1 ? frame[at]! : undefined
    case 1:
      return (frame[at]! | (frame[at + 1]! << 8)) + 256
    case 2:
      return uint32(frame, at)
    default:
      return uint32(frame, at) + uint32(frame, at + 4) * 2 ** 32
  }
}

const uint32 = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0

function translate(error: unknown, encoding: ContentEncoding, limit: number): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error
  if (error.code === 'ERR_BUFFER_TOO_LARGE') return tooLarge(limit)
  return new MalformedError(`body: is not ${encoding}: ${error.message}`, { cause: error })
}
