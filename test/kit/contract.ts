/**
 * The contract that every component passes, as a kit: laws about lifecycle, conservation, honesty, manners and bounds, run
 * against any processor, exporter or receiver. A component's own test adds only what is special about it.
 */
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type {
  AnyFactory,
  Component,
  ConfigSchema,
  ConnectorFactory,
  Consumer,
  ExporterFactory,
  ProcessorFactory,
  ReceiverFactory,
} from '../../src/component/component.ts'
import { PermanentError, RetryableError } from '../../src/component/errors.ts'
import { type Account, type Kind, Ledger } from '../../src/component/ledger.ts'
import { Room } from '../../src/component/room.ts'
import type { AnyBatch, BatchOf } from '../../src/model/batch.ts'
import { Raw } from '../../src/model/raw.ts'
import { type Signal, signals } from '../../src/model/signal.ts'
import { createReader } from '../../src/otlp/reader.ts'
import { settled, VirtualClock } from './clock.ts'
import { seeded, type TestContext, type TestWorld, testContext } from './context.ts'
import { type Answer, atRandom, Downstream } from './faults.ts'
import { rowsBody } from './rows.ts'

/** The five worlds that a consumer must live in. */
const worlds: Readonly<Record<string, readonly Answer[]>> = {
  'always yes': ['yes'],
  'always later': ['later'],
  'always never': ['never'],
  'always full': ['full'],
  mixed: ['yes', 'later', 'never', 'full', 'slow'],
}

/** Those that a receiver must live in, whose sender hears of it. */
const receivedWorlds: Readonly<Record<string, readonly Answer[]>> = {
  'always yes': ['yes'],
  'always later': ['later'],
  'always never': ['never'],
  mixed: ['yes', 'later', 'never'],
}

// ------------------------------------------------------------------------------------------------ paperwork

/** Defaults parse, and unknown settings are refused. (That the README's table agrees with the schema is tested for all at once.) */
export function paperworkContract(factory: AnyFactory, required: object = {}): void {
  describe(`${factory.kind} ${factory.type}: paperwork`, () => {
    const config: ConfigSchema = factory.config
    test('defaults parse', () => expect(config.safeParse(required).error).toBeUndefined())
    test('an unknown setting is refused', () => expect(config.safeParse({ ...required, no_such_setting: 1 }).success).toBe(false))
    test('the type is one lower_snake_case word', () => expect(factory.type).toMatch(/^[a-z][a-z0-9_]*$/))
    test('every setting says what it is', () => {
      const silent = Object.entries(config.shape).filter(([, setting]) => ((setting as { description?: string }).description ?? '') === '')
      expect(silent.map(([name]) => name)).toEqual([])
    })
  })
}

// ------------------------------------------------------------------------------------------------- lifecycle

interface Short {
  readonly component: Component
  readonly clock: VirtualClock
  /** [timers] of the clock that are not the component's; 0 */
  readonly before?: number
  /** what it speaks to */
  readonly end?: { close(): Promise<void> }
}

/** Of a component that has nothing to do between its beginning and its end. @param stop what it is shut down with */
function lifecycleLaws(set: () => Short | Promise<Short>, stop?: AbortSignal): void {
  const given = () => stop ?? AbortSignal.timeout(1000)
  test('shutdown without start, and twice', async () => {
    const { component, end } = await set()
    await component.shutdown?.(given())
    await component.shutdown?.(given())
    await end?.close()
  })
  test('start and shutdown leave no timer', async () => {
    const { component, clock, before = 0, end } = await set()
    await component.start?.()
    await component.shutdown?.(given())
    expect(clock.pending).toBe(before)
    await end?.close()
  })
}

// ------------------------------------------------------------------------------------------------ processors

export interface ProcessorLaws {
  readonly factory: ProcessorFactory
  readonly settings?: object
  /** [rows] that a stuck downstream takes from the senders before they are held back; 0: whoever is let in waits with its own rows */
  readonly heldWhenStuck?: number
  /** It holds rows by itself, for longer than a hand-over: a yes means held here, which its README says. */
  readonly holds?: boolean
}

