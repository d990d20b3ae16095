/** One page of `thalamus top`: two looks at the same process, a moment apart, as text. */
import type { ProcessPage, QueuePage } from '../api/debug.ts'

/** As much of `/debug/ledger` as is shown. */
export interface LedgerPage {
  readonly imbalance: number
  readonly receivers: readonly { readonly id: string; readonly signal: string; readonly accepted: number; readonly refused: number }[]
  readonly components: readonly {
    readonly kind: string
    readonly id: string
    readonly pipeline?: string
    readonly signal: string
    readonly accepted: number
    readonly taken: number
    readonly held: number
    readonly dropped: Readonly<Record<string, number>>
  }[]
  readonly wires: readonly {
    readonly from: string
    readonly to: string
    readonly signal: string
    readonly taken: number
    readonly failed: number
    readonly dropped: Readonly<Record<string, number>>
  }[]
}
export interface Look {
  readonly ledger: LedgerPage
  readonly queues: readonly QueuePage[]
  readonly process: ProcessPage
}

const reasonsHead = 'dropped in all'

/** `before` undefined: there is nothing yet to make rates of. */
export function topPage(now: Look, before: Look | undefined): string[] {
  const seconds = before === undefined ? 0 : now.process.uptime_seconds - before.process.uptime_seconds
  const rate = (value: number, was: number | undefined) => (seconds > 0 ? decimal((value - (was ?? 0)) / seconds) : '-')
  const { receivers, components, wires } = now.ledger
  const old = before?.ledger
  const queueOf = new Map(now.queues.map(queue => [`${queue.exporter} ${queue.signal}`, queue]))
  const consumers = (kind: string) =>
    components
      .filter(component => component.kind === kind)
      .map(component => {
        const { id, pipeline, signal, accepted, taken, held, dropped } = component
        const was = old?.components.find(o => o.kind === kind && o.id === id && o.signal === signal && o.pipeline === pipeline)
        const queue = kind === 'exporter' ? queueOf.get(`${id} ${signal}`) : undefined
        const name = `${id} ${pipeline === undefined ? signal : `(${pipeline})`}`
        const rates = [rate(accepted, was?.accepted), rate(taken, was?.taken), rate(sum(dropped), sum(was?.dropped ?? {}))]
        return [name, ...rates, decimal(held), fill(queue), reasons(dropped)]
      })
  const head = ['accepted/s', 'out/s', 'dropped/s', 'held', 'queue', reasonsHead]
  return [
    ...summary(now, before),
    '',
    ...table(
      ['receivers', 'accepted/s', 'refused/s', 'accepted in all', 'refused in all'],
      receivers.map(({ id, signal, accepted, refused }) => {
        const was = old?.receivers.find(o => o.id === id && o.signal === signal)
        return [`${id} ${signal}`, rate(accepted, was?.accepted), rate(refused, was?.refused), decimal(accepted), decimal(refused)]
      }),
    ),
    ...(['processor', 'connector', 'exporter'] as const).flatMap(kind =>
      table(
        [`${kind}s`, kind === 'exporter' ? head[0]! : 'in/s', kind === 'exporter' ? 'sent/s' : 'out/s', ...head.slice(2)],
        consumers(kind),
      ),
    ),
    ...table(
      ['wires', 'rows/s', 'failed/s', 'dropped/s', reasonsHead],
      wires.map(({ from, to, signal, taken, failed, dropped }) => {
        const was = old?.wires.find(o => o.from === from && o.to === to && o.signal === signal)
        const rates = [rate(taken, was?.taken), rate(failed, was?.failed), rate(sum(dropped), sum(was?.dropped ?? {}))]
        return [`${from} -> ${to}${from === signal || to === signal ? '' : ` ${signal}`}`, ...rates, reasons(dropped)]
      }),
    ),
  ]
}

function summary({ process: now, ledger }: Look, before: Look | undefined): string[] {
  const { version, uptime_seconds, cpu_seconds, rss_bytes, memory_used_bytes, budget_used_bytes, budget_limit_bytes, workers, ready } = now
  const problems = Object.entries(now.problems)
  const seconds = before === undefined ? 0 : uptime_seconds - before.process.uptime_seconds
  const cpu = before === undefined || seconds <= 0 ? '-' : `${Math.round((100 * (cpu_seconds - before.process.cpu_seconds)) / seconds)} %`
  const of = budget_limit_bytes === null ? '' : ` of ${mebibytes(budget_limit_bytes)}`
  const state = problems.length > 0 ? 'unhealthy' : ready ? 'ready' : 'not ready'
  return [
    `thalamus ${version}  up ${duration(uptime_seconds)}  ${state}${workers > 1 ? `  ${workers} workers` : ''}`,
    `cpu ${cpu}  rss ${mebibytes(rss_bytes)}  in use ${mebibytes(memory_used_bytes)}${of}  telemetry held ${mebibytes(budget_used_bytes)}`,
    ledger.imbalance === 0 ? 'ledger balances' : `ledger: ${decimal(ledger.imbalance)} rows are unaccounted for: this is a bug`,
    ...problems.map(([component, problem]) => `! ${component}: ${problem}`),
  ]
}

/** Nothing where there are no rows. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return []
  const width = (column: number) => Math.max(...[head, ...rows].map(row => (row[column] ?? '').length))
  const widths = head.map((_, column) => width(column))
  // Names and reasons to the left; numbers to the right.
  const cell = (text: string, column: number) =>
    column === 0 || head[column] === reasonsHead ? text.padEnd(widths[column]!) : text.padStart(widths[column]!)
  return [head, ...rows].map((row, i) =>
    `${i === 0 ? '' : '  '}${row.map((text, c) => cell(text, c) + (i === 0 && c === 0 ? '  ' : '')).join('  ')}`.trimEnd(),
  )
}

const barWidth = 10

/** `###....... 31 %`; a dot less than full for what is not empty and not full. */
function fill(queue: QueuePage | undefined): string {
  if (queue === undefined || queue.capacity === 0) return ''
  const part = Math.min(1, queue.size / queue.capacity)
  const marks = part === 0 ? 0 : Math.max(1, Math.floor(part * barWidth))
  return `${'#'.repeat(marks)}${'.'.repeat(barWidth - marks)} ${String(Math.round(part * 100)).padStart(3)} %`
}

const sum = (rows: Readonly<Record<string, number>>) => Object.values(rows).reduce((a, b) => a + b, 0)
const reasons = (dropped: Readonly<Record<string, number>>) =>
  Object.entries(dropped)
    .map(([reason, rows]) => `${reason} ${decimal(rows)}`)
    .join(', ')

const decimal = (value: number) => Math.round(value).toLocaleString('en-US')
const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`

/** `45s`, `12m03s`, `3h07m`, `2d04h` */
function duration(seconds: number): string {
  const two = (value: number) => String(value).padStart(2, '0')
  const s = Math.floor(seconds)
  const [m, h, d] = [Math.floor(s / 60), Math.floor(s / 3600), Math.floor(s / 86_400)]
  if (m === 0) return `${s}s`
  if (h === 0) return `${m}m${two(s % 60)}s`
  return d === 0 ? `${h}h${two(m % 60)}m` : `${d}d${two(h % 24)}h`
}
