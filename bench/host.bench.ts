/** What a snapshot of the host costs: `node bench/host.bench.ts`. Prints CPU and wall time a snapshot, and the share of a core at 1 Hz. */
import { readFileSync } from 'node:fs'
import { readdir, readFile, statfs } from 'node:fs/promises'
import { cpus } from 'node:os'
import { createNoopMeter, ProxyTracerProvider } from '@opentelemetry/api'
import { Budget } from '../src/component/budget.ts'
import type { Consumer, Context } from '../src/component/component.ts'
import { DerivedSamples } from '../src/component/derived.ts'
import { OfferedJournals } from '../src/component/journals.ts'
import { Ledger } from '../src/component/ledger.ts'
import { createOwnTelemetry } from '../src/component/own-telemetry.ts'
import { OfferedStores } from '../src/component/queries.ts'
import { OfferedRecords } from '../src/component/records.ts'
import { OfferedTargets } from '../src/component/targets.ts'
import { nodeDisk } from '../src/disk.ts'
import { systemClock } from '../src/lib/clock.ts'
import { createReader } from '../src/otlp/reader.ts'
import host from '../src/receivers/host/index.ts'

const SNAPSHOTS = Number(process.argv[2] ?? 200)

const ledger = new Ledger()
const memory = () => ({ usedBytes: 0, limitBytes: 1 })
const budget = new Budget()
const quiet = { debug() {}, info() {}, warn: console.warn, error: console.error }
const due: (() => unknown)[] = []
const clock = {
  ...systemClock,
  after(_ms: number, run: () => unknown) {
    due.push(run)
    return { [Symbol.dispose]() {} }
  },
}
const cx: Context = {
  id: 'host',
  clock,
  random: () => 0,
  log: quiet,
  meter: createNoopMeter(),
  tracer: new ProxyTracerProvider().getTracer('bench'),
  telemetry: createOwnTelemetry({ ledger, budget, clock, memory, version: '0', metrics: 'none', traces: 'none', resource: {} }),
  files: {
    read: path => readFile(path),
    readSync: path => readFileSync(path, 'utf8'),
    list: path => readdir(path),
    async statfs(path) {
      const { bsize, blocks, bfree, bavail } = await statfs(path)
      return { total: blocks * bsize, free: bfree * bsize, available: bavail * bsize }
    },
  },
  disk: nodeDisk,
  storage: () => undefined,
  budget,
  reader: createReader(),
  account: signal => ledger.account('receiver', 'host', signal),
  mount() {},
  authenticator: () => undefined,
  queries: new OfferedStores(),
  targets: new OfferedTargets(),
  journals: new OfferedJournals(),
  records: new OfferedRecords(),
  derived: new DerivedSamples(),
  memory,
  listening() {},
  status: () => ({ ready: true, problems: new Map() }),
  health() {},
}

const costs: { cpuMs: number; wallMs: number }[] = []
let rows = 0
let bytes = 0
let arrived = Promise.withResolvers<void>()
const next: Consumer<'metrics'> = {
  reserve() {},
  async consume(batch) {
    rows = batch.rows
    bytes = batch.raw.size
    arrived.resolve()
  },
}

const component = host.create(cx, host.config.parse({}), { metrics: next })
await component.start?.()
for (let i = 0; i < SNAPSHOTS; i++) {
  while (due.length === 0) await new Promise(resolve => setImmediate(resolve))
  const run = due.shift()!
  arrived = Promise.withResolvers<void>()
  const before = process.cpuUsage()
  const at = performance.now()
  void run()
  await arrived.promise
  const { user, system } = process.cpuUsage(before)
  costs.push({ cpuMs: (user + system) / 1000, wallMs: performance.now() - at })
}
await component.shutdown?.(AbortSignal.timeout(1000))

const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!
const warm = costs.slice(20)
const mean = warm.reduce((sum, { cpuMs }) => sum + cpuMs, 0) / warm.length
console.log(`machine          ${cpus().length} × ${cpus()[0]?.model}, Node ${process.versions.node}`)
console.log(`snapshot         ${rows} points, ${bytes} bytes`)
console.log(`first            ${costs[0]!.wallMs.toFixed(2)} ms`)
console.log(`wall, median     ${median(warm.map(c => c.wallMs)).toFixed(2)} ms (must be under 100)`)
console.log(`CPU, mean        ${mean.toFixed(2)} ms = ${(mean / 10).toFixed(3)} % of a core at 1 Hz (must be under 0.5)`)
console.log(mean < 5 && median(warm.map(c => c.wallMs)) < 100 ? 'ok' : 'TOO SLOW')