/** For processors that let rows pass: what was answered with yes is downstream, or was dropped and counted. */
export function processorContract({ factory, settings = {}, heldWhenStuck = 0, holds = false }: ProcessorLaws): void {
  paperworkContract(factory, settings)
  const supported = signals.filter(signal => factory.create[signal] !== undefined)
  describe.each(supported)(`processor ${factory.type}, %s`, signal => {
    const set = (plan: () => Answer = () => 'yes') => processorBench(factory, settings, signal, plan)

    lifecycleLaws(set)
    test.each(Object.entries(worlds))('conservation: %s', async (_, answers) => {
      const bench = set(atRandom(seeded(3), answers))
      await bench.component.start?.()
      await conservation(bench, signal)
    })
    test.skipIf(holds)('honesty: consume does not resolve before downstream has settled', async () => {
      const bench = set(() => 'slow')
      await bench.component.start?.()
      let resolved = false
      const consumed = send(bench.component, bench.batch(signal, [1])).then(() => {
        resolved = true
      })
      await bench.clock.advance(999)
      expect(resolved).toBe(false)
      await bench.clock.advance(10)
      await consumed
      expect(bench.downstream.taken).toEqual([1])
      await bench.component.shutdown?.(AbortSignal.timeout(1000))
    })
    test('manners: a batch is unchanged after hand-over, another decode, and growth of memory', async () => {
      const bench = set(() => 'slow')
      await bench.component.start?.()
      const batch = bench.batch(signal, [1, 2, 3])
      const before = fingerprint(batch)
      batch.raw.retain()
      const consumed = send(bench.component, batch)
      await settled()
      const seen = bench.downstream.offered.at(-1)
      const seenBefore = seen && fingerprint(seen)
      bench.batch(signal, [9, 8, 7, 6])
      bench.growMemory()
      expect(fingerprint(batch)).toBe(before)
      if (seen) expect(fingerprint(seen)).toBe(seenBefore)
      await bench.clock.advance(2000)
      await consumed
      await bench.component.shutdown?.(AbortSignal.timeout(1000))
    })
    test(`bounds: a stuck downstream takes ${heldWhenStuck} rows off the senders`, async () => {
      const bench = set(() => 'hang')
      await bench.component.start?.()
      let released = 0
      for (let id = 1; id <= 50; id++) void send(bench.component, bench.batch(signal, [id])).then(() => released++)
      await bench.clock.advance(60_000)
      expect(released).toBe(heldWhenStuck)
    })
    test('telemetry: the ledger moves', async () => {
      const bench = set()
      await bench.component.start?.()
      await send(bench.component, bench.batch(signal, [1, 2]))
      expect(bench.ledger.accounts.some(account => account.accepted === 2)).toBe(true)
      await bench.component.shutdown?.(AbortSignal.timeout(1000))
    })
  })
}

interface Bench<S extends Signal> {
  readonly clock: VirtualClock
  readonly cx: TestContext
  readonly ledger: Ledger
  readonly downstream: Downstream<S>
  readonly component: Component & Consumer<S>
  batch(signal: S, ids: readonly number[]): BatchOf[S]
  growMemory(): void
}

function processorBench<S extends Signal>(factory: ProcessorFactory, settings: object, signal: S, plan: () => Answer): Bench<S> {
  const { cx, clock, ledger } = surroundings('processor', factory.type)
  const downstream = new Downstream<S>(clock, plan)
  const create = factory.create[signal] as (cx: TestContext, settings: object, next: Consumer<S>) => Component & Consumer<S>
  const component = create(cx, factory.config.parse(settings), downstream)
  return { clock, cx, ledger, downstream, component, batch: (s, ids) => read(cx, s, ids), growMemory: () => grow(cx) }
}

export function surroundings(kind: Kind, type: string, world: TestWorld = {}): { cx: TestContext; clock: VirtualClock; ledger: Ledger } {
  const clock = world.clock ?? new VirtualClock()
  const ledger = new Ledger()
  const reader = createReader({ now: () => clock.now() })
  return { clock, ledger, cx: testContext({ ...world, id: type, kind, clock, ledger, reader }) }
}

