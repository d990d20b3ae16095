import { createNoopMeter, type Meter, ProxyTracerProvider } from '@opentelemetry/api'
import { Budget } from '../../src/component/budget.ts'
import type { Authenticator, Context, Files, Handler, Logger, MemoryUse } from '../../src/component/component.ts'
import { type Derived, DerivedSamples } from '../../src/component/derived.ts'
import type { Disk } from '../../src/component/disk.ts'
import { type Journals, OfferedJournals } from '../../src/component/journals.ts'
import { type Kind, Ledger } from '../../src/component/ledger.ts'
import { OfferedStores, type Queries } from '../../src/component/queries.ts'
import { type KeptRecords, OfferedRecords } from '../../src/component/records.ts'
import type { Storage } from '../../src/component/storage.ts'
import { OfferedTargets, type Targets } from '../../src/component/targets.ts'
import type { OwnTelemetry } from '../../src/component/telemetry.ts'
import type { Reader } from '../../src/model/batch.ts'
import { VirtualClock } from './clock.ts'
import { MemoryDisk } from './disk.ts'

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly fields: Record<string, unknown>
  readonly message: string
}

/** A context whose every part a test can hold in its hand. */
export interface TestContext extends Context {
  readonly clock: VirtualClock
  readonly ledger: Ledger
  readonly lines: LogLine[]
  readonly mounted: Map<string, Handler>
  readonly problems: Map<string, string>
  readonly urls: { what: string; url: string }[]
}

export interface TestWorld {
  readonly id?: string
  readonly kind?: Kind
  readonly clock?: VirtualClock
  /** seed of `random` */
  readonly seed?: number
  readonly reader?: Reader
  readonly meter?: Meter
  readonly telemetry?: OwnTelemetry
  readonly files?: Partial<Files>
  readonly disk?: Disk
  readonly budget?: Budget
  readonly ledger?: Ledger
  readonly authenticators?: Readonly<Record<string, Authenticator>>
  readonly queries?: Queries
  readonly targets?: Targets
  readonly journals?: Journals
  readonly records?: KeptRecords
  readonly derived?: Derived
  readonly storages?: Readonly<Record<string, Storage>>
  readonly memory?: (collect?: boolean) => MemoryUse
}

export function testContext(world: TestWorld = {}): TestContext {
  const id = world.id ?? 'tested'
  const lines: LogLine[] = []
  const mounted = new Map<string, Handler>()
  const problems = new Map<string, string>()
  const urls: { what: string; url: string }[] = []
  const ledger = world.ledger ?? new Ledger()
  const say = (level: LogLine['level']) => (fields: object, message: string) => {
    lines.push({ level, fields: fields as Record<string, unknown>, message })
  }
  const log: Logger = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
  const refuse = () => Promise.reject(Object.assign(new Error('no such file'), { code: 'ENOENT' }))
  return {
    id,
    clock: world.clock ?? new VirtualClock(),
    random: seeded(world.seed ?? 1),
    log,
    meter: world.meter ?? createNoopMeter(),
    tracer: new ProxyTracerProvider().getTracer('test'),
    telemetry: world.telemetry ?? noTelemetry,
    files: {
      read: refuse,
      list: refuse,
      statfs: refuse,
      readSync() {
        throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
      },
      ...world.files,
    },
    disk: world.disk ?? new MemoryDisk(),
    budget: world.budget ?? new Budget(),
    get reader(): Reader {
      if (world.reader === undefined) throw new Error('this test gave its context no reader')
      return world.reader
    },
    account: signal => ledger.account(world.kind ?? 'exporter', id, signal),
    mount: (path, handler) => void mounted.set(path, handler),
    authenticator: name => world.authenticators?.[name],
    storage: name => world.storages?.[name],
    queries: world.queries ?? new OfferedStores(),
    targets: world.targets ?? new OfferedTargets(),
    journals: world.journals ?? new OfferedJournals(),
    records: world.records ?? new OfferedRecords(),
    derived: world.derived ?? new DerivedSamples(),
    memory: world.memory ?? (() => ({ usedBytes: 0, limitBytes: 2 ** 30 })),
    listening: (what, url) => void urls.push({ what, url }),
    status: () => ({ ready: true, problems }),
    health: problem => void (problem === undefined ? problems.delete(id) : problems.set(id, problem)),
    ledger,
    lines,
    mounted,
    problems,
    urls,
  }
}

/** The same numbers for the same seed: xorshift32, 0 <= x < 1. */
export function seeded(seed: number): () => number {
  let state = seed | 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

const noTelemetry: OwnTelemetry = {
  meter: () => createNoopMeter(),
  tracer: () => new ProxyTracerProvider().getTracer('test'),
  collect: () => Promise.reject(new Error('this test gave its context no telemetry')),
  onSpan: () => ({ [Symbol.dispose]() {} }),
  markOwn: () => undefined,
  isOwn: () => false,
  shutdown: () => Promise.resolve(),
}
