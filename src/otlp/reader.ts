/**
 * OTLP protobuf → batches, by WebAssembly: one pass over the bytes, names interned as they arrive (assembly/ is its source).
 * A request is copied into the decoder's memory chunk by chunk, and all of its columns are copied out in one piece.
 */
import { readFileSync } from 'node:fs'
import { systemClock } from '../lib/clock.ts'
import type { AnyBatch, BatchOf, Reader } from '../model/batch.ts'
import type { Dictionary, MetricType, ResourceEntry, ScopeEntry, SeriesEntry, Temporality } from '../model/dictionary.ts'
import { metricTypes, prometheusTypes, temporalities } from '../model/dictionary.ts'
import type { Raw } from '../model/raw.ts'
import type { Signal } from '../model/signal.ts'
import { readAttributes } from './attributes.ts'
import { PackedLogs, PackedMetrics, PackedSpans, packedOverflow, packedSize } from './columns.ts'
import { BYTES, Cursor, malformed, readText } from './wire.ts'

export interface ReaderOptions {
  /** Distinct series at most; rows of others get -1. Bounds resources, scopes, metrics and buckets' bounds too. Default 1,000,000. */
  readonly maxSeries?: number
  /** Distinct span names, event names and severity texts at most; others get -1. Default 100,000. */
  readonly maxTexts?: number
  /** [bytes] for names, and one request at a time with its columns, at most; more is an Error. Default 4 GiB, which is what there can be. */
  readonly maxMemory?: number
  /** Milliseconds of any clock, the one that `sweep` is given too, to know what is idle. Default: the system's wall clock. */
  readonly now?: () => number
  /** 128 bits for the hash of names; random unless given. */
  readonly seed?: readonly [bigint, bigint]
}

export function createReader(options: ReaderOptions = {}): Reader {
  return new WasmReader(options)
}

/** [bytes] that a reader's decoder has taken from the system, for tests and telemetry; untouched pages included. */
export function memoryOf(reader: Reader): number {
  return reader instanceof WasmReader ? reader.memory : 0
}

/** As much of the platform's interface as is used here; the type libraries for Node lack it. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => WasmModule
  readonly Instance: new (module: WasmModule, imports: Record<string, Record<string, unknown>>) => { readonly exports: unknown }
  readonly Memory: new (pages: { initial: number; maximum: number }) => WasmMemory
  readonly RuntimeError: new (message: string) => Error
}
interface WasmMemory {
  /** another one after every growth */
  readonly buffer: ArrayBuffer
}
interface WasmModule {
  readonly [Symbol.toStringTag]: 'WebAssembly.Module'
}

/** What assembly/index.ts exports. Sizes in bytes, times in ms, pointers as unsigned offsets into its memory. */
interface Decoder {
  setup(seed0: bigint, seed1: bigint, maxSeries: number, maxTexts: number): void
  room(size: number): number
  metrics(size: number, now: number): number
  traces(size: number, now: number): number
  logs(size: number, now: number): number
  release(limit: number): void
  sweep(now: number, idle: number): number
  entry(kind: number, id: number): number
  size(): number
  capacity(): number
  generations(): number
  renamed(): number
  renamedCount(): number
}

/** By the numbers in assembly/fail.ts. */
const problems = [
  'truncated',
  'varint of more than 64 bits in',
  'field number 0 in',
  'unknown wire type in',
  'field number out of range in',
  'packed field of odd length in',
  'trace_id of a wrong length in',
  'span_id of a wrong length in',
  'too many',
]
const messages = [
  ...['request', 'resource entry', 'resource', 'scope entry', 'scope', 'metric', 'metric data', 'data point', 'buckets', 'quantile'],
  ...['exemplar', 'span', 'link', 'status', 'log record', 'attribute', 'attribute value', 'rows or buckets'],
]

/** [bytes] What one request may leave allocated for the next; more is given back. */
const kept = 4 << 20

/** [bytes] */
const pageSize = 65_536

