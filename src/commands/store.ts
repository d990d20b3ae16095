/**
 * The time-series store, from outside. Exit codes: 0, all is whole; 1, it cannot be told or done (a wrong command line, a directory that cannot be
 * read); 2, something is damaged and lost; 3, a running process has the directory, and so nothing was touched.
 */
import { parseTime } from '../api/prometheus/times.ts'
import { codeOf, type Lock } from '../component/disk.ts'
import { StartError } from '../component/errors.ts'
import { ExpositionError } from '../exposition/read.ts'
import { OpenMetricsPieces } from '../exposition/read-text.ts'
import { showBytes } from '../lib/bytes.ts'
import { systemClock } from '../lib/clock.ts'
import { closest } from '../lib/distance.ts'
import type { Matcher } from '../model/matcher.ts'
import { parseSelector } from '../promql/parse.ts'
import { type FileReport, inspectRings, inspectStore, repairBlock } from '../store/inspect.ts'
import { type RecordsReport, repairRecords } from '../store/inspect-records.ts'
import { PrometheusBlockError } from '../store/prometheus/block.ts'
import { type StoreSettings, TimeSeriesStore } from '../store/store.ts'
import { type Command, type Outside, UsageError } from './command.ts'
import { cannotRead } from './directory.ts'
import { piecesOf } from './lines.ts'
import type { LeftOut } from './open-metrics-page.ts'
import { readPrometheusBlock } from './prometheus-block.ts'
import { readCsv } from './store-csv.ts'
import { exportJsonLines, exportOpenMetrics } from './store-export.ts'
import { Filler } from './store-filler.ts'
import { readJsonLines } from './store-lines.ts'

const DAMAGED = 2
const IN_USE = 3
const YEARS = 100 * 365 * 86_400_000

interface Asked {
  readonly directory: string
  readonly more: readonly string[]
  readonly flags: ReadonlyMap<string, readonly string[]>
  readonly json: boolean
}
const verbs: Readonly<Record<string, (asked: Asked, outside: Outside) => Promise<number>>> = {
  verify,
  repair,
  stats,
  export: exportAll,
  import: importAll,
}

export const store: Command = {
  name: 'store',
  takes: 'verify|repair|stats|export|import DIR [FILE…]',
  says: 'reads the time-series store: what is damaged, how large it is, its samples as OpenMetrics or JSON lines; and takes samples of these, of CSV and of Prometheus blocks in',
  flags: {
    json: { says: 'verify, stats: prints what it found as JSON' },
    format: { takes: 'FORMAT', says: 'export: openmetrics, or jsonl, which loses nothing; openmetrics by default' },
    match: { takes: 'SELECTOR', repeated: true, says: 'export: series that are wanted, such as up{job="api"}; all by default' },
    from: { takes: 'TIME', says: 'export: samples after that, in seconds since 1970 or as 2026-01-31T12:00:00Z' },
    to: { takes: 'TIME', says: 'export: samples up to then' },
  },
  async run({ flags, rest }, outside) {
    const [verb, directory, ...more] = rest
    if (verb === undefined || directory === undefined)
      throw new UsageError(
        'store needs to be told what to do, and a directory',
        'write thalamus store verify DIR, repair DIR, stats DIR, export DIR or import DIR FILE…',
      )
    if (!Object.hasOwn(verbs, verb)) {
      const near = closest(verb, Object.keys(verbs))
      throw new UsageError(
        `store cannot ${JSON.stringify(verb)}`,
        near === undefined ? `known: ${Object.keys(verbs).join(', ')}` : `did you mean ${JSON.stringify(near)}?`,
      )
    }
    return verbs[verb]!({ directory: directory.replace(/(?<=.)\/+$/, ''), more, flags, json: flags.has('json') }, outside)
  },
}

interface Found {
  readonly samples: readonly FileReport[]
  readonly records: readonly RecordsReport[]
}
type Report = FileReport | RecordsReport