/** Its bytes are freed when the last holder lets go, so whoever looks at them later is found out. */
export function read<S extends Signal>(cx: TestContext, signal: S, ids: readonly number[]): BatchOf[S] {
  return cx.reader.read(signal, Raw.owning([Uint8Array.from(rowsBody(signal, ids))]))
}

/** A body so large that the decoder's memory must grow. */
function grow(cx: TestContext): void {
  const ids = Array.from({ length: 60_000 }, (_, i) => i + 1)
  for (const signal of signals) cx.reader.read(signal, Raw.of(rowsBody(signal, ids)))
}

/** As a fan-out does it: reserve, then commit, then give back what is left. Full means not sent at all. */
async function send<S extends Signal>(consumer: Consumer<S>, batch: BatchOf[S]): Promise<void> {
  const room = new Room()
  consumer.reserve(batch.raw.size, room)
  if (room.mustWait) throw new Error('full')
  try {
    await consumer.consume(batch, room)
  } finally {
    room.release()
  }
}

/** Sends 200 batches and demands that every row answered with yes is downstream once, or was dropped and counted. */
async function conservation<S extends Signal>(bench: Bench<S>, signal: S): Promise<void> {
  const answered = new Set<number>()
  const outcomes: Promise<void>[] = []
  for (let id = 1; id <= 200; id++) {
    const sent = send(bench.component, bench.batch(signal, [id])).then(
      () => void answered.add(id),
      () => {},
    )
    outcomes.push(sent)
    if (id % 7 === 0) await bench.clock.advance(300)
    expect(bench.ledger.imbalance).toBe(0)
  }
  await bench.clock.advance(600_000)
  await Promise.all(outcomes)
  await bench.component.shutdown?.(AbortSignal.timeout(1000))
  expect(bench.ledger.imbalance).toBe(0)
  const there = new Set(bench.downstream.taken)
  expect(there.size).toBe(bench.downstream.taken.length)
  const dropped = bench.ledger.accounts.reduce((sum, account) => sum + account.droppedTotal, 0)
  const missing = [...answered].filter(id => !there.has(id))
  expect(missing.length).toBeLessThanOrEqual(dropped)
  expect([...there].filter(id => !answered.has(id))).toEqual([])
  expect(bench.downstream.reserved).toBe(0)
}

// ------------------------------------------------------------------------------------------------ connectors

export interface ConnectorLaws {
  readonly factory: ConnectorFactory
  readonly settings?: object
  readonly from: Signal
  /** why rows of the kit may be dropped here; they have a `service.name` and nothing else that tells them apart */
  readonly dropReasons: readonly string[]
}

/** For connectors that take at `consume` and feed other pipelines with rows of their own making. */
export function connectorContract({ factory, settings = {}, from, dropReasons }: ConnectorLaws): void {
  paperworkContract(factory, settings)
  describe(`connector ${factory.type}, ${from}`, () => {
    function set(plan: () => Answer = () => 'yes') {
      const { cx, clock, ledger } = surroundings('connector', factory.type)
      const next = Object.fromEntries(signals.map(signal => [signal, new Downstream<Signal>(clock, plan)]))
      const create = factory.create[from] as (cx: TestContext, settings: object, next: object) => Component & Consumer<Signal>
      return { cx, clock, ledger, component: create(cx, factory.config.parse(settings), next), account: cx.account(from) }
    }
    lifecycleLaws(set)
    test('start, batches and shutdown leave no timer and nothing charged', async () => {
      const { component, clock, cx } = set()
      await component.start?.()
      for (let id = 1; id <= 10; id++) await send(component, read(cx, from, [id]))
      await component.shutdown?.(AbortSignal.timeout(1000))
      expect(clock.pending).toBe(0)
      expect(cx.budget.used).toBe(0)
    })
    test.each(Object.entries(worlds))('conservation: what is accepted is taken, held, or dropped and counted: %s', async (_, answers) => {
      const { component, cx, clock, ledger, account } = set(atRandom(seeded(7), answers))
      await component.start?.()
      for (let id = 1; id <= 100; id++) {
        await send(component, read(cx, from, [2 * id, 2 * id + 1]))
        if (id % 7 === 0) await clock.advance(20_000)
        expect(ledger.imbalance).toBe(0)
      }
      await clock.advance(600_000)
      await component.shutdown?.(AbortSignal.timeout(1000))
      expect(ledger.imbalance).toBe(0)
      expect(account.accepted).toBe(200)
      expect(account.held()).toBe(0)
      expect([...account.dropped.keys()].filter(reason => !dropReasons.includes(reason))).toEqual([])
    })
    test('room: a stuck destination downstream holds nobody back', () => {
      const { component } = set(() => 'full')
      const room = new Room()
      component.reserve(2 ** 30, room)
      expect(room.mustWait).toBe(false)
      room.release()
    })
    test('manners: a batch is unchanged after hand-over, another decode, and growth of memory', async () => {
      const { component, cx } = set()
      await component.start?.()
      const batch = read(cx, from, [1, 2, 3])
      const before = fingerprint(batch)
      batch.raw.retain()
      await send(component, batch)
      grow(cx)
      expect(fingerprint(batch)).toBe(before)
      await component.shutdown?.(AbortSignal.timeout(1000))
    })
  })
}