let compiled: WasmModule | undefined
function compile(): WasmModule {
  if (compiled) return compiled
  const file = new URL('./decode.wasm', import.meta.url)
  let bytes: Uint8Array<ArrayBuffer>
  try {
    bytes = new Uint8Array(readFileSync(file))
  } catch (cause) {
    throw new Error(`otlp reader: ${file.pathname} is missing\n  build it: node scripts/build-wasm.mjs`, { cause })
  }
  return (compiled = new WebAssembly.Module(bytes))
}

class WasmReader implements Reader {
  readonly dictionary: WasmDictionary
  readonly #decoder: Decoder
  readonly #now: () => number
  readonly #memory: WasmMemory
  #buffer: ArrayBuffer
  #bytes: Uint8Array
  #words: Uint32Array
  #window = 0
  #windowSize = 0
  #overflowed = 0
  /** What small batches' columns are copied to, one behind the other; never written to again, and gone with the last of its batches. */
  #page = new Uint32Array()
  #pageBytes = new Uint8Array()
  #pageUsed = pageSize

  constructor({ maxSeries = 1_000_000, maxTexts = 100_000, maxMemory = 2 ** 32, now = systemClock.now, seed }: ReaderOptions) {
    this.#memory = new WebAssembly.Memory({ initial: 1, maximum: Math.max(1, Math.floor(maxMemory / 65_536)) })
    const imports = { env: { memory: this.#memory, abort: outOfMemory }, reader: { malformed: throwMalformed } }
    this.#decoder = new WebAssembly.Instance(compile(), imports).exports as Decoder
    const [seed0, seed1] = seed ?? crypto.getRandomValues(new BigUint64Array(2))
    this.#decoder.setup(seed0!, seed1!, maxSeries, maxTexts)
    this.#now = now
    this.#buffer = this.#memory.buffer
    this.#bytes = new Uint8Array(this.#buffer)
    this.#words = new Uint32Array(this.#buffer)
    this.dictionary = new WasmDictionary(this.#decoder, this.#memory)
  }

  get memory(): number {
    return this.#memory.buffer.byteLength
  }

  get overflowed(): number {
    return this.#overflowed
  }

  read<S extends Signal>(signal: S, raw: Raw): BatchOf[S] {
    try {
      this.#load(raw)
      const at = this.#decode(signal, raw.size)
      const batch = this.#copyOut(signal, raw, at)
      return batch as BatchOf[S]
    } catch (error) {
      this.#release()
      throw explain(error, signal, raw)
    }
  }

  /** Also where a request is refused, what comes before its end has been read. */
  #decode(signal: Signal, size: number): number {
    try {
      return this.#decoder[signal](size, this.#now()) >>> 0
    } finally {
      this.dictionary.rename()
    }
  }

  sweep(nowMs: number, idleMs: number): number {
    const freed = this.#decoder.sweep(nowMs, idleMs)
    this.#view()
    this.dictionary.forget(freed)
    return freed
  }

  /** Copies the request into the window. */
  #load(raw: Raw): void {
    if (raw.size > this.#windowSize || this.#window === 0) {
      this.#window = this.#decoder.room(raw.size) >>> 0
      this.#windowSize = Math.max(raw.size, 65536)
    }
    this.#view()
    let at = this.#window
    for (const chunk of raw.chunks) {
      this.#bytes.set(chunk, at)
      at += chunk.length
    }
  }

  /** Takes the packed region at `at` out of the decoder's memory: into a page with others if it is small, since buffers cost more than bytes. */
  #copyOut(signal: Signal, raw: Raw, at: number): AnyBatch {
    this.#view()
    const size = packedSize(this.#words, at >>> 2)
    this.#overflowed += packedOverflow(this.#words, at >>> 2)
    if (size > pageSize / 4) {
      const columns = new Uint32Array(this.#buffer.slice(at, at + size))
      if (this.#windowSize > kept || size > kept) this.#release()
      return batchOf(signal, raw, this.dictionary, columns, 0)
    }
    if (this.#pageUsed + size > pageSize) {
      this.#page = new Uint32Array(pageSize / 4)
      this.#pageBytes = new Uint8Array(this.#page.buffer)
      this.#pageUsed = 0
    }
    const to = this.#pageUsed
    this.#pageUsed += size
    this.#pageBytes.set(this.#bytes.subarray(at, at + size), to)
    if (this.#windowSize > kept) this.#release()
    return batchOf(signal, raw, this.dictionary, this.#page, to)
  }

  #release(): void {
    this.#decoder.release(kept)
    this.#window = this.#windowSize = 0
  }

  /** Views die when memory grows. */
  #view(): void {
    const { buffer } = this.#memory
    if (buffer === this.#buffer) return
    this.#buffer = buffer
    this.#bytes = new Uint8Array(buffer)
    this.#words = new Uint32Array(buffer)
  }
}

function batchOf(signal: Signal, raw: Raw, dictionary: Dictionary, columns: Uint32Array<ArrayBuffer>, at: number): AnyBatch {
  if (signal === 'metrics') return new PackedMetrics(raw, dictionary, columns, at)
  return signal === 'traces' ? new PackedSpans(raw, dictionary, columns, at) : new PackedLogs(raw, dictionary, columns, at)
}

/** What the decoder throws through itself; the reader knows the request and makes it an error to be read. */
class Failure {
  readonly problem: number
  readonly message: number
  readonly at: number
  constructor(problem: number, message: number, at: number) {
    this.problem = problem
    this.message = message
    this.at = at
  }
}

function throwMalformed(problem: number, message: number, at: number): never {
  throw new Failure(problem, message, at >>> 0)
}

function outOfMemory(): never {
  throw new WebAssembly.RuntimeError('out of memory')
}

function explain(error: unknown, signal: Signal, raw: Raw): unknown {
  if (error instanceof Failure)
    return malformed(`${signal} request`, `${problems[error.problem]} ${messages[error.message]}`, error.at, raw.size)
  if (!(error instanceof WebAssembly.RuntimeError)) return error
  return new Error(
    `otlp reader: no memory left to read a ${signal} request of ${raw.size} bytes\n  lower max_series, or send smaller requests`,
    {
      cause: error,
    },
  )
}

/** By the numbers in assembly/names.ts, as is the layout of an entry. */
const kinds = { resource: 0, scope: 1, metric: 2, series: 3, text: 4, bounds: 5 } as const
interface Entry {
  readonly parent: number
  readonly salt: number
  /** how the first `length` bytes are divided */
  readonly extra: number
  readonly length: number
  /** bytes behind those `length` (a metric's description) */
  readonly more: number
  /** a copy */
  readonly bytes: Uint8Array<ArrayBuffer>
}

type MetricEntry = Omit<SeriesEntry, 'attributes'>
interface Within {
  readonly id: number
  readonly scope: ScopeEntry
  readonly resource: ResourceEntry
}

class WasmDictionary implements Dictionary {
  readonly #decoder: Decoder
  readonly #memory: WasmMemory
  /** A generation changes when the series is freed, and when it gets its type. */
  #generations = new Uint32Array()
  /** Filled as asked for; emptied when ids are freed. */
  #texts: (string | undefined)[] = []
  #bounds: (Float64Array | undefined)[] = []
  /** Series come in runs of one metric, one scope and one resource. */
  #lastMetric: { readonly id: number; readonly entry: MetricEntry } | undefined
  #lastWithin: Within | undefined
  sweeps = 0
  changes = 0

  constructor(decoder: Decoder, memory: WasmMemory) {
    this.#decoder = decoder
    this.#memory = memory
  }

  get size(): number {
    return this.#decoder.size()
  }
  get capacity(): number {
    return this.#decoder.capacity()
  }

  generation(series: number): number {
    return this.#generations[series] ?? 0
  }

  series(series: number): SeriesEntry {
    const own = this.#entry('series', series)
    const metric = own && this.#metric(own.parent)
    if (!own || !metric) throw new RangeError(`dictionary: no series has the id ${series}`)
    return { ...metric, attributes: readAttributes(own.bytes, 0, own.length, attributesOf[metric.type]) }
  }

  /** What the series of a metric share. */
  #metric(id: number): MetricEntry | undefined {
    if (this.#lastMetric?.id === id) return this.#lastMetric.entry
    const metric = this.#entry('metric', id)
    const within = metric && this.#within(metric.parent)
    if (!metric || !within) return undefined
    const { bytes, salt, extra, length, more } = metric
    const entry = {
      resource: within.resource,
      scope: within.scope,
      name: readText(bytes, 0, extra),
      unit: readText(bytes, extra, length),
      description: readText(bytes, length, length + more),
      type: metricTypes[(salt >> 3) & 7] as MetricType,
      temporality: temporalities[(salt >> 6) & 3] as Temporality,
      monotonic: ((salt >> 8) & 1) !== 0,
      prometheusType: prometheusTypes[(salt >> 9) - 1],
    }
    this.#lastMetric = { id, entry }
    return entry
  }

  /** The scope of that id, and its resource. */
  #within(id: number): Within | undefined {
    if (this.#lastWithin?.id === id) return this.#lastWithin
    const scope = this.#entry('scope', id)
    if (scope === undefined) return undefined
    this.#lastWithin = { id, scope: readScope(scope), resource: this.resource(scope.parent) }
    return this.#lastWithin
  }

  resource(id: number): ResourceEntry {
    const entry = this.#entry('resource', id)
    return { attributes: entry ? readAttributes(entry.bytes, 0, entry.length, 1) : [] }
  }

  scope(id: number): ScopeEntry {
    const entry = this.#entry('scope', id)
    return entry ? readScope(entry) : { name: '', version: '', schemaUrl: '', attributes: [] }
  }

  text(id: number): string {
    if (id < 0) return ''
    return (this.#texts[id] ??= this.#text(id))
  }

  bounds(id: number): Float64Array {
    return (this.#bounds[id] ??= this.#boundsOf(id))
  }

  /** To be called after a sweep. */
  forget(freedSeries: number): void {
    this.sweeps++
    this.#texts = []
    this.#bounds = []
    this.#lastMetric = undefined
    this.#lastWithin = undefined
    if (freedSeries === 0) return
    this.changes++
    const words = new Uint32Array(this.#memory.buffer, this.#decoder.generations() >>> 0, 2 * this.capacity)
    this.#generations = Uint32Array.from({ length: this.capacity }, (_, series) => words[2 * series + 1]!)
  }

  /** To be called after a request. */
  rename(): void {
    const count = this.#decoder.renamedCount()
    if (count === 0) return
    this.changes++
    if (this.#generations.length < this.capacity) {
      const generations = new Uint32Array(2 * this.capacity)
      generations.set(this.#generations)
      this.#generations = generations
    }
    const words = new Uint32Array(this.#memory.buffer, this.#decoder.generations() >>> 0, 2 * this.capacity)
    const ids = new Uint32Array(this.#memory.buffer, this.#decoder.renamed() >>> 0, count)
    for (const id of ids) this.#generations[id] = words[2 * id + 1]!
  }

  #boundsOf(id: number): Float64Array {
    const entry = this.#entry('bounds', id)
    return entry ? new Float64Array(entry.bytes.buffer) : new Float64Array()
  }

  #text(id: number): string {
    const entry = this.#entry('text', id)
    return entry ? readText(entry.bytes) : ''
  }

  #entry(kind: keyof typeof kinds, id: number): Entry | undefined {
    const at = this.#decoder.entry(kinds[kind], id) >>> 0
    if (at === 0) return undefined
    const { buffer } = this.#memory
    const [, , parent, salt, length, , , , , , canon, extra] = new Int32Array(buffer, at, 12)
    const more = kind === 'metric' ? canon! : 0
    const bytes = new Uint8Array(buffer.slice(at + 48, at + 48 + length! + more))
    return { parent: parent!, salt: salt!, length: length!, extra: extra!, more, bytes }
  }
}

/** Field number of a data point's attributes. */
const attributesOf: Readonly<Record<MetricType, number>> = { gauge: 7, sum: 7, histogram: 9, exponential_histogram: 1, summary: 7 }

function readScope({ bytes, extra, length }: Entry): ScopeEntry {
  let name = ''
  let version = ''
  for (const at = new Cursor(bytes, 0, extra, 'scope'); at.next(); ) {
    if (at.is(1, BYTES)) name = readText(bytes, at.start, at.end)
    else if (at.is(2, BYTES)) version = readText(bytes, at.start, at.end)
  }
  return { name, version, schemaUrl: readText(bytes, extra, length), attributes: readAttributes(bytes, 0, extra, 3) }
}