async function read({ directory }: Asked, { disk }: Outside): Promise<Found> {
  try {
    return { samples: await inspectStore(disk, directory), records: await inspectRings(disk, directory) }
  } catch (error) {
    throw cannotRead(directory, error, 'a store')
  }
}

async function verify(asked: Asked, outside: Outside): Promise<number> {
  const { samples, records } = await read(asked, outside)
  const reports = [...samples, ...records]
  const damaged = reports.filter(isDamaged)
  if (asked.json) outside.print(JSON.stringify(reports, null, 2))
  else {
    const count = `${reports.length} ${reports.length === 1 ? 'file' : 'files'}`
    const verdict = damaged.length === 0 ? 'all is whole' : `${damaged.length} damaged; thalamus store repair keeps what is whole`
    outside.print([...reports.flatMap(saidOf), `${asked.directory}: ${count}, ${verdict}`].join('\n'))
  }
  return damaged.length > 0 ? DAMAGED : 0
}

const saidOf = (report: Report): string[] => [
  ...report.problems.map(problem => `${report.path}: ${problem}`),
  ...('remarks' in report ? report.remarks : []).map(remark => `${report.path}: ${remark}`),
  ...(report.torn > 0 ? [`${report.path}: ${report.torn} bytes at its end are no whole record: not acknowledged, or damaged`] : []),
]

const isDamaged = ({ problems }: Report): boolean => problems.length > 0

async function stats(asked: Asked, outside: Outside): Promise<number> {
  const { samples: reports, records } = await read(asked, outside)
  const tiers = [
    { what: 'raw', of: reports.filter(({ kind, step }) => kind === 'block' && step === 0) },
    { what: 'minute', of: reports.filter(({ step }) => step === 60_000) },
    { what: 'hour', of: reports.filter(({ step }) => step === 3_600_000) },
    { what: 'log', of: reports.filter(({ kind }) => kind === 'log') },
  ].map(({ what, of }) => {
    const sum = (pick: (report: FileReport) => number) => of.reduce((total, report) => total + pick(report), 0)
    const filled = of.filter(({ samples }) => samples > 0)
    return {
      what,
      ...{ files: of.length, bytes: sum(({ size }) => size), samples: sum(({ samples }) => samples) },
      // A series is in many blocks: there are at least as many as in the largest.
      series: Math.max(0, ...of.map(({ series }) => series)),
      first: Math.min(...filled.map(({ first }) => first)),
      last: Math.max(...filled.map(({ last }) => last)),
    }
  })
  const rings = ringKinds.map(kind => sumOf(kind, records)).filter(({ files }) => files > 0)
  if (asked.json) outside.print(JSON.stringify([...tiers, ...rings], null, 2))
  else
    outside.print([`${asked.directory}:`, ...tiers.filter(({ files }) => files > 0).map(describe), ...rings.map(describeRing)].join('\n'))
  return [...reports, ...records].some(isDamaged) ? DAMAGED : 0
}

const ringKinds = ['spans', 'logs', 'journal'] as const

function sumOf(what: (typeof ringKinds)[number], records: readonly RecordsReport[]) {
  const of = records.filter(({ kind }) => kind === what)
  const sum = (pick: (report: RecordsReport) => number) => of.reduce((total, report) => total + pick(report), 0)
  const filled = of.filter(({ records }) => records > 0)
  return {
    what,
    ...{ files: of.length, bytes: sum(({ size }) => size), records: sum(({ records }) => records), rows: sum(({ rows }) => rows) },
    first: Math.min(...filled.map(({ first }) => first)),
    last: Math.max(...filled.map(({ last }) => last)),
  }
}

function describeRing({ what, files, bytes, records, rows, first, last }: ReturnType<typeof sumOf>): string {
  const head = `  ${what.padEnd(7)} ${files} ${files === 1 ? 'file' : 'files'}, ${showBytes(bytes)}`
  if (records === 0) return head
  const held = what === 'journal' ? `${records} entries` : `${rows} rows in ${records} batches`
  return `${head}, ${held}, written ${new Date(first).toISOString()} to ${new Date(last).toISOString()}`
}

