/** Reads chunks of numbers with WebAssembly (assembly/), and others, and small ones, with its twin in TypeScript, chunk.ts. */
import { readFileSync } from 'node:fs'
import { SLACK } from './bytes.ts'
import { aggregateNames, readChunk, type SampleColumns } from './chunk.ts'

interface Decoder {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number }
  /** @returns bit 0: start times are known, bit 1: there are aggregates, bit 2: and stale markers; -1 where it is not for this decoder */
  decode(chunk: number, count: number, time: number, value: number, start: number, aggregates: number, wanted: number): number
}
// TypeScript's library of Node has no types of WebAssembly.
interface Wasm {
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object, imports: object) => { readonly exports: unknown }
}
declare const WebAssembly: Wasm

/** [samples] below that what is gained is less than the way there and back costs */
const worthIt = 24
/** [bytes] where what the decoder itself needs ends */
const BASE = 65_536
const PAGE = 65_536

let decoder: Decoder | undefined
let size = 0
let bytesOf = new Uint8Array(0)
let wordsOf = new Uint32Array(0)
let doublesOf = new Float64Array(0)

function load(): Decoder {
  const file = new URL('./chunk.wasm', import.meta.url)
  let bytes: Uint8Array
  try {
    bytes = readFileSync(file)
  } catch (cause) {
    throw new Error(`store: ${file.pathname} is missing\n  build it: node scripts/build-wasm.mjs`, { cause })
  }
  return new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { abort() {} } }).exports as Decoder
}

function reserve({ memory }: Decoder, bytes: number): void {
  if (bytes <= size) return
  const missing = bytes - memory.buffer.byteLength
  if (missing > 0) memory.grow(Math.ceil(missing / PAGE))
  size = memory.buffer.byteLength
  bytesOf = new Uint8Array(memory.buffer)
  wordsOf = new Uint32Array(memory.buffer)
  doublesOf = new Float64Array(memory.buffer)
}

/**
 * Appends the `count` samples of the chunk of `length` bytes at `at`.
 * @param bytes with SLACK bytes behind the chunk
 */
export function decodeChunk(bytes: Uint8Array, at: number, length: number, count: number, into: SampleColumns): void {
  if (count < worthIt) return readChunk(bytes, at, count, into)
  decoder ??= load()
  const time = Math.ceil((BASE + length + SLACK) / 8) * 8
  const value = time + 8 * count
  const start = value + 8 * count
  const aggregates = start + 8 * count
  reserve(decoder, aggregates + aggregateNames.length * 8 * count)
  bytesOf.set(bytes.subarray(at, at + length + SLACK), BASE)
  const found = decoder.decode(BASE, count, time, value, start, aggregates, into.wanted)
  if (found < 0) return readChunk(bytes, at, count, into)
  const begin = into.length
  into.reserve(begin + count)
  into.length += count
  if ((found & 4) === 0 && into.unmarked === begin) into.unmarked += count
  into.time.set(doublesOf.subarray(time / 8, value / 8), begin)
  into.words.set(wordsOf.subarray(value / 4, start / 4), 2 * begin)
  if ((found & 1) !== 0) {
    into.beginStarts().set(doublesOf.subarray(start / 8, start / 8 + count), begin)
  } else into.start?.fill(0, begin, begin + count)
  if ((found & 2) === 0) return
  for (const [k, column] of into.beginAggregates().entries()) {
    if (((into.wanted >> k) & 1) === 0) continue
    const from = aggregates / 8 + k * count
    column.set(doublesOf.subarray(from, from + count), begin)
  }
}