// ------------------------------------------------------------------------------------------------ exporters

/** Where a push exporter sends to, in a test: a real server, whose answers can be chosen. */
export interface Destination {
  /** what to configure so that the exporter sends here */
  readonly settings: object
  /** ids that arrived and were answered with yes, in order */
  readonly arrived: () => readonly number[]
  /** `hang` and `full` are a destination that never answers */
  answer(plan: () => Answer): void
  close(): Promise<void>
}

export interface ExporterLaws {
  readonly factory: ExporterFactory
  readonly destination: (signal: Signal) => Promise<Destination>
  /** Lets time pass and sockets speak until `done`, or fails: exporters with real sockets need both. */
  readonly until: (clock: VirtualClock, done: () => boolean) => Promise<void>
  /** settings that bound the queue to exactly this many rows when each batch has one row and nothing is delivered */
  readonly bound: { readonly settings: object; readonly rows: number }
  /** for a queue on the disk: what the context has besides, and what a shutdown leaves is kept and not dropped */
  readonly stored?: { readonly settings: object; readonly world: () => Promise<TestWorld> }
}

/** For exporters with a queue: what was taken over is delivered, dropped and counted, or held. */
export function exporterContract({ factory, destination, until, bound, stored }: ExporterLaws): void {
  const supported = signals.filter(signal => factory.create[signal] !== undefined)
  describe.each(supported)(`exporter ${factory.type}, %s`, signal => {
    async function set(settings: object = {}) {
      const end = await destination(signal)
      const { cx, clock, ledger } = surroundings('exporter', factory.type, await stored?.world())
      const create = factory.create[signal] as (cx: TestContext, settings: object) => Component & Consumer<Signal>
      const component = create(cx, factory.config.parse({ ...end.settings, ...stored?.settings, ...settings }))
      const before = clock.pending
      return { before, end, cx, clock, ledger, component, account: cx.account(signal) }
    }
    const aborted = AbortSignal.abort()

    lifecycleLaws(set, aborted)
    test.each<[string, readonly Answer[]]>([
      ['always yes', ['yes']],
      ['always never', ['never']],
      ['mixed', ['yes', 'later', 'never']],
    ])('conservation: %s', async (_, answers) => {
      const { component, clock, end, cx, account, ledger } = await set()
      end.answer(atRandom(seeded(5), answers))
      await component.start?.()
      let sent = 0
      for (let id = 1; id <= 60; id++) {
        await send(component, read(cx, signal, [id])).then(
          () => sent++,
          () => {},
        )
        expect(ledger.imbalance).toBe(0)
      }
      await until(clock, () => account.held() === 0)
      await component.shutdown?.(AbortSignal.timeout(5000))
      expect(ledger.imbalance).toBe(0)
      expect(account.accepted).toBe(sent)
      expect(new Set(end.arrived()).size).toBe(account.taken)
      expect(account.taken + account.droppedTotal).toBe(sent)
      await end.close()
    })
    test(`bounds: a stuck destination takes exactly ${bound.rows} rows`, async () => {
      const { component, cx, end, account } = await set(bound.settings)
      end.answer(() => 'hang')
      await component.start?.()
      let taken = 0
      for (let id = 1; id <= bound.rows + 20; id++) {
        await send(component, read(cx, signal, [id])).then(
          () => taken++,
          () => {},
        )
      }
      expect(taken).toBe(bound.rows)
      expect(account.held()).toBe(bound.rows)
      await component.shutdown?.(aborted)
      if (stored === undefined) expect(account.dropped.get('shutdown')).toBe(bound.rows)
      else expect([account.droppedTotal, account.kept()]).toEqual([0, bound.rows])
      await end.close()
    })
    test('manners: a batch is unchanged after hand-over', async () => {
      const { component, clock, cx, end, account } = await set()
      await component.start?.()
      const batch = read(cx, signal, [1, 2, 3])
      const before = fingerprint(batch)
      batch.raw.retain()
      await send(component, batch)
      grow(cx)
      await until(clock, () => account.held() === 0)
      expect(fingerprint(batch)).toBe(before)
      expect([...end.arrived()]).toEqual([1, 2, 3])
      await component.shutdown?.(AbortSignal.timeout(5000))
      await end.close()
    })
  })
}