function describe(tier: {
  what: string
  files: number
  bytes: number
  samples: number
  series: number
  first: number
  last: number
}): string {
  const { what, files, bytes, samples, series, first, last } = tier
  const head = `  ${what.padEnd(7)} ${files} ${files === 1 ? 'file' : 'files'}, ${showBytes(bytes)}`
  if (samples === 0) return head
  const each = (bytes / samples).toFixed(2)
  return `${head}, ${samples} samples (${each} bytes each), at least ${series} series, ${new Date(first).toISOString()} to ${new Date(last).toISOString()}`
}

async function repair(asked: Asked, outside: Outside): Promise<number> {
  const { directory } = asked
  const { samples, records } = await read(asked, outside)
  const damaged = [...samples, ...records].filter(isDamaged)
  const folders = [...new Set([directory, ...damaged.map(({ path }) => folderOf(path))])]
  const held: Lock[] = []
  try {
    for (const folder of folders) {
      const lock = await outside.disk.lock(`${folder}/lock`).catch((error: unknown) => {
        throw cannotRead(directory, error, 'a store')
      })
      if (lock === undefined) return inUse(folder, outside)
      held.push(lock)
    }
    const lines: string[] = []
    for (const report of damaged) lines.push(`${report.path}: ${await repairOne(report, directory, outside)}`)
    outside.print(lines.join('\n') || `${directory}: nothing to repair`)
    return damaged.length > 0 ? DAMAGED : 0
  } finally {
    for (const lock of held) await lock.release()
  }
}

const folderOf = (path: string): string => path.slice(0, path.lastIndexOf('/'))

/** @returns what was done */
async function repairOne(report: Report, directory: string, { disk, now }: Outside): Promise<string> {
  const { path, kind, problems, version } = report
  if (version !== undefined) return `not repaired: ${problems[0]}`
  if ('remarks' in report) return repairRecords(disk, folderOf(path), report, now())
  if (kind === 'log') return `not repaired: ${problems[0]}; what is whole of it is read by the next start`
  if (kind === 'notes') {
    await disk.rename(path, `${path}.damaged`)
    return `put aside as ${path}.damaged: metadata and exemplars come again with the next batches`
  }
  const { aside, kept, lostSeries } = await repairBlock(disk, directory, path, now())
  const lost = lostSeries === undefined ? 'what is lost nobody can tell' : `${lostSeries} series are lost`
  return `${kept} samples are kept, ${lost}; the damaged file is ${aside}`
}

function inUse(directory: string, outside: Outside): number {
  outside.complain(`${directory}: a running process has it, and nothing was touched\n  stop that process first`)
  return IN_USE
}

/** Nothing is deleted and nothing thinned out: the process that runs on it does so by its own settings. */
const settings = (directory: string): StoreSettings => ({
  directory,
  ...{
    outOfOrderMs: YEARS,
    aheadMs: YEARS,
    syncMs: 60_000,
    maxHeadBytes: 192 * 2 ** 20,
    maxExemplars: 1_000_000,
    maxIndexBytes: 128 * 2 ** 20,
    maxSelectBytes: Number.POSITIVE_INFINITY,
  },
  retention: { rawMs: YEARS, minuteMs: YEARS, hourMs: YEARS, maxBytes: 0 },
})

const silent = { debug() {}, info() {}, warn() {}, error() {} }
const worldOf = ({ disk, now }: Outside) => ({ disk, clock: { ...systemClock, now }, log: silent })

