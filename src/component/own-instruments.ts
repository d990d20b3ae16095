/**
 * The numbers of the ledger, the memory budget and the process as observable instruments: names, units, descriptions and
 * attribute keys are the Collector's; what it has no word for begins with `thalamus_`.
 */
import { getHeapStatistics } from 'node:v8'
import { type Attributes, type BatchObservableResult, type Meter, type Observable, ValueType } from '@opentelemetry/api'
import type { Clock } from '../lib/clock.ts'
import { rowWord, type Signal, signals } from '../model/signal.ts'
import type { Budget } from './budget.ts'
import type { MemoryUse } from './component.ts'
import type { Account, Kind, Ledger } from './ledger.ts'

const rowUnit = { metrics: '{datapoint}', traces: '{span}', logs: '{record}' } as const satisfies Record<Signal, string>
const rowName = { metrics: 'metric points', traces: 'spans', logs: 'log records' } as const satisfies Record<Signal, string>

/** What is told of each account of a kind, for each signal: `otelcol_<name>_<rows>{<key>="<id>"}`. */
interface RowCounter {
  readonly kind: Kind
  /** only components of this type */
  readonly type?: string
  readonly name: string
  readonly key: 'receiver' | 'processor' | 'exporter'
  /** `%` stands for what a row is called */
  readonly description: string
  readonly value: (account: Account, ledger: Ledger) => number
  /** told with where the rows went */
  readonly where?: true
  /** of receivers that know what came by which transport: told for each instead */
  readonly share?: (of: { readonly accepted: number; readonly refused: number }) => number
}

const rowCounters: readonly RowCounter[] = [
  {
    kind: 'receiver',
    name: 'receiver_accepted',
    key: 'receiver',
    description: 'Number of % successfully pushed into the pipeline.',
    value: a => a.accepted,
    share: of => of.accepted,
  },
  {
    kind: 'receiver',
    name: 'receiver_refused',
    key: 'receiver',
    description: 'Number of % that could not be pushed into the pipeline.',
    value: a => a.refused,
    share: of => of.refused,
  },
  {
    kind: 'exporter',
    name: 'exporter_sent',
    key: 'exporter',
    description: 'Number of % successfully sent to destination.',
    where: true,
    value: a => a.taken,
  },
  {
    kind: 'exporter',
    name: 'exporter_send_failed',
    key: 'exporter',
    description: 'Number of % in failed attempts to send to destination.',
    where: true,
    value: a => a.droppedTotal - (a.dropped.get('queue_full') ?? 0),
  },
  {
    kind: 'exporter',
    name: 'exporter_enqueue_failed',
    key: 'exporter',
    description: 'Number of % failed to be added to the sending queue.',
    value: (a, ledger) => (a.dropped.get('queue_full') ?? 0) + droppedAtTheDoor(ledger, a),
  },
  {
    kind: 'processor',
    type: 'memory_limiter',
    name: 'processor_memory_limiter_accepted',
    key: 'processor',
    description: 'Number of % successfully pushed into the next component in the pipeline.',
    value: a => a.taken,
  },
  {
    kind: 'processor',
    type: 'memory_limiter',
    name: 'processor_memory_limiter_refused',
    key: 'processor',
    description: 'Number of % that were rejected by the next component in the pipeline.',
    value: a => a.limited,
  },
]

/** [rows] that a fan-out did not even offer because the branch was full. */
function droppedAtTheDoor(ledger: Ledger, account: Account): number {
  let rows = 0
  for (const wire of ledger.wires) {
    if (wire.to === account.id && wire.signal === account.signal) rows += wire.dropped.get('queue_full') ?? 0
  }
  return rows
}

const whole = { valueType: ValueType.INT } as const
const gaugesOf = (meter: Meter) => (name: string, unit: string, description: string) =>
  meter.createObservableGauge(name, { description, unit, ...whole })

/** Everything about rows, read in one walk over the ledger. */
export function observeLedger(meter: Meter, ledger: Ledger, budget: Budget): void {
  const counter = (name: string, unit: string, description: string) => meter.createObservableCounter(name, { description, unit, ...whole })
  const gauge = gaugesOf(meter)
  const observers: { instrument: Observable; observe: (sums: Sums) => void }[] = []
  for (const rows of rowCounters) {
    for (const signal of signals) {
      const description = rows.description.replace('%', rowName[signal])
      const instrument = counter(`otelcol_${rows.name}_${rowWord[signal]}`, rowUnit[signal], description)
      observers.push({ instrument, observe: sums => addRows(sums, instrument, rows, signal, ledger) })
    }
  }
  const incoming = counter('otelcol_processor_incoming_items', '{item}', 'Number of items passed to the processor.')
  const outgoing = counter('otelcol_processor_outgoing_items', '{item}', 'Number of items emitted from the processor.')
  const dropped = counter('thalamus_dropped_rows', '{row}', 'Rows that were given up, by component and reason.')
  const resent = counter(
    'thalamus_resent_rows',
    '{row}',
    'Rows that were sent again because nobody knows whether the destination has them.',
  )
  const imbalance = gauge('thalamus_ledger_imbalance', '{row}', 'Rows that are unaccounted for. Anything but 0 is a bug.')
  const used = gauge('thalamus_memory_budget_used', 'By', 'Bytes of telemetry that receivers and queues hold.')
  const limit = gauge('thalamus_memory_budget_limit', 'By', 'Bytes above which memory_limiter lets nothing in.')
  const others = [incoming, outgoing, dropped, resent, imbalance, used, limit]
  meter.addBatchObservableCallback(
    (result: BatchObservableResult) => {
      const sums = new Sums()
      for (const { observe } of observers) observe(sums)
      addItems(sums, incoming, outgoing, ledger)
      addDropped(sums, dropped, ledger)
      addResent(sums, resent, ledger)
      sums.tell(result)
      result.observe(imbalance, ledger.imbalance)
      result.observe(used, budget.used)
      if (Number.isFinite(budget.softBytes)) result.observe(limit, budget.softBytes)
    },
    [...observers.map(o => o.instrument), ...others],
  )
}