export interface TakingExporterLaws {
  readonly factory: ExporterFactory
  readonly settings?: object
}

/** For exporters without a queue, which take at `consume`: pages that are scraped, the terminal. */
export function takingExporterContract({ factory, settings = {} }: TakingExporterLaws): void {
  const supported = signals.filter(signal => factory.create[signal] !== undefined)
  describe.each(supported)(`exporter ${factory.type}, %s`, signal => {
    function set() {
      const { cx, clock, ledger } = surroundings('exporter', factory.type)
      const create = factory.create[signal] as (cx: TestContext, settings: object) => Component & Consumer<Signal>
      return { cx, clock, ledger, component: create(cx, factory.config.parse(settings)), account: cx.account(signal) }
    }
    const aborted = AbortSignal.abort()

    lifecycleLaws(set, aborted)
    test('conservation: what is accepted is taken, or dropped and counted, at once', async () => {
      const { component, cx, ledger, account } = set()
      await component.start?.()
      for (let id = 1; id <= 40; id++) {
        await send(component, read(cx, signal, [id, id + 1000]))
        expect(ledger.imbalance).toBe(0)
        expect(account.taken + account.droppedTotal).toBe(2 * id)
      }
      expect(account.accepted).toBe(80)
      await component.shutdown?.(aborted)
    })
    test('room: nothing is reserved, and it is never full', () => {
      const { component } = set()
      const room = new Room()
      component.reserve(2 ** 40, room)
      expect(room.mustWait).toBe(false)
      room.release()
    })
    test('manners: a batch is unchanged after hand-over, another decode, and growth of memory', async () => {
      const { component, cx } = set()
      await component.start?.()
      const batch = read(cx, signal, [1, 2, 3])
      const before = fingerprint(batch)
      batch.raw.retain()
      await send(component, batch)
      grow(cx)
      expect(fingerprint(batch)).toBe(before)
      await component.shutdown?.(aborted)
    })
  })
}

// ------------------------------------------------------------------------------------------------ receivers

export interface MeasuringReceiverLaws {
  readonly signal: Signal
  /** A receiver that hands on what it measures every second, in a world where there is something to measure. */
  readonly create: (next: { readonly [S in Signal]?: Consumer<S> }, clock: VirtualClock, ledger: Ledger) => Component & { account: Account }
}