async function exportAll({ directory, flags }: Asked, outside: Outside): Promise<number> {
  const time = (name: string, otherwise: number) => {
    const text = flags.get(name)?.[0]
    const at = text === undefined ? otherwise : parseTime(text)
    if (at !== undefined) return at
    throw new UsageError(`--${name} must be a time, got ${JSON.stringify(text)}`, 'write seconds since 1970, or 2026-01-31T12:00:00Z')
  }
  const [from, to] = [time('from', Number.NEGATIVE_INFINITY), time('to', Number.POSITIVE_INFINITY)]
  const selectors = (flags.get('match') ?? []).map(selectorOf)
  const format = flags.get('format')?.at(-1) ?? 'openmetrics'
  if (format !== 'openmetrics' && format !== 'jsonl')
    throw new UsageError(`--format knows no ${JSON.stringify(format)}`, 'known: openmetrics, jsonl')
  await disked(directory, outside)
  const opened = await TimeSeriesStore.read(settings(directory), worldOf(outside))
  try {
    const wanted = { selectors: selectors.length === 0 ? [everything] : selectors, from, to }
    if (format === 'jsonl') await exportJsonLines(opened, wanted, outside.print)
    else sayLeftOut(await exportOpenMetrics(opened, wanted, outside.print), outside)
    return 0
  } finally {
    await opened.close()
  }
}

const everything: readonly Matcher[] = [{ name: '__name__', op: '!=', value: '' }]

function sayLeftOut({ histograms, stale, exemplars }: LeftOut, { complain }: Outside): void {
  const parts = [
    ...(histograms > 0 ? [`${histograms} native histograms`] : []),
    ...(stale > 0 ? [`${stale} stale markers`] : []),
    ...(exemplars > 0 ? [`${exemplars} exemplars`] : []),
  ]
  if (parts.length === 0) return
  complain(`left out, since OpenMetrics has no text for them: ${parts.join(', ')}\n  write --format jsonl for all that there is`)
}

function selectorOf(text: string): readonly Matcher[] {
  try {
    return parseSelector(text)
  } catch (error) {
    throw new UsageError(`--match ${JSON.stringify(text)}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** The directory is there. */
async function disked(directory: string, { disk }: Outside): Promise<void> {
  try {
    await disk.list(directory)
  } catch (error) {
    throw cannotRead(directory, error, 'a store')
  }
}

async function importAll({ directory, more }: Asked, outside: Outside): Promise<number> {
  if (more.length === 0) throw new UsageError('store import needs a file', 'write thalamus store import DIR FILE… or BLOCK…')
  let opened: TimeSeriesStore
  try {
    opened = await TimeSeriesStore.open(settings(directory), worldOf(outside))
  } catch (error) {
    if (error instanceof StartError && error.taken) return inUse(directory, outside)
    throw error
  }
  try {
    for (const path of more) {
      const filler = new Filler(opened)
      try {
        await takeIn(path, filler, outside)
      } finally {
        // What came before an error is in the store.
        await filler.end()
      }
      const { samples, series, refused, leftOut } = filler
      outside.print(
        `${path}: ${samples} samples of ${series} series${refused > 0 ? `, ${refused} refused: there are others of that time` : ''}${leftOut > 0 ? `, ${leftOut} left out: no encoding that is known here` : ''}`,
      )
    }
    await opened.seal()
    await opened.flush()
  } finally {
    await opened.close()
  }
  return 0
}

async function takeIn(path: string, filler: Filler, outside: Outside): Promise<void> {
  try {
    const inside = await outside.disk.list(path).catch((): string[] => [])
    if (inside.includes('meta.json')) return await readPrometheusBlock(outside.disk, path, filler)
    if (path.endsWith('.jsonl')) return await readJsonLines(outside.disk, path, filler)
    const pieces = piecesOf(outside.disk, path)
    if (path.endsWith('.csv')) return await readCsv(pieces, filler, parseTime)
    const page = new OpenMetricsPieces(filler.visitor())
    for await (const piece of pieces) {
      page.take(piece)
      await filler.settled()
    }
    page.end()
  } catch (error) {
    if (error instanceof PrometheusBlockError) throw new UsageError(error.message, 'what came before it is in the store')
    if (error instanceof ExpositionError)
      throw new UsageError(`${path}:${error.line}: ${error.message}`, 'what came before it is in the store')
    const code = codeOf(error)
    throw new UsageError(
      `${path}: ${{ ENOENT: 'there is no such file', EISDIR: 'a folder that is no block of Prometheus' }[code] ?? code}`,
      'name a file of OpenMetrics, one that ends in .csv or .jsonl, or a block of Prometheus',
    )
  }
}