/** One id may have several accounts (a processor in two pipelines): their sum is told, once. */
class Sums {
  readonly #sums = new Map<Observable, Map<string, { attributes: Attributes; value: number }>>()

  add(instrument: Observable, attributes: Attributes, value: number): void {
    const key = Object.values(attributes).join('\n')
    const sums = this.#sums.get(instrument) ?? new Map()
    this.#sums.set(instrument, sums)
    const sum = sums.get(key)
    if (sum === undefined) sums.set(key, { attributes, value })
    else sum.value += value
  }

  tell(result: BatchObservableResult): void {
    for (const [instrument, sums] of this.#sums) {
      for (const { attributes, value } of sums.values()) result.observe(instrument, value, attributes)
    }
  }
}

function addRows(sums: Sums, instrument: Observable, counter: RowCounter, signal: Signal, ledger: Ledger): void {
  for (const account of ledger.accounts) {
    if (account.kind !== counter.kind || account.signal !== signal) continue
    if (counter.type !== undefined && typeOf(account.id) !== counter.type) continue
    // As in the Collector, nothing is told before the first rows: until then it is not known how they come.
    if (counter.share !== undefined && account.received === 0) continue
    const shares = counter.share === undefined ? [] : [...account.transports]
    for (const [transport, share] of shares) sums.add(instrument, { receiver: account.id, transport }, counter.share!(share))
    if (shares.length === 0)
      sums.add(instrument, { [counter.key]: account.id, ...(counter.where && account.destination) }, counter.value(account, ledger))
  }
}

function addItems(sums: Sums, incoming: Observable, outgoing: Observable, ledger: Ledger): void {
  for (const account of ledger.accounts) {
    if (account.kind !== 'processor') continue
    const attributes = { processor: account.id, 'otel.signal': account.signal }
    sums.add(incoming, attributes, account.accepted + account.limited)
    sums.add(outgoing, attributes, account.taken)
  }
}

function addDropped(sums: Sums, dropped: Observable, ledger: Ledger): void {
  for (const { kind, id, signal, dropped: rows, reasons } of ledger.accounts) {
    for (const reason of new Set([...reasons, ...rows.keys()]))
      sums.add(dropped, { 'component.kind': kind, component: id, reason, 'otel.signal': signal }, rows.get(reason) ?? 0)
  }
  // A branch that was full dropped for the component it leads to; where there is none, the receiver had nobody to give to.
  for (const { from, to, signal, dropped: rows, reasons } of ledger.wires) {
    for (const reason of new Set([...reasons, ...rows.keys()])) {
      const component = reason === 'no_exporter' ? from : to
      const kind = reason === 'no_exporter' ? 'receiver' : ''
      sums.add(dropped, { 'component.kind': kind || 'fanout', component, reason, 'otel.signal': signal }, rows.get(reason) ?? 0)
    }
  }
}

function addResent(sums: Sums, resent: Observable, ledger: Ledger): void {
  for (const { id, signal, resent: rows } of ledger.accounts) {
    if (rows > 0) sums.add(resent, { exporter: id, 'otel.signal': signal }, rows)
  }
}

const typeOf = (id: string) => id.split('/')[0]!

export function observeProcess(meter: Meter, clock: Clock, memory: () => MemoryUse): void {
  const started = clock.monotonic()
  meter
    .createObservableCounter('otelcol_process_uptime', { description: 'Uptime of the process', unit: 's' })
    .addCallback(result => result.observe((clock.monotonic() - started) / 1000))
  meter
    .createObservableCounter('otelcol_process_cpu_seconds', { description: 'Total CPU user and system time in seconds', unit: 's' })
    .addCallback(result => {
      const { user, system } = process.cpuUsage()
      result.observe((user + system) / 1e6)
    })
  const gauge = gaugesOf(meter)
  const rss = gauge('otelcol_process_memory_rss', 'By', 'Total physical memory (resident set size)')
  const heap = gauge('otelcol_process_runtime_heap_alloc_bytes', 'By', 'Bytes of allocated heap objects')
  const total = gauge(
    'otelcol_process_runtime_total_sys_memory_bytes',
    'By',
    'Total bytes of memory obtained from the OS by the heap and beside it',
  )
  const used = gauge('thalamus_process_memory_used', 'By', 'Bytes that memory_limiter goes by: live objects and buffers')
  meter.addBatchObservableCallback(
    result => {
      const { used_heap_size, total_heap_size, external_memory } = getHeapStatistics()
      const resident = residentBytes()
      if (resident !== undefined) result.observe(rss, resident)
      result.observe(heap, used_heap_size)
      result.observe(total, total_heap_size + external_memory)
      result.observe(used, memory().usedBytes)
    },
    [rss, heap, total, used],
  )
}

/** It is read from a file: undefined when too many are open. */
function residentBytes(): number | undefined {
  try {
    return process.memoryUsage.rss()
  } catch {
    return undefined
  }
}
