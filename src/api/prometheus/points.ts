/** The points of a row as JSON, many at once: by WebAssembly (assembly/), and where there are few by its twin in TypeScript. */
import { readFileSync } from 'node:fs'
import { FLOAT, type Grid, type Row, timeOf } from '../../promql/value.ts'
import { maxValueBytes, writeTime, writeValue } from './numbers.ts'

/** [points] at most in one call */
export const pointsAtOnce = 1024
/** [bytes] `[-9007199254740.991,"` and `"],` */
export const maxPointBytes = maxValueBytes + 32

/** `[1435781451.781,"` of every step: the same for every row, and so written once. */
export class Stamps {
  readonly text: Buffer
  /** [steps] where each ends in `text`, and the next begins */
  readonly ends: Uint32Array

  constructor(grid: Grid) {
    this.text = Buffer.allocUnsafe(grid.steps * 32)
    this.ends = new Uint32Array(grid.steps)
    let at = 0
    for (let step = 0; step < grid.steps; step++) {
      this.text[at++] = 0x5b
      at = writeTime(this.text, at, timeOf(grid, step))
      this.text[at++] = 0x2c
      this.text[at++] = 0x22
      this.ends[step] = at
    }
  }
}

interface Writer {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number }
  begin(tables: number): void
  floats(kind: number, value: number, stamps: number, first: number, ends: number, count: number, into: number): number
}
// TypeScript's library of Node has no types of WebAssembly.
interface Wasm {
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object, imports: object) => { readonly exports: unknown }
}
declare const WebAssembly: Wasm

/** [points] below that what is gained is less than the way there and back costs */
const worthIt = 16
/** Where what lies in the writer's memory: tables, values, kinds, ends, stamps, what it writes; eight bytes more are read and written than are meant. */
const TABLES = 65_536
const POWERS = TABLES + 256 + 160
const VALUES = TABLES + 16_384
const KINDS = VALUES + 8 * pointsAtOnce
const ENDS = KINDS + pointsAtOnce
const STAMPS = ENDS + 4 * pointsAtOnce
const OUT = STAMPS + 32 * pointsAtOnce + 8
const PAGE = 65_536

interface Loaded {
  readonly writer: Writer
  readonly bytes: Uint8Array
  readonly ends: Uint32Array
  readonly values: Float64Array
}
let loaded: Loaded | undefined

function load(): Loaded {
  const file = new URL('./points.wasm', import.meta.url)
  let module: Uint8Array
  try {
    module = readFileSync(file)
  } catch (cause) {
    throw new Error(`api: ${file.pathname} is missing\n  build it: node scripts/build-wasm.mjs`, { cause })
  }
  const writer = new WebAssembly.Instance(new WebAssembly.Module(module), { env: { abort() {} } }).exports as Writer
  const missing = OUT + maxPointBytes * pointsAtOnce + 8 - writer.memory.buffer.byteLength
  if (missing > 0) writer.memory.grow(Math.ceil(missing / PAGE))
  const { buffer } = writer.memory
  new BigUint64Array(buffer, POWERS, 2 * powersOfTen.length).set(powersOfTen.flatMap(power => [power >> 64n, power & (2n ** 64n - 1n)]))
  writer.begin(TABLES)
  return {
    writer,
    bytes: new Uint8Array(buffer),
    ends: new Uint32Array(buffer, ENDS, pointsAtOnce),
    values: new Float64Array(buffer, VALUES, pointsAtOnce),
  }
}

/** 10^-292 … 10^324, each the 128 bits from its highest on, rounded up. */
const powersOfTen: readonly bigint[] = Array.from({ length: 617 }, (_, i) => {
  const k = i - 292
  if (k < 0) {
    const of = 10n ** BigInt(-k)
    const bits = of.toString(2).length
    // 2^(bits + 127) / 10^-k has 128 bits, for no power of ten is one of two.
    return 2n ** BigInt(bits + 127) / of + 1n
  }
  const power = 10n ** BigInt(k)
  const over = power.toString(2).length - 128
  if (over <= 0) return power << BigInt(-over)
  const cut = power >> BigInt(over)
  return cut << BigInt(over) === power ? cut : cut + 1n
})

/** Steps from `from` up to `to`, at most `pointsAtOnce`, that are FLOAT: `[time,"value"],`. There is room for all of them. @returns where they end */
export function writePoints(bytes: Uint8Array, at: number, stamps: Stamps, row: Row, from: number, to: number): number {
  if (to - from < worthIt) return writePointsTwin(bytes, at, stamps, row, from, to)
  const here = (loaded ??= load())
  const first = from === 0 ? 0 : stamps.ends[from - 1]!
  here.values.set(row.value.subarray(from, to))
  here.bytes.set(row.kind.subarray(from, to), KINDS)
  here.ends.set(stamps.ends.subarray(from, to))
  here.bytes.set(stamps.text.subarray(first, stamps.ends[to - 1]), STAMPS)
  const end = here.writer.floats(KINDS, VALUES, STAMPS - first, first, ENDS, to - from, OUT)
  bytes.set(here.bytes.subarray(OUT, end), at)
  return at + end - OUT
}

/** The same in TypeScript. */
export function writePointsTwin(bytes: Uint8Array, at: number, stamps: Stamps, row: Row, from: number, to: number): number {
  const { text, ends } = stamps
  const { kind, value } = row
  for (let step = from; step < to; step++) {
    if (kind[step] !== FLOAT) continue
    for (let i = step === 0 ? 0 : ends[step - 1]!, end = ends[step]!; i < end; i++) bytes[at++] = text[i]!
    at = writeValue(bytes, at, value[step]!)
    bytes[at] = 0x22
    bytes[at + 1] = 0x5d
    bytes[at + 2] = 0x2c
    at += 3
  }
  return at
}