/** For receivers that nobody sends to: what cannot be handed on is refused and counted, and never piles up. */
export function measuringReceiverContract(name: string, { signal, create }: MeasuringReceiverLaws): void {
  describe(`receiver ${name}, ${signal}`, () => {
    function set(plan: () => Answer) {
      const clock = new VirtualClock()
      const ledger = new Ledger()
      let offered = 0
      const downstream: Consumer<Signal> = {
        reserve() {},
        async consume(batch) {
          offered += batch.rows
          switch (plan()) {
            case 'later':
              throw new RetryableError('not now')
            case 'never':
              throw new PermanentError('not ever')
            case 'hang':
              return new Promise(() => {})
          }
        },
      }
      const component = create({ [signal]: downstream }, clock, ledger)
      return { clock, ledger, component, account: component.account, offered: () => offered }
    }
    lifecycleLaws(() => set(() => 'yes'))
    test.each(Object.entries(receivedWorlds))('accepted ∪ refused = received: %s', async (_, answers) => {
      const { component, clock, ledger, account, offered } = set(atRandom(seeded(13), answers))
      await component.start?.()
      for (let second = 0; second < 20; second++) {
        await clock.advance(1000)
        expect(ledger.imbalance).toBe(0)
      }
      await component.shutdown?.(AbortSignal.timeout(1000))
      expect(offered()).toBeGreaterThan(10)
      expect(account.received).toBe(offered())
      expect(account.accepted + account.refused).toBe(account.received)
      if (answers.length === 1) expect(account.refused).toBe(answers[0] === 'yes' ? 0 : account.received)
    })
    test('bounds: a stuck downstream has one snapshot, however long it takes', async () => {
      const { component, clock, offered } = set(() => 'hang')
      await component.start?.()
      await clock.advance(3000)
      const first = offered()
      expect(first).toBeGreaterThan(0)
      await clock.advance(60_000)
      expect(offered()).toBe(first)
    })
  })
}

export interface ReceiverLaws {
  readonly factory: ReceiverFactory
  readonly settings?: object
  readonly signal: Signal
  /** Makes the running receiver receive one row with this id; says whether its sender was told yes. */
  readonly send: (component: Component, cx: TestContext, id: number) => Promise<boolean>
}

export function receiverContract({ factory, settings = {}, signal, send: sendOne }: ReceiverLaws): void {
  describe(`receiver ${factory.type}, ${signal}`, () => {
    function set(plan: () => Answer) {
      const { cx, clock, ledger } = surroundings('receiver', factory.type)
      const downstream = new Downstream<Signal>(clock, plan)
      const component = factory.create(cx, factory.config.parse(settings), { [signal]: downstream })
      return { cx, clock, ledger, downstream, component, account: cx.account(signal) }
    }
    lifecycleLaws(() => set(() => 'yes'))
    test.each(Object.entries(receivedWorlds))('accepted ∪ refused = received: %s', async (_, answers) => {
      const { component, cx, ledger, downstream, account } = set(atRandom(seeded(11), answers))
      await component.start?.()
      const told: number[] = []
      for (let id = 1; id <= 40; id++) {
        if (await sendOne(component, cx, id)) told.push(id)
        expect(ledger.imbalance).toBe(0)
      }
      await component.shutdown?.(AbortSignal.timeout(1000))
      expect(downstream.taken).toEqual(told)
      expect(account.received).toBe(40)
      expect(account.accepted).toBe(told.length)
      expect(cx.budget.used).toBe(0)
    })
  })
}

// ------------------------------------------------------------------------------------------------ fingerprints

/** A hash over every column and byte of a batch. */
export function fingerprint(batch: AnyBatch): string {
  const hash = createHash('sha256')
  hash.update(batch.raw.bytes())
  const groups: object[] =
    batch.signal === 'metrics'
      ? [
          batch.resources,
          batch.scopes,
          batch.metrics,
          batch.numbers,
          batch.histograms,
          batch.exponentials,
          batch.summaries,
          batch.exemplars,
        ]
      : batch.signal === 'traces'
        ? [batch.resources, batch.scopes, batch.spans]
        : [batch.resources, batch.scopes, batch.records]
  if (batch.signal === 'metrics') groups.push({ buckets: batch.buckets, quantiles: batch.quantiles })
  for (const group of groups) for (const name of columnNames(group)) hash.update(name).update(bytesOf(group, name))
  return hash.digest('hex')
}

function columnNames(group: object): string[] {
  const names = new Set<string>()
  for (let at: object | null = group; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const name of Object.getOwnPropertyNames(at)) if (ArrayBuffer.isView(Reflect.get(group, name))) names.add(name)
  }
  return [...names].sort()
}

function bytesOf(group: object, name: string): Uint8Array {
  const view = Reflect.get(group, name) as Uint8Array
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
}
